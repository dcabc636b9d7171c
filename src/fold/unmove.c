/*-------------------------------------------------------------------------
 *
 * unmove.c
 *	  Move rows back to where they pointed before a fold.
 *
 * They are found by their key; or, where they have none, by their text.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/unmove.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "references/reference_condition.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"

/*
 * idv_unmove_end
 *		Forget the statements that moved rows back.
 */
void
idv_unmove_end(IdvUnmove *unmove)
{
	idv_statement_free(&unmove->update);
	idv_statement_free(&unmove->places);
	idv_statement_free(&unmove->left);
}

/*
 * Can values of this type and collation be equal that are not the same?
 *
 * Where the contacts' column is of another, they may well be two contacts: a
 * row that was moved points to somebody else since, and must be left there.
 */
static bool
may_mix_up(Oid type, Oid collation)
{
	return getBaseType(type) >= FirstUnpinnedObjectId ||
		(OidIsValid(collation) && !get_collation_isdeterministic(collation));
}

/*
 * What a column of a step is compared by.  55000 if its type has been changed to
 * one that cannot be compared.
 */
static Oid
equal_operator(const IdvJournaledFold *fold, const IdvStep *step, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(step->table->desc, column - 1);
	Oid			equal = idv_equal_operator(att->atttypid, att->atttypid);

	if (!OidIsValid(equal))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of \"%s\" cannot be compared with what fold " INT64_FORMAT " has written down of it",
						NameStr(att->attname), step->table->label, fold->id),
				 errdetail("Values of type %s cannot be compared.",
						   format_type_be(att->atttypid)),
				 errhint("Give it the type back that it had.")));
	return equal;
}

/*
 * And they are in the shard of the fold's app, if the table is distributed as the
 * contacts are: then all that points to a contact is.
 */
static void
append_shard(StringInfo sql, const IdvJournaledFold *fold, const IdvStep *step,
			 const char *alias)
{
	const IdvDistribution *contacts = &fold->contacts->table->distribution;
	const IdvDistribution *rows = &step->table->distribution;
	Oid			type;

	if (!fold->contacts->own || contacts->rows != IDV_ROWS_BY_COLUMN ||
		rows->rows != IDV_ROWS_BY_COLUMN || rows->colocation != contacts->colocation)
		return;
	type = TupleDescAttr(step->table->desc, rows->column - 1)->atttypid;
	appendStringInfo(sql, " AND %s",
					 idv_comparison(psprintf("%s.%s", alias,
											 idv_column_name(step->table, rows->column)),
									equal_operator(fold, step, rows->column),
									psprintf("CAST(%d AS %s)", fold->app_id,
											 format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY))));
}

/* The parameters that places take: arrays of tableoid, ctid and perhaps one more. */
static int
place_parameters(const IdvStep *step)
{
	if (!step->whole_row)
		return 0;
	return step->table->distribution.column == 0 ? 2 : 3;
}

