/*-------------------------------------------------------------------------
 *
 * export.c
 *	  All that is known of a person: the contact, what points to it, and the
 *	  contacts that were folded into it.
 *
 * It only reads, so it works in a read-only transaction and on a standby; and it
 * reads under the caller's snapshot, so that all of it is of one moment.
 *
 * The contact comes first, then the rows that point to it, column by column; then
 * those that point to these by a key ON DELETE CASCADE, and so on; the journal last.
 * A row that several ways lead to comes once, by the first of them.  Where more than
 * one way leads to a table, places that were seen are remembered: one bit for each
 * row that a page can hold.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/export.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "privacy/person.h"
#include "privacy/person_journal.h"
#include "privacy/pointing_sql.h"
#include "references/contact_rows.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "tables/our_tables.h"

/* A page of a table, and which of its rows were shown. */
typedef struct SeenPage
{
	struct
	{
		Oid			part;
		BlockNumber block;
	}			key;
	uint64		rows[MaxHeapTuplesPerPage / 64 + 1];
} SeenPage;

/* A table whose rows are shown. */
typedef struct Shown
{
	IdvRowKeys *keys;
	Oid			root;			/* it, or what it is part of */
	int			ways;			/* that lead to the whole of it */
} Shown;

/* An export under way. */
typedef struct Export
{
	IdvPerson	person;
	List	   *shown;			/* of Shown; contacts first */
	HTAB	   *seen;			/* of SeenPage */
	MemoryContext context;		/* where they are */
	Tuplestorestate *store;		/* the answer */
	TupleDesc	desc;
} Export;

/* Rows of one statement that are shown. */
typedef struct Showing
{
	Export	   *export;
	Shown	   *shown;
	IdvRowKeys *keys;			/* of their table */
	Oid			relation;
	NameData	column;
} Showing;

/* Add a row to the answer. */
static void
put(Export *export, Oid relation, const NameData *column, Datum record)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = ObjectIdGetDatum(relation);
	values[1] = NameGetDatum(column);
	values[2] = record;
	tuplestore_putvalues(export->store, export->desc, values, nulls);
}

/* What is shown of a table; begun if it is new. */
static Shown *
shown_of(Export *export, const IdvTable *table)
{
	Shown	   *shown;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, export->shown)
	{
		shown = lfirst(lc);
		if (shown->keys->table->relation == table->relation)
			return shown;
	}
	caller = MemoryContextSwitchTo(export->context);
	shown = palloc0(sizeof(Shown));
	shown->keys = idv_row_keys(table, 1);
	shown->root = idv_root_relation(table->relation);
	export->shown = lappend(export->shown, shown);
	MemoryContextSwitchTo(caller);
	return shown;
}

/* Is this reference followed, from rows of a table? */
static bool
is_followed(const Export *export, const IdvRowKeys *keys, const IdvReference *reference)
{
	return keys->table->relation == export->person.contacts->table->relation ||
		(OidIsValid(reference->constraint) &&
		 reference->on_delete == FKCONSTR_ACTION_CASCADE);
}

/* Count a way to each of the tables that have rows in common with one. */
static void
count_way(Export *export, Oid relation)
{
	Oid			root = idv_root_relation(relation);
	ListCell   *lc;

	foreach(lc, export->shown)
	{
		if (((Shown *) lfirst(lc))->root == root)
			((Shown *) lfirst(lc))->ways++;
	}
}

/*
 * Find all tables that are shown, and how many ways lead to each: to it, or to a
 * table that it is a part of.
 *
 * It is one more for contacts, which the export begins with.
 */
static void
find_ways(Export *export)
{
	shown_of(export, export->person.contacts->table)->ways++;

	/* First all tables; their list grows meanwhile. */
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < list_length(export->shown); i++)
		{
			IdvRowKeys *keys = ((Shown *) list_nth(export->shown, i))->keys;
			ListCell   *lc;

			foreach(lc, keys->references)
			{
				IdvReference *reference = lfirst(lc);

				if (!is_followed(export, keys, reference))
					continue;
				if (pass == 0)
					(void) shown_of(export, reference->table);
				else
					count_way(export, reference->table->relation);
			}
		}
	}
}

