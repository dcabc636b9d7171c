/*-------------------------------------------------------------------------
 *
 * foreign_key_action.c
 *	  What a foreign key has changed and the guard would put back.
 *
 * A key's action (ON UPDATE CASCADE, say) follows a change of the referenced
 * row, and the server does not look again: with the old value the row would
 * reference nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/foreign_key_action.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "nodes/parsenodes.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Of which foreign key that can update its rows is this a column? */
static char *
acting_key_of(Relation table, AttrNumber column)
{
	ListCell   *cell;

	foreach(cell, RelationGetFKeyList(table))
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);
		HeapTuple	tuple;
		Form_pg_constraint constraint;
		char	   *name = NULL;
		bool		has_column = false;

		for (int i = 0; i < key->nkeys; i++)
			has_column |= key->conkey[i] == column;
		if (!has_column)
			continue;

		tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->conoid));
		if (!HeapTupleIsValid(tuple))
			continue;
		constraint = (Form_pg_constraint) GETSTRUCT(tuple);
		if (constraint->confupdtype == FKCONSTR_ACTION_CASCADE ||
			constraint->confupdtype == FKCONSTR_ACTION_SETNULL ||
			constraint->confupdtype == FKCONSTR_ACTION_SETDEFAULT ||
			constraint->confdeltype == FKCONSTR_ACTION_SETNULL ||
			constraint->confdeltype == FKCONSTR_ACTION_SETDEFAULT)
			name = pstrdup(NameStr(constraint->conname));
		ReleaseSysCache(tuple);
		if (name != NULL)
			return name;
	}
	return NULL;
}

/*
 * idv_guard_check_key_action
 *		See that nothing is put back that a foreign key has changed.  23503.
 *
 * given		the row as the UPDATE had it
 * wanted		the row that is stored
 *
 * A key's action is a statement within a trigger, without a user_hash.  So may be
 * one of somebody's own trigger, which cannot be told from it, and fails as well.
 * For an UPDATE without a user_hash, not of an upsert.
 */
void
idv_guard_check_key_action(const IdvColumns *columns, const TriggerData *trigger,
						   const IdvGuardedRow *given,
						   const IdvGuardedRow *wanted)
{
	static const IdvRole roles[] = {
		IDV_ROLE_APP_KEY, IDV_ROLE_EXTERNAL_ID, IDV_ROLE_EMAIL
	};

	for (int i = 0; i < (int) lengthof(roles); i++)
	{
		AttrNumber	column = columns->of[roles[i]].number;
		NullableDatum before = given->of[roles[i]];
		NullableDatum after = wanted->of[roles[i]];
		char	   *key;

		if ((before.isnull == after.isnull && before.value == after.value) ||
			idv_columns_same(columns, roles[i], given, wanted))
			continue;
		/* The guard is a trigger, too. */
		if (DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) < 2)
			return;
		key = acting_key_of(trigger->tg_relation, column);
		if (key == NULL)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("column \"%s\" of relation \"%s\" cannot be changed by a foreign key or a trigger without a right user_hash",
						NameStr(TupleDescAttr(RelationGetDescr(trigger->tg_relation), column - 1)->attname),
						RelationGetRelationName(trigger->tg_relation)),
				 errdetail("The app drops claims that do not verify. With the old value put back, foreign key \"%s\" might not hold.",
						   key),
				 errhint("If the row is to be another person's from now on, disable trigger \"%s\" for this transaction.",
						 trigger->tg_trigger->tgname),
				 errtablecol(trigger->tg_relation, column)));
	}
}