/* The rows of alias that still point where a step has pointed them. */
static void
append_still_pointing(StringInfo sql, const IdvJournaledFold *fold, const IdvStep *step,
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
		AttrNumber	column = idv_journal_column(fold, step->table, lfirst(lc));
		Oid			type = get_atttype(step->table->relation, column);

		const char *name = psprintf("%s.%s", alias,
									idv_column_name(step->table, column));

		if (i > 0)
			appendStringInfoString(sql, " AND ");
		if (nulls[i])
			appendStringInfo(sql, "%s IS NULL", name);
		else
			appendStringInfoString(sql, idv_comparison(name, equal_operator(fold, step, column),
													   psprintf("$%d", n + i + 1)));
		if (!nulls[i] &&
			may_mix_up(type, TupleDescAttr(step->table->desc, column - 1)->attcollation))
			appendStringInfo(sql, " AND CAST(ROW(%s.%s) AS record) OPERATOR(pg_catalog.*=)"
							 " CAST(ROW(CAST($%d AS %s)) AS record)",
							 alias, idv_column_name(step->table, column),
							 n + i + 1,
							 format_type_extended(TupleDescAttr(step->table->desc, column - 1)->atttypid,
												  -1, FORMAT_TYPE_FORCE_QUALIFY));
		i++;
	}
	append_shard(sql, fold, step, alias);
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
append_by_key(StringInfo from, StringInfo where, const IdvJournaledFold *fold,
			  const IdvStep *step)
{
	int			n = 2 * list_length(step->columns);

	if (step->key_columns != NIL)
	{
		int			i = 0;
		ListCell   *lc;

		appendStringInfoString(from, "unnest(");
		foreach(lc, step->key_columns)
		{
			AttrNumber	column = idv_journal_column(fold, step->table, lfirst(lc));

			appendStringInfo(from, "%s$%d", i == 0 ? "" : ", ", n + i + 1);
			appendStringInfo(where, "%s AND ",
							 idv_comparison(psprintf("x.%s", idv_column_name(step->table, column)),
											equal_operator(fold, step, column),
											psprintf("k.k%d", i)));
			i++;
		}
		appendStringInfoString(from, ") AS k(");
		for (int k = 0; k < i; k++)
			appendStringInfo(from, "%sk%d", k == 0 ? "" : ", ", k);
		appendStringInfoChar(from, ')');
	}
	append_still_pointing(where, fold, step, "x");
}

/*
 * The same of a distributed table: the places of all rows that still point there,
 * with what they are told apart by.  Their text is made here, since other nodes
 * have settings of their own.
 */
static void
append_shard_places(StringInfo sql, const IdvJournaledFold *fold, const IdvStep *step,
					const char *columns)
{
	AttrNumber	column = step->table->distribution.column;

	appendStringInfo(sql, "SELECT y.tableoid, y.ctid%s%s%s%s FROM %s y WHERE ",
					 column == 0 ? "" : ", y.",
					 column == 0 ? "" : idv_column_name(step->table, column),
					 columns[0] == '\0' ? "" : ", ", columns, step->table->from);
	append_still_pointing(sql, fold, step, "y");
}

/*
 * A query for the places of the rows that a step moved, where there is no key:
 * as many of each kind as were moved, whichever they are.
 */
static void
append_places(StringInfo sql, const IdvJournaledFold *fold, const IdvStep *step)
{
	StringInfoData record;
	ListCell   *lc;

	initStringInfo(&record);
	foreach(lc, step->key_columns)
		appendStringInfo(&record, "%sy.%s", record.len == 0 ? "" : ", ",
						 idv_column_name(step->table,
										 idv_journal_column(fold, step->table,
															lfirst(lc))));
	if (step->table->distribution.rows != IDV_ROWS_HERE)
	{
		append_shard_places(sql, fold, step, record.data);
		return;
	}
	appendStringInfo(sql,
					 "SELECT r.t, r.c FROM"
					 " (SELECT y.tableoid AS t, y.ctid AS c, CAST(ROW(%s) AS text) AS w,"
					 " row_number() OVER (PARTITION BY CAST(ROW(%s) AS text)) AS n"
					 " FROM %s y WHERE ",
					 record.data, record.data, step->table->from);
	append_still_pointing(sql, fold, step, "y");
	appendStringInfo(sql,
					 ") r JOIN (SELECT u.w, count(*) AS n FROM unnest($%d) AS u(w)"
					 " GROUP BY u.w) k ON k.w = r.w AND r.n <= k.n",
					 2 * list_length(step->columns) + 1);
}

/*
 * Prepare to move back the rows of a step, unless the last step's will do.
 *
 * nargs, types	what the journal has of it: values, and keys or records
 */
