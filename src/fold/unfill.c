/*-------------------------------------------------------------------------
 *
 * unfill.c
 *	  Take back what a contact took over by a fold.
 *
 * Only what still stands is taken back.  A value that has been overwritten stays.
 * If a later fold of the same target did that, it is corrected in the journal
 * what that fold gives back.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/unfill.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "fold/later_folds.h"
#include "references/contact_rows.h"
#include "server/canonical_text.h"
#include "server/json_merge.h"

static IdvStatement correct_later_fill;
static IdvStatement read_later_json;
static IdvStatement change_later_json;
static IdvStatement read_fills;

static Datum
read_json(char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

static char *
json_text(Datum json)
{
	return DatumGetCString(DirectFunctionCall1(jsonb_out, json));
}

static bool
is_object(Datum json)
{
	return JB_ROOT_IS_OBJECT(DatumGetJsonbP(json));
}

/*
 * What an object in jsonb is without what a fold added and nobody has changed
 * since.  What is no object, or was not filled with one, stays.
 *
 * before	NULL: there was none; nor is there now, if nothing else is left.  So
 *			it is with what was no object, which was blank
 */
static NullableDatum
without_filled(Datum current, char *before, char *after)
{
	bool		had_object = before != NULL && is_object(read_json(before));
	Datum		was = read_json(had_object ? before : "{}");
	Datum		became = read_json(after);
	NullableDatum result = {current, false};

	if (!is_object(current) || !is_object(became))
		return result;
	result.value = JsonbPGetDatum(idv_json_unfill(DatumGetJsonbP(current),
												  DatumGetJsonbP(was),
												  DatumGetJsonbP(became)));
	if (!had_object && JB_ROOT_COUNT(DatumGetJsonbP(result.value)) == 0)
	{
		result.isnull = before == NULL;
		if (before != NULL)
			result.value = read_json(before);
	}
	return result;
}

/*
 * Later folds of the target have filled its jsonb after this one.  What
 * they give back must not be what this one had filled in: take it out of what
 * they have written down.
 */
static void
correct_later_json(const IdvJournaledFold *fold, char *name, char *before, char *after)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID, TEXTOID};
	static const Oid change_types[] = {INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	IdvResult  *result;

	values[0] = Int32GetDatum(fold->app_id);
	values[1] = CStringGetTextDatum(fold->contacts->table->name);
	values[2] = CStringGetTextDatum(fold->target_id);
	values[3] = Int64GetDatum(fold->id);
	values[4] = CStringGetTextDatum(name);
	if (change_later_json.plan == NULL)
		idv_statement_prepare(&change_later_json, InvalidOid,
							  "UPDATE idverify.folds SET filled = jsonb_set(jsonb_set("
							  "filled::jsonb, ARRAY[$3, '0'], coalesce(to_jsonb($4), 'null')),"
							  " ARRAY[$3, '1'], to_jsonb($5))::json"
							  " WHERE app_id = $1 AND id = $2",
							  lengthof(change_types), change_types);
	result = idv_statement_ask(&read_later_json,
							   "SELECT id, filled -> $5 ->> 0, filled -> $5 ->> 1"
							   " FROM idverify.folds"
							   " WHERE app_id = $1 AND contacts = $2"
							   " AND target_id = $3 AND id > $4 AND undone_at IS NULL"
							   " AND filled -> $5 ->> 0 IS NOT NULL",
							   lengthof(types), types, values);
	while (idv_result_next(result))
	{
		Datum		change[lengthof(change_types)];
		bool		nulls[lengthof(change_types)] = {false};

		change[0] = values[0];
		change[1] = result->values[0];
		change[2] = values[4];
		for (int i = 1; i <= 2; i++)
		{
			NullableDatum corrected = without_filled(read_json(TextDatumGetCString(result->values[i])),
													 before, after);

			nulls[2 + i] = i == 1 && corrected.isnull;
			change[2 + i] = CStringGetTextDatum(json_text(corrected.value));
		}
		(void) idv_statement_run(&change_later_json, change, nulls);
	}
	idv_result_end(result);
}

/*
 * A value that this fold filled in has been overwritten.  If a later fold of
 * the same target did, that is what it is going to give back: let it give back
 * what was there before this one.
 */
