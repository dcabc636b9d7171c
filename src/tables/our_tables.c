/*-------------------------------------------------------------------------
 *
 * our_tables.c
 *	  The tables in schema idverify: found by name, and looked at before use.
 *
 * This library and the tables may be of different releases, and the owner may
 * alter the tables by hand.  To read a column by its number, or a value as a
 * type that it is not of, would then read past a row or crash.  So columns are
 * found by name, and their types are looked at, before a value is read; what is
 * missing, of another type or NULL is an error, XX002, that says so.  A column
 * that this library does not know is left alone.
 *
 * Apps and secrets are looked at whenever they are read, row by row
 * (idv_our_row).  The other tables are read by statements and through indexes,
 * and often.  They are looked at as a whole, once, and again when anything about
 * them has changed (idv_our_tables_check): columns that are read and may not be
 * NULL must be NOT NULL there.  A new column that is read is a new line below.
 *
 *-------------------------------------------------------------------------
 */
#include "tables/our_tables.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "server/as_installed.h"
#include "tables/contact_columns.h"

/* NULLs in these are looked for row by row (tables/contacts.c). */
static const IdvOurColumn contacts_columns[] = {
#define OUR_COLUMN(constant, name, type, nullable, writer) IDV_NULLABLE_COLUMN(#name, type),
	IDV_CONTACT_COLUMN_LIST(OUR_COLUMN)
#undef OUR_COLUMN
};

static const IdvOurColumn contact_references_columns[] = {
	IDV_COLUMN("contacts", REGCLASSOID),
	IDV_COLUMN("relation", REGCLASSOID),
	IDV_COLUMN("column_name", NAMEOID),
	IDV_NULLABLE_COLUMN("condition", TEXTOID),
	IDV_NULLABLE_COLUMN("distinct_by", NAMEARRAYOID)
};

static const IdvOurColumn contact_options_columns[] = {
	IDV_COLUMN("contacts", REGCLASSOID),
	IDV_NULLABLE_COLUMN("same", NAMEARRAYOID),
	IDV_NULLABLE_COLUMN("never_filled", NAMEARRAYOID)
};

static const IdvOurColumn folds_columns[] = {
	IDV_COLUMN("app_id", INT4OID),
	IDV_COLUMN("id", INT8OID),
	IDV_COLUMN("contacts", TEXTOID),
	IDV_COLUMN("source_id", TEXTOID),
	IDV_COLUMN("target_id", TEXTOID),
	IDV_COLUMN("source_row", JSONOID),
	IDV_COLUMN("filled", JSONOID),
	IDV_NULLABLE_COLUMN("visitor", UUIDOID),
	IDV_NULLABLE_COLUMN("external_id", TEXTOID),
	IDV_NULLABLE_COLUMN("email", TEXTOID),
	IDV_COLUMN("forced", BOOLOID),
	IDV_COLUMN("folded_at", TIMESTAMPTZOID),
	IDV_COLUMN("steps", JSONOID),
	IDV_NULLABLE_COLUMN("undone_at", TIMESTAMPTZOID)
};

static const IdvOurColumn fold_rows_columns[] = {
	IDV_COLUMN("app_id", INT4OID),
	IDV_COLUMN("fold_id", INT8OID),
	IDV_COLUMN("step", INT4OID),
	IDV_COLUMN("depth", INT4OID),
	IDV_COLUMN("relation", TEXTOID),
	IDV_NULLABLE_COLUMN("columns", TEXTARRAYOID),
	IDV_NULLABLE_COLUMN("old_values", TEXTARRAYOID),
	IDV_NULLABLE_COLUMN("new_values", TEXTARRAYOID),
	IDV_NULLABLE_COLUMN("condition", TEXTOID),
	IDV_NULLABLE_COLUMN("whole_row", BOOLOID),
	IDV_NULLABLE_COLUMN("key_columns", TEXTARRAYOID),
	IDV_NULLABLE_COLUMN("moved_keys", TEXTARRAYOID),
	IDV_NULLABLE_COLUMN("moved", INT4OID),
	IDV_NULLABLE_COLUMN("dropped_row", JSONBOID),
	IDV_NULLABLE_COLUMN("parts", TEXTARRAYOID)
};

/* A table of ours; its columns, unless it is looked at row by row. */
typedef struct OurTable
{
	const char *name;
	const IdvOurColumn *columns;
	int			ncolumns;
	Oid			oid;			/* InvalidOid while not looked up */
	Oid			index;			/* by which its rows are found, likewise */
} OurTable;

#define COLUMNS(array) .columns = array,.ncolumns = lengthof(array)

