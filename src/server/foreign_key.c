/*-------------------------------------------------------------------------
 *
 * foreign_key.c
 *	  What the catalog says of foreign keys, of their triggers, and of the columns
 *	  that they are made of.
 *
 * What their actions do is in server/key_actions.c.
 *
 *-------------------------------------------------------------------------
 */
#include "server/foreign_key.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * idv_columns_add
 *		Add columns to a set of them, each less FirstLowInvalidHeapAttributeNumber.
 */
Bitmapset *
idv_columns_add(Bitmapset *set, const AttrNumber *columns, int n)
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

static bool
is_primary(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		primary;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index);
	primary = ((Form_pg_index) GETSTRUCT(tuple))->indisprimary;
	ReleaseSysCache(tuple);
	return primary;
}

/*
 * idv_key_read
 *		A foreign key, in the current memory context.
 */
IdvKey
idv_key_read(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;
	AttrNumber	pointing[INDEX_MAX_KEYS];
	AttrNumber	pointed_to[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];
	int			n;
	IdvKey		key = {0};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	DeconstructFkConstraintRow(tuple, &n, pointing, pointed_to, equal,
							   NULL, NULL, NULL, NULL);
	key.pointing = idv_columns_add(NULL, pointing, n);
	key.pointed_to = idv_columns_add(NULL, pointed_to, n);
	key.to_primary = is_primary(form->conindid);
	key.on_update = form->confupdtype;
	key.on_delete = form->confdeltype;
	key.may_follow = !is_any_generated(form->conrelid, pointing, n);
#if PG_VERSION_NUM >= 180000
	key.may_follow = key.may_follow && !form->conperiod;
#endif
	ReleaseSysCache(tuple);
	return key;
}

/*
 * idv_key_fires
 *		Is this trigger one of a foreign key, which may fire?
 */
bool
idv_key_fires(const Trigger *trigger)
{
	return trigger->tgisinternal && OidIsValid(trigger->tgconstraint) &&
		trigger->tgenabled != TRIGGER_DISABLED;
}

/*
 * idv_key_is_part_of
 *		Is a foreign key this one, or that of a partition, which is part of it?
 */
bool
idv_key_is_part_of(Oid key, Oid whole)
{
	while (key != whole && OidIsValid(key))
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));

		if (!HeapTupleIsValid(tuple))
			return false;
		key = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
	}
	return key == whole;
}

/*
 * idv_triggers
 *		The triggers of a table, as the server has them.
 *
 * A copy: the relation's own is freed when its cache entry is made anew.
 */
TriggerDesc *
idv_triggers(Oid relation)
{
	Relation	table = table_open(relation, NoLock);
	TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);

	table_close(table, NoLock);
	return triggers;
}

/*
 * idv_columns_of_part
 *		The columns of a part of a table that have the names of columns of the
 *		whole; or the other way round.
 */
Bitmapset *
idv_columns_of_part(const Bitmapset *columns, Oid whole, Oid part)
{
	Bitmapset  *result = NULL;
	int			column = -1;

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		char	   *name = get_attname(whole, column + FirstLowInvalidHeapAttributeNumber,
									   false);
		AttrNumber	number = get_attnum(part, name);

		result = idv_columns_add(result, &number, 1);
	}
	return result;
}

/*
 * idv_columns_with_generated
 *		Some columns of a table, and those that are generated, since they may be
 *		from them.
 */
Bitmapset *
idv_columns_with_generated(Bitmapset *columns, Oid relation)
{
	Relation	table = table_open(relation, NoLock);

	for (int i = 0; i < RelationGetDescr(table)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(table), i);

		if (att->attgenerated != '\0')
			columns = idv_columns_add(columns, &att->attnum, 1);
	}
	table_close(table, NoLock);
	return columns;
}

/*
 * idv_row_may_leave
 *		May rows leave a partition where these columns change?
 *
 * triggers		the partition's; a BEFORE trigger may change other columns
 */
bool
idv_row_may_leave(Oid part, const TriggerDesc *triggers, const Bitmapset *updated)
{
	bool		leaves = triggers != NULL && triggers->trig_update_before_row;
	ListCell   *lc;

	if (!get_rel_relispartition(part) || leaves)
		return get_rel_relispartition(part);
	foreach(lc, get_partition_ancestors(part))
	{
		Relation	whole = table_open(lfirst_oid(lc), AccessShareLock);
		bool		in_expression;

		leaves = leaves ||
			has_partition_attrs(whole, idv_columns_of_part(updated, part, lfirst_oid(lc)),
								&in_expression);
		table_close(whole, NoLock);
	}
	return leaves;
}