static void
prepare(IdvUnmove *unmove, const IdvJournaledFold *fold, const IdvStep *step,
		int nargs, const Oid *types)
{
	StringInfoData sql;
	StringInfoData from;
	StringInfoData where;
	StringInfoData places;
	int			level = idv_canonical_sql_begin();
	int			i = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	initStringInfo(&from);
	initStringInfo(&where);
	initStringInfo(&places);
	if (step->whole_row)
	{
		AttrNumber	column = step->table->distribution.column;

		idv_table_check_places(step->table);
		append_places(&places, fold, step);
		appendStringInfo(&from, "unnest($%d, $%d", nargs + 1, nargs + 2);
		if (column != 0)
			appendStringInfo(&from, ", $%d", nargs + 3);
		appendStringInfo(&from, ") AS p(t, c%s)", column == 0 ? "" : ", d");
		appendStringInfoString(&where, "x.tableoid = p.t AND x.ctid = p.c");

		/*
		 * Without this, strangers' rows on other nodes may be at these
		 * places.
		 */
		if (column != 0)
			appendStringInfo(&where, " AND %s",
							 idv_comparison(psprintf("x.%s", idv_column_name(step->table, column)),
											equal_operator(fold, step, column), "p.d"));
		append_shard(&where, fold, step, "x");
	}
	else
		append_by_key(&from, &where, fold, step);

	appendStringInfo(&sql, "UPDATE %s x SET ", step->table->from);
	foreach(lc, step->columns)
	{
		AttrNumber	column = idv_journal_column(fold, step->table, lfirst(lc));

		appendStringInfo(&sql, "%s%s = $%d", i == 0 ? "" : ", ",
						 idv_column_name(step->table, column), i + 1);
		i++;
	}
	appendStringInfo(&sql, "%s%s WHERE %s", from.len == 0 ? "" : " FROM ",
					 from.data, where.data);

	/* Without a key, who can tell afterwards which row it was? */
	if (step->whole_row && step->table->has_triggers)
	{
		appendStringInfoString(&sql, " RETURNING ");
		append_still_pointing(&sql, fold, step, "x");
	}
	idv_canonical_text_end(level);
	if (unmove->update_sql != NULL && strcmp(unmove->update_sql, sql.data) == 0 &&
		strcmp(unmove->places_sql, places.data) == 0)
		return;

	idv_unmove_end(unmove);
	unmove->update_sql = MemoryContextStrdup(unmove->context, sql.data);
	unmove->places_sql = MemoryContextStrdup(unmove->context, places.data);
	idv_statement_prepare(&unmove->update, step->table->owner, sql.data,
						  nargs + place_parameters(step), types);
	unmove->update.pointers = IDV_POINTERS_FOLLOW;
	if (step->whole_row)
		idv_statement_prepare(&unmove->places, step->table->owner, places.data,
							  nargs, types);
	if (step->table->has_triggers)
		idv_statement_prepare(&unmove->left, step->table->owner,
							  psprintf("SELECT 1 FROM %s x%s%s WHERE %s LIMIT 1",
									   step->table->from,
									   from.len == 0 ? "" : ", ",
									   from.data, where.data),
							  nargs + place_parameters(step), types);
}

/* Rows that are one by their text, and how many of them are yet to be found. */
typedef struct Kind
{
	char	   *text;
	int			wanted;
} Kind;

static int
compare_kinds(const void *a, const void *b)
{
	return strcmp(((const Kind *) a)->text, ((const Kind *) b)->text);
}

/* Sort the texts of a step's rows into kinds.  Returns how many there are. */
static int
make_kinds(Kind **kinds, Datum texts)
{
	Datum	   *elements;
	int			count;
	int			n = 0;

	deconstruct_array(DatumGetArrayTypeP(texts), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &count);
	*kinds = palloc(sizeof(Kind) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		(*kinds)[i].text = TextDatumGetCString(elements[i]);
		(*kinds)[i].wanted = 1;
	}
	qsort(*kinds, count, sizeof(Kind), compare_kinds);
	for (int i = 0; i < count; i++)
	{
		if (n > 0 && compare_kinds(&(*kinds)[n - 1], &(*kinds)[i]) == 0)
			(*kinds)[n - 1].wanted++;
		else
			(*kinds)[n++] = (*kinds)[i];
	}
	return n;
}

/* Is the row that was read one of the kinds that are yet to be found?  Then it is. */
static bool
take(Kind *kinds, int n, Datum record)
{
	Kind		sought = {.text = idv_value_text(RECORDOID, record)};
	Kind	   *found = bsearch(&sought, kinds, n, sizeof(Kind), compare_kinds);

	if (found == NULL || found->wanted == 0)
		return false;
	found->wanted--;
	return true;
}