static OurTable tables[IDV_OUR_TABLES] = {
	[IDV_APPS] = {.name = "apps"},
	[IDV_SECRETS] = {.name = "secrets"},
	[IDV_CONTACTS] = {.name = "contacts", COLUMNS(contacts_columns)},
	[IDV_CONTACT_REFERENCES] = {.name = "contact_references", COLUMNS(contact_references_columns)},
	[IDV_CONTACT_OPTIONS] = {.name = "contact_options", COLUMNS(contact_options_columns)},
	[IDV_FOLDS] = {.name = "folds", COLUMNS(folds_columns)},
	[IDV_FOLD_ROWS] = {.name = "fold_rows", COLUMNS(fold_rows_columns)},
};

/* How often tables that keep changing meanwhile are looked at. */
#define CHECK_TRIES		10

/* Are the tables that have columns above as this library takes them for? */
static bool checked = false;

/* Counts the changes of tables that we were told of. */
static uint64 changes = 0;

/*
 * idv_our_table
 *		The OID of a table in schema idverify, by its name.  42P01 if there is
 *		none.
 */
Oid
idv_our_table(const char *name)
{
	Oid			schema = get_namespace_oid("idverify", true);
	Oid			table = OidIsValid(schema) ?
	get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table idverify.%s does not exist", name),
				 errhint(OidIsValid(schema) ?
						 "If the files of idverify were updated, run ALTER EXTENSION idverify UPDATE in this database." :
						 "Run CREATE EXTENSION idverify in this database."),
				 errhidestmt(true), errhidecontext(true)));
	return table;
}

/*
 * idv_is_own_table
 *		Is it in the schema of our own tables?  Our functions alone write there.
 */
bool
idv_is_own_table(Oid relation)
{
	return get_rel_namespace(relation) == get_namespace_oid("idverify", false);
}

/*
 * idv_our_table_open
 *		Open a table of ours in AccessShareLock.
 *
 * They are known by name.  The extension can be dropped and made again while
 * a session lives, and then they have other OIDs.
 */
Relation
idv_our_table_open(IdvOurTable which)
{
	OurTable   *ours = &tables[which];

	for (;;)
	{
		Oid			oid = ours->oid;
		Relation	table;

		if (!OidIsValid(oid))
			oid = ours->oid = idv_our_table(ours->name);

		table = try_table_open(oid, AccessShareLock);
		if (table != NULL && ours->oid == oid)
		{
			/* These are scanned by their index; a view, say, has none. */
			if ((which == IDV_APPS || which == IDV_SECRETS) &&
				table->rd_rel->relkind != RELKIND_RELATION)
				idv_report_not_as_installed("idverify.%s is not an ordinary table",
											ours->name);
			return table;
		}

		/* Dropped or changed since we looked. */
		if (table != NULL)
			table_close(table, AccessShareLock);
		ours->oid = InvalidOid;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * idv_our_table_has
 *		Is this the OID of that table, as far as it was looked up?
 */
bool
idv_our_table_has(IdvOurTable which, Oid relid)
{
	return tables[which].oid == relid;
}

/*
 * idv_our_table_index
 *		The index that idv_our_table_note_index() named, unless it or the table
 *		has changed since: then InvalidOid.
 */
Oid
idv_our_table_index(IdvOurTable which)
{
	return tables[which].index;
}

/*
 * idv_our_table_note_index
 *		Rows of the table are found by this index; InvalidOid for none.
 */
void
idv_our_table_note_index(IdvOurTable which, Oid index)
{
	tables[which].index = index;
}

/*
 * idv_our_tables_note_change
 *		Relation relid changed, or all did if it is InvalidOid.
 *
 * Called in the middle of anything.
 */
void
idv_our_tables_note_change(Oid relid)
{
	for (int i = 0; i < IDV_OUR_TABLES; i++)
	{
		/* Its table stays looked up, or its own changes went unnoticed. */
		if (tables[i].index == relid)
			tables[i].index = InvalidOid;
		if (!OidIsValid(relid) || tables[i].oid == relid)
		{
			tables[i].oid = InvalidOid;
			tables[i].index = InvalidOid;
			changes++;
			checked = false;
		}
	}
}

/* Is this type the one of that name in schema idverify? */
static bool
is_own_type(Oid type, const char *name)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		same;

	if (!HeapTupleIsValid(tuple))
		return false;
	same = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), name) == 0 &&
		((Form_pg_type) GETSTRUCT(tuple))->typnamespace == get_namespace_oid("idverify", true);
	ReleaseSysCache(tuple);
	return same;
}

/*
 * idv_our_column
 *		The number of a column of a table of ours.  XX002 if there is none of
 *		that name and type.
 */
