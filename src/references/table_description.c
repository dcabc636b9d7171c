/*-------------------------------------------------------------------------
 *
 * table_description.c
 *	  What the catalog says of a table that a fold goes through, and how that is
 *	  said in SQL.
 *
 * description_cache.c asks, keeps what was found and tells how long it stands:
 * to everybody else a table comes from idv_table().
 *
 *-------------------------------------------------------------------------
 */
#include "references/table_description.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "server/canonical_text.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "server/table_owner.h"

/*
 * idv_table_objection
 *		What of a table's code may not run as its owner, or NULL.
 *
 * Whoever only reads the catalog asks nobody; but nothing else is done with
 * a table of which this is not NULL.
 */
const IdvObjection *
idv_table_objection(const IdvTable *table)
{
	return idv_code_objection(table->relation, table->owner,
							  table->has_parts, RowExclusiveLock);
}

/*
 * idv_table_check_code
 *		idv_table_objection(), raised as an error.  42501.
 */
void
idv_table_check_code(const IdvTable *table)
{
	const IdvObjection *objection = idv_table_objection(table);

	if (objection != NULL)
		idv_report_objection(table->relation, objection);
}

/*
 * idv_column_name
 *		The name of a table's column, quoted.
 */
const char *
idv_column_name(const IdvTable *table, AttrNumber column)
{
	return quote_identifier(NameStr(TupleDescAttr(table->desc, column - 1)->attname));
}

/*
 * Compare two values of a column by a function of its type, and its collation.
 *
 * As the table's owner, since a type that is not built in may call what is the
 * owner's (server/type_code.c has looked at it).
 */
static Datum
compare(const IdvTable *table, Form_pg_attribute att, FmgrInfo *function, Datum a, Datum b)
{
	IdvCaller	caller;
	Datum		result;

	idv_become_owner(&caller, att->atttypid < FirstUnpinnedObjectId ?
					 InvalidOid : table->owner);
	result = FunctionCall2Coll(function, att->attcollation, a, b);
	idv_become_caller(&caller);
	return result;
}

/*
 * idv_column_equals
 *		Are two values of a column equal, by its type and collation?
 */
bool
idv_column_equals(const IdvTable *table, AttrNumber column, Datum a, Datum b)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);
	TypeCacheEntry *type = lookup_type_cache(att->atttypid,
											 TYPECACHE_EQ_OPR_FINFO);

	if (!OidIsValid(type->eq_opr_finfo.fn_oid))
		return datum_image_eq(a, b, att->attbyval, att->attlen);
	return DatumGetBool(compare(table, att, &type->eq_opr_finfo, a, b));
}

/*
 * idv_column_precedes
 *		Is one value of a column before another, by its type and collation?
 *
 * False if the type has no order.
 */
bool
idv_column_precedes(const IdvTable *table, AttrNumber column, Datum a, Datum b)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);
	TypeCacheEntry *type = lookup_type_cache(att->atttypid,
											 TYPECACHE_CMP_PROC_FINFO);

	return OidIsValid(type->cmp_proc_finfo.fn_oid) &&
		DatumGetInt32(compare(table, att, &type->cmp_proc_finfo, a, b)) < 0;
}

/*
 * idv_table_columns
 *		All columns of a table, as the result of a query on alias.
 */
char *
idv_table_columns(const IdvTable *table, const char *alias)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < table->desc->natts; i++)
	{
		if (!TupleDescAttr(table->desc, i)->attisdropped)
			appendStringInfo(&list, "%s%s.%s", list.len == 0 ? "" : ", ",
							 alias, idv_column_name(table, i + 1));
	}
	return list.data;
}

/*
 * idv_table_check
 *		Refuse a table that some trigger has altered since it was described.
 *
 * now		what it is now.  55000
 */
void
idv_table_check(const IdvTable *table, TupleDesc now)
{
	bool		same = now->natts == table->desc->natts;

	for (int i = 0; same && i < now->natts; i++)
		same = TupleDescAttr(now, i)->atttypid ==
			TupleDescAttr(table->desc, i)->atttypid;
	if (!same)
		idv_report_altered(table->label);
}

/*
 * idv_table_check_places
 *		Refuse a table whose rows cannot be told apart by where they are.  0A000.
 *
 * See server/distribution.c: of such a table a row at a place, with the value of
 * the column that it is distributed by, is one row or none.
 */
void
idv_table_check_places(const IdvTable *table)
{
	AttrNumber	column = table->distribution.column;
	Oid			type = column == 0 ? InvalidOid :
	TupleDescAttr(table->desc, column - 1)->atttypid;

	if (table->distribution.rows == IDV_ROWS_COPIED ||
		(column != 0 && !OidIsValid(idv_equal_operator(type, type))))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot drop a row of distributed table \"%s\", or move back rows that have no key",
						table->label),
				 errdetail("Its rows are not each in one shard that the value of a column tells."),
				 errhint("Distribute it by hash with a replication factor of 1, and give it a primary key.")));
}

/*
 * idv_table_row
 *		A row that a query returned as a record of the table, copied.  55000 if
 *		the table has been altered.
 */
