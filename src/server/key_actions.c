/*-------------------------------------------------------------------------
 *
 * key_actions.c
 *	  Whose code foreign keys would run, of the tables that point to one that is
 *	  written.
 *
 * When a row is written, its foreign keys look for what it points to, by a query
 * that runs as the owner of that table.  When a row is deleted, or its key is
 * changed, each foreign key that points there runs a query on the table that
 * holds it, as that table's owner: to see that no row is left, or to delete,
 * update or empty those that are.  That fires triggers FOR EACH STATEMENT even
 * where there is no such row.
 *
 * Whose code these may run says server/key_lures.c.
 *
 * Rows that a fold moves, or moves back, may be pointed to by the column that
 * changes.  What points to them is to follow, whatever ON UPDATE says: SET NULL
 * and SET DEFAULT would lose where it pointed, and NO ACTION and RESTRICT would
 * fail.  So in the executor's private copy of the triggers the action of such a
 * key is replaced by that of ON UPDATE CASCADE; also in those of the tables that
 * the keys write, which the server looks for in the same place.  The action asks
 * the catalog for the key's columns alone.
 *
 *-------------------------------------------------------------------------
 */
#include "server/key_actions.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server/code_author.h"
#include "server/foreign_key.h"
#include "server/key_lures.h"
#include "server/relation.h"
#include "server/table_owner.h"

/* Is a foreign key one of these, or part of one? */
static bool
is_among(Oid key, const List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		if (idv_key_is_part_of(key, lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* A change of rows of a table that foreign keys make. */
typedef struct Change
{
	Oid			relation;
	Bitmapset  *updated;		/* columns; NULL: rows are deleted */
} Change;

/* What a statement does, as far as foreign keys are concerned. */
typedef struct Watched
{
	List	   *queries;		/* see server/key_lures.c */
	List	   *changes;		/* of Change pointers: what keys write, that
								 * is still to be looked at, or was */
	const List *done_keys;		/* of the statement's own tables: the caller
								 * does what these would */
} Watched;

/*
 * Check what foreign keys of one table run to see that what its rows point to is
 * there: a query on that table, as its owner.
 *
 * updated		the columns that change, or NULL: any of them may
 * inserts		rows may be inserted, too: each key has one trigger for that, and
 *				one for updates
 * rarely		it need not be that any key looks: then the role that writes is not
 *				asked whether it trusts what the other table's owner has there, as
 *				long as that runs as the owner, in a security-restricted operation
 *				where he could want to be who has called
 */
static void
check_lookups(const TriggerDesc *triggers, const Bitmapset *updated, bool inserts,
			  bool rarely, Watched *watched)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		const IdvObjection *objection;

		if (!idv_key_fires(trigger) ||
			RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_FK ||
			(!TRIGGER_FOR_UPDATE(trigger->tgtype) && !inserts) ||
			(updated != NULL &&
			 !bms_overlap(updated, idv_key_read(trigger->tgconstraint).pointing)))
			continue;
		objection = rarely ?
			idv_code_objection(trigger->tgconstrrelid, InvalidOid,
							   get_rel_relkind(trigger->tgconstrrelid) == RELKIND_PARTITIONED_TABLE,
							   RowShareLock) :
			idv_key_objection(trigger->tgconstrrelid, RowShareLock);
		if (objection != NULL)
			idv_report_objection(trigger->tgconstrrelid, objection);
		watched->queries = idv_note_key_query(watched->queries, trigger->tgconstrrelid,
											  RowShareLock, NULL);
	}
}

/* The same of all partitions of a table, to which rows may go. */
static void
check_lookups_of_parts(Relation table, bool rarely, Watched *watched)
{
	ListCell   *lc;

	if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE || table->rd_rel->relispartition)
		return;
	foreach(lc, find_all_inheritors(RelationGetRelid(table), RowExclusiveLock, NULL))
		check_lookups(idv_triggers(lfirst_oid(lc)), NULL, true, rarely, watched);
}

