/*-------------------------------------------------------------------------
 *
 * erase.c
 *	  Erase a person: the contact, what points to it, and its journal.
 *
 * First the contact is locked and deleted, then what pointed to it, then what
 * pointed to that, and so on.  The order is that of a foreign key ON DELETE CASCADE.
 * It has three virtues: whoever inserts a row that points to one that is deleted
 * either came first, then we have waited for them and see the row, or they fail, as
 * there is nothing to point to; rows that point to each other in a circle end the
 * search by themselves; and it takes no memory but for keys, which spill to disk.
 *
 * The foreign keys do nothing themselves: what they would do is done here, by
 * statements that count, run as each table's owner, and are looked at first
 * (server/key_actions.c disables just the keys that we follow).
 *
 * All that is deleted goes first, wherever it is; then rows are cleared that stay;
 * and only then it is known what no key takes along.  So no row is counted twice.
 *
 * A dry run is all of this, rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/erase.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "fold/lock_order.h"
#include "fold/refusal.h"
#include "privacy/journal_links.h"
#include "privacy/last_claims.h"
#include "privacy/person.h"
#include "privacy/person_journal.h"
#include "privacy/pointing_sql.h"
#include "references/contact_rows.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "server/try_out.h"
#include "tables/our_tables.h"

/* Who reads the keys of what was deleted. */
#define READER_OF_DELETED	0	/* for what foreign keys delete */
#define READER_OF_CLEARED	1	/* for what they clear */
#define READER_OF_OTHERS	2	/* for the rest */
#define READER_OF_CHECKS	3	/* when all is done: of the contact, which is
								 * first */
#define READER_OF_JOURNAL	4	/* for what the journal has of such rows */
#define READERS				5

/* An erasure under way. */
typedef struct Erasure
{
	IdvPerson	person;
	IdvOthers	others;
	List	   *deleted;		/* of IdvRowKeys, one for each table */
	MemoryContext context;		/* where they are */
	List	   *lines;			/* of IdvErasedLine */
	MemoryContext lines_context;
} Erasure;

/* Add rows to the line that they are counted in. */
static void
count_rows(Erasure *erasure, Oid relation, const char *column, IdvErasure action,
		   int64 rows)
{
	IdvErasedLine *line;
	ListCell   *lc;
	MemoryContext caller;

	if (rows == 0)
		return;
	foreach(lc, erasure->lines)
	{
		line = lfirst(lc);
		if (line->relation == relation && line->action == action &&
			strcmp(NameStr(line->column_name), column) == 0)
		{
			line->rows += rows;
			return;
		}
	}
	caller = MemoryContextSwitchTo(erasure->lines_context);
	line = palloc0(sizeof(IdvErasedLine));
	line->relation = relation;
	namestrcpy(&line->column_name, column);
	line->action = action;
	line->rows = rows;
	erasure->lines = lappend(erasure->lines, line);
	MemoryContextSwitchTo(caller);
}

/* The same, of rows that point along a reference. */
static void
count_pointing(Erasure *erasure, const IdvRowKeys *keys, const IdvReference *reference,
			   IdvErasure action, int64 rows)
{
	count_rows(erasure, reference->table->relation,
			   NameStr(TupleDescAttr(reference->table->desc,
									 idv_pointing_column(keys, reference) - 1)->attname),
			   action, rows);
}

/* The keys of what was deleted of a table. */
static IdvRowKeys *
deleted_of(Erasure *erasure, const IdvTable *table)
{
	IdvRowKeys *keys;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, erasure->deleted)
	{
		keys = lfirst(lc);
		if (keys->table->relation == table->relation)
			return keys;
	}
	caller = MemoryContextSwitchTo(erasure->context);
	keys = idv_row_keys(table, READERS);
	erasure->deleted = lappend(erasure->deleted, keys);
	MemoryContextSwitchTo(caller);
	return keys;
}

