/*-------------------------------------------------------------------------
 *
 * unfolding.c
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
 * Values are text in the journal.  They become values of their types in CASTs
 * within the statements, which run as the table's owner: a domain's CHECK may
 * call anything.
 *
 *-------------------------------------------------------------------------
 */
#include "folding.h"

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

#include "condition.h"
#include "contact_rows.h"
#include "journal.h"
#include "relations.h"

/* A fold that is being undone. */
typedef struct Unfold
{
	int64		id;
	int32		app_id;
	IdvContacts *contacts;
	char	   *source_id;
	char	   *target_id;
	Datum		source_row;		/* jsonb, as all that follow */
	Datum		filled;
	NullableDatum visitor;
	List	   *undone;			/* of IdvFolded */
	MemoryContext context;		/* where that is */

	/* The last statement that moved rows back; often the next step's too. */
	char	   *sql;
	IdvStatement move_back;
	IdvStatement still_there;	/* rows that it should have moved */
} Unfold;

/* One step of the journal. */
typedef struct Step
{
	int32		step;
	IdvTable   *table;
	List	   *columns;		/* names; as are key_columns */
	List	   *key_columns;
	Datum		old_values;		/* arrays of text */
	Datum		new_values;
	Datum		moved_keys;
	char	   *condition;
	bool		whole_row;
	NullableDatum dropped_row;
} Step;

static IdvStatement read_app;
static IdvStatement lock_fold;
static IdvStatement read_later_source;
static IdvStatement read_later_target;
static IdvStatement read_visitor;
static IdvStatement read_fills;
static IdvStatement read_step;
static IdvStatement unmerge;
static IdvStatement mark_undone;

/* The line of the result for this table. */
static IdvFolded *
undone_line(Unfold *unfold, Oid relation)
{
	IdvFolded  *line;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, unfold->undone)
	{
		line = lfirst(lc);
		if (line->relation == relation)
			return line;
	}
	caller = MemoryContextSwitchTo(unfold->context);
	line = palloc0(sizeof(IdvFolded));
	line->relation = relation;
	unfold->undone = lappend(unfold->undone, line);
	MemoryContextSwitchTo(caller);
	return line;
}

/* A table by the name that the journal has for it. */
static Oid
journaled_relation(const Unfold *unfold, const char *name)
{
	Oid			relation;

	relation = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
								NoLock, true);
	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s, which fold " INT64_FORMAT " wrote to, does not exist any more",
						name, unfold->id),
				 errhint("If it was renamed, correct its name in the fold's rows of idverify.folds and idverify.fold_rows.")));
	return relation;
}

/* The type of a column, as SQL. */
static char *
column_type(const IdvTable *table, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);

	return format_type_extended(att->atttypid, att->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_FORCE_QUALIFY);
}

/* The column of a table that the journal names. */
static AttrNumber
journaled_column(const Unfold *unfold, const IdvTable *table, const char *name)
{
	AttrNumber	column = get_attnum(table->relation, name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of table %s, which fold " INT64_FORMAT " needs, does not exist any more",
						name, table->name, unfold->id)));
	return column;
}

static List *
names_of(Datum array)
{
	Datum	   *elements;
	int			n;
	List	   *names = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(elements[i]));
	return names;
}

/* Find the fold, lock it, and see that it stands. */
static void
open_fold(Unfold *unfold)
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
				 "SELECT contacts, source_id, target_id, source_row, filled,"
				 " visitor, undone_at IS NOT NULL"
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
	unfold->contacts = idv_contacts(journaled_relation(unfold,
													   TextDatumGetCString(result->values[0])));
	unfold->source_id = TextDatumGetCString(result->values[1]);
	unfold->target_id = TextDatumGetCString(result->values[2]);
	unfold->source_row = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[3]));
	unfold->filled = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[4]));
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
later_fold(const Unfold *unfold, IdvStatement *statement, const char *sql)
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
lock_target(Unfold *unfold, Datum target_id)
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
check_visitor(const Unfold *unfold)
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

