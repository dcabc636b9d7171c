/*-------------------------------------------------------------------------
 *
 * journal_links.c
 *	  Rows in the journal of other contacts' folds that point to a person.
 *
 * A fold of Bob into Carol drops the row that says that Bob and Ann are friends, if
 * Carol and Ann are friends, too: the journal keeps it, and the one that it would
 * have duplicated.  When Ann is erased, such a row is treated as it would have been
 * if it were still there.  Else an undo would bring back what was erased.
 *
 * Whether a row points there is asked of the server, with the row as the journal has
 * it in place of one of the table: so the types' equality and a reference's condition
 * decide, as they do for the rows that are there.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/journal_links.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "fold/journal_owners.h"
#include "fold/journal_read.h"
#include "fold/where_sql.h"
#include "privacy/pointing_sql.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"

/* A row of the journal, of which the columns that decide were picked. */
#define STEP_APP_ID		0
#define STEP_FOLD_ID	1
#define STEP_STEP		2
#define STEP_DEPTH		3
#define STEP_OWNER		4
#define STEP_DROPPED	5
#define STEP_KEPT		6
#define STEP_RELATION	7		/* NULL: this table's; else a name that is
								 * none's */

/* The names of the columns that decide whether a row points somewhere. */
static Datum
deciding_columns(const IdvReference *reference)
{
	Bitmapset  *columns = NULL;
	Datum	   *names;
	int			n = 0;
	int			column = -1;

	for (int i = 0; i < reference->ncolumns; i++)
		columns = bms_add_member(columns,
								 reference->columns[i] - FirstLowInvalidHeapAttributeNumber);
	if (reference->condition != NULL)
		pull_varattnos((Node *) reference->condition, 1, &columns);
	names = palloc(sizeof(Datum) * bms_num_members(columns));
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	number = column + FirstLowInvalidHeapAttributeNumber;

		if (number > 0)
			names[n++] = CStringGetTextDatum(NameStr(TupleDescAttr(reference->table->desc,
																   number - 1)->attname));
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * The rows of the journal that were dropped from a table, or from one that is not
 * there by the name that it had.
 */
static IdvResult *
ask_dropped(const IdvReference *reference, Datum lost)
{
	static const Oid types[] = {TEXTOID, TEXTARRAYOID, TEXTARRAYOID};
	static IdvStatement dropped;
	Datum		values[lengthof(types)] = {
		CStringGetTextDatum(reference->table->name),
		deciding_columns(reference),
		lost
	};

	return idv_statement_ask(&dropped,
							 "SELECT r.app_id, r.fold_id, r.step, r.depth, f.owners ->> r.relation,"
							 " (SELECT jsonb_object_agg(key, value) FROM jsonb_each(r.dropped_row) WHERE key = ANY ($2)),"
							 " (SELECT jsonb_object_agg(key, value) FROM jsonb_each(r.kept_row) WHERE key = ANY ($2)),"
							 " nullif(r.relation, $1)"
							 " FROM idverify.fold_rows r"
							 " JOIN idverify.folds f ON f.app_id = r.app_id AND f.id = r.fold_id"
							 " WHERE r.dropped_row IS NOT NULL AND r.relation = ANY (array_append($3, $1))",
							 lengthof(types), types, values);
}

/* Are two values of these types equal just if their text is? */
static bool
is_written_once(Form_pg_attribute one, Form_pg_attribute other)
{
#define IS_INTEGER(type)	((type) == INT2OID || (type) == INT4OID || (type) == INT8OID)
	if (one->atttypid == UUIDOID && other->atttypid == UUIDOID)
		return true;
	return IS_INTEGER(one->atttypid) && IS_INTEGER(other->atttypid);
}

/*
 * Could a row of the journal point to this one?  It could not if the column that is
 * pointed to says so, by its text alone.
 */
static bool
may_point(const IdvRowKeys *keys, const IdvReference *reference, IdvRow row,
		  const IdvResult *steps, int journaled)
{
	for (int i = 0; i < reference->ncolumns; i++)
	{
		Form_pg_attribute to = TupleDescAttr(keys->table->desc, reference->referenced[i] - 1);
		Form_pg_attribute column = TupleDescAttr(reference->table->desc, reference->columns[i] - 1);
		char	   *text;

		if (steps->nulls[journaled] || row.nulls[reference->referenced[i] - 1])
			return false;
		text = idv_journal_member(DatumGetJsonbP(steps->values[journaled]),
								  NameStr(column->attname));

		if (text == NULL ||
			(is_written_once(to, column) &&
			 strcmp(text, idv_value_text(to->atttypid, row.values[reference->referenced[i] - 1])) != 0))
			return false;
	}
	return true;
}

/* Does a row of the journal point to this one? */
static bool
points(const IdvRowKeys *keys, const IdvReference *reference, IdvRow row, Datum journaled)
{
	IdvMoveSql	pointing = {
		.target_table = keys->table,
		.reference = unconstify(IdvReference *, reference)
	};
	int			n = reference->ncolumns;
	Oid			types[INDEX_MAX_KEYS + 1];
	Datum		values[INDEX_MAX_KEYS + 1];
	IdvResult  *result;
	bool		found;
	StringInfoData sql;
	int			level = idv_canonical_sql_begin();

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM pg_catalog.jsonb_populate_record(CAST(NULL AS %s), $%d) x WHERE ",
					 reference->table->name, n + 1);
	idv_where_points_to_source(&sql, &pointing, "x");
	idv_canonical_text_end(level);
	for (int i = 0; i < n; i++)
	{
		types[i] = TupleDescAttr(keys->table->desc, reference->referenced[i] - 1)->atttypid;
		values[i] = row.values[reference->referenced[i] - 1];
	}
	types[n] = JSONBOID;
	values[n] = journaled;

	/* The journal has values as text of these settings. */
	level = idv_canonical_text_begin();
	result = idv_table_query_once(reference->table, sql.data, n + 1, types, values, false, NIL);
	idv_canonical_text_end(level);
	found = result->processed > 0;
	idv_result_end(result);
	return found;
}

