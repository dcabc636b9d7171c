/*-------------------------------------------------------------------------
 *
 * doctor_references.c
 *	  What points to contacts, and what of it would be in a fold's way.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_references.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "insight/doctor_catalog.h"
#include "references/pointing_keys.h"
#include "references/reference_condition.h"
#include "references/references.h"
#include "server/comparison_sql.h"
#include "server/query.h"
#include "server/relation.h"
#include "tables/our_tables.h"

/* A row of idverify.contact_references. */
typedef struct ListedRow
{
	Oid			contacts;
	Oid			relation;
	const char *column;
	const char *condition;		/* NULL: none */
	List	   *distinct_by;	/* names */
} ListedRow;

/* What is handed from one look to the next; lives as long as the visit. */
typedef struct Visit
{
	IdvChart	chart;
	List	   *listed;			/* of ListedRow */
} Visit;

/* A look at one thing of a visit. */
typedef struct Look
{
	Visit	   *visit;
	void	   *thing;
} Look;

/* A text of a row that a query returned, or NULL. */
static char *
text_of(SPITupleTable *rows, uint64 row, int column)
{
	return SPI_getvalue(rows->vals[row], rows->tupdesc, column);
}

static Oid
oid_of(SPITupleTable *rows, uint64 row, int column)
{
	return DatumGetObjectId(idv_query_value(rows, row, column, OIDOID));
}

/* The column that holds a row's id: 0 if a fold would not find one. */
static AttrNumber
id_column(Oid relation)
{
	Oid			constraint;
	Bitmapset  *key = get_primary_key_attnos(relation, true, &constraint);
	AttrNumber	id;

	if (bms_membership(key) == BMS_SINGLETON)
		return bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber;
	id = get_attnum(relation, "id");
	return bms_is_member(id - FirstLowInvalidHeapAttributeNumber, key) ? id : 0;
}