/* Add a change to those that are looked at, unless one of them covers it. */
static void
add_change_of(Watched *watched, Oid relation, Bitmapset *updated)
{
	Change	   *change;
	ListCell   *lc;

	if (updated != NULL)
		updated = idv_columns_with_generated(bms_copy(updated), relation);

	foreach(lc, watched->changes)
	{
		change = lfirst(lc);
		if (change->relation == relation &&
			(updated == NULL) == (change->updated == NULL) &&
			bms_is_subset(updated, change->updated))
			return;
	}
	change = palloc(sizeof(Change));
	change->relation = relation;
	change->updated = updated;
	watched->changes = lappend(watched->changes, change);
}

/* The same, of a table and of its parts. */
static void
add_change(Watched *watched, Oid relation, Bitmapset *updated)
{
	List	   *parts;
	ListCell   *lc;

	if (updated == NULL || get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
	{
		add_change_of(watched, relation, updated);
		return;
	}
	parts = find_all_inheritors(relation, RowExclusiveLock, NULL);
	foreach(lc, parts)
		add_change_of(watched, lfirst_oid(lc),
					  idv_columns_of_part(updated, relation, lfirst_oid(lc)));
}

/* Let a key do at once what another action does. */
static void
act_as(Trigger *trigger, Oid function)
{
	trigger->tgfoid = function;
	trigger->tgdeferrable = false;
	trigger->tginitdeferred = false;
}

/* Does any key act as one of those that act_as() makes? */
static bool
acts_as_any(const TriggerDesc *triggers)
{
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		if (triggers->triggers[i].tgfoid == F_RI_FKEY_CASCADE_UPD ||
			triggers->triggers[i].tgfoid == F_RI_FKEY_NOACTION_UPD ||
			triggers->triggers[i].tgfoid == F_RI_FKEY_NOACTION_DEL)
			return true;
	}
	return false;
}

/*
 * May a key that is not ON UPDATE CASCADE act as if it were?
 *
 * Not where a BEFORE trigger could make up what is written to the other table, and
 * the trigger's table belongs to a role that may not write there.
 */
static bool
may_act_as_cascade(Oid relation, const TriggerDesc *triggers, Oid other)
{
	return !triggers->trig_update_before_row ||
		idv_role_may_run_as(idv_relation_owner(relation), idv_relation_owner(other));
}

/*
 * Check what foreign keys run that point to a partition itself, where rows leave it.
 *
 * To such a key the row is deleted: it would delete, or empty, what points there.
 * Nothing can follow, as the key has no room for another partition.  So none of
 * them does more than look, and the statement fails if a row points there.
 *
 * triggers		the partition's that will fire
 */
static void
check_leaving(TriggerDesc *triggers, Watched *watched)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		const IdvObjection *objection;

		/* A key to the whole table stays satisfied, and has clones here. */
		if (!idv_key_fires(trigger) || trigger->tgisclone ||
			RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_PK ||
			!TRIGGER_FOR_DELETE(trigger->tgtype))
			continue;
		act_as(trigger, F_RI_FKEY_NOACTION_DEL);
		LockRelationOid(trigger->tgconstrrelid, RowExclusiveLock);
		objection = idv_key_objection(trigger->tgconstrrelid, RowShareLock);
		if (objection != NULL)
			idv_report_objection(trigger->tgconstrrelid, objection);
		watched->queries = idv_note_key_query(watched->queries, trigger->tgconstrrelid,
											  RowShareLock, NULL);
	}
}

/*
 * Check what a change of rows of one table makes foreign keys run.
 *
 * triggers		the table's; those of keys that must not run anything, and
 *				need not, are disabled in it
 * updated		the columns that change, or NULL: rows are deleted
 * unreferenced	nothing points to the rows
 * pointers		what becomes of those that point to the rows
 */