/* Keep the keys of what was deleted. */
static void
keep_keys(IdvResult *result, void *context)
{
	while (idv_result_next(result))
		idv_row_keys_add(context, result->values, result->nulls);
}

/* What becomes of the rows that point along a reference. */
typedef enum Fate
{
	FATE_DELETED,
	FATE_EMPTIED,
	FATE_RESET,
	FATE_OTHERS					/* by no foreign key: as the caller says */
} Fate;

static Fate
fate_of(const IdvReference *reference)
{
	if (!OidIsValid(reference->constraint))
		return FATE_OTHERS;
	switch (reference->on_delete)
	{
		case FKCONSTR_ACTION_CASCADE:
			return FATE_DELETED;
		case FKCONSTR_ACTION_SETNULL:
			return FATE_EMPTIED;
		case FKCONSTR_ACTION_SETDEFAULT:
			return FATE_RESET;
		default:
			return FATE_OTHERS;
	}
}

/*
 * See that no row points there: none that a trigger has kept or brought back, nor one
 * whose default leads there.  55000.
 */
static void
check_none_left(const IdvRowKeys *keys, const IdvKeyChunk *chunk, IdvReference *reference)
{
	if (idv_pointing_run(IDV_POINTING_LEFT, keys, chunk, reference, NULL, NULL, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of \"%s\" still reference what is erased of \"%s\"",
						reference->table->label, keys->table->label),
				 fate_of(reference) == FATE_RESET ?
				 errhint("Look for a default of \"%s\" that leads there, or a trigger that sets the column back.",
						 reference->table->label) :
				 errhint("Look for a trigger on \"%s\" that returns NULL, or sets the column back.",
						 reference->table->label)));
}

/* Delete what points to some deleted rows along a reference. */
static void
delete_pointing(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk,
				IdvReference *reference)
{
	IdvRowKeys *found = deleted_of(erasure, reference->table);
	uint64		rows = idv_pointing_run(IDV_POINTING_REMOVE, keys, chunk, reference, found,
										found->references != NIL ? keep_keys : NULL, found);

	count_pointing(erasure, keys, reference, IDV_ERASED_DELETED, rows);
	if (reference->table->has_triggers)
		check_none_left(keys, chunk, reference);
}

/* The first of the columns to be emptied that may not be NULL, or 0. */
static AttrNumber
column_not_null(const IdvRowKeys *keys, const IdvReference *reference)
{
	ListCell   *lc;

	foreach(lc, idv_pointing_emptied(keys, reference))
	{
		if (TupleDescAttr(reference->table->desc, lfirst_int(lc) - 1)->attnotnull)
			return lfirst_int(lc);
	}
	return 0;
}

/* Is one of the columns to be emptied generated? */
static bool
is_generated(const IdvRowKeys *keys, const IdvReference *reference)
{
	ListCell   *lc;

	foreach(lc, idv_pointing_emptied(keys, reference))
	{
		if (TupleDescAttr(reference->table->desc, lfirst_int(lc) - 1)->attgenerated != '\0')
			return true;
	}
	return false;
}

static void report_not_clearable(const IdvReference *reference, AttrNumber column,
								 const char *what) __attribute__((noreturn));

static void
report_not_clearable(const IdvReference *reference, AttrNumber column, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows of \"%s\" cannot be cleared, because column \"%s\" is %s",
					reference->table->label,
					NameStr(TupleDescAttr(reference->table->desc, column - 1)->attname),
					what),
			 errhint("Change or delete these rows first.")));
}

/*
 * Empty the columns that point to some deleted rows, or set them to their defaults.
 *
 * A generated column is emptied by what it is generated from, if that points there
 * too.  55000 if a column is not null, or generated from something else.
 */