/* Give back what the target took over, where it still has it. */
static void
take_back_fills(Unfold *unfold, Datum target_id, IdvRow target)
{
	static const Oid types[] = {JSONBOID};
	IdvContacts *contacts = unfold->contacts;
	IdvTable   *table = contacts->table;
	int			nargs = contacts->own ? 2 : 1;
	Oid		   *all_types = palloc(sizeof(Oid) * (table->desc->natts + 2));
	Datum	   *values = palloc(sizeof(Datum) * (table->desc->natts + 2));
	bool	   *nulls = palloc0(sizeof(bool) * (table->desc->natts + 2));
	int			first = nargs;
	IdvStatement statement = {NULL};
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
		char	   *current;

		if (column <= 0 || target.nulls[column - 1])
			continue;
		current = idv_value_text(TupleDescAttr(table->desc, column - 1)->atttypid,
								 target.values[column - 1]);
		if (strcmp(current, after) == 0)
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
						 column_type(table, column));
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
	idv_statement_prepare(&statement, table->owner, sql.data, nargs, all_types);
	idv_contacts_write(contacts, &statement, values, nulls);
	idv_statement_free(&statement);
}

/* Put a row back.  Columns that were added since get their defaults. */
static void
put_back(Unfold *unfold, IdvTable *table, Datum row)
{
	static const Oid types[] = {JSONBOID};
	IdvStatement statement = {NULL};
	StringInfoData columns;
	StringInfoData values;
	JsonbContainer *object = &DatumGetJsonbP(row)->root;

	initStringInfo(&columns);
	initStringInfo(&values);
	for (int i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);
		const char *name = NameStr(att->attname);
		JsonbValue	value;

		if (att->attisdropped || att->attgenerated != '\0' ||
			getKeyJsonValueFromContainer(object, name, strlen(name), &value) == NULL)
			continue;
		appendStringInfo(&columns, "%s%s", columns.len == 0 ? "" : ", ",
						 quote_identifier(name));
		appendStringInfo(&values, "%sCAST($1 ->> %s AS %s)",
						 values.len == 0 ? "" : ", ",
						 quote_literal_cstr(name), column_type(table, i + 1));
	}
	idv_statement_prepare(&statement, table->owner,
						  psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s",
								   table->name, columns.data, values.data),
						  lengthof(types), types);
	if (table == unfold->contacts->table)
		idv_contacts_write(unfold->contacts, &statement, &row, NULL);
	else if (idv_statement_run(&statement, &row, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row of %s was not put back", table->name),
				 errhint("Look for a trigger on the table that returns NULL.")));
	idv_statement_free(&statement);
	undone_line(unfold, table->relation)->dropped++;
}

/* The rows of alias that still point where a step has pointed them. */
static void
append_still_pointing(StringInfo sql, const Unfold *unfold, const Step *step,
					  const char *alias)
{
	int			n = list_length(step->columns);
	Datum	   *new_values;
	bool	   *nulls;
	int			count;
	int			i = 0;
	ListCell   *lc;

	deconstruct_array(DatumGetArrayTypeP(step->new_values), TEXTOID, -1, false,
					  TYPALIGN_INT, &new_values, &nulls, &count);
	foreach(lc, step->columns)
	{
		AttrNumber	column = journaled_column(unfold, step->table, lfirst(lc));
		Oid			type = get_atttype(step->table->relation, column);

		appendStringInfo(sql, "%s%s.%s", i == 0 ? "" : " AND ", alias,
						 idv_column_name(step->table, column));
		if (nulls[i])
			appendStringInfoString(sql, " IS NULL");
		else
			appendStringInfo(sql, " %s CAST($%d AS %s)",
							 idv_operator_name(idv_equal_operator(type, type)),
							 n + i + 1, column_type(step->table, column));
		i++;
	}
	if (step->condition != NULL)
	{
		Relation	relation = relation_open(step->table->relation, NoLock);

		appendStringInfo(sql, " AND (%s)",
						 idv_condition_text(idv_condition_parse(relation, step->condition),
											step->table->relation, alias));
		relation_close(relation, NoLock);
	}
}

/* FROM and WHERE of the rows that a step moved, by their key. */
static void
append_by_key(StringInfo from, StringInfo where, const Unfold *unfold,
			  const Step *step)
{
	int			n = 2 * list_length(step->columns);
	int			i = 0;
	ListCell   *lc;

	if (step->key_columns != NIL)
	{
		appendStringInfoString(from, "(SELECT ");
		foreach(lc, step->key_columns)
		{
			AttrNumber	column = journaled_column(unfold, step->table, lfirst(lc));
			Oid			type = get_atttype(step->table->relation, column);

			appendStringInfo(from, "%sCAST(u.k%d AS %s) AS k%d",
							 i == 0 ? "" : ", ", i,
							 column_type(step->table, column), i);
			appendStringInfo(where, "x.%s %s k.k%d AND ",
							 idv_column_name(step->table, column),
							 idv_operator_name(idv_equal_operator(type, type)), i);
			i++;
		}
		appendStringInfoString(from, " FROM unnest(");
		for (int k = 0; k < i; k++)
			appendStringInfo(from, "%s$%d", k == 0 ? "" : ", ", n + k + 1);
		appendStringInfoString(from, ") AS u(");
		for (int k = 0; k < i; k++)
			appendStringInfo(from, "%sk%d", k == 0 ? "" : ", ", k);
		appendStringInfoString(from, ")) k");
	}
	append_still_pointing(where, unfold, step, "x");
}

