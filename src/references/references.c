/*-------------------------------------------------------------------------
 *
 * references.c
 *	  Which columns point to a table: foreign keys, and those that are listed in
 *	  idverify.contact_references.
 *
 *-------------------------------------------------------------------------
 */
#include "references/references.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "references/description_cache.h"
#include "references/reference_condition.h"
#include "references/reference_order.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "server/text.h"

/* Reads idverify.contact_references. */
static IdvStatement read_references;

/* The column of a table that has the name of a relative's column. */
static AttrNumber
column_of_relative(Oid relation, Oid relative, AttrNumber column)
{
	if (relation == relative)
		return column;
	return get_attnum(relation, get_attname(relative, column, false));
}

/* What the catalog says of a foreign key.  False: it was dropped. */
static bool
read_key(Form_pg_constraint form, Oid key)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));

	if (!HeapTupleIsValid(tuple))
		return false;
	*form = *(Form_pg_constraint) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	return true;
}

/*
 * Describe a foreign key that points to a table, or NULL: it was dropped while
 * we waited for the lock on its own.
 */
static IdvReference *
describe_foreign_key(IdvTable *table, Oid key)
{
	FormData_pg_constraint before;
	HeapTuple	tuple;
	Form_pg_constraint form;
	IdvReference *reference;
	AttrNumber	confkey[INDEX_MAX_KEYS];

	if (!read_key(&before, key))
		return NULL;
	LockRelationOid(before.conrelid, RowExclusiveLock);
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_constraint) GETSTRUCT(tuple);

#if PG_VERSION_NUM >= 180000
	if (form->conperiod)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot fold through temporal foreign key \"%s\"",
						NameStr(form->conname))));
#endif

	reference = palloc0(sizeof(IdvReference));
	DeconstructFkConstraintRow(tuple, &reference->ncolumns,
							   reference->columns, confkey, reference->equal,
							   NULL, NULL, &reference->nset, reference->set);
	for (int i = 0; i < reference->ncolumns; i++)
		reference->referenced[i] = column_of_relative(table->relation,
													  form->confrelid,
													  confkey[i]);
	/* The target may be in another part than the one that is pointed to. */
	if (form->confrelid == table->relation)
		reference->key = key;
	reference->constraint = key;
	reference->names = form->confrelid;
	reference->on_delete = form->confdeltype;
	reference->full = form->confmatchtype == FKCONSTR_MATCH_FULL;
	ReleaseSysCache(tuple);
	reference->table = idv_table(before.conrelid);
	reference->self = idv_root_relation(before.conrelid) ==
		idv_root_relation(table->relation);
	return reference;
}

static void report_lost_reference(Oid contacts, Oid relation,
								  const char *column) __attribute__((noreturn));

static void
report_lost_reference(Oid contacts, Oid relation, const char *column)
{
	char	   *name = get_rel_name(relation);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 name == NULL ?
			 errmsg("table with OID %u, which is listed as referencing \"%s\", does not exist",
					relation, idv_relation_label(contacts)) :
			 errmsg("column \"%s\" of \"%s\", which is listed as referencing \"%s\", cannot be used",
					column, idv_relation_label(relation),
					idv_relation_label(contacts)),
			 name == NULL ?
			 errhint("DELETE FROM idverify.contact_references WHERE relation = %u;",
					 relation) :
			 errhint("Correct or delete its row in idverify.contact_references.")));
}

/*
 * idv_is_ordered
 *		Can values of a type be put into groups of equal ones?  Built on the
 *		type's own order.
 */
bool
idv_is_ordered(Oid type)
{
	return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
}

/* A row of our own table: a column that points to contacts. */
typedef struct Listed
{
	Oid			relation;
	const char *column;
	const char *condition;		/* NULL: none */
	List	   *distinct_by;	/* names of columns; NULL for a null */
} Listed;

/* The columns that a listed reference is distinct by. */
static void
describe_distinct(IdvReference *reference, IdvTable *table, Oid relid,
				  const Listed *listed)
{
	ListCell   *lc;

	reference->distinct_by = palloc(sizeof(AttrNumber) *
									Max(list_length(listed->distinct_by), 1));
	foreach(lc, listed->distinct_by)
	{
		const char *name = lfirst(lc) != NULL ? lfirst(lc) : "";
		AttrNumber	column = get_attnum(relid, name);

		if (column <= 0 || !idv_is_ordered(get_atttype(relid, column)))
			report_lost_reference(table->relation, relid, name);
		reference->distinct_by[reference->ndistinct++] = column;
	}
}

/*
 * Add the columns that both tables are distributed by, if rows that belong
 * together are in shards that belong together: then one shard is asked instead of
 * all, and ids may repeat between apps.
 */