static void
clear_pointing(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk,
			   IdvReference *reference, IdvPointingKind kind)
{
	AttrNumber	not_null = kind == IDV_POINTING_EMPTY ? column_not_null(keys, reference) : 0;
	bool		generated = is_generated(keys, reference);

	if (not_null != 0 || generated)
	{
		if (idv_pointing_run(IDV_POINTING_LEFT, keys, chunk, reference, NULL, NULL, NULL) > 0)
			report_not_clearable(reference,
								 not_null != 0 ? not_null : idv_pointing_column(keys, reference),
								 generated ? "generated" : "not null");
		return;
	}
	count_pointing(erasure, keys, reference, IDV_ERASED_CLEARED,
				   idv_pointing_run(kind, keys, chunk, reference, NULL, NULL, NULL));

	/* A key that stays what it was is not checked by the server. */
	if (reference->table->has_triggers || kind == IDV_POINTING_RESET)
		check_none_left(keys, chunk, reference);
}

/* Delete what foreign keys delete. */
static void
follow_deleted(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk)
{
	ListCell   *lc;

	foreach(lc, keys->references)
	{
		if (fate_of(lfirst(lc)) == FATE_DELETED)
			delete_pointing(erasure, keys, chunk, lfirst(lc));
	}
}

/* Clear what foreign keys clear. */
static void
follow_cleared(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk)
{
	ListCell   *lc;

	foreach(lc, keys->references)
	{
		Fate		fate = fate_of(lfirst(lc));

		if (fate == FATE_EMPTIED || fate == FATE_RESET)
			clear_pointing(erasure, keys, chunk, lfirst(lc),
						   fate == FATE_EMPTIED ? IDV_POINTING_EMPTY : IDV_POINTING_RESET);
	}
}

/* Do with one of the others what the caller has said. */
static void
do_other(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk,
		 IdvReference *reference)
{
	switch (erasure->others)
	{
		case IDV_OTHERS_REFUSE:
			count_pointing(erasure, keys, reference, IDV_ERASED_REFUSED,
						   idv_pointing_run(IDV_POINTING_COUNT, keys, chunk, reference,
											NULL, NULL, NULL));
			break;
		case IDV_OTHERS_DELETE:
			delete_pointing(erasure, keys, chunk, reference);
			break;
		case IDV_OTHERS_CLEAR:
			clear_pointing(erasure, keys, chunk, reference, IDV_POINTING_EMPTY);
			break;
	}
}

/* Do with what else points to some deleted rows what the caller has said. */
static void
follow_others(Erasure *erasure, const IdvRowKeys *keys, const IdvKeyChunk *chunk)
{
	/* What generated columns are generated from first. */
	for (int generated = 0; generated < 2; generated++)
	{
		ListCell   *lc;

		foreach(lc, keys->references)
		{
			IdvReference *reference = lfirst(lc);

			if (fate_of(reference) == FATE_OTHERS &&
				reference->has_generated == (generated != 0))
				do_other(erasure, keys, chunk, reference);
		}
	}
}

/* Do one of these for the next deleted rows of each table.  Are there any? */
static bool
follow_next(Erasure *erasure, int reader,
			void (*follow) (Erasure *, const IdvRowKeys *, const IdvKeyChunk *))
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "idverify keys of deleted rows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		found = false;

	/* It grows meanwhile. */
	for (int i = 0; i < list_length(erasure->deleted); i++)
	{
		IdvRowKeys *keys = list_nth(erasure->deleted, i);
		IdvKeyChunk chunk;

		CHECK_FOR_INTERRUPTS();
		if (idv_row_keys_next(&chunk, keys, reader))
		{
			follow(erasure, keys, &chunk);
			found = true;
		}
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return found;
}

/* The same for all of them, those included that this deletes. */
static void
follow_all(Erasure *erasure)
{
	bool		deletes_others = erasure->others == IDV_OTHERS_DELETE;

	do
	{
		while (follow_next(erasure, READER_OF_DELETED, follow_deleted))
			;
	} while (deletes_others && follow_next(erasure, READER_OF_OTHERS, follow_others));
	while (follow_next(erasure, READER_OF_CLEARED, follow_cleared))
		;
	while (!deletes_others && follow_next(erasure, READER_OF_OTHERS, follow_others))
		;
}