/*
 * Find the rows without a key that are to be moved back.
 *
 * By their text, and so under settings that somebody's triggers on the table
 * must not see: hence this is not part of the UPDATE.  A row that another
 * session changes in between is another one then, and stays.
 *
 * values	of the query: the last is the text of each row; then, output, arrays of
 *			the places: tableoid, ctid, and what the table is distributed by
 */
static void
find_places(IdvUnmove *unmove, const IdvStep *step, int nargs, Datum *values,
			const bool *nulls, const Oid *types)
{
	int			level = idv_canonical_text_begin();
	bool		in_shards = step->table->distribution.rows != IDV_ROWS_HERE;
	int			width = place_parameters(step);
	IdvResult  *result = idv_statement_query(&unmove->places, values, nulls);
	Datum	   *places[3];
	Kind	   *kinds = NULL;
	int			nkinds = in_shards ? make_kinds(&kinds, values[nargs - 1]) : 0;
	int			n = 0;

	for (int i = 0; i < width; i++)
		places[i] = palloc(sizeof(Datum) * Max(result->processed, 1));
	while (idv_result_next(result))
	{
		if (in_shards && !take(kinds, nkinds, idv_result_record(result, width)))
			continue;
		for (int i = 0; i < width; i++)
		{
			Form_pg_attribute att = TupleDescAttr(result->slot->tts_tupleDescriptor, i);

			places[i][n] = datumCopy(result->values[i], att->attbyval, att->attlen);
		}
		n++;
	}
	idv_result_end(result);
	idv_canonical_text_end(level);
	for (int i = 0; i < width; i++)
	{
		Oid			element = get_element_type(types[nargs + i]);
		int16		length;
		bool		by_value;
		char		align;

		get_typlenbyvalalign(element, &length, &by_value, &align);
		values[nargs + i] = PointerGetDatum(construct_array(places[i], n, element,
															length, by_value, align));
	}
}

/*
 * Run the UPDATE.  Returns how many rows it wrote.
 *
 * stays	output: has a trigger set one back that has no key?
 */
static int64
write_back(bool *stays, const IdvUnmove *unmove, const IdvStep *step,
		   const Datum *values, const bool *nulls)
{
	IdvResult  *result;
	int64		written;

	*stays = false;
	if (!step->whole_row || !step->table->has_triggers)
		return idv_statement_run(&unmove->update, values, nulls);

	result = idv_statement_query(&unmove->update, values, nulls);
	while (idv_result_next(result))
		*stays = *stays || (!result->nulls[0] && DatumGetBool(result->values[0]));
	written = result->processed;
	idv_result_end(result);
	return written;
}

/*
 * The values of one key column, of all rows of a step; or, without a key, the
 * rows' text.
 *
 * type		output: of the array
 */
static Datum
key_array(const IdvJournaledFold *fold, const IdvStep *step, int k,
		  const Datum *elements, int n, int nkeys, Oid *type)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n / nkeys, 1));
	Oid			element = TEXTOID;
	AttrNumber	column = 0;
	int16		length;
	bool		by_value;
	char		align;

	if (!step->whole_row)
	{
		column = idv_journal_column(fold, step->table,
									list_nth(step->key_columns, k));
		element = getBaseType(get_atttype(step->table->relation, column));
	}
	*type = get_array_type(element);
	if (!OidIsValid(*type))
		elog(ERROR, "type %u of a key has no arrays", element);
	for (int i = 0; i < n / nkeys; i++)
		values[i] = column == 0 ? elements[i] :
			idv_journal_value(fold, step->table, column,
							  TextDatumGetCString(elements[i * nkeys + k]));
	get_typlenbyvalalign(element, &length, &by_value, &align);
	return PointerGetDatum(construct_array(values, n / nkeys, element, length,
										   by_value, align));
}

/*
 * The parameters of a step's columns: what they held before it, then what it has
 * pointed them to.
 */