/*
 * WHERE of the rows that a step moved, where there is no key: as many of each
 * kind as were moved, whichever they are.
 */
static void
append_by_record(StringInfo where, const Unfold *unfold, const Step *step)
{
	StringInfoData record;
	ListCell   *lc;

	initStringInfo(&record);
	foreach(lc, step->key_columns)
		appendStringInfo(&record, "%sy.%s", record.len == 0 ? "" : ", ",
						 idv_column_name(step->table,
										 journaled_column(unfold, step->table,
														  lfirst(lc))));
	appendStringInfo(where,
					 "(x.tableoid, x.ctid) IN (SELECT r.t, r.c FROM"
					 " (SELECT y.tableoid AS t, y.ctid AS c, CAST(ROW(%s) AS text) AS w,"
					 " row_number() OVER (PARTITION BY CAST(ROW(%s) AS text)) AS n"
					 " FROM %s y WHERE ",
					 record.data, record.data, step->table->from);
	append_still_pointing(where, unfold, step, "y");
	appendStringInfo(where,
					 ") r JOIN (SELECT u.w, count(*) AS n FROM unnest($%d) AS u(w)"
					 " GROUP BY u.w) k ON k.w = r.w AND r.n <= k.n)",
					 2 * list_length(step->columns) + 1);
}

/* Prepare to move back the rows of a step, unless the last step's will do. */
static void
prepare_move_back(Unfold *unfold, const Step *step, int nargs,
				  const Oid *types)
{
	StringInfoData sql;
	StringInfoData from;
	StringInfoData where;
	int			i = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	initStringInfo(&from);
	initStringInfo(&where);
	if (step->whole_row)
		append_by_record(&where, unfold, step);
	else
		append_by_key(&from, &where, unfold, step);

	appendStringInfo(&sql, "UPDATE %s x SET ", step->table->from);
	foreach(lc, step->columns)
	{
		AttrNumber	column = journaled_column(unfold, step->table, lfirst(lc));

		appendStringInfo(&sql, "%s%s = CAST($%d AS %s)", i == 0 ? "" : ", ",
						 idv_column_name(step->table, column), i + 1,
						 column_type(step->table, column));
		i++;
	}
	appendStringInfo(&sql, "%s%s WHERE %s", from.len == 0 ? "" : " FROM ",
					 from.data, where.data);
	if (unfold->sql != NULL && strcmp(unfold->sql, sql.data) == 0)
		return;

	idv_statement_free(&unfold->move_back);
	idv_statement_free(&unfold->still_there);
	unfold->sql = MemoryContextStrdup(unfold->context, sql.data);
	idv_statement_prepare(&unfold->move_back, step->table->owner, sql.data,
						  nargs, types);
	if (step->table->has_triggers && !step->whole_row)
		idv_statement_prepare(&unfold->still_there, step->table->owner,
							  psprintf("SELECT 1 FROM %s x%s%s WHERE %s LIMIT 1",
									   step->table->from,
									   from.len == 0 ? "" : ", ",
									   from.data, where.data),
							  nargs, types);
}