/*
 * When all is done: see that nothing points to the contact along a column that is
 * only listed.
 *
 * A foreign key lets no trigger bring anything back.  What is refused is said.
 */
static void
check_listed(Erasure *erasure)
{
	IdvRowKeys *keys = deleted_of(erasure, erasure->person.contacts->table);
	IdvKeyChunk chunk;
	ListCell   *lc;

	if (erasure->others == IDV_OTHERS_REFUSE ||
		!idv_row_keys_next(&chunk, keys, READER_OF_CHECKS))
		return;
	foreach(lc, keys->references)
	{
		IdvReference *reference = lfirst(lc);

		if (!OidIsValid(reference->constraint))
			check_none_left(keys, &chunk, reference);
	}
}

/*
 * Take what points to the contact out of the journal of other contacts' folds.
 *
 * A row there is deleted where one in the table would be.  It is cleared where that
 * would be cleared, or refused: nobody could change it first.
 */
static void
erase_links(Erasure *erasure)
{
	IdvRowKeys *keys = deleted_of(erasure, erasure->person.contacts->table);
	Datum		lost = keys->references == NIL ? (Datum) 0 : idv_journal_lost_tables();
	IdvKeyChunk chunk;
	ListCell   *lc;

	while (idv_row_keys_next(&chunk, keys, READER_OF_JOURNAL))
	{
		foreach(lc, keys->references)
		{
			IdvReference *reference = lfirst(lc);
			Fate		fate = fate_of(reference);
			bool		whole = fate == FATE_DELETED ||
			(fate == FATE_OTHERS && erasure->others == IDV_OTHERS_DELETE);

			count_rows(erasure, idv_our_table("fold_rows"), "dropped_row",
					   whole ? IDV_ERASED_DELETED : IDV_ERASED_CLEARED,
					   idv_journal_links_take_out(keys, &chunk, reference, whole, lost));
		}
	}
}

/*
 * Lock the contact, and contacts that point to it, in the one order in which all
 * contacts are locked.  42704 if there is none.
 */
static IdvRow
lock_contact(const IdvPerson *person)
{
	IdvLockOrder order;
	IdvRow		row;

	idv_lock_order_begin(&order, person->contacts, person->app_id, person->id);
	idv_lock_order_up_to(&order, person->id, person->is_verified);
	if (!idv_contact_row_lock(&row, person->contacts, person->app_id, person->id, true))
		idv_report_no_person(person);
	idv_lock_order_end(&order);
	return row;
}

/* Delete the contact.  55000 if a trigger keeps it. */
static void
delete_contact(Erasure *erasure)
{
	IdvContactTable *contacts = erasure->person.contacts;
	IdvTable   *table = contacts->table;
	IdvRowKeys *keys = deleted_of(erasure, table);
	Datum		values[2] = {erasure->person.id, Int32GetDatum(erasure->person.app_id)};
	Oid			types[] = {contacts->id_type, INT4OID};
	StringInfoData sql;
	IdvResult  *result;
	uint64		deleted;
	int			level = idv_canonical_sql_begin();

	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s x WHERE %s%s RETURNING %s", table->from,
					 contacts->own ? "x.app_id = $2 AND " : "",
					 idv_comparison(psprintf("x.%s", idv_column_name(table, contacts->id)),
									idv_equal_operator(contacts->id_type, contacts->id_type),
									"$1"),
					 idv_row_keys_columns(keys, "x"));
	idv_canonical_text_end(level);
	result = idv_table_query_once(table, sql.data, contacts->own ? 2 : 1, types, values,
								  false, keys->constraints);
	deleted = result->processed;
	if (keys->references != NIL)
		keep_keys(result, keys);
	idv_result_end(result);
	if (deleted != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not delete contact in \"%s\"", table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
	count_rows(erasure, table->relation,
			   NameStr(TupleDescAttr(table->desc, contacts->id - 1)->attname),
			   IDV_ERASED_DELETED, 1);
}

