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
 * Both that owner and the role as which the statement runs have to trust the
 * code.  For AFTER triggers wait for the end of the statement, and then run as
 * that role.  And what runs at once could set the search_path of code that
 * follows as that role.
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

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "server/table_owner.h"
#include "server/trusted_code.h"

/* A foreign key, as far as it matters here. */
typedef struct Key
{
	Bitmapset  *pointing;		/* its columns */
	Bitmapset  *pointed_to;		/* what they point to */
	char		on_update;
	char		on_delete;
	bool		may_follow;		/* could be ON UPDATE CASCADE */
} Key;

static Bitmapset *
add_columns(Bitmapset *set, const AttrNumber *columns, int n)
{
	for (int i = 0; i < n; i++)
		set = bms_add_member(set, columns[i] - FirstLowInvalidHeapAttributeNumber);
	return set;
}

/* Is one of these columns generated? */
static bool
is_any_generated(Oid relation, const AttrNumber *columns, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (get_attgenerated(relation, columns[i]) != '\0')
			return true;
	}
	return false;
}

static Key
read_key(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;
	AttrNumber	pointing[INDEX_MAX_KEYS];
	AttrNumber	pointed_to[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];
	int			n;
	Key			key = {0};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	DeconstructFkConstraintRow(tuple, &n, pointing, pointed_to, equal,
							   NULL, NULL, NULL, NULL);
	key.pointing = add_columns(NULL, pointing, n);
	key.pointed_to = add_columns(NULL, pointed_to, n);
	key.on_update = form->confupdtype;
	key.on_delete = form->confdeltype;
	key.may_follow = !is_any_generated(form->conrelid, pointing, n);
#if PG_VERSION_NUM >= 180000
	key.may_follow = key.may_follow && !form->conperiod;
#endif
	ReleaseSysCache(tuple);
	return key;
}

/* Is this trigger one of a foreign key, which may fire? */
static bool
is_of_key(const Trigger *trigger)
{
	return trigger->tgisinternal && OidIsValid(trigger->tgconstraint) &&
		trigger->tgenabled != TRIGGER_DISABLED;
}

/* A change of rows of a table that foreign keys make. */
typedef struct Change
{
	Oid			relation;
	Bitmapset  *updated;		/* columns; NULL: rows are deleted */
} Change;

static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * What is in the way of a foreign key's query on a table, which the current user's
 * statement makes it run?
 *
 * lock		what the query takes: it writes from RowExclusiveLock on
 */
static const IdvObjection *
objection_to(Oid relation, LOCKMODE lock)
{
	bool		with_parts = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
	const IdvObjection *objection = idv_code_objection(relation, InvalidOid,
													   with_parts, lock);

	if (objection == NULL && owner_of(relation) != GetUserId())
		objection = idv_code_objection_of_key(relation, GetUserId(), with_parts, lock);
	return objection;
}

/*
 * A foreign key runs a query on a table as its owner.
 *
 * If that owner could want to be who has called, all that the statement runs is
 * a security-restricted operation (see server/table_owner.c), which the queries of
 * foreign keys stay in.  idv_become_caller() ends it.
 */
static void
restrict_for(Oid relation)
{
	Oid			owner;
	Oid			user;
	int			sec_context;

	GetUserIdAndSecContext(&user, &sec_context);
	if ((sec_context & SECURITY_RESTRICTED_OPERATION) != 0)
		return;
	owner = owner_of(relation);
	if (owner != user && idv_endangers_caller(owner))
		SetUserIdAndSecContext(user, sec_context | SECURITY_RESTRICTED_OPERATION);
}

/*
 * Check what foreign keys of one table run to see that what its rows point to is
 * there: a query on that table, as its owner.
 *
 * updated		the columns that change, or NULL: rows are inserted
 */