static void
column_parameters(Oid *types, Datum *values, bool *nulls,
				  const IdvJournaledFold *fold, const IdvStep *step)
{
	int			ncolumns = list_length(step->columns);

	for (int side = 0; side < 2; side++)
	{
		Datum	   *elements;
		bool	   *element_nulls;
		int			n;

		deconstruct_array(DatumGetArrayTypeP(side == 0 ? step->old_values :
											 step->new_values),
						  TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &element_nulls, &n);
		for (int i = 0; i < ncolumns; i++)
		{
			AttrNumber	column = idv_journal_column(fold, step->table,
													list_nth(step->columns, i));
			int			p = side * ncolumns + i;

			types[p] = getBaseType(get_atttype(step->table->relation, column));
			nulls[p] = element_nulls[i];
			values[p] = idv_journal_value(fold, step->table, column,
										  nulls[p] ? NULL :
										  TextDatumGetCString(elements[i]));
		}
	}
}

/*
 * idv_unmove_leaves_any
 *		Is there any row that points where a step has pointed its rows?
 *
 * once		for a statement that is run once: freed here, and by the caller
 *			after an error
 */
bool
idv_unmove_leaves_any(IdvStatement *once, const IdvJournaledFold *fold,
					  const IdvStep *step)
{
	int			nargs = 2 * list_length(step->columns);
	Oid		   *types = palloc(sizeof(Oid) * nargs);
	Datum	   *values = palloc(sizeof(Datum) * nargs);
	bool	   *nulls = palloc(sizeof(bool) * nargs);
	StringInfoData sql;
	int			level = idv_canonical_sql_begin();
	bool		found;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM %s x WHERE ", step->table->from);
	append_still_pointing(&sql, fold, step, "x");
	appendStringInfoString(&sql, " LIMIT 1");
	idv_canonical_text_end(level);
	column_parameters(types, values, nulls, fold, step);
	idv_statement_prepare(once, step->table->owner, sql.data, nargs, types);
	found = idv_statement_run(once, values, nulls) > 0;
	idv_statement_free(once);
	return found;
}

/*
 * idv_unmove
 *		Move the rows of a step back, those that still point to the target.
 *
 * Returns how many; those that a later fold has moved or dropped are not among
 * them.  55000 where a trigger does not let them go.
 */
int64
idv_unmove(IdvUnmove *unmove, const IdvJournaledFold *fold, const IdvStep *step)
{
	int			ncolumns = list_length(step->columns);
	int			nkeys = step->whole_row ? 1 : list_length(step->key_columns);
	int			nargs = 2 * ncolumns + nkeys;
	Oid		   *types = palloc(sizeof(Oid) * (nargs + 3));
	Datum	   *values = palloc(sizeof(Datum) * (nargs + 3));
	bool	   *nulls = palloc0(sizeof(bool) * (nargs + 3));
	Datum	   *elements;
	bool	   *element_nulls;
	bool		stays;
	int64		moved;
	int			n;

	column_parameters(types, values, nulls, fold, step);

	/* The keys are stored row by row, and wanted column by column. */
	deconstruct_array(DatumGetArrayTypeP(step->moved_keys), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &element_nulls, &n);
	for (int k = 0; k < nkeys; k++)
		values[2 * ncolumns + k] =
			key_array(fold, step, k, elements, n, nkeys, &types[2 * ncolumns + k]);
	types[nargs] = OIDARRAYOID;
	types[nargs + 1] = TIDARRAYOID;
	if (place_parameters(step) > 2)
		types[nargs + 2] =
			get_array_type(getBaseType(get_atttype(step->table->relation,
												   step->table->distribution.column)));

	prepare(unmove, fold, step, nargs, types);
	if (step->whole_row)
		find_places(unmove, step, nargs, values, nulls, types);
	moved = write_back(&stays, unmove, step, values, nulls);
	if (stays ||
		(unmove->left.plan != NULL &&
		 idv_statement_run(&unmove->left, values, nulls) > 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not move rows of \"%s\" back", step->table->label),
				 errhint("Look for a trigger on the table that returns NULL, or sets the column back.")));
	return moved;
}
