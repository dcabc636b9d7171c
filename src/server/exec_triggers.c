/*-------------------------------------------------------------------------
 *
 * exec_triggers.c
 *	  Run the executor with some triggers disabled, or not deferred.
 *
 * Only the executor's private copy of the trigger list is modified.
 *
 * The foreign-key check is skipped for the key along which a fold moves rows.
 * Without that, each row that is moved has its key look whether the target is
 * there, and lock it: a login takes 18 % more instructions, a fold of 100,000
 * rows twice the time.  A module that is compiled with
 * IDV_WITHOUT_KEY_CHECK_SKIP does so, with the same results.
 *
 * It is right to skip it because the same is promised without it: a row that
 * is written points to a row that is there, and stays until we commit.
 *
 * - The fold has locked the target before it moves any row.
 * - The key's columns hold what the target's do, to the byte.  fold/move_sql.c
 *   sees to it for what is written; a table with a BEFORE UPDATE row trigger,
 *   which may change that, is checked here as always.
 * - The target is read again when all is moved: fold/fold.c.
 *
 * All that PostgreSQL does when the target is deleted or changed stays as it
 * is.
 *
 * Nor do the keys look, when the source is deleted, whether anything points to it
 * yet: a query each, which a login took another 12 % of its instructions for.  The
 * fold has looked itself, in the indexes (references/source_rows.c), after all that
 * was moved.  From there on nothing can come to point to a row that it has locked:
 * others wait, and then find it gone; and no trigger of the table is fired before
 * the row is deleted, else the keys look (fold/fold.c).  What is not certain counts
 * as pointing.
 *
 * Rows that follow by foreign keys are written by queries of the server's own
 * (server/key_actions.c).  What is fired by these is put into the same list as what
 * is fired by our statement, and is run from there; only whether it is deferred
 * is decided by the query's copy of the triggers.  So a hook gets at that one.
 *
 * What a trigger of theirs writes can fire a deferred trigger, too.  Since
 * PostgreSQL 18 that would run at the commit with the rights of whom our statement
 * runs as, and with the caller's settings and temporary tables.  So the hook lets
 * nothing be deferred that statements inside of ours fire.
 *
 *-------------------------------------------------------------------------
 */
#include "server/exec_triggers.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "server/code_author.h"
#include "server/foreign_key.h"
#include "server/key_actions.h"
#include "server/key_lures.h"

/* The statement of ours that is running, and makes foreign keys write. */
typedef struct Following
{
	EState	   *estate;			/* NULL: none */
	int			depth;			/* how many triggers it is inside of */
} Following;

static Following following = {NULL, 0};

/* Does a statement of ours run? */
static bool watching = false;
static ExecutorStart_hook_type previous_start = NULL;

/*
 * Disable a foreign key's check of updated rows.
 *
 * estate		of an UPDATE that was started, and has not run yet
 *
 * A row that goes to another partition is inserted there, and checked.
 */
static void
skip_key_check(EState *estate, Oid key)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		/* It may yet make the row point elsewhere. */
		if (triggers == NULL || triggers->trig_update_before_row)
			continue;
		for (int i = 0; i < triggers->numtriggers; i++)
		{
			Trigger    *trigger = &triggers->triggers[i];

			if (trigger->tgfoid == F_RI_FKEY_CHECK_UPD &&
				idv_key_is_part_of(trigger->tgconstraint, key))
				trigger->tgenabled = TRIGGER_DISABLED;
		}
	}
}

/*
 * Let an UPDATE open all parts of its table when it is started.
 *
 * Since PostgreSQL 18 those that it cannot find rows in are opened no sooner than
 * it moves a row there, out of our reach.  The plan itself is left as it is.
 */
static PlannedStmt *
open_all_parts(PlannedStmt *planned)
{
#if PG_VERSION_NUM >= 180000
	PlannedStmt *copy;
	ListCell   *lc;

	if (list_length(planned->resultRelations) < 2)
		return planned;
	copy = palloc(sizeof(PlannedStmt));
	*copy = *planned;
	copy->unprunableRelids = bms_copy(planned->unprunableRelids);
	foreach(lc, planned->resultRelations)
		copy->unprunableRelids = bms_add_member(copy->unprunableRelids, lfirst_int(lc));
	return copy;
#else
	return planned;
#endif
}

/*
 * Let triggers that a statement fires not be deferred to the commit.
 *
 * estate		of a statement that was started, and has not run yet
 * keys			those of foreign keys, too
 *
 * A deferred trigger is an error in a security-restricted operation, and many
 * databases defer all their foreign keys.  Now they are checked when the
 * statement is over.  We delete nothing before all that pointed to it points
 * elsewhere, so most do not mind; where two tables point to contacts and by the
 * contact to each other, the fold fails, and is one for the tables' owner.
 */
static void
defer_nothing(EState *estate, bool keys)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		{
			if (keys || !triggers->triggers[i].tgisinternal)
				triggers->triggers[i].tgdeferrable = false;
		}
	}
}

/*
 * Would a trigger that is deferred run with the rights of whom the statement runs
 * as, and with the settings of a caller who has fewer?
 *
 * It does since PostgreSQL 18, which remembers the role; before that it runs as
 * who commits.
 */
static bool
would_lure_deferred(void)
{
#if PG_VERSION_NUM >= 180000
	return !idv_role_may_run_as(GetOuterUserId(), GetUserId());
#else
	return false;
#endif
}

/*
 * Let no key that follows be deferred, in a query by which other rows follow.
 *
 * It acts as ON UPDATE CASCADE when it is fired, and that is not deferred.
 */