static void
check_lookups(const TriggerDesc *triggers, const Bitmapset *updated)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (!is_of_key(trigger) ||
			RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_FK ||
			(updated != NULL ? !TRIGGER_FOR_UPDATE(trigger->tgtype) :
			 !TRIGGER_FOR_INSERT(trigger->tgtype)))
			continue;
		if (updated == NULL ||
			bms_overlap(updated, read_key(trigger->tgconstraint).pointing))
		{
			const IdvObjection *objection = objection_to(trigger->tgconstrrelid,
														 RowShareLock);

			if (objection != NULL)
				idv_report_objection(trigger->tgconstrrelid, objection);
			restrict_for(trigger->tgconstrrelid);
		}
	}
}

/* The columns of a part of a table that have the names of columns of the whole. */
static Bitmapset *
columns_of_part(const Bitmapset *columns, Oid whole, Oid part)
{
	Bitmapset  *result = NULL;
	int			column = -1;

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		char	   *name = get_attname(whole, column + FirstLowInvalidHeapAttributeNumber,
									   false);
		AttrNumber	number = get_attnum(part, name);

		result = add_columns(result, &number, 1);
	}
	return result;
}

/* Add a change to those that are looked at, unless one of them covers it. */
static List *
add_change_of(List *changes, Oid relation, Bitmapset *updated)
{
	Change	   *change;
	ListCell   *lc;

	foreach(lc, changes)
	{
		change = lfirst(lc);
		if (change->relation == relation &&
			(updated == NULL) == (change->updated == NULL) &&
			bms_is_subset(updated, change->updated))
			return changes;
	}
	change = palloc(sizeof(Change));
	change->relation = relation;
	change->updated = updated;
	return lappend(changes, change);
}

/* The same, of a table and of its parts. */
static List *
add_change(List *changes, Oid relation, Bitmapset *updated)
{
	List	   *parts;
	ListCell   *lc;

	if (updated == NULL || get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
		return add_change_of(changes, relation, updated);
	parts = find_all_inheritors(relation, RowExclusiveLock, NULL);
	foreach(lc, parts)
		changes = add_change_of(changes, lfirst_oid(lc),
								columns_of_part(updated, relation, lfirst_oid(lc)));
	return changes;
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
			triggers->triggers[i].tgfoid == F_RI_FKEY_NOACTION_UPD)
			return true;
	}
	return false;
}

/*
 * Check what a change of rows of one table makes foreign keys run.
 *
 * triggers		the table's; those of keys that must not run anything, and
 *				need not, are disabled in it
 * updated		the columns that change, or NULL: rows are deleted
 * unreferenced	nothing points to the rows
 * pointers		of an update: what becomes of those that point to the rows
 * changes		of Change pointers: what the keys write, that is still to be
 *				looked at, or was
 *
 * Returns changes, with those that are new.
 */
static List *
check_actions(TriggerDesc *triggers, const Bitmapset *updated,
			  bool unreferenced, IdvPointers pointers, List *changes)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		Oid			other = trigger->tgconstrrelid;
		const IdvObjection *objection;
		char		action;
		bool		writes;
		Key			key = {0};

		CHECK_FOR_INTERRUPTS();
		if (!is_of_key(trigger) ||
			RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_PK ||
			(updated != NULL ? !TRIGGER_FOR_UPDATE(trigger->tgtype) :
			 !TRIGGER_FOR_DELETE(trigger->tgtype)))
			continue;
		if (updated != NULL || !unreferenced)
		{
			key = read_key(trigger->tgconstraint);
			if (updated != NULL && !bms_overlap(updated, key.pointed_to))
				continue;
		}

		/* What is only read fires no trigger. */
		action = updated != NULL ? key.on_update : key.on_delete;
		if (pointers == IDV_POINTERS_STAY)
		{
			action = FKCONSTR_ACTION_NOACTION;
			act_as(trigger, F_RI_FKEY_NOACTION_UPD);
		}
		writes = unreferenced ||
			(action != FKCONSTR_ACTION_NOACTION && action != FKCONSTR_ACTION_RESTRICT);
		LockRelationOid(other, RowExclusiveLock);

		/*
		 * Where nobody's code may run, a key that only looks goes on to: it
		 * fails if a row is there.
		 */
		if (pointers == IDV_POINTERS_FOLLOW && key.may_follow &&
			(writes || objection_to(other, RowExclusiveLock) == NULL))
		{
			action = FKCONSTR_ACTION_CASCADE;
			writes = true;
			act_as(trigger, F_RI_FKEY_CASCADE_UPD);
		}
		objection = objection_to(other, writes ? RowExclusiveLock : RowShareLock);
		if (objection != NULL)
		{
			if (!unreferenced)
				idv_report_objection(other, objection);
			trigger->tgenabled = TRIGGER_DISABLED;
			continue;
		}
		restrict_for(other);

		/* What the key writes there can be pointed to as well. */
		if (writes && !unreferenced)
			changes = add_change(changes, other,
								 updated == NULL && action == FKCONSTR_ACTION_CASCADE ?
								 NULL : key.pointing);
	}
	return changes;
}