static void
add_distribution(IdvReference *reference, const IdvTable *table)
{
	const IdvDistribution *pointed_to = &table->distribution;
	const IdvDistribution *pointing = &reference->table->distribution;
	Oid			equal;

	if (pointed_to->rows != IDV_ROWS_BY_COLUMN ||
		pointing->rows != IDV_ROWS_BY_COLUMN ||
		pointed_to->colocation != pointing->colocation ||
		reference->columns[0] == pointing->column)
		return;
	equal = idv_equal_operator(TupleDescAttr(table->desc, pointed_to->column - 1)->atttypid,
							   TupleDescAttr(reference->table->desc, pointing->column - 1)->atttypid);
	if (!OidIsValid(equal))
		return;
	reference->columns[1] = pointing->column;
	reference->referenced[1] = pointed_to->column;
	reference->equal[1] = equal;
	reference->ncolumns = 2;
}

/* Describe a column that our own table says to point to contacts. */
static IdvReference *
describe_listed(IdvTable *table, Oid relid, const Listed *listed)
{
	const char *column = listed->column;
	const char *condition = listed->condition;
	IdvReference *reference = palloc0(sizeof(IdvReference));
	AttrNumber	id;
	Oid			constraint;
	Bitmapset  *key;

	LockRelationOid(relid, RowExclusiveLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		report_lost_reference(table->relation, relid, column);
	reference->table = idv_table(relid);
	reference->ncolumns = 1;
	reference->columns[0] = get_attnum(relid, column);

	key = get_primary_key_attnos(table->relation, true, &constraint);
	id = bms_membership(key) == BMS_SINGLETON ?
		bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber :
		get_attnum(table->relation, "id");

	if (reference->columns[0] <= 0 || id <= 0)
		report_lost_reference(table->relation, relid, column);
	reference->referenced[0] = id;
	reference->equal[0] =
		idv_equal_operator(get_atttype(table->relation, id),
						   get_atttype(relid, reference->columns[0]));
	if (!OidIsValid(reference->equal[0]))
		report_lost_reference(table->relation, relid, column);
	add_distribution(reference, table);

	if (condition != NULL)
		reference->condition_text = pstrdup(condition);
	describe_distinct(reference, table, relid, listed);
	reference->self = idv_root_relation(relid) ==
		idv_root_relation(table->relation);
	return reference;
}

/*
 * idv_reference_read_condition
 *		Read the condition of a reference, if it has one, before it is used.
 *
 * Its constants are read as the types of the table's columns, which may run
 * code: so the table has been seen to be trusted.
 */
void
idv_reference_read_condition(IdvReference *reference)
{
	Relation	relation;
	MemoryContext caller;
	int			level;

	if (reference->condition_text == NULL || reference->condition != NULL)
		return;
	level = idv_canonical_sql_begin();
	caller = MemoryContextSwitchTo(idv_table_context(reference->table));
	relation = relation_open(reference->table->relation, NoLock);
	reference->condition = idv_condition_parse(relation, reference->condition_text);
	relation_close(relation, NoLock);
	MemoryContextSwitchTo(caller);
	idv_canonical_text_end(level);
}

/* Find the columns that our own table says to point to a table. */
static List *
find_listed(IdvTable *table)
{
	Oid			types[] = {OIDOID};
	Datum		values[1];
	IdvResult  *result;
	List	   *found = NIL;

	if (read_references.plan == NULL)
		idv_statement_prepare(&read_references, InvalidOid,
							  "SELECT relation::oid, column_name::text, condition,"
							  " distinct_by"
							  " FROM idverify.contact_references"
							  " WHERE contacts::oid = $1"
							  " ORDER BY relation::regclass::text, column_name, condition",
							  1, types);
	values[0] = ObjectIdGetDatum(table->relation);
	result = idv_statement_query(&read_references, values, NULL);
	while (idv_result_next(result))
	{
		Listed	   *listed = palloc0(sizeof(Listed));

		listed->relation = DatumGetObjectId(result->values[0]);
		listed->column = TextDatumGetCString(result->values[1]);
		if (!result->nulls[2])
			listed->condition = TextDatumGetCString(result->values[2]);
		if (!result->nulls[3])
			listed->distinct_by = idv_names(result->values[3]);
		found = lappend(found, listed);
	}
	idv_result_end(result);
	return found;
}

/*
 * idv_table_references
 *		The columns, anywhere, that point to a table, in the order in which rows
 *		are to be moved along them.
 *
 * Of table inheritance of the old kind the children of a listed table are
 * listed with it; a foreign key is of one table alone.
 */
List *
idv_table_references(IdvTable *table)
{
	List	   *references = NIL;
	ListCell   *lc;
	MemoryContext caller;

	if (table->knows_references)
		return table->references;

	{
		List	   *keys = idv_table_keys(table);
		List	   *listed = find_listed(table);

		caller = MemoryContextSwitchTo(idv_table_context(table));
		foreach(lc, keys)
		{
			IdvReference *reference = describe_foreign_key(table, lfirst_oid(lc));

			if (reference != NULL)
				references = lappend(references, reference);
		}
		foreach(lc, listed)
		{
			Listed	   *row = lfirst(lc);
			List	   *parts = list_make1_oid(row->relation);
			ListCell   *part;

			if (get_rel_relkind(row->relation) == RELKIND_RELATION)
				parts = find_all_inheritors(row->relation, RowExclusiveLock, NULL);
			foreach(part, parts)
				references = lappend(references,
									 describe_listed(table, lfirst_oid(part), row));
		}
		MemoryContextSwitchTo(caller);
	}

	foreach(lc, references)
	{
		IdvReference *reference = lfirst(lc);
		ListCell   *other;

		foreach(other, references)
			reference->shares_table = reference->shares_table ||
			(lfirst(other) != reference &&
			 ((IdvReference *) lfirst(other))->table == reference->table);
		reference->may_refuse = reference->table->may_refuse;
		if (reference->table->has_triggers)
			table->references_have_triggers = true;
		for (int i = 0; i < reference->ncolumns; i++)
		{
			Form_pg_attribute att = TupleDescAttr(reference->table->desc,
												  reference->columns[i] - 1);

			if (att->attgenerated != '\0')
				reference->has_generated = true;
			if (att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
				reference->may_refuse = true;
		}
	}
	caller = MemoryContextSwitchTo(idv_table_context(table));
	table->references = idv_references_in_order(references);
	MemoryContextSwitchTo(caller);
	table->knows_references = true;
	return references;
}

/*
 * idv_table_self_references
 *		The columns of a table that point to the table itself: IdvReference.
 *
 * Others are not looked at, so that one that is lost is in nobody's way.  Of what
 * is returned only the columns are told.
 */
List *
idv_table_self_references(IdvTable *table)
{
	Oid			root = idv_root_relation(table->relation);
	List	   *keys = idv_table_keys(table);
	List	   *listed = find_listed(table);
	List	   *references = NIL;
	ListCell   *lc;
	MemoryContext caller = MemoryContextSwitchTo(idv_table_context(table));

	foreach(lc, keys)
	{
		FormData_pg_constraint form;
		IdvReference *reference = read_key(&form, lfirst_oid(lc)) &&
		idv_root_relation(form.conrelid) == root ?
		describe_foreign_key(table, lfirst_oid(lc)) : NULL;

		if (reference != NULL)
			references = lappend(references, reference);
	}
	foreach(lc, listed)
	{
		Listed	   *row = lfirst(lc);

		if (get_rel_relkind(row->relation) != '\0' &&
			idv_root_relation(row->relation) == root)
			references = lappend(references,
								 describe_listed(table, row->relation, row));
	}
	MemoryContextSwitchTo(caller);
	return references;
}

/*
 * idv_references_changed
 *		Lock the tables that point to a table, and say whether any has changed
 *		since it was described.  If so, ask for the table again.
 */
bool
idv_references_changed(IdvTable *table)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(table))
		LockRelationOid(((IdvReference *) lfirst(lc))->table->relation,
						RowExclusiveLock);
	return idv_table_is_stale(table);
}