static void
check_actions(Oid relation, TriggerDesc *triggers, const Bitmapset *updated,
			  bool unreferenced, IdvPointers pointers, Watched *watched)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		Oid			other = trigger->tgconstrrelid;
		const IdvObjection *objection;
		char		action;
		bool		writes;
		bool		follows;
		bool		declared = false;	/* acts as declared in any case */
		IdvKey		key = {0};

		CHECK_FOR_INTERRUPTS();
		if (!idv_key_fires(trigger) ||
			RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_PK ||
			(updated != NULL ? !TRIGGER_FOR_UPDATE(trigger->tgtype) :
			 !TRIGGER_FOR_DELETE(trigger->tgtype)))
			continue;
		if (pointers == IDV_POINTERS_NONE ||
			(updated == NULL && is_among(trigger->tgconstraint, watched->done_keys)))
		{
			trigger->tgenabled = TRIGGER_DISABLED;
			continue;
		}
		if (updated != NULL || !unreferenced)
		{
			key = idv_key_read(trigger->tgconstraint);

			/*
			 * A BEFORE trigger may change what the statement leaves; but a
			 * row's primary key is left alone by any.
			 */
			declared = updated != NULL && !bms_overlap(updated, key.pointed_to);
			if (declared && (!triggers->trig_update_before_row || key.to_primary))
				continue;
		}

		/* What is only read fires no trigger. */
		action = updated != NULL ? key.on_update : key.on_delete;
		if (pointers == IDV_POINTERS_STAY && !declared)
		{
			action = FKCONSTR_ACTION_NOACTION;
			act_as(trigger, F_RI_FKEY_NOACTION_UPD);
		}
		writes = unreferenced ||
			(action != FKCONSTR_ACTION_NOACTION && action != FKCONSTR_ACTION_RESTRICT);
		LockRelationOid(other, RowExclusiveLock);

		/* What cannot follow is not let go either. */
		follows = pointers == IDV_POINTERS_FOLLOW && !declared && key.may_follow;
		if (follows && action != FKCONSTR_ACTION_CASCADE &&
			!may_act_as_cascade(relation, triggers, other))
		{
			follows = writes = false;
			action = FKCONSTR_ACTION_NOACTION;
			act_as(trigger, F_RI_FKEY_NOACTION_UPD);
		}

		/*
		 * Where nobody's code may run, a key that only looks goes on to: it
		 * fails if a row is there.
		 */
		if (follows &&
			(writes || idv_key_objection(other, RowExclusiveLock) == NULL))
		{
			action = FKCONSTR_ACTION_CASCADE;
			writes = true;
			act_as(trigger, F_RI_FKEY_CASCADE_UPD);
		}
		objection = idv_key_objection(other, writes ? RowExclusiveLock : RowShareLock);
		if (objection != NULL)
		{
			if (!unreferenced)
				idv_report_objection(other, objection);
			trigger->tgenabled = TRIGGER_DISABLED;
			continue;
		}
		watched->queries = idv_note_key_query(watched->queries, other,
											  writes ? RowExclusiveLock : RowShareLock,
											  unreferenced ? trigger : NULL);

		/* What the key writes there can be pointed to as well. */
		if (writes && !unreferenced)
			add_change(watched, other,
					   updated == NULL && action == FKCONSTR_ACTION_CASCADE ?
					   NULL : key.pointing);
	}
}

/*
 * idv_trigger_result_rel
 *		Where the server will look for a table's triggers when it fires them.
 */
ResultRelInfo *
idv_trigger_result_rel(EState *estate, Oid relation)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *result = ExecGetTriggerResultRel(estate, relation, NULL);

	MemoryContextSwitchTo(caller);
	return result;
}

/*
 * The same, and what that makes foreign keys of other tables run, and so on:
 * each change once, however many ways lead to it.
 *
 * estate		NULL: nothing is going to be run
 */
static void
check_all_actions(EState *estate, Oid relation, TriggerDesc *triggers,
				  const Bitmapset *updated,
				  bool unreferenced, IdvPointers pointers, Watched *watched)
{
	int			i = list_length(watched->changes);
	const List *done_keys = watched->done_keys;

	check_actions(relation, triggers, updated, unreferenced, pointers, watched);

	/* They are disabled in that statement alone.  The list grows meanwhile. */
	watched->done_keys = NIL;
	for (; i < list_length(watched->changes); i++)
	{
		Change	   *change = list_nth(watched->changes, i);
		IdvPointers then = change->updated != NULL ? pointers : IDV_POINTERS_AS_DECLARED;

		/* Those of an update will be looked for there. */
		if (estate != NULL && change->updated != NULL)
			triggers = idv_trigger_result_rel(estate, change->relation)->ri_TrigDesc;
		else
			triggers = idv_triggers(change->relation);

		if (change->updated != NULL)
		{
			check_lookups(triggers, change->updated, false, false, watched);
			if (idv_row_may_leave(change->relation, triggers, change->updated))
				check_leaving(triggers, watched);
		}
		check_actions(change->relation, triggers, change->updated, false, then, watched);
	}
	watched->done_keys = done_keys;
}

