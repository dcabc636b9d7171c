/*-------------------------------------------------------------------------
 *
 * statements.c
 *	  Statements: kept, run as the owner of somebody's table where it is one,
 *	  and always under a fresh snapshot.
 *
 * As its owner, like the queries of foreign keys: a trigger on the table runs
 * with its owner's rights, not with those of whoever owns this extension, and
 * the caller needs none.  The caller's security flags are or-ed, not replaced.
 * There is no PG_TRY: when a (sub)transaction aborts it restores the user.
 *
 * Under the latest snapshot, whatever the isolation level: a REPEATABLE READ
 * transaction must not leave behind the rows that were committed after it
 * began.  SPI can do this (SPI_execute_snapshot), but it collects the rows in
 * memory, and a contact may have a million of them.  So the executor is run
 * from here, and what it returns goes into a tuplestore, or is one row.
 *
 *-------------------------------------------------------------------------
 */
#include "statements.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

/* Become the owner of a statement's table.  Undone by become_caller(). */
static void
become_owner(const IdvStatement *statement, Oid *user, int *sec_context)
{
	GetUserIdAndSecContext(user, sec_context);
	if (OidIsValid(statement->owner))
		SetUserIdAndSecContext(statement->owner,
							   *sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_NOFORCE_RLS);
}

static void
become_caller(Oid user, int sec_context)
{
	SetUserIdAndSecContext(user, sec_context);
}

/*
 * idv_statement_prepare
 *		Prepare a statement to be run as owner, for this session's life.
 *
 * sql		with schema-qualified names; values only ever as $n
 */
void
idv_statement_prepare(IdvStatement *statement, Oid owner,
					  const char *sql, int nargs, const Oid *types)
{
	SPIPlanPtr	plan;
	Oid			user;
	int			sec_context;
	MemoryContext caller = CurrentMemoryContext;

	statement->owner = owner;
	become_owner(statement, &user, &sec_context);
	plan = SPI_prepare(sql, nargs, (Oid *) types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	become_caller(user, sec_context);

	/* SPI goes back to a context of its own. */
	MemoryContextSwitchTo(caller);
	statement->plan = plan;
}

/*
 * idv_statement_free
 *		Forget a prepared statement.
 */
void
idv_statement_free(IdvStatement *statement)
{
	if (statement->plan != NULL)
		SPI_freeplan(statement->plan);
	statement->plan = NULL;
}

/* The parameters of a statement, as the executor wants them. */
static ParamListInfo
parameters(const IdvStatement *statement, const Datum *values,
		   const bool *nulls)
{
	int			nargs = SPI_getargcount(statement->plan);
	ParamListInfo params;

	if (nargs == 0)
		return NULL;
	params = makeParamList(nargs);
	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = nulls != NULL && nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = SPI_getargtypeid(statement->plan, i);
	}
	return params;
}

/* Receives the first row of a result, and drops the others. */
typedef struct FirstReceiver
{
	DestReceiver receiver;
	IdvRow	   *row;
	MemoryContext context;		/* where it goes */
	bool		received;
} FirstReceiver;

static bool
receive_first(TupleTableSlot *slot, DestReceiver *self)
{
	FirstReceiver *first = (FirstReceiver *) self;
	TupleDesc	desc = slot->tts_tupleDescriptor;
	MemoryContext caller;

	if (first->received)
		return true;
	first->received = true;

	slot_getallattrs(slot);
	caller = MemoryContextSwitchTo(first->context);
	first->row->values = palloc0(sizeof(Datum) * Max(desc->natts, 1));
	first->row->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		first->row->nulls[i] = slot->tts_isnull[i];
		if (!slot->tts_isnull[i])
			first->row->values[i] = datumCopy(slot->tts_values[i],
											  att->attbyval, att->attlen);
	}
	MemoryContextSwitchTo(caller);
	return true;
}

static void
start_first(DestReceiver *self pg_attribute_unused(),
			int operation pg_attribute_unused(),
			TupleDesc desc pg_attribute_unused())
{
}

static void
end_first(DestReceiver *self pg_attribute_unused())
{
}