static void
defer_no_follower(EState *estate)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *result = lfirst(lc);
		TriggerDesc *triggers = result->ri_TrigDesc;
		TriggerDesc *fired;

		if (triggers == NULL)
			continue;
		fired = idv_trigger_result_rel(following.estate,
									   RelationGetRelid(result->ri_RelationDesc))->ri_TrigDesc;
		for (int i = 0; fired != NULL && i < Min(triggers->numtriggers, fired->numtriggers); i++)
		{
			if (triggers->triggers[i].tgoid == fired->triggers[i].tgoid &&
				(fired->triggers[i].tgfoid == F_RI_FKEY_CASCADE_UPD ||
				 fired->triggers[i].tgfoid == F_RI_FKEY_NOACTION_DEL))
				triggers->triggers[i].tgdeferrable = false;
		}
	}
}

/* Has a statement opened this table, to write to it? */
static bool
is_opened(EState *estate, Oid relation)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		if (RelationGetRelid(((ResultRelInfo *) lfirst(lc))->ri_RelationDesc) == relation)
			return true;
	}
	return false;
}

/*
 * Let no trigger be deferred that would run at the commit as somebody whom the
 * caller may not be.
 *
 * estate		of a statement that was started, and has not run yet
 *
 * Parts of a table that are opened when a row goes there are out of our reach:
 * 42501 where one has a trigger that can be deferred.
 */
static void
defer_no_lure(EState *estate)
{
	ListCell   *lc;
	ListCell   *lc2;

	defer_nothing(estate, false);
	foreach(lc, estate->es_opened_result_relations)
	{
		Relation	table = ((ResultRelInfo *) lfirst(lc))->ri_RelationDesc;

		if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		foreach(lc2, find_all_inheritors(RelationGetRelid(table), RowExclusiveLock, NULL))
		{
			Oid			part = lfirst_oid(lc2);
			Relation	opened;
			const IdvObjection *objection;

			if (is_opened(estate, part) || get_rel_relkind(part) == RELKIND_PARTITIONED_TABLE)
				continue;
			opened = table_open(part, NoLock);
			objection = idv_deferred_objection(opened->trigdesc, GetUserId());
			table_close(opened, NoLock);
			if (objection != NULL)
				idv_report_objection(part, objection);
		}
	}
}

/*
 * ExecutorStart_hook: is it a query of a foreign key, which our statement fires?
 *
 * Such a query fires no triggers itself.  One that a trigger's statement makes a
 * key run is inside of one more trigger.
 */
static void
start_execution(QueryDesc *query, int eflags)
{
	if (previous_start != NULL)
		previous_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);

	if (unlikely(following.estate != NULL) && query->operation == CMD_UPDATE &&
		(eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0 &&
		idv_trigger_depth() == following.depth + 1)
	{
		defer_no_follower(query->estate);
		if (InSecurityRestrictedOperation())
			defer_nothing(query->estate, true);
	}
	if (unlikely(watching) && would_lure_deferred())
		defer_no_lure(query->estate);
}

/*
 * idv_exec_triggers_init
 *		Module load: be told of the queries of foreign keys.
 */
void
idv_exec_triggers_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_execution;
}

/*
 * idv_trigger_depth
 *		How many triggers we are inside of.
 */
int
idv_trigger_depth(void)
{
	return DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH));
}

/*
 * idv_watch_deferred
 *		Begin or end to let nothing be deferred that would run at the commit as a
 *		role that the caller may not be, of all that is executed meanwhile.
 *
 * Returns what it was before, for which an error has to put it back, too.
 */
bool
idv_watch_deferred(bool watch)
{
	bool		before = watching;

	watching = watch;
	return before;
}

/* Run the executor to its end. */
static void
run_to_end(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
	ExecutorFinish(query);
}

/*
 * The same, while the hook looks at what runs inside of it.
 *
 * followed		it makes foreign keys write
 */
static void
run_watched(QueryDesc *query, bool followed)
{
	Following	outer = following;
	bool		outer_watching = idv_watch_deferred(true);

	PG_TRY();
	{
		if (followed)
		{
			following.estate = query->estate;
			following.depth = idv_trigger_depth();
		}
		run_to_end(query);
	}
	PG_FINALLY();
	{
		following = outer;
		(void) idv_watch_deferred(outer_watching);
	}
	PG_END_TRY();
}

/*
 * idv_execute
 *		Run a statement to its end, with the check of one foreign key disabled.
 *
 * skipped_key	the foreign key, of an UPDATE; or InvalidOid
 * unreferenced, pointers, done_keys	see idv_check_key_actions()
 *
 * Returns how many rows it touched or returned.
 */
uint64
idv_execute(PlannedStmt *planned, DestReceiver *receiver, ParamListInfo params,
			Oid skipped_key, bool unreferenced, IdvPointers pointers,
			const List *done_keys)
{
	QueryDesc  *query;
	bool		followed;
	uint64		processed;

	query = CreateQueryDesc(open_all_parts(planned), "",
							GetActiveSnapshot(), InvalidSnapshot, receiver,
							params, NULL, 0);
	ExecutorStart(query, 0);
	if (OidIsValid(skipped_key))
		skip_key_check(query->estate, skipped_key);
	followed = idv_check_key_actions(query->estate, query->operation, unreferenced,
									 pointers, done_keys);
	if (InSecurityRestrictedOperation())
		defer_nothing(query->estate, true);
	else if (would_lure_deferred())
		defer_no_lure(query->estate);
	followed = followed && pointers == IDV_POINTERS_FOLLOW;
	if (followed || would_lure_deferred())
		run_watched(query, followed);
	else
		run_to_end(query);
	processed = query->estate->es_processed;
	ExecutorEnd(query);
	FreeQueryDesc(query);
	return processed;
}