/*
 * idv_table_now
 *		A table as it is described at this moment, with all that points to it
 *		locked.  55000 if its columns are others by now.
 *
 * What points to contacts was locked when the fold began.  What points to a row
 * that is dropped was perhaps described in an earlier transaction, and its lock
 * ended with that; while we wait for it, a key may be committed that points to
 * the table.
 */
IdvTable *
idv_table_now(const IdvTable *table)
{
	IdvTable   *now;

	do
	{
		now = idv_table(table->relation);
	} while (idv_references_changed(now));
	idv_table_check(table, now->desc);
	return now;
}

/* Refuse a table that a trigger has altered, renamed or dropped since.  55000. */
static void
check_unaltered(const IdvTable *before)
{
	const IdvTable *now;
	bool		same;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(before->relation)))
		idv_report_altered(before->label);
	now = idv_table(before->relation);
	idv_table_check(before, now->desc);
	same = strcmp(before->name, now->name) == 0;
	for (int i = 0; same && i < now->desc->natts; i++)
		same = strcmp(NameStr(TupleDescAttr(before->desc, i)->attname),
					  NameStr(TupleDescAttr(now->desc, i)->attname)) == 0;
	if (!same)
		idv_report_altered(before->label);
}

/* Do two references point by the same columns, under the same condition? */
static bool
is_same_reference(const IdvReference *one, const IdvReference *other)
{
	return one->table->relation == other->table->relation &&
		one->ncolumns == other->ncolumns &&
		memcmp(one->columns, other->columns, sizeof(AttrNumber) * one->ncolumns) == 0 &&
		memcmp(one->referenced, other->referenced, sizeof(AttrNumber) * one->ncolumns) == 0 &&
		(one->condition_text == NULL || other->condition_text == NULL ?
		 one->condition_text == other->condition_text :
		 strcmp(one->condition_text, other->condition_text) == 0);
}

/*
 * idv_references_check_unaltered
 *		See that all that pointed to a table when it was described does so now, by
 *		columns that are what they were.  55000.
 *
 * What a trigger has made point to it since is welcome.
 */
void
idv_references_check_unaltered(IdvTable *before, IdvTable *now)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(before))
	{
		const IdvReference *reference = lfirst(lc);
		bool		found = false;
		ListCell   *other;

		check_unaltered(reference->table);
		foreach(other, idv_table_references(now))
			found = found || is_same_reference(reference, lfirst(other));
		if (!found)
			idv_report_altered(reference->table->label);
	}
}