static void report_refused(const Erasure *erasure) __attribute__((noreturn));

/* Raise the error that rows are in the way which no foreign key takes along. */
static void
report_refused(const Erasure *erasure)
{
	StringInfoData detail;
	ListCell   *lc;

	initStringInfo(&detail);
	foreach(lc, erasure->lines)
	{
		const IdvErasedLine *line = lfirst(lc);

		if (line->action == IDV_ERASED_REFUSED)
			appendStringInfo(&detail, "%s" INT64_FORMAT " of \"%s\" by column \"%s\"",
							 detail.len == 0 ? "" : ", ", line->rows,
							 idv_relation_label(line->relation),
							 NameStr(line->column_name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("contact \"%s\" cannot be erased, because rows point to it that no foreign key would delete or clear",
					idv_value_text(erasure->person.contacts->id_type, erasure->person.id)),
			 errdetail("Rows: %s.", detail.data),
			 errhint("Say others => 'delete', or others => 'clear'; or change these rows first.")));
}

/* Were rows refused? */
static bool
is_refused(const Erasure *erasure)
{
	ListCell   *lc;

	foreach(lc, erasure->lines)
	{
		if (((IdvErasedLine *) lfirst(lc))->action == IDV_ERASED_REFUSED)
			return true;
	}
	return false;
}

/* Erase the contact. */
static void
erase_contact(Erasure *erasure, bool dry_run)
{
	IdvContactTable *contacts = erasure->person.contacts;
	IdvPerson  *person = &erasure->person;
	IdvRow		row = lock_contact(person);
	IdvIdentities identities;
	ListCell   *lc;

	/* As it is stored: what was asked for may only be equal to that. */
	person->id = row.values[contacts->id - 1];
	delete_contact(erasure);
	follow_all(erasure);
	if (is_refused(erasure) && !dry_run)
		report_refused(erasure);
	check_listed(erasure);

	identities = idv_identities_of(contacts, row);
	count_rows(erasure, idv_our_table("folds"), "source_row", IDV_ERASED_DELETED,
			   idv_person_journal_erase(&identities, person));
	erase_links(erasure);
	count_rows(erasure, contacts->table->relation, "last_claim", IDV_ERASED_CLEARED,
			   idv_last_claims_clear(person, &identities));
	foreach(lc, erasure->deleted)
		idv_row_keys_end(lfirst(lc));
	CommandCounterIncrement();
}

/* Erase the contact, to take it all back: for idv_try_out(). */
static void
erase_on_trial(void *erasure)
{
	erase_contact(erasure, true);
}

/*
 * idv_erase
 *		Erase a contact, with all that points to it and its journal.
 *
 * contacts		an ordinary or partitioned table of contacts, ours or not
 * id_type		of id; any that can be assigned to the ids'
 * others		what becomes of rows that no foreign key would take along
 * dry_run		take it all back; what is refused is no error
 *
 * Returns a list of IdvErasedLine, in the caller's memory context.
 *
 * 42704 for no such contact, 23503 for rows that are refused, 55000 for what cannot
 * be cleared or is kept by a trigger, or for a journal that may be the contact's and
 * names a table that is not there, 42501 for code of a third role.
 */
List *
idv_erase(Oid contacts, Oid id_type, Datum id, IdvOthers others, bool dry_run)
{
	Erasure		erasure = {
		.others = others,
		.lines_context = CurrentMemoryContext
	};

	PreventCommandIfReadOnly("an erasure");
	SPI_connect();
	erasure.context = CurrentMemoryContext;
	idv_person(&erasure.person, contacts, id_type, id);
	if (dry_run)
		idv_try_out(erase_on_trial, &erasure);
	else
		erase_contact(&erasure, false);
	SPI_finish();
	return erasure.lines;
}