static bool
is_table(Oid relation)
{
	char		relkind = get_rel_relkind(relation);

	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

/* Add a table to those that something points to, or find it there. */
static IdvChartTable *
add_table(IdvDoctor *doctor, IdvChart *chart, Oid relation, bool is_contacts)
{
	IdvChartTable *table;
	ListCell   *lc;
	MemoryContext caller;
	AttrNumber	id;

	relation = is_table(relation) ? idv_root_relation(relation) : relation;
	foreach(lc, chart->tables)
	{
		if (((IdvChartTable *) lfirst(lc))->relation == relation)
			return lfirst(lc);
	}
	if (!is_table(relation))
		return NULL;
	id = id_column(relation);
	caller = MemoryContextSwitchTo(doctor->context);
	table = palloc0(sizeof(IdvChartTable));
	table->relation = relation;
	table->schema = get_rel_namespace(relation);
	table->name = get_rel_name(relation);
	table->id = id;
	table->id_type = id > 0 ? getBaseType(get_atttype(relation, id)) : InvalidOid;
	table->is_contacts = is_contacts;
	chart->tables = lappend(chart->tables, table);
	MemoryContextSwitchTo(caller);
	return table;
}

/* Read what is listed. */
static void
read_listed(IdvDoctor *doctor, void *argument)
{
	Visit	   *visit = ((Look *) argument)->visit;
	SPITupleTable *rows;
	uint64		n;
	MemoryContext caller;

	SPI_connect();
	n = idv_query("SELECT contacts::oid, relation::oid, column_name::text, condition, distinct_by"
				  " FROM idverify.contact_references", 0, NULL, NULL, NULL);
	rows = SPI_tuptable;
	caller = MemoryContextSwitchTo(doctor->context);
	for (uint64 i = 0; i < n; i++)
	{
		ListedRow  *row = palloc0(sizeof(ListedRow));
		char	   *condition = text_of(rows, i, 4);
		bool		isnull;
		Datum		names = SPI_getbinval(rows->vals[i], rows->tupdesc, 5, &isnull);

		row->contacts = oid_of(rows, i, 1);
		row->relation = oid_of(rows, i, 2);
		row->column = pstrdup(text_of(rows, i, 3));
		row->condition = condition == NULL ? NULL : pstrdup(condition);
		row->distinct_by = isnull ? NIL : idv_names(names);
		visit->listed = lappend(visit->listed, row);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
}

/* Is a table listed as one that points to another? */
static bool
points_elsewhere(const Visit *visit, Oid relation)
{
	ListCell   *lc;

	foreach(lc, visit->listed)
	{
		const ListedRow *row = lfirst(lc);

		if (row->relation == relation && row->contacts != relation)
			return true;
	}
	return false;
}

/* Find the tables of contacts. */
static void
find_contacts(IdvDoctor *doctor, void *argument)
{
	Visit	   *visit = ((Look *) argument)->visit;
	uint64		n;
	ListCell   *lc;

	(void) add_table(doctor, &visit->chart, idv_our_table("contacts"), true);
	foreach(lc, idv_doctor_guarded(doctor))
		(void) add_table(doctor, &visit->chart, lfirst_oid(lc), true);
	SPI_connect();
	n = idv_query("SELECT contacts::oid FROM idverify.contact_options", 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
		(void) add_table(doctor, &visit->chart, oid_of(SPI_tuptable, i, 1), true);
	SPI_finish();
	foreach(lc, visit->listed)
	{
		Oid			contacts = ((ListedRow *) lfirst(lc))->contacts;

		(void) add_table(doctor, &visit->chart, contacts, !points_elsewhere(visit, contacts));
	}
}

/* The label of a column, or of what is left of it. */
static char *
column_label(Oid relation, const char *column)
{
	return get_rel_name(relation) == NULL ? psprintf("%u.%s", relation, column) :
		psprintf("%s.%s", idv_relation_label(relation), column);
}

/* What is wrong with a listed reference?  NULL: nothing. */
static const char *
lost_because(const ListedRow *row)
{
	AttrNumber	column;
	AttrNumber	id;
	ListCell   *lc;

	if (!is_table(row->contacts))
		return psprintf("there is no table of contacts with OID %u", row->contacts);
	if (!is_table(row->relation))
		return psprintf("there is no table with OID %u", row->relation);
	column = get_attnum(row->relation, row->column);
	if (column <= 0)
		return "the table has no such column";
	id = id_column(row->contacts);
	if (id <= 0)
		return psprintf("%s has no column that holds an id", idv_relation_label(row->contacts));
	if (!OidIsValid(idv_equal_operator(get_atttype(row->contacts, id),
									   get_atttype(row->relation, column))))
		return psprintf("it is of type %s, and ids in %s are of type %s",
						format_type_be(get_atttype(row->relation, column)),
						idv_relation_label(row->contacts),
						format_type_be(get_atttype(row->contacts, id)));
	foreach(lc, row->distinct_by)
	{
		AttrNumber	number = lfirst(lc) == NULL ? 0 : get_attnum(row->relation, lfirst(lc));

		if (number <= 0 || !idv_is_ordered(get_atttype(row->relation, number)))
			return psprintf("column \"%s\", by which rows are told apart, cannot be used",
							lfirst(lc) == NULL ? "" : (char *) lfirst(lc));
	}
	return NULL;
}

/* The statement that takes a row off the list. */
static char *
unlist_remedy(const ListedRow *row)
{
	return psprintf("DELETE FROM idverify.contact_references WHERE contacts = '%u'::regclass AND relation = '%u'::regclass AND column_name = %s AND condition %s;",
					row->contacts, row->relation, quote_literal_cstr(row->column),
					row->condition == NULL ? "IS NULL" :
					psprintf("= %s", quote_literal_cstr(row->condition)));
}

/* Look at a listed reference. */
static void
look_at_listed(IdvDoctor *doctor, void *argument)
{
	const ListedRow *row = ((Look *) argument)->thing;
	const char *lost = lost_because(row);
	Relation	relation;

	if (lost != NULL)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_REFERENCE_LOST,
						column_label(row->relation, row->column), doctor->of_error_remedy,
						"It is listed as pointing to contacts, and cannot be followed: %s. Every fold is refused. Take it off the list, and list what has taken its place.",
						lost);
	else if (row->condition != NULL && idv_doctor_trusts(row->relation))
	{
		relation = relation_open(row->relation, AccessShareLock);
		(void) idv_condition_parse(relation, row->condition);
		relation_close(relation, NoLock);
	}
}

/* Options that name a table or a column that is gone. */
static void
look_at_options(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	idv_doctor_query(doctor, IDV_DIAGNOSIS_REFERENCE_LOST,
					 "SELECT coalesce(n.nspname || '.' || c.relname, o.contacts::oid::text) || coalesce('.' || l.name, ''),"
					 "  'idverify_set_contacts was told of it, and it is not there. Every fold is refused.',"
					 "  CASE WHEN c.oid IS NULL THEN format('DELETE FROM idverify.contact_options WHERE contacts = ''%s''::regclass;', o.contacts::oid)"
					 "   ELSE format('UPDATE idverify.contact_options SET same = array_remove(same, %1$L::name), never_filled = array_remove(never_filled, %1$L::name)"
					 " WHERE contacts = ''%2$s''::regclass;', l.name, o.contacts::oid) END"
					 " FROM idverify.contact_options o"
					 "  LEFT JOIN pg_class c ON c.oid = o.contacts LEFT JOIN pg_namespace n ON n.oid = c.relnamespace"
					 "  LEFT JOIN LATERAL (SELECT DISTINCT name FROM unnest(o.same || o.never_filled) name"
					 "   WHERE NOT EXISTS (SELECT FROM pg_attribute a"
					 "     WHERE a.attrelid = c.oid AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped)) l ON c.oid IS NOT NULL"
					 " WHERE c.oid IS NULL OR l.name IS NOT NULL");
}

static void
add_pointer(IdvDoctor *doctor, IdvChart *chart, const IdvChartTable *to, Oid relation,
			const List *columns, const ListedRow *listed)
{
	MemoryContext caller = MemoryContextSwitchTo(doctor->context);
	IdvChartPointer *pointer = palloc0(sizeof(IdvChartPointer));
	ListCell   *lc;

	pointer->to = to;
	pointer->relation = relation;
	foreach(lc, columns)
		pointer->columns = lappend(pointer->columns, pstrdup(lfirst(lc)));
	pointer->condition = listed == NULL ? NULL : listed->condition;
	pointer->listed = listed != NULL;
	pointer->distinct_by = listed != NULL && listed->distinct_by != NIL;
	chart->pointers = lappend(chart->pointers, pointer);
	MemoryContextSwitchTo(caller);
}

/* Add a foreign key to those that point to a table. */
static void
add_key(IdvDoctor *doctor, IdvChart *chart, const IdvChartTable *to, Oid key)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));
	Form_pg_constraint form;
	AttrNumber	columns[INDEX_MAX_KEYS];
	AttrNumber	referenced[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];
	const char *id = to->id > 0 ? get_attname(to->relation, to->id, true) : NULL;
	List	   *names = NIL;
	int			n;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	DeconstructFkConstraintRow(tuple, &n, columns, referenced, equal,
							   NULL, NULL, NULL, NULL);
	for (int i = 0; i < n; i++)
	{
		char	   *name = get_attname(form->conrelid, columns[i], false);
		char	   *pointed_to = get_attname(form->confrelid, referenced[i], false);

		if (id != NULL && strcmp(pointed_to, id) == 0)
			names = lcons(name, names);
		else
			names = lappend(names, name);
	}
	add_pointer(doctor, chart, to, form->conrelid, names, NULL);
	ReleaseSysCache(tuple);
}

