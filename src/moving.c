/*-------------------------------------------------------------------------
 *
 * moving.c
 *	  Rows that an UPDATE moves to another partition.
 *
 * To PostgreSQL that is an UPDATE, a DELETE and an INSERT, each with its
 * triggers.  The guard has judged the row by the time of the INSERT and has
 * emptied user_hash, so that it would find nothing but an unsigned claim: a
 * verified contact would be dropped for having moved.
 *
 * So the UPDATE leaves word of a row that it saw leave its partition, and the
 * INSERT that finds such word, about just this row, lets it pass.  Word must
 * not be left of rows that stay: an INSERT could use it to pass as verified.
 *
 *-------------------------------------------------------------------------
 */
#include "moving.h"

#include "access/xact.h"
#include "catalog/partition.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"

/* What a partition holds, made ready to be asked about a tuple. */
struct IdvBounds
{
	EState	   *estate;
	ExprState  *check;
	TupleTableSlot *slot;
};

/* A row that is on its way, if statement is that of now. */
typedef struct MovingRow
{
	MemoryContext context;		/* what row points to */
	TimestampTz statement;
	SubTransactionId subtransaction;
	Oid			root;
	IdvRow		row;
} MovingRow;

static MovingRow moving;

/* Which columns tell that it is the same row. */
static const IdvRole telling[] = {
	IDV_ROLE_APP_KEY, IDV_ROLE_EXTERNAL_ID, IDV_ROLE_EMAIL,
	IDV_ROLE_IS_VERIFIED
};

/* The table that a partition is of; looked up once per statement. */
static Oid
get_root(IdvColumns *columns, Relation partition)
{
	if (!OidIsValid(columns->root))
		columns->root =
			llast_oid(get_partition_ancestors(RelationGetRelid(partition)));
	return columns->root;
}

/* Make the bounds of a partition ready, once per statement. */
static IdvBounds *
get_bounds(IdvColumns *columns, Relation partition)
{
	MemoryContext before = MemoryContextSwitchTo(columns->context);
	IdvBounds  *bounds = columns->bounds;

	if (bounds == NULL)
	{
		bounds = palloc(sizeof(IdvBounds));
		bounds->estate = CreateExecutorState();
		bounds->check = ExecPrepareCheck(RelationGetPartitionQual(partition),
										 bounds->estate);

		/* A slot would hold a reference to the relation's own descriptor. */
		bounds->slot =
			MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(partition)),
									 &TTSOpsHeapTuple);
		columns->bounds = bounds;
	}

	MemoryContextSwitchTo(before);
	return bounds;
}

/* Is the tuple one that this partition does not hold? */
static bool
is_outside(IdvBounds *bounds, HeapTuple tuple)
{
	ExprContext *context = GetPerTupleExprContext(bounds->estate);
	bool		outside;

	ExecStoreHeapTuple(tuple, bounds->slot, false);
	context->ecxt_scantuple = bounds->slot;
	outside = !ExecCheck(bounds->check, context);
	ResetExprContext(context);
	ExecClearTuple(bounds->slot);
	return outside;
}

/*
 * idv_moving_leaves
 *		Take note if an updated row is about to leave its partition.
 *
 * tuple		what the UPDATE will store
 * row			the same, as the guard decided it
 */
void
idv_moving_leaves(IdvColumns *columns, TriggerData *trigger,
				  HeapTuple tuple, const IdvRow *row)
{
	Relation	partition = trigger->tg_relation;
	MemoryContext before;

	if (!partition->rd_rel->relispartition ||
		!is_outside(get_bounds(columns, partition), tuple))
		return;

	/* Not valid before it is complete */
	moving.statement = 0;
	if (moving.context == NULL)
		moving.context = AllocSetContextCreate(TopMemoryContext,
											   "idverify moving row",
											   ALLOCSET_SMALL_SIZES);
	MemoryContextReset(moving.context);

	moving.root = get_root(columns, partition);
	moving.subtransaction = GetCurrentSubTransactionId();
	before = MemoryContextSwitchTo(moving.context);
	for (int i = 0; i < (int) lengthof(telling); i++)
	{
		const IdvColumn *column = &columns->of[telling[i]];
		NullableDatum value = row->of[telling[i]];

		if (!value.isnull)
			value.value = datumCopy(value.value, column->by_value, column->len);
		moving.row.of[telling[i]] = value;
	}
	MemoryContextSwitchTo(before);
	moving.statement = GetCurrentStatementStartTimestamp();
}

/*
 * idv_moving_arrives
 *		Is a row that is about to be inserted the one that is on its way here?
 *
 * Then it is no more.
 */
bool
idv_moving_arrives(IdvColumns *columns, TriggerData *trigger,
				   const IdvRow *row)
{
	if (moving.statement == 0 ||
		moving.statement != GetCurrentStatementStartTimestamp() ||
		moving.subtransaction != GetCurrentSubTransactionId() ||
		!trigger->tg_relation->rd_rel->relispartition)
		return false;

	for (int i = 0; i < (int) lengthof(telling); i++)
		if (!idv_columns_same(columns, telling[i], row, &moving.row))
			return false;
	if (moving.root != get_root(columns, trigger->tg_relation))
		return false;

	moving.statement = 0;
	return true;
}
