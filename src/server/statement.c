/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  Statements: kept, run as the owner of somebody's table where it is one,
 *	  and always under a fresh snapshot.
 *
 * As its owner: server/table_owner.c says why.
 *
 * Under the latest snapshot, whatever the isolation level: a REPEATABLE READ
 * transaction must not leave behind the rows that were committed after it
 * began.  SPI can do this (SPI_execute_snapshot), but it collects the rows in
 * memory, and a contact may have a million of them.  So the executor is run
 * from here, and what it returns goes into a tuplestore, or is one row.
 *
 * What only shows rows to the caller shows those of the caller's snapshot, all of
 * one moment.
 *
 *-------------------------------------------------------------------------
 */
#include "server/statement.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "server/as_installed.h"
#include "server/canonical_text.h"
#include "server/exec_triggers.h"
#include "server/table_owner.h"
#include "server/trusted_code.h"

/*
 * idv_report_altered
 *		Raise the error that a table is not what it was a moment ago.  55000.
 *
 * label	its name, or NULL
 */
void
idv_report_altered(const char *label)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 label == NULL ?
			 errmsg("definition of a relation changed during a fold") :
			 errmsg("definition of relation \"%s\" changed during a fold", label),
			 errhint("Look for a trigger that alters it.")));
}

/*
 * Error context callback: a statement on somebody's tables, which was prepared
 * before, is analyzed again.
 *
 * That it cannot be says that a trigger has altered a table.  The server's message
 * says in what.
 */
static void
expect_unaltered(void *arg pg_attribute_unused())
{
	int			code = geterrcode();

	if (ERRCODE_TO_CATEGORY(code) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
		code != ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
		errhint("Look for a trigger that alters it.");
	}
}

/*
 * What a statement is about: the table that it writes, or the first that it
 * reads.
 *
 * command		output: as in SQL
 *
 * Returns the table's name as the statement has it; NULL if it has none.
 */
static const char *
subject(const CachedPlanSource *source, const char **command)
{
	Node	   *node = source->raw_parse_tree->stmt;
	RangeVar   *table = NULL;

	*command = GetCommandTagName(source->commandTag);
	if (IsA(node, UpdateStmt))
		table = ((UpdateStmt *) node)->relation;
	else if (IsA(node, DeleteStmt))
		table = ((DeleteStmt *) node)->relation;
	else if (IsA(node, InsertStmt))
		table = ((InsertStmt *) node)->relation;
	else if (IsA(node, SelectStmt) && ((SelectStmt *) node)->fromClause != NIL &&
			 IsA(linitial(((SelectStmt *) node)->fromClause), RangeVar))
		table = linitial(((SelectStmt *) node)->fromClause);
	return table == NULL ? NULL :
		psprintf("%s.%s", table->schemaname, table->relname);
}

/* Does a statement return what it did when it was prepared? */
static bool
returns_the_same(const IdvStatement *statement, const CachedPlanSource *source)
{
	int			natts = source->resultDesc == NULL ? 0 : source->resultDesc->natts;

	if (natts < statement->nreturned)
		return false;
	for (int i = 0; i < statement->nreturned; i++)
	{
		if (TupleDescAttr(source->resultDesc, i)->atttypid !=
			statement->returned[i])
			return false;
	}
	return true;
}

/* See that a statement returned what it did when it was prepared. */
static void
check_returned(const IdvStatement *statement)
{
	CachedPlanSource *source;
	const char *command;
	const char *label;

	source = linitial(SPI_plan_get_plan_sources(statement->plan));
	if (returns_the_same(statement, source))
		return;
	label = subject(source, &command);
	if (statement->ours)
		idv_report_not_as_installed("table %s was altered", label == NULL ? "" : label);
	idv_report_altered(label);
}