/* Where the server will look for a table's triggers when it fires them. */
static ResultRelInfo *
trigger_result_rel(EState *estate, Oid relation)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *result = ExecGetTriggerResultRel(estate, relation, NULL);

	MemoryContextSwitchTo(caller);
	return result;
}

/*
 * The same, and what that makes foreign keys of other tables run, and so on:
 * each change once, however many ways lead to it.
 */
static void
check_all_actions(EState *estate, TriggerDesc *triggers, const Bitmapset *updated,
				  bool unreferenced, IdvPointers pointers)
{
	List	   *changes = check_actions(triggers, updated, unreferenced, pointers, NIL);

	/* It grows meanwhile. */
	for (int i = 0; i < list_length(changes); i++)
	{
		Change	   *change = list_nth(changes, i);
		IdvPointers then = change->updated != NULL ? pointers : IDV_POINTERS_AS_DECLARED;
		Relation	relation;

		if (then == IDV_POINTERS_FOLLOW)
			triggers = trigger_result_rel(estate, change->relation)->ri_TrigDesc;
		else
		{
			/*
			 * A copy: the relation's own is freed when its cache entry is
			 * made anew.
			 */
			relation = table_open(change->relation, NoLock);
			triggers = CopyTriggerDesc(relation->trigdesc);
			table_close(relation, NoLock);
		}

		if (change->updated != NULL)
			check_lookups(triggers, change->updated);
		changes = check_actions(triggers, change->updated, false, then, changes);
	}
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
 * pointers		of an UPDATE: what becomes of those that point to its rows
 */
void
idv_check_key_actions(EState *estate, CmdType operation, bool unreferenced,
					  IdvPointers pointers)
{
	ListCell   *lc;

	if (operation == CMD_SELECT)
		return;
	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *result = lfirst(lc);
		Bitmapset  *updated;

		if (result->ri_TrigDesc == NULL)
			continue;
		if (operation == CMD_INSERT)
			check_lookups(result->ri_TrigDesc, NULL);
		else if (operation == CMD_DELETE)
			check_all_actions(estate, result->ri_TrigDesc, NULL, unreferenced,
							  IDV_POINTERS_AS_DECLARED);
		else
		{
			updated = ExecGetAllUpdatedCols(result, estate);
			check_lookups(result->ri_TrigDesc, updated);
			check_all_actions(estate, result->ri_TrigDesc, updated, false, pointers);

			/* For a part of a table, another copy may be the one to fire. */
			if (pointers != IDV_POINTERS_AS_DECLARED &&
				acts_as_any(result->ri_TrigDesc))
			{
				ResultRelInfo *fires = trigger_result_rel(estate, RelationGetRelid(result->ri_RelationDesc));

				if (fires != result)
					check_all_actions(estate, fires->ri_TrigDesc, updated, false, pointers);
			}
		}
	}
}