static void
correct_later_fills(const IdvJournaledFold *fold, char *name, char *before, char *after)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	bool		nulls[lengthof(types)] = {false};

	values[0] = Int32GetDatum(fold->app_id);
	values[1] = CStringGetTextDatum(fold->contacts->table->name);
	values[2] = CStringGetTextDatum(fold->target_id);
	values[3] = Int64GetDatum(fold->id);
	values[4] = CStringGetTextDatum(name);
	values[5] = CStringGetTextDatum(after);
	nulls[6] = before == NULL;
	values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(before);
	if (correct_later_fill.plan == NULL)
		idv_statement_prepare(&correct_later_fill, InvalidOid,
							  "UPDATE idverify.folds SET filled ="
							  " jsonb_set(filled::jsonb, ARRAY[$5, '0'],"
							  " coalesce(to_jsonb($7), 'null'))::json"
							  " WHERE app_id = $1 AND contacts = $2"
							  " AND target_id = $3 AND undone_at IS NULL"
							  " AND id = (SELECT min(id) FROM idverify.folds"
							  " WHERE app_id = $1 AND contacts = $2"
							  " AND target_id = $3 AND id > $4 AND undone_at IS NULL"
							  " AND filled -> $5 ->> 0 = $6)",
							  lengthof(types), types);
	if (idv_statement_run(&correct_later_fill, values, nulls) == 0)
		idv_later_check_filled(fold, name, after);
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

/* The type of a column, below domains. */
static Oid
column_base_type(const IdvTable *table, AttrNumber column)
{
	return getBaseType(TupleDescAttr(table->desc, column - 1)->atttypid);
}

/*
 * idv_unfill
 *		Give back what the target took over, where it still has it.
 *
 * once		for a statement that is run once: freed here, and by the caller
 *			after an error
 * target	the target as it is, locked
 *
 * 55000 if a column is not what it was, or if a later fold has moved a value on.
 */
void
idv_unfill(IdvStatement *once, const IdvJournaledFold *fold, Datum target_id,
		   IdvRow target)
{
	static const Oid types[] = {JSONBOID};
	IdvContactTable *contacts = fold->contacts;
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
	values[1] = Int32GetDatum(fold->app_id);

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s x SET ", table->from);
	result = idv_statement_ask(&read_fills,
							   "SELECT key, value ->> 0, value ->> 1,"
							   " jsonb_typeof(value -> 0) FROM jsonb_each($1)",
							   lengthof(types), types, &fold->filled);
	while (idv_result_next(result))
	{
		char	   *name = TextDatumGetCString(result->values[0]);
		AttrNumber	column = idv_journal_column(fold, table, name);
		char	   *after = result->nulls[2] ? NULL :
		TextDatumGetCString(result->values[2]);
		char	   *before = result->nulls[1] ? NULL :
		TextDatumGetCString(result->values[1]);

		if (after == NULL)
			idv_journal_report_altered(fold, "filled");

		/* It has been signed since, and the flag would stand for nothing. */
		if (!contacts->own && bms_is_member(column, contacts->identity) &&
			idv_contact_row_is_verified(contacts, target))
			continue;
		nulls[nargs] = before == NULL;
		if (!target.nulls[column - 1] &&
			strcmp(current_text(table, target, column), after) == 0)
			values[nargs] = idv_journal_value(fold, table, column, before);
		else if (!target.nulls[column - 1] &&
				 column_base_type(table, column) == JSONBOID &&
				 is_object(target.values[column - 1]) &&
				 is_object(idv_journal_value(fold, table, column, after)))
		{
			NullableDatum left;

			/* Was it JSON then?  55000 if not. */
			(void) idv_journal_value(fold, table, column, before);
			correct_later_json(fold, name, before, after);
			left = without_filled(target.values[column - 1], before, after);
			values[nargs] = left.value;
			nulls[nargs] = left.isnull;
		}
		else
		{
			correct_later_fills(fold, name, before, after);
			continue;
		}
		all_types[nargs] = column_base_type(table, column);
		appendStringInfo(&sql, "%s%s = $%d", nargs == first ? "" : ", ",
						 idv_column_name(table, column), nargs + 1);
		nargs++;
	}
	idv_result_end(result);
	if (nargs == first)
		return;

	appendStringInfo(&sql, " WHERE %s", idv_contact_table_where(contacts));
	idv_statement_prepare(once, table->owner, sql.data, nargs, all_types);
	once->ours = contacts->own;
	idv_contact_row_write(contacts, once, values, nulls);
	idv_statement_free(once);
}