/* Check look-ups of all foreign keys of tables that keys write. */
static void
check_lookups_of_changes(Watched *watched)
{
	ListCell   *lc;

	foreach(lc, watched->changes)
	{
		Change	   *change = lfirst(lc);

		if (change->updated != NULL)
			check_lookups(idv_triggers(change->relation), NULL,
						  get_rel_relispartition(change->relation), true, watched);
	}
}

/*
 * Check look-ups of foreign keys whose columns a statement does not change, too.
 *
 * A key looks where the row was inserted by the same transaction, where it goes to
 * another partition, and where a BEFORE trigger changes a column of the key.
 */
static void
check_other_lookups(EState *estate, CmdType operation, Watched *watched)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *result = lfirst(lc);

		if (operation != CMD_UPDATE)
			break;
		check_lookups(result->ri_TrigDesc, NULL, false, true, watched);
		check_lookups_of_parts(result->ri_RelationDesc, true, watched);
	}
	check_lookups_of_changes(watched);
}

/* A function that could be lured, of the tables that a statement writes; or NULL. */
static const char *
runs_of(EState *estate)
{
	const char *runs = NULL;
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *result = lfirst(lc);
		RangeTblEntry *entry;

		/* A part is looked at with the whole. */
		if (runs != NULL || result->ri_RootResultRelInfo != NULL)
			continue;
		entry = exec_rt_fetch(result->ri_RangeTableIndex, estate);
		runs = idv_code_runs(entry->relid, GetUserId(), entry->inh, entry->rellockmode);
	}
	return runs;
}

/*
 * idv_check_key_actions
 *		See that no foreign key runs code of a third role because of what a
 *		statement does to the rows that it points to.  42501.
 *
 * May make what runs a security-restricted operation, until idv_become_caller().
 *
 * estate		of a statement that was started, and has not run yet
 * unreferenced	the caller has seen, and sees to it, that nothing points to the
 *				rows that are deleted: then a key that must not look need not
 * pointers		what becomes of those that point to the rows
 * done_keys	of a DELETE: foreign keys, to its table, of which the caller does
 *				itself what they would do; these are disabled
 *
 * Returns whether foreign keys may write rows of these or other tables.
 */
bool
idv_check_key_actions(EState *estate, CmdType operation, bool unreferenced,
					  IdvPointers pointers, const List *done_keys)
{
	Watched		watched = {NIL, NIL, done_keys};
	const char *runs;
	ListCell   *lc;

	if (operation == CMD_SELECT)
		return false;
	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *result = lfirst(lc);
		Oid			relation = RelationGetRelid(result->ri_RelationDesc);
		Bitmapset  *updated = NULL;

		/* Its partitions are opened no sooner than a row goes there. */
		if (operation == CMD_INSERT)
			check_lookups_of_parts(result->ri_RelationDesc, false, &watched);
		if (operation == CMD_UPDATE)
		{
			updated = ExecGetAllUpdatedCols(result, estate);
			if (idv_row_may_leave(relation, result->ri_TrigDesc, updated))
				check_leaving(idv_trigger_result_rel(estate, relation)->ri_TrigDesc,
							  &watched);
		}
		if (result->ri_TrigDesc == NULL)
			continue;
		if (operation == CMD_INSERT)
			check_lookups(result->ri_TrigDesc, NULL, true, false, &watched);
		else if (operation == CMD_DELETE)
			check_all_actions(estate, relation, result->ri_TrigDesc, NULL, unreferenced,
							  pointers, &watched);
		else
		{
			check_lookups(result->ri_TrigDesc, updated, false, false, &watched);
			check_all_actions(estate, relation, result->ri_TrigDesc, updated, false,
							  pointers, &watched);

			/* For a part of a table, another copy may be the one to fire. */
			if (pointers != IDV_POINTERS_AS_DECLARED &&
				acts_as_any(result->ri_TrigDesc))
			{
				ResultRelInfo *fires = idv_trigger_result_rel(estate, relation);

				if (fires != result)
					check_all_actions(estate, relation, fires->ri_TrigDesc, updated,
									  false, pointers, &watched);
			}
		}
	}
	check_other_lookups(estate, operation, &watched);
	runs = runs_of(estate);
	if (runs != NULL || idv_key_queries_run(watched.queries))
		idv_check_lures(watched.queries, runs);
	return watched.changes != NIL;
}