/*
 * Delete a step, and those before it that moved what pointed to its row: without
 * that they would lead nowhere.
 */
static void
delete_step(const IdvResult *step)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID, INT4OID};
	static IdvStatement remove;

	if (remove.plan == NULL)
		idv_statement_prepare(&remove, InvalidOid,
							  "DELETE FROM idverify.fold_rows r"
							  " WHERE r.app_id = $1 AND r.fold_id = $2 AND (r.step = $3 OR"
							  "  (r.step < $3 AND r.depth > $4 AND r.step > coalesce("
							  "   (SELECT max(s.step) FROM idverify.fold_rows s WHERE s.app_id = $1"
							  "    AND s.fold_id = $2 AND s.step < $3 AND s.depth <= $4), 0)))",
							  lengthof(types), types);
	(void) idv_statement_run(&remove, step->values, NULL);
}

/* Set the columns that point to NULL in a step's rows. */
static void
clear_step(const IdvRowKeys *keys, const IdvReference *reference, const IdvResult *step,
		   bool dropped, bool kept)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID, JSONBOID, BOOLOID, BOOLOID};
	static IdvStatement clear;
	Datum		values[lengthof(types)];
	StringInfoData nulls;
	ListCell   *lc;

	initStringInfo(&nulls);
	foreach(lc, idv_pointing_emptied(keys, reference))
	{
		appendStringInfoChar(&nulls, nulls.len == 0 ? '{' : ',');
		escape_json(&nulls, NameStr(TupleDescAttr(reference->table->desc,
												  lfirst_int(lc) - 1)->attname));
		appendStringInfoString(&nulls, ":null");
	}
	appendStringInfoChar(&nulls, '}');
	if (clear.plan == NULL)
		idv_statement_prepare(&clear, InvalidOid,
							  "UPDATE idverify.fold_rows SET"
							  " dropped_row = CASE WHEN $5 THEN dropped_row || $4 ELSE dropped_row END,"
							  " kept_row = CASE WHEN $6 THEN kept_row || $4 ELSE kept_row END"
							  " WHERE app_id = $1 AND fold_id = $2 AND step = $3",
							  lengthof(types), types);
	for (int i = 0; i < 3; i++)
		values[i] = step->values[i];
	values[3] = DirectFunctionCall1(jsonb_in, CStringGetDatum(nulls.data));
	values[4] = BoolGetDatum(dropped);
	values[5] = BoolGetDatum(kept);
	(void) idv_statement_run(&clear, values, NULL);
}

