/*-------------------------------------------------------------------------
 *
 * partition_move.c
 *	  Rows that an UPDATE moves to another partition.
 *
 * To PostgreSQL that is an UPDATE, a DELETE and an INSERT, each with its
 * triggers.  The guard has judged the row by the time of the INSERT and has
 * emptied user_hash, so that it would find nothing but an unsigned claim: a
 * verified contact would be dropped for having moved.
 *
 * So the UPDATE leaves word of a row that it saw leave its partition, and the
 * INSERT that finds such word, about just this row, lets it pass.
 *
 * Word alone must not be believed: it outlives a move that failed or that a
 * trigger stopped, and whoever may INSERT could then pass as the contact that
 * stayed.  The INSERT looks at what the UPDATE found.  A tuple that has been
 * moved away says so, and who did it.  Word is good for one row, so that there
 * are never more verified contacts than before.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/partition_move.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* What a partition holds, made ready to be asked about a tuple. */
struct IdvBounds
{
	EState	   *estate;
	ExprState  *check;
	TupleTableSlot *slot;
};

/* Word of a row that is on its way, or that stayed after all. */
typedef struct MovingRow
{
	bool		valid;
	MemoryContext context;		/* what row points to */
	Oid			root;
	Oid			partition;		/* what it was to leave, and */
	ItemPointerData tid;		/* ... where it was there, and */
	TransactionId xmin;			/* ... who had stored it */
	IdvGuardedRow row;
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

/*
 * idv_partition_holds
 *		Is the row in a slot one of this partition?
 */
bool
idv_partition_holds(IdvColumns *columns, Relation partition,
					TupleTableSlot *slot)
{
	IdvBounds  *bounds = get_bounds(columns, partition);
	ExprContext *context = GetPerTupleExprContext(bounds->estate);
	bool		holds;

	context->ecxt_scantuple = slot;
	holds = ExecCheck(bounds->check, context);
	ResetExprContext(context);
	return holds;
}

/* Is the tuple one that this partition does not hold? */
static bool
is_outside(IdvColumns *columns, Relation partition, HeapTuple tuple)
{
	TupleTableSlot *slot = get_bounds(columns, partition)->slot;
	bool		outside;

	ExecStoreHeapTuple(tuple, slot, false);
	outside = !idv_partition_holds(columns, partition, slot);
	ExecClearTuple(slot);
	return outside;
}

/*
 * Has the row that there is word of been moved away, by this transaction?
 *
 * Its place may have been taken by another row since.  That one was stored by
 * another transaction: what one has deleted is not removed before it is over.
 *
 * Not by one that is over, nor by a subtransaction that was rolled back: these
 * are not current.  A table that is no heap does not tell, and whatever is not
 * certain is judged.
 */
static bool
has_left(void)
{
	Relation	partition = try_table_open(moving.partition, AccessShareLock);
	HeapTupleData tuple = {.t_self = moving.tid};
	Buffer		buffer;
	bool		left = false;

	if (partition == NULL)
		return false;
	if (partition->rd_rel->relam == HEAP_TABLE_AM_OID &&
		ItemPointerGetBlockNumber(&tuple.t_self) < RelationGetNumberOfBlocks(partition) &&
		heap_fetch(partition, SnapshotAny, &tuple, &buffer, false))
	{
		left = HeapTupleHeaderGetRawXmin(tuple.t_data) == moving.xmin &&
			HeapTupleHeaderIndicatesMovedPartitions(tuple.t_data) &&
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple.t_data));
		ReleaseBuffer(buffer);
	}
	table_close(partition, AccessShareLock);
	return left;
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
				  HeapTuple tuple, const IdvGuardedRow *row)
{
	Relation	partition = trigger->tg_relation;
	MemoryContext before;

	if (!partition->rd_rel->relispartition ||
		!is_outside(columns, partition, tuple))
		return;

	/* Not valid before it is complete */
	moving.valid = false;
	if (moving.context == NULL)
		moving.context = AllocSetContextCreate(TopMemoryContext,
											   "idverify moving row",
											   ALLOCSET_SMALL_SIZES);
	MemoryContextReset(moving.context);

	moving.root = get_root(columns, partition);
	moving.partition = RelationGetRelid(partition);
	moving.tid = trigger->tg_trigtuple->t_self;
	moving.xmin = HeapTupleHeaderGetRawXmin(trigger->tg_trigtuple->t_data);
	before = MemoryContextSwitchTo(moving.context);
	for (int i = 0; i < (int) lengthof(telling); i++)
	{
		const IdvColumn *column = &columns->of[telling[i]];
		NullableDatum value = row->of[telling[i]];

		/* Whole: what it points to in a toast table may be gone by then. */
		if (!value.isnull && !column->by_value)
			value.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value.value));
		moving.row.of[telling[i]] = value;
	}
	MemoryContextSwitchTo(before);
	moving.valid = true;
}

/*
 * idv_moving_arrives
 *		Is a row that is about to be inserted the one that is on its way here?
 *
 * Then it is no more.
 */
bool
idv_moving_arrives(IdvColumns *columns, TriggerData *trigger,
				   const IdvGuardedRow *row)
{
	if (!moving.valid || !trigger->tg_relation->rd_rel->relispartition)
		return false;

	for (int i = 0; i < (int) lengthof(telling); i++)
		if (!idv_columns_same(columns, telling[i], row, &moving.row))
			return false;
	if (moving.root != get_root(columns, trigger->tg_relation))
		return false;

	moving.valid = false;
	return has_left();
}
