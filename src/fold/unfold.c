/*-------------------------------------------------------------------------
 *
 * unfold.c
 *	  Take a fold back.
 *
 * The journal is read backwards: first the target gives back what it took over
 * and the source row returns, then each step is undone, the last one first.
 * So whatever a row points to is there before the row.
 *
 * Only what still stands is taken back.  A row that has been pointed elsewhere
 * since, or was deleted, stays as it is; a value that has been overwritten
 * stays too.  Where a row cannot return because something is in its place,
 * nothing is undone at all.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/fold.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/varlena.h"

#include "references/contact_table.h"
#include "fold/journal_write.h"
#include "fold/unmove.h"
#include "references/table_description.h"
#include "fold/steps.h"

static IdvStatement read_app;
static IdvStatement lock_fold;
static IdvStatement read_later_source;
static IdvStatement read_later_target;
static IdvStatement read_visitor;
static IdvStatement read_fills;
static IdvStatement unmerge;
static IdvStatement mark_undone;

/* Find the fold, lock it, and see that it stands. */
static void
open_fold(IdvUnfold *unfold)
{
	static const Oid types[] = {INT8OID, INT4OID};
	Datum		values[2];
	IdvResult  *result;
	MemoryContext caller = CurrentMemoryContext;

	values[0] = Int64GetDatum(unfold->id);
	result = idv_statement_ask(&read_app, "SELECT app_id FROM idverify.folds WHERE id = $1",
							   1, types, values);
	if (!idv_result_next(result))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("fold " INT64_FORMAT " does not exist", unfold->id),
				 errhint("idverify.folds lists the folds that there are.")));
	values[1] = result->values[0];
	unfold->app_id = DatumGetInt32(values[1]);
	idv_result_end(result);

	result = idv_statement_ask(&lock_fold,
							   "SELECT contacts, source_id, target_id, source_row::jsonb,"
							   " filled::jsonb, visitor, undone_at IS NOT NULL, steps::jsonb"
							   " FROM idverify.folds WHERE id = $1 AND app_id = $2 FOR UPDATE",
							   2, types, values);
	if (!idv_result_next(result))
		elog(ERROR, "fold " INT64_FORMAT " vanished", unfold->id);
	if (DatumGetBool(result->values[6]))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fold " INT64_FORMAT " has been undone already",
						unfold->id)));

	MemoryContextSwitchTo(caller);
	unfold->contacts = idv_contacts(idv_journaled_relation(unfold,
														   TextDatumGetCString(result->values[0])));
	unfold->source_id = TextDatumGetCString(result->values[1]);
	unfold->target_id = TextDatumGetCString(result->values[2]);
	unfold->source_row = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[3]));
	unfold->filled = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[4]));
	unfold->first_steps = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[7]));
	unfold->visitor.isnull = result->nulls[5];
	if (!result->nulls[5])
	{
		unfold->visitor.value = PointerGetDatum(palloc(UUID_LEN));
		memcpy(DatumGetPointer(unfold->visitor.value),
			   DatumGetPointer(result->values[5]), UUID_LEN);
	}
	idv_result_end(result);
}

/* The first later fold, which stands, that a query finds; or 0. */
static int64
later_fold(const IdvUnfold *unfold, IdvStatement *statement, const char *sql)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[4];
	IdvResult  *result;
	int64		found = 0;

	values[0] = Int32GetDatum(unfold->app_id);
	values[1] = CStringGetTextDatum(unfold->contacts->table->name);
	values[2] = CStringGetTextDatum(unfold->target_id);
	values[3] = Int64GetDatum(unfold->id);
	result = idv_statement_ask(statement, sql, lengthof(types), types, values);
	if (idv_result_next(result))
		found = DatumGetInt64(result->values[0]);
	idv_result_end(result);
	return found;
}

/* Lock the target.  A later fold of it may be in the way. */
static IdvRow
lock_target(IdvUnfold *unfold, Datum target_id)
{
	IdvRow		target;
	int64		later;

	if (!idv_contacts_lock(&target, unfold->contacts, unfold->app_id,
						   target_id, false))
	{
		later = later_fold(unfold, &read_later_source,
						   "SELECT id FROM idverify.folds"
						   " WHERE app_id = $1 AND contacts = $2"
						   " AND source_id = $3 AND id > $4"
						   " AND undone_at IS NULL ORDER BY id LIMIT 1");
		if (later == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("contact \"%s\" has been deleted since fold " INT64_FORMAT,
							unfold->target_id, unfold->id)));
	}
	else
		/* Rows that it dropped may have left theirs to rows of this one. */
		later = later_fold(unfold, &read_later_target,
						   "SELECT id FROM idverify.folds f"
						   " WHERE app_id = $1 AND contacts = $2"
						   " AND target_id = $3 AND id > $4"
						   " AND undone_at IS NULL"
						   " AND EXISTS (SELECT FROM idverify.fold_rows r"
						   " WHERE r.app_id = $1 AND r.fold_id = f.id AND r.depth > 0)"
						   " ORDER BY id DESC LIMIT 1");
	if (later != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fold " INT64_FORMAT " of contact \"%s\" came after fold " INT64_FORMAT,
						later, unfold->target_id, unfold->id),
				 errhint("Undo fold " INT64_FORMAT " first.", later)));
	return target;
}