/*
 * Was a row shown already?  It counts as shown from now on.
 *
 * part, place		as its table has it
 */
static bool
was_seen(Export *export, Oid part, ItemPointer place)
{
	SeenPage	page;
	SeenPage   *seen;
	bool		found;
	OffsetNumber row = ItemPointerGetOffsetNumberNoCheck(place);

	/* Another access method may have more rows on a page. */
	if (row / 64 >= lengthof(seen->rows))
		elog(ERROR, "row number %u is too large", row);
	if (export->seen == NULL)
	{
		HASHCTL		ctl = {
			.keysize = sizeof(page.key),
			.entrysize = sizeof(SeenPage),
			.hcxt = export->context
		};

		export->seen = hash_create("idverify pages shown", 256, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	page.key.part = part;
	page.key.block = ItemPointerGetBlockNumberNoCheck(place);
	seen = hash_search(export->seen, &page.key, HASH_ENTER, &found);
	if (!found)
		memset(seen->rows, 0, sizeof(seen->rows));
	found = (seen->rows[row / 64] & (UINT64CONST(1) << row % 64)) != 0;
	seen->rows[row / 64] |= UINT64CONST(1) << row % 64;
	return found;
}

/* Show a row, unless it was shown already. */
static void
show_row(Showing *showing, const IdvResult *result)
{
	int			place = IDV_SHOWN_PLACE(showing->keys);

	if (showing->shown->ways > 1 &&
		was_seen(showing->export, DatumGetObjectId(result->values[0]),
				 (ItemPointer) DatumGetPointer(result->values[place])))
		return;
	put(showing->export, showing->relation, &showing->column,
		result->values[IDV_SHOWN_ROW(showing->keys)]);
	idv_row_keys_add(showing->keys, result->values, result->nulls);
}

static void
show_rows(IdvResult *result, void *context)
{
	while (idv_result_next(result))
	{
		CHECK_FOR_INTERRUPTS();
		show_row(context, result);
	}
}

/* Begin to show rows of a table, found by a column of theirs. */
static Showing
showing_of(Export *export, const IdvTable *table, AttrNumber column)
{
	Showing		showing = {.export = export};

	showing.shown = shown_of(export, table);
	showing.keys = showing.shown->keys;
	showing.relation = table->relation;
	namestrcpy(&showing.column, NameStr(TupleDescAttr(table->desc, column - 1)->attname));

	/* Rows in shards have no place by which they could be told apart. */
	if (showing.shown->ways > 1 && table->distribution.rows != IDV_ROWS_HERE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot export rows of distributed table \"%s\", because several foreign keys or listed columns lead to it",
						table->label),
				 errdetail("Its rows are in shards, and have no place here by which one that was shown already is known."),
				 errhint("Keep the table on one node, or read it by a query of your own.")));
	return showing;
}

/* Find the contact: what is shown of a row, and its id. */
static IdvResult *
find_contact(const Export *export, const IdvRowKeys *keys)
{
	const IdvContactTable *contacts = export->person.contacts;
	IdvTable   *table = contacts->table;
	Datum		values[2] = {export->person.id, Int32GetDatum(export->person.app_id)};
	Oid			types[] = {contacts->id_type, INT4OID};
	const char *id = idv_column_name(table, contacts->id);
	IdvResult  *result;
	StringInfoData sql;
	int			level = idv_canonical_sql_begin();

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, %s, %s, x.%s FROM %s x WHERE %s%s",
					 idv_row_keys_columns(keys, "x"),
					 table->distribution.rows == IDV_ROWS_HERE ? "x.ctid" :
					 "CAST(NULL AS pg_catalog.tid)",
					 IDV_SHOWN_RECORD("x"),
					 id, table->from, contacts->own ? "x.app_id = $2 AND " : "",
					 idv_comparison(psprintf("x.%s", id),
									idv_equal_operator(contacts->id_type, contacts->id_type),
									"$1"));
	idv_canonical_text_end(level);

	/* What is shown is text that is the same in every session. */
	level = idv_canonical_text_begin();
	result = idv_table_query_once(table, sql.data, contacts->own ? 2 : 1, types, values,
								  true, NIL);
	idv_canonical_text_end(level);
	return result;
}