/* Move rows back. */
static void
undo_move(Unfold *unfold, const Step *step)
{
	int			ncolumns = list_length(step->columns);
	int			nkeys = step->whole_row ? 1 : list_length(step->key_columns);
	int			nargs = 2 * ncolumns + nkeys;
	Oid		   *types = palloc(sizeof(Oid) * Max(nargs, 1));
	Datum	   *values = palloc(sizeof(Datum) * Max(nargs, 1));
	bool	   *nulls = palloc0(sizeof(bool) * Max(nargs, 1));
	Datum	   *elements;
	bool	   *element_nulls;
	int			n;

	for (int side = 0; side < 2; side++)
	{
		deconstruct_array(DatumGetArrayTypeP(side == 0 ? step->old_values :
											 step->new_values),
						  TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &element_nulls, &n);
		for (int i = 0; i < ncolumns; i++)
		{
			types[side * ncolumns + i] = TEXTOID;
			values[side * ncolumns + i] = elements[i];
			nulls[side * ncolumns + i] = element_nulls[i];
		}
	}

	/* The keys are stored row by row, and wanted column by column. */
	deconstruct_array(DatumGetArrayTypeP(step->moved_keys), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &element_nulls, &n);
	for (int k = 0; k < nkeys; k++)
	{
		Datum	   *of_column = palloc(sizeof(Datum) * Max(n / nkeys, 1));

		for (int i = 0; i < n / nkeys; i++)
			of_column[i] = elements[i * nkeys + k];
		types[2 * ncolumns + k] = TEXTARRAYOID;
		values[2 * ncolumns + k] =
			PointerGetDatum(construct_array(of_column, n / nkeys, TEXTOID, -1,
											false, TYPALIGN_INT));
	}

	prepare_move_back(unfold, step, nargs, types);
	undone_line(unfold, step->table->relation)->moved +=
		idv_statement_run(&unfold->move_back, values, nulls);
	if (unfold->still_there.plan != NULL &&
		idv_statement_run(&unfold->still_there, values, nulls) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of %s were not moved back", step->table->name),
				 errhint("Look for a trigger on the table that returns NULL, or sets the column back.")));
}

/* Read the step before another.  Returns false if that was the first. */
static bool
previous_step(Step *step, const Unfold *unfold)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID};
	Datum		values[3];
	IdvResult  *result;
	bool		found;

	values[0] = Int32GetDatum(unfold->app_id);
	values[1] = Int64GetDatum(unfold->id);
	values[2] = Int32GetDatum(step->step);
	result = idv_statement_ask(&read_step,
				 "SELECT step, relation, columns, old_values, new_values,"
				 " condition, whole_row, key_columns, moved_keys, dropped_row"
				 " FROM idverify.fold_rows"
				 " WHERE app_id = $1 AND fold_id = $2 AND step < $3"
				 " ORDER BY step DESC LIMIT 1",
				 lengthof(types), types, values);
	found = idv_result_next(result);
	if (found)
	{
		step->step = DatumGetInt32(result->values[0]);
		step->table = idv_table(journaled_relation(unfold,
												   TextDatumGetCString(result->values[1])));
		step->dropped_row.isnull = result->nulls[9];
		if (!result->nulls[9])
			step->dropped_row.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[9]));
		else
		{
			step->columns = names_of(result->values[2]);
			step->old_values = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[3]));
			step->new_values = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[4]));
			step->condition = result->nulls[5] ? NULL : TextDatumGetCString(result->values[5]);
			step->whole_row = DatumGetBool(result->values[6]);
			step->key_columns = names_of(result->values[7]);
			step->moved_keys = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[8]));
		}
	}
	idv_result_end(result);
	return found;
}

/* Take a fold back, once it is open. */
static void
undo(Unfold *unfold)
{
	static const Oid types[] = {INT8OID, INT4OID, TIMESTAMPTZOID};
	Datum		values[3];
	Datum		target_id = idv_contacts_id_from_text(unfold->contacts, unfold->target_id);
	IdvRow		target = lock_target(unfold, target_id);
	Step		step = {PG_INT32_MAX};
	MemoryContext step_context;
	MemoryContext caller;

	check_visitor(unfold);
	take_back_fills(unfold, target_id, target);
	put_back(unfold, unfold->contacts->table, unfold->source_row);

	step_context = AllocSetContextCreate(CurrentMemoryContext,
										 "idverify step",
										 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(step_context);
	while (previous_step(&step, unfold))
	{
		if (step.dropped_row.isnull)
			undo_move(unfold, &step);
		else
			put_back(unfold, step.table, step.dropped_row.value);
		MemoryContextReset(step_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(step_context);

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
report_in_the_way(const Unfold *unfold, ErrorData *error)
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
			 errhint("Move it out of the way first.")));
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
	Unfold		unfold = {fold_id};
	MemoryContext context = CurrentMemoryContext;
	int			level;

	PreventCommandIfReadOnly("idverify_unfold()");
	unfold.context = context;
	SPI_connect();
	open_fold(&unfold);
	level = idv_exact_text_begin();
	PG_TRY();
	{
		undo(&unfold);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		idv_statement_free(&unfold.move_back);
		idv_statement_free(&unfold.still_there);
		{
			ErrorData  *error = CopyErrorData();

			FlushErrorState();
			report_in_the_way(&unfold, error);
		}
	}
	PG_END_TRY();
	idv_exact_text_end(level);
	idv_statement_free(&unfold.move_back);
	idv_statement_free(&unfold.still_there);
	SPI_finish();
	*undone = unfold.undone;
}