/* A visitor token that started another contact is not taken away from it. */
static void
check_visitor(const IdvUnfold *unfold)
{
	static const Oid types[] = {INT4OID, UUIDOID};
	Datum		values[2];
	IdvResult  *result;

	if (!unfold->contacts->own || unfold->visitor.isnull)
		return;
	values[0] = Int32GetDatum(unfold->app_id);
	values[1] = unfold->visitor.value;
	result = idv_statement_ask(&read_visitor,
							   "SELECT id FROM idverify.contacts"
							   " WHERE app_id = $1 AND visitor = $2",
							   lengthof(types), types, values);
	if (idv_result_next(result))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the visitor of contact \"%s\" has started contact \"" INT64_FORMAT "\" since fold " INT64_FORMAT,
						unfold->source_id, DatumGetInt64(result->values[0]),
						unfold->id),
				 errhint("Fold that contact into \"%s\" first.",
						 unfold->target_id)));
	idv_result_end(result);
}

/*
 * What custom_data is without the keys that a fold added and that have not
 * been written since.
 */
static Datum
without_merged(Datum current, Datum before, Datum after)
{
	static const Oid types[] = {JSONBOID, JSONBOID, JSONBOID};
	Datum		values[] = {current, before, after};
	IdvResult  *result;
	Datum		left;

	result = idv_statement_ask(&unmerge,
							   "SELECT coalesce(jsonb_object_agg(key,"
							   " CASE WHEN filled THEN $2 -> key ELSE value END), '{}')::text"
							   " FROM (SELECT key, value, $3 -> key = value"
							   " AND $2 -> key IS DISTINCT FROM value AS filled"
							   " FROM jsonb_each($1)) c"
							   " WHERE NOT coalesce(filled, false) OR $2 ? key",
							   lengthof(types), types, values);
	if (!idv_result_next(result))
		elog(ERROR, "an aggregate returned no row");
	left = CStringGetTextDatum(TextDatumGetCString(result->values[0]));
	idv_result_end(result);
	return left;
}

/* What the target has in a column, as the journal would write it. */
static char *
current_text(const IdvTable *table, IdvRow target, AttrNumber column)
{
	int			level = idv_canonical_text_begin();
	char	   *text = idv_value_text(TupleDescAttr(table->desc, column - 1)->atttypid,
									  target.values[column - 1]);

	idv_canonical_text_end(level);
	return text;
}