/*
 * Show the contact.  42704 if there is none.
 *
 * From then on its id is as it is stored: what was asked for may only be equal to that.
 */
static void
show_contact(Export *export)
{
	IdvContactTable *contacts = export->person.contacts;
	Showing		showing = showing_of(export, contacts->table, contacts->id);
	Form_pg_attribute att = TupleDescAttr(contacts->table->desc, contacts->id - 1);
	IdvResult  *result = find_contact(export, showing.keys);

	if (result->processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("several contacts in \"%s\" have the same id",
						contacts->table->label),
				 errhint("Column \"id\" alone has to tell contacts apart.")));
	if (!idv_result_next(result))
		idv_report_no_person(&export->person);
	show_row(&showing, result);
	export->person.id = datumCopy(result->values[IDV_SHOWN_ROW(showing.keys) + 1],
								  att->attbyval, att->attlen);
	idv_result_end(result);
}

/* Show what points to some rows that were shown. */
static void
show_pointing(Export *export, const IdvRowKeys *keys, const IdvKeyChunk *chunk)
{
	ListCell   *lc;

	foreach(lc, keys->references)
	{
		IdvReference *reference = lfirst(lc);
		Showing		showing;

		if (!is_followed(export, keys, reference))
			continue;
		showing = showing_of(export, reference->table,
							 idv_pointing_column(keys, reference));
		(void) idv_pointing_run(IDV_POINTING_SHOW, keys, chunk, reference, showing.keys,
								show_rows, &showing);
	}
}

/* Show all that points to rows that were shown, those included that are shown now. */
static void
show_all(Export *export)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "idverify keys of rows shown",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		found;

	do
	{
		ListCell   *lc;

		found = false;
		foreach(lc, export->shown)
		{
			IdvRowKeys *keys = ((Shown *) lfirst(lc))->keys;
			IdvKeyChunk chunk;

			if (idv_row_keys_next(&chunk, keys, 0))
			{
				show_pointing(export, keys, &chunk);
				found = true;
			}
			MemoryContextReset(context);
		}
	} while (found);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* What a record of the journal is shown as. */
static void
show_journaled(Datum record, void *context)
{
	Export	   *export = context;
	NameData	column;

	namestrcpy(&column, "source_row");
	put(export, idv_our_table("folds"), &column, record);
}

/*
 * idv_export
 *		All rows of a contact.
 *
 * store, desc	output: relation regclass, column_name name, record jsonb
 * contacts		an ordinary or partitioned table of contacts, ours or not
 * id_type		of id; any that can be assigned to the ids'
 *
 * 42704 for no such contact, 55000 for a journal that may be the contact's and names a
 * table that is not there, 42501 for code of a third role on a table that has rows
 * to show, 0A000 for a distributed table that several ways lead to.
 */
void
idv_export(Tuplestorestate *store, TupleDesc desc, Oid contacts, Oid id_type, Datum id)
{
	Export		export = {.store = store,.desc = desc};
	ListCell   *lc;

	SPI_connect();
	export.context = CurrentMemoryContext;
	idv_person(&export.person, contacts, id_type, id);
	find_ways(&export);
	show_contact(&export);
	show_all(&export);
	idv_person_journal_show(&export.person, show_journaled, &export);
	foreach(lc, export.shown)
		idv_row_keys_end(((Shown *) lfirst(lc))->keys);
	SPI_finish();
}