/* Take down the types that a statement returns; freed with its plan. */
static void
note_returned(IdvStatement *statement)
{
	CachedPlanSource *source;
	int			natts;

	source = linitial(SPI_plan_get_plan_sources(statement->plan));
	natts = source->resultDesc == NULL ? 0 : source->resultDesc->natts;
	statement->returned = MemoryContextAlloc(source->context,
											 sizeof(Oid) * Max(natts, 1));
	statement->nreturned = natts;
	for (int i = 0; i < natts; i++)
		statement->returned[i] = TupleDescAttr(source->resultDesc, i)->atttypid;
	statement->checked = MemoryContextAllocZero(source->context,
												sizeof(IdvChecked));
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
	ErrorContextCallback expect = {error_context_stack, idv_expect_as_installed, NULL};
	SPIPlanPtr	plan;
	IdvCaller	before;
	MemoryContext caller = CurrentMemoryContext;
	int			level = idv_canonical_sql_begin();

	statement->owner = owner;
	statement->ours = !OidIsValid(owner);
	idv_become_owner(&before, statement->owner);
	if (statement->ours)
		error_context_stack = &expect;
	plan = SPI_prepare(sql, nargs, (Oid *) types);
	error_context_stack = expect.previous;
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	idv_become_caller(&before);
	idv_canonical_text_end(level);

	/* SPI goes back to a context of its own. */
	MemoryContextSwitchTo(caller);
	statement->plan = plan;
	note_returned(statement);
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

/*
 * idv_row_copy
 *		Copy a row out of a slot, into the current memory context.
 */
void
idv_row_copy(IdvRow *row, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	slot_getallattrs(slot);
	row->values = palloc0(sizeof(Datum) * Max(desc->natts, 1));
	row->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		row->nulls[i] = slot->tts_isnull[i];
		if (!slot->tts_isnull[i])
			row->values[i] = datumCopy(slot->tts_values[i],
									   att->attbyval, att->attlen);
	}
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
	MemoryContext caller;

	if (first->received)
		return true;
	first->received = true;

	caller = MemoryContextSwitchTo(first->context);
	idv_row_copy(first->row, slot);
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

/*
 * The plan of a statement.
 *
 * Our own tables grow from nothing, and a plan is kept until they are next
 * analyzed: one that was made for an empty table must not read all of it when
 * it is full.  Each of our queries has an index, so it is planned to use one;
 * where there is none, what to avoid a scan seems to be worth is no reason to
 * compile the plan.
 *
 * The plan is a generic one: it does for all values.  Only where rows are in
 * shards it may be made for these, since many a statement can then not be planned
 * without knowing in which.
 */
static CachedPlan *
plan_of(const IdvStatement *statement, ParamListInfo params)
{
	ErrorContextCallback expect = {error_context_stack, idv_expect_as_installed, NULL};
	CachedPlanSource *source;
	CachedPlan *plan;
	int			level = 0;

	source = linitial(SPI_plan_get_plan_sources(statement->plan));
	if (statement->ours)
	{
		error_context_stack = &expect;
		AcceptInvalidationMessages();
	}

	/* It is going to be analyzed again. */
	if (!source->is_valid)
	{
		level = idv_canonical_sql_begin();
		if (!statement->ours)
		{
			expect.callback = expect_unaltered;
			error_context_stack = &expect;
		}
	}
	if (statement->ours &&
		(!source->is_valid || source->gplan == NULL || !source->gplan->is_valid ||
		 TransactionIdIsValid(source->gplan->saved_xmin)))
	{
		if (level == 0)
			level = NewGUCNestLevel();
		(void) set_config_option("enable_seqscan", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("jit", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	plan = idv_checked_plan(source, statement->checked->distributed ? params : NULL);
	error_context_stack = expect.previous;
	if (level != 0)
		AtEOXact_GUC(false, level);
	return plan;
}

/* Has a rule put another statement in the place of this one? */
static bool
is_a_rules(const CachedPlanSource *source)
{
	return linitial_node(Query, source->query_list)->querySource != QSRC_ORIGINAL;
}

/*
 * Run a statement, and send what it returns to a receiver.
 *
 * skipped_key	a foreign key whose check is skipped, or InvalidOid
 */
static uint64
run(const IdvStatement *statement, const Datum *values, const bool *nulls,
	DestReceiver *receiver, Oid skipped_key)
{
	IdvCaller	before;
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(statement->plan));
	ParamListInfo params = parameters(statement, values, nulls);
	CachedPlan *plan;
	uint64		processed;

	idv_become_owner(&before, statement->owner);

	/*
	 * A plan computes constants; and what it locks may have changed until
	 * then.
	 */
	idv_check_source(statement->checked, source, true);
	plan = plan_of(statement, params);
	idv_check_source(statement->checked, source, false);
	if (list_length(plan->stmt_list) != 1 || is_a_rules(source))
	{
		const char *command;
		const char *label = subject(source, &command);

		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("relation \"%s\" has a rule that rewrites %s",
						label, command),
				 errhint("Use triggers instead of rules.")));
	}

	if (statement->as_of_caller)
		PushActiveSnapshot(GetActiveSnapshot());
	else
	{
		CommandCounterIncrement();
		PushCopiedSnapshot(GetLatestSnapshot());
		UpdateActiveSnapshotCommandId();
	}

	processed = idv_execute(linitial_node(PlannedStmt, plan->stmt_list), receiver,
							params, skipped_key, statement->unreferenced,
							statement->pointers, statement->done_keys);
	PopActiveSnapshot();
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	idv_become_caller(&before);
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
	return run(statement, values, nulls, None_Receiver, InvalidOid);
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

	uint64		processed = run(statement, values, nulls, &receiver.receiver,
								InvalidOid);

	check_returned(statement);
	return processed;
}

/*
 * idv_statement_query
 *		Run a statement that returns rows, to its end.
 */
IdvResult *
idv_statement_query(const IdvStatement *statement,
					const Datum *values, const bool *nulls)
{
	return idv_statement_move(statement, values, nulls, InvalidOid);
}

/*
 * idv_statement_move
 *		idv_statement_query() of an UPDATE that makes rows point to another.
 *
 * skipped_key	the foreign key whose check is skipped, because the caller sees to
 *				it that the referenced row is there; or InvalidOid
 */
IdvResult *
idv_statement_move(const IdvStatement *statement,
				   const Datum *values, const bool *nulls, Oid skipped_key)
{
	IdvResult  *result = palloc0(sizeof(IdvResult));
	DestReceiver *receiver = CreateTuplestoreDestReceiver();
	CachedPlanSource *source;

	source = linitial(SPI_plan_get_plan_sources(statement->plan));
	result->store = tuplestore_begin_heap(false, false, work_mem);
	SetTuplestoreDestReceiverParams(receiver, result->store,
									CurrentMemoryContext, false, NULL, NULL);
	result->processed = run(statement, values, nulls, receiver, skipped_key);
	receiver->rDestroy(receiver);

	/*
	 * Callers read the values as what they were when the table was described.
	 * Our lock keeps others from changing that, but not a trigger of its own.
	 */
	check_returned(statement);
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
 * idv_result_record
 *		The columns of the row that idv_result_next() found, from this one on, as
 *		a record.
 *
 * first	counted from 0
 */
Datum
idv_result_record(IdvResult *result, int first)
{
	TupleDesc	columns = result->slot->tts_tupleDescriptor;
	TupleDesc	desc = CreateTemplateTupleDesc(columns->natts - first);

	for (int i = first; i < columns->natts; i++)
		TupleDescCopyEntry(desc, i - first + 1, columns, i + 1);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
											 result->values + first,
											 result->nulls + first));
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