/* Give back what the target took over, where it still has it. */
static void
take_back_fills(IdvUnfold *unfold, Datum target_id, IdvRow target)
{
	static const Oid types[] = {JSONBOID};
	IdvContacts *contacts = unfold->contacts;
	IdvTable   *table = contacts->table;
	int			nargs = contacts->own ? 2 : 1;
	Oid		   *all_types = palloc(sizeof(Oid) * (table->desc->natts + 2));
	Datum	   *values = palloc(sizeof(Datum) * (table->desc->natts + 2));
	bool	   *nulls = palloc0(sizeof(bool) * (table->desc->natts + 2));
	int			first = nargs;
	StringInfoData sql;
	IdvResult  *result;

	all_types[0] = contacts->id_type;
	values[0] = target_id;
	all_types[1] = INT4OID;
	values[1] = Int32GetDatum(unfold->app_id);

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s x SET ", table->from);
	result = idv_statement_ask(&read_fills,
							   "SELECT key, value ->> 0, value ->> 1,"
							   " jsonb_typeof(value -> 0) FROM jsonb_each($1)",
							   lengthof(types), types, &unfold->filled);
	while (idv_result_next(result))
	{
		char	   *name = TextDatumGetCString(result->values[0]);
		AttrNumber	column = get_attnum(table->relation, name);
		char	   *after = TextDatumGetCString(result->values[2]);

		if (column <= 0 || target.nulls[column - 1])
			continue;

		/* It has been signed since, and the flag would stand for nothing. */
		if (!contacts->own && bms_is_member(column, contacts->identity) &&
			idv_contacts_is_verified(contacts, target))
			continue;
		if (strcmp(current_text(table, target, column), after) == 0)
		{
			nulls[nargs] = result->nulls[1];
			values[nargs] = result->nulls[1] ? (Datum) 0 :
				CStringGetTextDatum(TextDatumGetCString(result->values[1]));
		}
		else if (column == contacts->custom_data && !result->nulls[1])
			values[nargs] = without_merged(target.values[column - 1],
										   DirectFunctionCall1(jsonb_in,
															   CStringGetDatum(TextDatumGetCString(result->values[1]))),
										   DirectFunctionCall1(jsonb_in,
															   CStringGetDatum(after)));
		else
			continue;
		all_types[nargs] = TEXTOID;
		appendStringInfo(&sql, "%s%s = CAST($%d AS %s)",
						 nargs == first ? "" : ", ",
						 idv_column_name(table, column), nargs + 1,
						 idv_column_type(table, column));
		nargs++;
	}
	idv_result_end(result);
	if (nargs == first)
		return;

	appendStringInfo(&sql, " WHERE %sx.%s %s $1",
					 contacts->own ? "x.app_id = $2 AND " : "",
					 idv_column_name(table, contacts->id),
					 idv_operator_name(idv_equal_operator(contacts->id_type,
														  contacts->id_type)));
	idv_statement_prepare(&unfold->once, table->owner, sql.data, nargs, all_types);
	unfold->once.ours = contacts->own;
	idv_contacts_write(contacts, &unfold->once, values, nulls);
	idv_statement_free(&unfold->once);
}

/* Take a fold back, once it is open. */
static void
undo(IdvUnfold *unfold)
{
	static const Oid types[] = {INT8OID, INT4OID, TIMESTAMPTZOID};
	Datum		values[3];
	Datum		target_id = idv_contacts_id_from_text(unfold->contacts, unfold->target_id);
	IdvRow		target = lock_target(unfold, target_id);

	check_visitor(unfold);
	take_back_fills(unfold, target_id, target);
	idv_put_back(unfold, unfold->contacts->table, unfold->source_row);
	idv_undo_steps(unfold);

	values[0] = Int64GetDatum(unfold->id);
	values[1] = Int32GetDatum(unfold->app_id);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	if (mark_undone.plan == NULL)
		idv_statement_prepare(&mark_undone, InvalidOid,
							  "UPDATE idverify.folds SET undone_at = $3"
							  " WHERE id = $1 AND app_id = $2",
							  lengthof(types), types);
	(void) idv_statement_run(&mark_undone, values, NULL);
	CommandCounterIncrement();
}

/* Say of a broken constraint what it means here: something is in the way. */
static void
report_in_the_way(const IdvUnfold *unfold, ErrorData *error)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
		ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		ReThrowError(error);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("could not undo fold " INT64_FORMAT ", because something is in the way",
					unfold->id),
			 errdetail("%s%s%s", error->message, error->detail ? ": " : "",
					   error->detail ? error->detail : ""),
			 errhint("Change or delete the row that the detail names. If it is a contact of the same person, fold it into contact \"%s\".",
					 unfold->target_id)));
}

/*
 * Forget the statements of an unfold, whether it failed or not.
 *
 * They would outlive the transaction; so each is in here from its beginning.
 */
static void
free_statements(IdvUnfold *unfold)
{
	idv_move_back_end(unfold);
	idv_statement_free(&unfold->once);
}

/*
 * idv_unfold
 *		Take a fold back.
 *
 * undone		output: a list of IdvFolded, in the caller's context; of each
 *				table how many rows were moved back, and how many put back
 */
void
idv_unfold(List **undone, int64 fold_id)
{
	IdvUnfold	unfold = {.id = fold_id};
	MemoryContext context = CurrentMemoryContext;
	int			level;

	PreventCommandIfReadOnly("idverify_unfold()");
	unfold.context = context;
	SPI_connect();
	open_fold(&unfold);
	level = idv_canonical_reading_begin();
	PG_TRY();
	{
		undo(&unfold);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		free_statements(&unfold);
		{
			ErrorData  *error = CopyErrorData();

			FlushErrorState();
			report_in_the_way(&unfold, error);
		}
	}
	PG_END_TRY();
	idv_canonical_text_end(level);
	free_statements(&unfold);
	SPI_finish();
	*undone = unfold.undone;
}