/* Is the table one of ours that is not for contacts? */
static bool
is_inner_table(Oid relation)
{
	return idv_is_own_table(relation) && relation != idv_our_table("contacts");
}

/* Find what points to a table. */
static void
find_pointers(IdvDoctor *doctor, void *argument)
{
	Look	   *look = argument;
	IdvChart   *chart = &look->visit->chart;
	const IdvChartTable *to = look->thing;
	List	   *family = list_make1_oid(to->relation);
	ListCell   *lc;

	if (get_rel_relkind(to->relation) == RELKIND_PARTITIONED_TABLE)
		family = find_all_inheritors(to->relation, AccessShareLock, NULL);
	foreach(lc, idv_pointing_keys(family))
		add_key(doctor, chart, to, lfirst_oid(lc));
	foreach(lc, look->visit->listed)
	{
		ListedRow  *row = lfirst(lc);

		if (row->contacts == to->relation &&
			!idv_doctor_has_told(doctor, IDV_DIAGNOSIS_REFERENCE_LOST,
								 column_label(row->relation, row->column)))
			add_pointer(doctor, chart, to, row->relation,
						list_make1(unconstify(char *, row->column)), row);
	}
}

/*
 * idv_doctor_may_drop
 *		May a fold drop rows of a table, since they would be there twice?
 */
bool
idv_doctor_may_drop(const IdvChartPointer *pointer)
{
	Relation	relation = relation_open(pointer->relation, AccessShareLock);
	bool		may_drop = pointer->distinct_by;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	column = get_attnum(pointer->relation, linitial(pointer->columns));

		for (int i = 0; i < index->rd_index->indnkeyatts && index->rd_index->indisunique; i++)
			may_drop = may_drop || index->rd_index->indkey.values[i] == column;
		index_close(index, NoLock);
	}
	relation_close(relation, NoLock);
	return may_drop;
}

/* What points to rows that may be dropped follows as well. */
static void
find_deeper(IdvDoctor *doctor, void *argument)
{
	Look	   *look = argument;
	const IdvChartPointer *pointer = look->thing;

	if (idv_doctor_may_drop(pointer))
		(void) add_table(doctor, &look->visit->chart, pointer->relation, false);
}