/*
 * idv_journal_lost_tables
 *		The tables that the journal has dropped rows of, and that are not there by the
 *		names that they had: an array of text.
 */
Datum
idv_journal_lost_tables(void)
{
	static IdvStatement lost;
	IdvResult  *result = idv_statement_ask(&lost,
										   "SELECT coalesce(array_agg(relation), '{}') FROM"
										   " (SELECT DISTINCT relation FROM idverify.fold_rows"
										   "  WHERE dropped_row IS NOT NULL OFFSET 0) t"
										   " WHERE " IDV_NAMES_NO_TABLE("relation"),
										   0, NULL, NULL);
	Datum		names;

	(void) idv_result_next(result);
	names = datumCopy(result->values[0], false, -1);
	idv_result_end(result);
	return names;
}

/*
 * idv_journal_links_take_out
 *		Take what points to some rows along a reference out of the journal of dropped
 *		rows.
 *
 * keys, chunk	the table that is pointed to, and which rows of it
 * whole		the row goes; else the columns that point are set to NULL
 * lost			what idv_journal_lost_tables() has returned
 *
 * Returns how many rows of the journal were touched.  42501 if the table is not
 * trusted and may have such a row in the journal, 55000 if it was another role's, or
 * if a row may be such a one, and its table is not there by the name that it had.
 */
int64
idv_journal_links_take_out(const IdvRowKeys *keys, const IdvKeyChunk *chunk,
						   IdvReference *reference, bool whole, Datum lost)
{
	IdvTable   *table = reference->table;
	IdvResult  *steps;
	int64		touched = 0;

	if (idv_table_objection(table) == NULL)
		idv_reference_read_condition(reference);
	steps = ask_dropped(reference, lost);
	while (idv_result_next(steps))
	{
		bool		dropped = false;
		bool		kept = false;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < chunk->n; k++)
		{
			bool		may_dropped = may_point(keys, reference, chunk->rows[k], steps, STEP_DROPPED);
			bool		may_kept = may_point(keys, reference, chunk->rows[k], steps, STEP_KEPT);

			if (!may_dropped && !may_kept)
				continue;
			if (!steps->nulls[STEP_RELATION])
				idv_journal_report_no_table(DatumGetInt64(steps->values[STEP_FOLD_ID]),
											TextDatumGetCString(steps->values[STEP_RELATION]));
			idv_table_check_code(table);
			idv_journal_check_owner(DatumGetInt64(steps->values[STEP_FOLD_ID]),
									table->relation, table->name,
									steps->nulls[STEP_OWNER] ? NULL :
									TextDatumGetCString(steps->values[STEP_OWNER]));
			dropped = dropped || (may_dropped && points(keys, reference, chunk->rows[k],
														steps->values[STEP_DROPPED]));
			kept = kept || (may_kept && points(keys, reference, chunk->rows[k],
											   steps->values[STEP_KEPT]));
		}
		if (dropped && whole)
			delete_step(steps);
		else if (dropped || kept)
			clear_step(keys, reference, steps, dropped, kept);
		touched += dropped || kept ? 1 : 0;
	}
	idv_result_end(steps);
	return touched;
}
