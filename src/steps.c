/*-------------------------------------------------------------------------
 *
 * steps.c
 *	  Undo the steps of a fold: move rows back, put dropped ones back.
 *
 * Values are text in the journal.  They become values of their types in CASTs
 * within the statements, which run as the table's owner: a domain's CHECK may
 * call anything.
 *
 *-------------------------------------------------------------------------
 */
#include "steps.h"

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
#include "folding.h"

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

static IdvStatement read_step;
static IdvStatement read_first_step;

/* What previous_step() reads, in its order. */
#define STEP \
	"SELECT step, relation, columns, old_values, new_values," \
	" condition, whole_row, key_columns, moved_keys, dropped_row"

/* The line of the result for this table. */
static IdvFolded *
undone_line(IdvUnfold *unfold, Oid relation)
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

/*
 * idv_journaled_relation
 *		A table by the name that the journal has for it.
 */
Oid
idv_journaled_relation(const IdvUnfold *unfold, const char *name)
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

/*
 * idv_column_type
 *		The type of a column, as SQL.
 */
char *
idv_column_type(const IdvTable *table, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);

	return format_type_extended(att->atttypid, att->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_FORCE_QUALIFY);
}

/* The column of a table that the journal names. */
static AttrNumber
journaled_column(const IdvUnfold *unfold, const IdvTable *table, const char *name)
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

/*
 * idv_put_back
 *		Put a row back.  Columns that were added since get their defaults.
 */
void
idv_put_back(IdvUnfold *unfold, IdvTable *table, Datum row)
{
	static const Oid types[] = {JSONBOID};
	IdvStatement statement = {.plan = NULL};
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
						 quote_literal_cstr(name), idv_column_type(table, i + 1));
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
append_still_pointing(StringInfo sql, const IdvUnfold *unfold, const Step *step,
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
							 n + i + 1, idv_column_type(step->table, column));
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
append_by_key(StringInfo from, StringInfo where, const IdvUnfold *unfold,
			  const Step *step)
{
	int			n = 2 * list_length(step->columns);

	if (step->key_columns != NIL)
	{
		int			i = 0;
		ListCell   *lc;

		appendStringInfoString(from, "(SELECT ");
		foreach(lc, step->key_columns)
		{
			AttrNumber	column = journaled_column(unfold, step->table, lfirst(lc));
			Oid			type = get_atttype(step->table->relation, column);

			appendStringInfo(from, "%sCAST(u.k%d AS %s) AS k%d",
							 i == 0 ? "" : ", ", i,
							 idv_column_type(step->table, column), i);
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
append_by_record(StringInfo where, const IdvUnfold *unfold, const Step *step)
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
prepare_move_back(IdvUnfold *unfold, const Step *step, int nargs,
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
						 idv_column_type(step->table, column));
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
undo_move(IdvUnfold *unfold, const Step *step)
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

/*
 * Read the step before another.  Returns false if that was the first.
 *
 * The first ones are in the head of the journal.
 */
static bool
previous_step(Step *step, const IdvUnfold *unfold)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID};
	static const Oid first_types[] = {JSONBOID, INT4OID};
	Datum		values[3];
	Datum		first_values[2];
	IdvResult  *result;
	bool		found;

	values[0] = Int32GetDatum(unfold->app_id);
	values[1] = Int64GetDatum(unfold->id);
	values[2] = Int32GetDatum(step->step);
	result = idv_statement_ask(&read_step,
							   STEP " FROM idverify.fold_rows"
							   " WHERE app_id = $1 AND fold_id = $2 AND step < $3"
							   " ORDER BY step DESC LIMIT 1",
							   lengthof(types), types, values);
	found = idv_result_next(result);
	if (!found)
	{
		idv_result_end(result);
		first_values[0] = unfold->first_steps;
		first_values[1] = Int32GetDatum(step->step);
		result = idv_statement_ask(&read_first_step,
								   STEP " FROM jsonb_to_recordset($1) AS s(step int4,"
								   " relation text, columns text[], old_values text[],"
								   " new_values text[], condition text, whole_row bool,"
								   " key_columns text[], moved_keys text[], dropped_row jsonb)"
								   " WHERE step < $2 ORDER BY step DESC LIMIT 1",
								   lengthof(first_types), first_types, first_values);
		found = idv_result_next(result);
	}
	if (found)
	{
		step->step = DatumGetInt32(result->values[0]);
		step->table = idv_table(idv_journaled_relation(unfold,
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

/*
 * idv_undo_steps
 *		Undo all that a fold did to the tables that point to contacts.
 */
void
idv_undo_steps(IdvUnfold *unfold)
{
	Step		step = {.step = PG_INT32_MAX};
	MemoryContext step_context;
	MemoryContext caller;

	step_context = AllocSetContextCreate(CurrentMemoryContext,
										 "idverify step",
										 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(step_context);
	while (previous_step(&step, unfold))
	{
		if (step.dropped_row.isnull)
			undo_move(unfold, &step);
		else
			idv_put_back(unfold, step.table, step.dropped_row.value);
		MemoryContextReset(step_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(step_context);
}