AttrNumber
idv_our_column(Relation table, const IdvOurColumn *column)
{
	TupleDesc	desc = RelationGetDescr(table);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), column->name) != 0)
			continue;
		if (OidIsValid(column->type) ? att->atttypid != column->type :
			!is_own_type(att->atttypid, column->own_type))
			idv_report_not_as_installed("column \"%s\" of table idverify.%s is of type %s",
										column->name,
										RelationGetRelationName(table),
										format_type_be(att->atttypid));
		return att->attnum;
	}
	idv_report_not_as_installed("table idverify.%s has no column \"%s\"",
								RelationGetRelationName(table), column->name);
	return InvalidAttrNumber;
}

/* May no row of the table have a NULL in this column? */
static bool
is_not_null(Relation table, AttrNumber column)
{
	TupleDesc	desc = RelationGetDescr(table);

#if PG_VERSION_NUM >= 180000
	/* NOT VALID constraints count as attnotnull, too. */
	return TupleDescCompactAttr(desc, column - 1)->attnullability == ATTNULLABLE_VALID;
#else
	return TupleDescAttr(desc, column - 1)->attnotnull;
#endif
}

/*
 * idv_our_table_name
 *		The name of a table of ours, in schema idverify.
 */
const char *
idv_our_table_name(IdvOurTable which)
{
	return tables[which].name;
}

/*
 * idv_our_table_check_columns
 *		See that a table has the columns that are read as a whole, as they were made.
 *		XX002 if not, 42P01 if it does not exist.
 */
void
idv_our_table_check_columns(IdvOurTable which)
{
	const OurTable *ours = &tables[which];
	Relation	table = idv_our_table_open(which);

	for (int i = 0; i < ours->ncolumns; i++)
	{
		AttrNumber	column = idv_our_column(table, &ours->columns[i]);

		if (!ours->columns[i].nullable && !is_not_null(table, column))
			idv_report_not_as_installed("column \"%s\" of table idverify.%s may be NULL",
										ours->columns[i].name, ours->name);
	}
	table_close(table, AccessShareLock);
}

/*
 * idv_our_tables_check
 *		See that the tables that statements read are what these take them for.
 *		XX002 if not.
 *
 * For each function that runs statements on them, before it does.
 */
void
idv_our_tables_check(void)
{
	AcceptInvalidationMessages();

	/* With debug_discard_caches changes never end. */
	for (int tries = 0; unlikely(!checked) && tries < CHECK_TRIES; tries++)
	{
		uint64		before = changes;

		for (int i = 0; i < IDV_OUR_TABLES; i++)
			if (tables[i].ncolumns > 0)
				idv_our_table_check_columns(i);
		checked = changes == before;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * idv_our_row
 *		Take a row of a table of ours apart.  XX002 if it is not what it was
 *		made to be.
 *
 * columns		what is wanted, in any order
 * values, nulls
 *				output: one for each of columns, as they are in the row
 *
 * Whole: heap_getattr() is compiled in, and what it calls in one minor release
 * of the server is missing in older ones (dev/symbols).
 */
void
idv_our_row(Relation table, HeapTuple tuple, const IdvOurColumn *columns,
			int ncolumns, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(table);
	Datum	   *all_values = palloc(desc->natts * sizeof(Datum));
	bool	   *all_nulls = palloc(desc->natts * sizeof(bool));

	heap_deform_tuple(tuple, desc, all_values, all_nulls);
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	column = idv_our_column(table, &columns[i]);

		values[i] = all_values[column - 1];
		nulls[i] = all_nulls[column - 1];
		if (nulls[i] && !columns[i].nullable)
			idv_report_not_as_installed("column \"%s\" of a row of idverify.%s is NULL",
										columns[i].name,
										RelationGetRelationName(table));
	}
	pfree(all_values);
	pfree(all_nulls);
}

/*
 * idv_our_label
 *		Which of the labels, of which NULL is the last, does an enum value
 *		have?  XX002 if none of them.
 *
 * type			its type, in schema idverify
 */
int
idv_our_label(Datum value, const char *type, const char *const *labels)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, value);
	const char *label;
	int			number = 0;

	if (!HeapTupleIsValid(tuple))
		idv_report_not_as_installed("a value of type idverify.%s has no label", type);
	label = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
	while (labels[number] != NULL && strcmp(label, labels[number]) != 0)
		number++;
	if (labels[number] == NULL)
		idv_report_not_as_installed("this release of idverify does not know \"%s\", a value of type idverify.%s",
									label, type);

	ReleaseSysCache(tuple);
	return number;
}