/*
 * idv_key_followers
 *		Which tables have rows that follow where some columns of a table change,
 *		by foreign keys, and by foreign keys that point to those, and so on.
 *
 * updated	the columns, each less FirstLowInvalidHeapAttributeNumber
 *
 * Returns their OIDs.  They, and their parts, are locked as for an UPDATE.
 */
List *
idv_key_followers(Oid relation, const Bitmapset *updated)
{
	Watched		watched = {NIL, NIL, NIL};
	List	   *followers = NIL;

	add_change_of(&watched, relation, bms_copy(updated));

	/* It grows meanwhile. */
	for (int i = 0; i < list_length(watched.changes); i++)
	{
		Change	   *change = list_nth(watched.changes, i);
		TriggerDesc *triggers;

		LockRelationOid(change->relation, RowExclusiveLock);
		triggers = idv_triggers(change->relation);
		for (int t = 0; triggers != NULL && t < triggers->numtriggers; t++)
		{
			Trigger    *trigger = &triggers->triggers[t];
			IdvKey		key;

			if (!idv_key_fires(trigger) ||
				RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_PK ||
				!TRIGGER_FOR_UPDATE(trigger->tgtype))
				continue;
			key = idv_key_read(trigger->tgconstraint);
			if (key.may_follow && bms_overlap(change->updated, key.pointed_to))
				add_change(&watched, trigger->tgconstrrelid, key.pointing);
		}
		if (i > 0)
			followers = list_append_unique_oid(followers, change->relation);
	}
	return followers;
}

/*
 * idv_check_fold_keys
 *		The same of what a fold does to the rows of a table, before there is a
 *		statement: 42501.
 *
 * updated		the columns that it changes, each less
 *				FirstLowInvalidHeapAttributeNumber
 * runs			as of idv_check_lures()
 *
 * The current user is the table's owner.
 */
void
idv_check_fold_keys(Oid relation, const Bitmapset *updated, const char *runs)
{
	Watched		watched = {NIL, NIL, NIL};
	TriggerDesc *triggers = idv_triggers(relation);

	check_lookups(triggers, updated, false, false, &watched);
	check_all_actions(NULL, relation, triggers, updated, false, IDV_POINTERS_FOLLOW,
					  &watched);
	check_lookups(triggers, NULL, false, true, &watched);
	check_lookups_of_changes(&watched);
	if (runs != NULL || idv_key_queries_run(watched.queries))
		idv_check_lures(watched.queries, runs);
}

/*
 * idv_check_query_keys
 *		The same of a query on our own tables that SPI is about to run.
 */
void
idv_check_query_keys(const Query *query)
{
	Watched		watched = {NIL, NIL, NIL};
	Bitmapset  *updated = NULL;
	TriggerDesc *triggers;
	RangeTblEntry *entry;
	ListCell   *lc;

	if (query->resultRelation == 0)
		return;
	entry = rt_fetch(query->resultRelation, query->rtable);
	triggers = idv_triggers(entry->relid);
	foreach(lc, query->targetList)
	{
		TargetEntry *target = lfirst(lc);

		if (query->commandType == CMD_UPDATE && !target->resjunk)
			updated = idv_columns_add(updated, &target->resno, 1);
	}
	if (query->commandType != CMD_DELETE)
		check_lookups(triggers, NULL, true, false, &watched);
	if (query->commandType != CMD_INSERT)
		check_all_actions(NULL, entry->relid, triggers, updated, false,
						  IDV_POINTERS_AS_DECLARED, &watched);
	idv_check_lures(watched.queries, NULL);
}
