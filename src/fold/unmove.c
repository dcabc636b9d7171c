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

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "server/canonical_text.h"

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
	int			width = idv_unmove_places(step);
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
	idv_unmove_append_pointing(&sql, fold, step, "x");
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
	if (idv_unmove_places(step) > 2)
		types[nargs + 2] =
			get_array_type(getBaseType(get_atttype(step->table->relation,
												   step->table->distribution.column)));

	idv_unmove_prepare(unmove, fold, step, nargs, types);
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