IdvRow
idv_table_row(const IdvTable *table, Datum record)
{
	/* not DatumGetHeapTupleHeaderCopy(): older minor releases lack it */
	HeapTupleHeader header = (HeapTupleHeader) PG_DETOAST_DATUM_COPY(record);
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header),
		.t_data = header
	};
	TupleDesc	now = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											 HeapTupleHeaderGetTypMod(header));
	IdvRow		row;

	/* Our lock keeps others from altering it, but not a trigger. */
	idv_table_check(table, now);
	ReleaseTupleDesc(now);
	row.values = palloc0(sizeof(Datum) * table->desc->natts);
	row.nulls = palloc(sizeof(bool) * table->desc->natts);
	heap_deform_tuple(&tuple, table->desc, row.values, row.nulls);
	for (int i = 0; i < table->desc->natts; i++)
		row.nulls[i] = row.nulls[i] || TupleDescAttr(table->desc, i)->attisdropped;
	return row;
}

/*
 * idv_table_numbered
 *		A row of all columns that there are, as one by their numbers.
 */
IdvRow
idv_table_numbered(const IdvTable *table, IdvRow columns)
{
	IdvRow		row;
	int			n = 0;

	row.values = palloc0(sizeof(Datum) * table->desc->natts);
	row.nulls = palloc(sizeof(bool) * table->desc->natts);
	for (int i = 0; i < table->desc->natts; i++)
	{
		row.nulls[i] = true;
		if (TupleDescAttr(table->desc, i)->attisdropped)
			continue;
		row.nulls[i] = columns.nulls[n];
		row.values[i] = columns.values[n];
		n++;
	}
	return row;
}

/* Does somebody's own trigger hang on a table? */
static bool
has_triggers(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (!triggers->triggers[i].tgisinternal)
			return true;
	}

	/* Those of partitions are theirs alone. */
	return relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

/* May the owner name a table, read it, and write and delete its rows? */
static bool
has_privileges(Relation relation)
{
	Oid			owner = relation->rd_rel->relowner;
	AclMode		mode = ACL_SELECT | ACL_UPDATE | ACL_DELETE;

#if PG_VERSION_NUM >= 160000
	if (object_aclcheck(NamespaceRelationId, RelationGetNamespace(relation),
						owner, ACL_USAGE) != ACLCHECK_OK)
		return false;
#else
	if (pg_namespace_aclcheck(RelationGetNamespace(relation), owner,
							  ACL_USAGE) != ACLCHECK_OK)
		return false;
#endif
	return pg_class_aclmask(RelationGetRelid(relation), owner, mode,
							ACLMASK_ALL) == mode;
}

/*
 * May an UPDATE or a DELETE fail, or do something, where it touches no row?
 *
 * By a rule, a trigger for each statement, or because the owner has taken the
 * right from themselves.
 */
static bool
may_refuse(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	return relation->rd_rules != NULL ||
		(triggers != NULL && (triggers->trig_update_before_statement ||
							  triggers->trig_update_after_statement ||
							  triggers->trig_delete_before_statement ||
							  triggers->trig_delete_after_statement)) ||
		!has_privileges(relation);
}

/*
 * A table, and all that is one with it: partitioned tables that it is in, its
 * own parts.
 */
static List *
find_family(Oid relation)
{
	List	   *family = list_make1_oid(relation);

	if (get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE)
		family = find_all_inheritors(relation, NoLock, NULL);
	if (get_rel_relispartition(relation))
		family = list_concat(family, get_partition_ancestors(relation));
	return family;
}

/*
 * idv_detaching_parts
 *		The OIDs of the partitions of a table, of any level, that are being
 *		detached while it is in use.
 *
 * DETACH PARTITION CONCURRENTLY waits for those who use the table.  Until it is
 * done, statements on the table do not reach the partition's rows, nor do foreign
 * keys of the whole table; and it may have been interrupted.
 */
List *
idv_detaching_parts(Oid relation)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relation, NoLock, NULL))
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE)
			continue;
		ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(inherits, InheritsParentIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

			if (form->inhdetachpending)
				parts = lappend_oid(parts, form->inhrelid);
		}
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return parts;
}

/*
 * idv_table_describe
 *		What the catalog says of a table, all of it kept in this memory context.
 *
 * The caller has locked the table, and fills in what it is kept in.
 */
IdvTable *
idv_table_describe(Oid relid, MemoryContext context)
{
	Relation	relation = relation_open(relid, NoLock);
	int			level = idv_canonical_sql_begin();
	MemoryContext caller = MemoryContextSwitchTo(context);
	IdvTable   *table = palloc0(sizeof(IdvTable));

	table->relation = relid;
	table->owner = relation->rd_rel->relowner;
	table->name = idv_relation_name(relid);
	table->label = idv_relation_label(relid);
	table->has_parts = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	table->from = table->has_parts ? table->name : psprintf("ONLY %s", table->name);
	table->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	table->has_triggers = has_triggers(relation);
	table->may_refuse = may_refuse(relation);
	table->distribution = idv_distribution(relid);
	table->family = find_family(relid);
	if (table->has_parts)
		table->detaching = idv_detaching_parts(relid);
	MemoryContextSwitchTo(caller);
	idv_canonical_text_end(level);
	relation_close(relation, NoLock);
	return table;
}