/* Look at the code of a table that something points to. */
static void
look_at_table_code(IdvDoctor *doctor, void *argument)
{
	const IdvChartTable *table = ((Look *) argument)->thing;

	if (!is_inner_table(table->relation))
		idv_doctor_look_at_code(doctor, table->relation, NIL);
}

/* Look at the code of a table that points. */
static void
look_at_pointer_code(IdvDoctor *doctor, void *argument)
{
	const IdvChartPointer *pointer = ((Look *) argument)->thing;

	idv_doctor_look_at_code(doctor, pointer->relation, pointer->columns);
}

/* Look at the code of a table of ours, which our functions write as its owner. */
static void
look_at_own_code(IdvDoctor *doctor, void *argument)
{
	Oid			relation = idv_our_table(argument);
	const IdvObjection *objection = idv_code_objection(relation, GetUserId(), true,
													   RowExclusiveLock);

	if (objection != NULL)
		idv_doctor_tell_objection(doctor, relation, objection);
}

/* Is there a way to the rows that point to one contact? */
static void
look_at_index(IdvDoctor *doctor, void *argument)
{
	const IdvChartPointer *pointer = ((Look *) argument)->thing;
	char	   *object = column_label(pointer->relation, linitial(pointer->columns));
	char	   *create;

	if ((!pointer->to->is_contacts && !pointer->listed) ||
		idv_doctor_has_told(doctor, IDV_DIAGNOSIS_REFERENCE_WITHOUT_INDEX, object))
		return;
	create = idv_doctor_missing_index(pointer->relation, pointer->columns, pointer->condition);
	if (create != NULL)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_REFERENCE_WITHOUT_INDEX, object, create,
						"It points to %s, and no index begins with it: each fold, and so each first login, reads the whole table.",
						idv_relation_label(pointer->to->relation));
}

/* Go through a list, with a look at each. */
static void
look_at_each(IdvDoctor *doctor, Visit *visit, List *pointers, IdvDoctorLook look)
{
	ListCell   *lc;

	foreach(lc, pointers)
	{
		IdvChartPointer *pointer = lfirst(lc);
		Look		at = {visit, pointer};

		if (get_rel_name(pointer->relation) != NULL)
			idv_doctor_look(doctor, idv_relation_label(pointer->relation), look, &at);
	}
}

/*
 * idv_doctor_references
 *		Look at the tables of contacts, and at what points to them.
 */
void
idv_doctor_references(IdvDoctor *doctor)
{
	Visit		visit = {{NIL, NIL}, NIL};
	Look		look = {&visit, NULL};
	ListCell   *lc;

	idv_doctor_look(doctor, "idverify.contact_references", read_listed, &look);
	idv_doctor_look(doctor, "idverify.contacts", find_contacts, &look);
	idv_doctor_look(doctor, "idverify.contact_options", look_at_options, NULL);
	foreach(lc, visit.listed)
	{
		const ListedRow *row = lfirst(lc);

		look.thing = lfirst(lc);
		doctor->of_error = IDV_DIAGNOSIS_REFERENCE_LOST;
		doctor->of_error_remedy = unlist_remedy(row);
		idv_doctor_look(doctor, column_label(row->relation, row->column),
						look_at_listed, &look);
		doctor->of_error = IDV_DIAGNOSIS_LIBRARY_DIFFERS;
		doctor->of_error_remedy = NULL;
	}

	/* The tables grow by those whose rows may be dropped. */
	for (int i = 0, p = 0; i < list_length(visit.chart.tables); i++)
	{
		IdvChartTable *table = list_nth(visit.chart.tables, i);

		if (get_rel_name(table->relation) == NULL)
			continue;
		look.thing = table;
		idv_doctor_look(doctor, idv_relation_label(table->relation), look_at_table_code, &look);
		idv_doctor_look(doctor, idv_relation_label(table->relation), find_pointers, &look);
		for (; p < list_length(visit.chart.pointers); p++)
		{
			look.thing = list_nth(visit.chart.pointers, p);
			idv_doctor_look(doctor, idv_relation_label(table->relation), find_deeper, &look);
		}
	}
	look_at_each(doctor, &visit, visit.chart.pointers, look_at_pointer_code);
	look_at_each(doctor, &visit, visit.chart.pointers, look_at_index);
	for (IdvOurTable which = 0; which < IDV_OUR_TABLES; which++)
		idv_doctor_look(doctor, psprintf("idverify.%s", idv_our_table_name(which)),
						look_at_own_code, unconstify(char *, idv_our_table_name(which)));
	idv_doctor_unlisted(doctor, &visit.chart);
}
