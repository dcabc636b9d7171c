/*-------------------------------------------------------------------------
 *
 * exec_triggers.c
 *	  What the triggers of a fold's statement need not do, or not later.
 *
 * Changed is an execution's own copy of them, and nothing else.
 *
 * For each row that points to another contact now, its foreign key asks
 * whether that contact is there, and locks it: half of what a fold of many rows
 * costs.  But a fold has locked it already, and is going to look at it once
 * more when all is moved.  So the key needs not ask.
 *
 * What is promised is the same: a row that is written points to a row that is
 * there, and stays until we commit.  For that
 *
 * - the key's columns must hold what the target's have, to the byte: src/fold/move_sql.c
 *	 sees to it for what is written, and here for what a trigger may make of it;
 * - the target has to be there when all is done: src/fold/fold.c.
 *
 * All that PostgreSQL does when the target is deleted or changed stays as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "server/exec_triggers.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* Is a constraint this one, or that of a partition, which is part of it? */
static bool
is_part_of(Oid constraint, Oid whole)
{
	while (constraint != whole && OidIsValid(constraint))
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID,
											ObjectIdGetDatum(constraint));

		if (!HeapTupleIsValid(tuple))
			return false;
		constraint = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
	}
	return constraint == whole;
}

/*
 * Let a foreign key not ask whether what the updated rows point to is there.
 *
 * estate		of an UPDATE that was started, and has not run yet
 *
 * Changes this execution's own copy of the triggers, and there nothing but the
 * key's.  A row that goes to another partition is inserted there, and its key
 * asks.
 */
static void
vouch(EState *estate, Oid key)
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
				is_part_of(trigger->tgconstraint, key))
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
	PlannedStmt *copy = palloc(sizeof(PlannedStmt));
	ListCell   *lc;

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
 * Let nothing that a statement fires wait for the commit.
 *
 * estate		of a statement that was started, and has not run yet
 *
 * A deferred trigger is an error in a security-restricted operation, and many
 * databases defer all their foreign keys.  Now they are checked when the
 * statement is over.  We delete nothing before all that pointed to it points
 * elsewhere, so most do not mind; where two tables point to contacts and by the
 * contact to each other, the fold fails, and is one for the tables' owner.
 */
static void
defer_nothing(EState *estate)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			triggers->triggers[i].tgdeferrable = false;
	}
}

/*
 * idv_executor_start
 *		Start a statement, so that its triggers need not do what they need not.
 *
 * vouched		a foreign key of an UPDATE that needs not look, or InvalidOid
 */
QueryDesc *
idv_executor_start(PlannedStmt *planned, DestReceiver *receiver,
				   ParamListInfo params, Oid vouched)
{
	bool		restricted = InSecurityRestrictedOperation();
	QueryDesc  *query;

	query = CreateQueryDesc(restricted ? open_all_parts(planned) : planned, "",
							GetActiveSnapshot(), InvalidSnapshot, receiver,
							params, NULL, 0);
	ExecutorStart(query, 0);
	if (restricted)
		defer_nothing(query->estate);
	if (OidIsValid(vouched))
		vouch(query->estate, vouched);
	return query;
}