/* Run a statement, and send what it returns to a receiver. */
static uint64
run(const IdvStatement *statement, const Datum *values, const bool *nulls,
	DestReceiver *receiver)
{
	Oid			user;
	int			sec_context;
	CachedPlan *plan;
	QueryDesc  *query;
	uint64		processed;

	become_owner(statement, &user, &sec_context);

	plan = SPI_plan_get_cached_plan(statement->plan);
	if (plan == NULL || list_length(plan->stmt_list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot fold through a table whose rules rewrite the statement"),
				 errhint("Use triggers in the place of rules.")));

	CommandCounterIncrement();
	PushCopiedSnapshot(GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();

	query = CreateQueryDesc(linitial_node(PlannedStmt, plan->stmt_list), "",
							GetActiveSnapshot(), InvalidSnapshot, receiver,
							parameters(statement, values, nulls), NULL, 0);
	ExecutorStart(query, 0);
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
	processed = query->estate->es_processed;
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);

	PopActiveSnapshot();
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	become_caller(user, sec_context);
	return processed;
}

/*
 * idv_statement_run
 *		Run a statement whose rows are not wanted.
 *
 * Returns how many it touched.
 */
uint64
idv_statement_run(const IdvStatement *statement,
				  const Datum *values, const bool *nulls)
{
	return run(statement, values, nulls, None_Receiver);
}

/*
 * idv_statement_first
 *		Run a statement of whose rows only the first is wanted, if any.
 *
 * first		output: the row, in the caller's memory context; unset if none
 *
 * Returns how many rows it touched or returned.
 */
uint64
idv_statement_first(const IdvStatement *statement,
					const Datum *values, const bool *nulls, IdvRow *first)
{
	FirstReceiver receiver = {
		.receiver = {
			.receiveSlot = receive_first,
			.rStartup = start_first,
			.rShutdown = end_first,
			.rDestroy = end_first,
			.mydest = DestNone
		},
		.row = first,
		.context = CurrentMemoryContext
	};

	return run(statement, values, nulls, &receiver.receiver);
}

/*
 * idv_statement_query
 *		Run a statement that returns rows, to its end.
 */
IdvResult *
idv_statement_query(const IdvStatement *statement,
					const Datum *values, const bool *nulls)
{
	IdvResult  *result = palloc0(sizeof(IdvResult));
	DestReceiver *receiver = CreateTuplestoreDestReceiver();
	CachedPlanSource *source;

	source = linitial(SPI_plan_get_plan_sources(statement->plan));
	result->store = tuplestore_begin_heap(false, false, work_mem);
	SetTuplestoreDestReceiverParams(receiver, result->store,
									CurrentMemoryContext, false, NULL, NULL);
	result->processed = run(statement, values, nulls, receiver);
	receiver->rDestroy(receiver);
	result->slot =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(source->resultDesc),
								 &TTSOpsMinimalTuple);
	return result;
}

/*
 * idv_statement_ask
 *		Query our own tables, as the current user; prepare it the first time.
 */
IdvResult *
idv_statement_ask(IdvStatement *statement, const char *sql, int nargs,
				  const Oid *types, const Datum *values)
{
	if (statement->plan == NULL)
		idv_statement_prepare(statement, InvalidOid, sql, nargs, types);
	return idv_statement_query(statement, values, NULL);
}

/*
 * idv_result_next
 *		The next row, or false.
 *
 * It is good until the call after this one.
 */
bool
idv_result_next(IdvResult *result)
{
	MemoryContext caller;
	bool		found;

	/* A row that comes from disk is in the slot's hands, not the caller's. */
	caller = MemoryContextSwitchTo(result->slot->tts_mcxt);
	found = tuplestore_gettupleslot(result->store, true, false, result->slot);
	MemoryContextSwitchTo(caller);
	if (!found)
		return false;
	slot_getallattrs(result->slot);
	result->values = result->slot->tts_values;
	result->nulls = result->slot->tts_isnull;
	return true;
}

/*
 * idv_result_end
 *		Drop a result.  Rows that were read from it are gone.
 */
void
idv_result_end(IdvResult *result)
{
	ExecDropSingleTupleTableSlot(result->slot);
	tuplestore_end(result->store);
	pfree(result);
}
