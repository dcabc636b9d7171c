/*-------------------------------------------------------------------------
 *
 * unmove_sql.c
 *	  The statements that move rows back to where they pointed before a fold.
 *
 * A row is found by its key; or, where it has none, by its text first, and then by
 * its place.  Either only where it still points to the target.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/unmove_sql.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
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

/*
 * idv_unmove_places
 *		The parameters that places take, behind the others: arrays of tableoid, ctid
 *		and perhaps one more.
 */
int
idv_unmove_places(const IdvStep *step)
{
	if (!step->whole_row)
		return 0;
	return step->table->distribution.column == 0 ? 2 : 3;
}

/*
 * idv_unmove_append_pointing
 *		Append the condition that a row still points where a step has pointed it.
 *
 * Its parameters are those of the step's columns: what they held before it, then
 * what it has pointed them to.
 *
 * alias	of the step's table
 */
void
idv_unmove_append_pointing(StringInfo sql, const IdvJournaledFold *fold, const IdvStep *step,
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
	idv_unmove_append_pointing(where, fold, step, "x");
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
	idv_unmove_append_pointing(sql, fold, step, "y");
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
	idv_unmove_append_pointing(sql, fold, step, "y");
	appendStringInfo(sql,
					 ") r JOIN (SELECT u.w, count(*) AS n FROM unnest($%d) AS u(w)"
					 " GROUP BY u.w) k ON k.w = r.w AND r.n <= k.n",
					 2 * list_length(step->columns) + 1);
}

/*
 * idv_unmove_prepare
 *		Prepare to move back the rows of a step, unless the last step's will do.
 *
 * nargs, types	what the journal has of it: values, and keys or records; behind
 *				them, the types of idv_unmove_places() more
 *
 * 55000 where a column is of a type by now that cannot be compared.
 */
void
idv_unmove_prepare(IdvUnmove *unmove, const IdvJournaledFold *fold, const IdvStep *step,
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
		idv_unmove_append_pointing(&sql, fold, step, "x");
	}
	idv_canonical_text_end(level);
	if (unmove->update_sql != NULL && strcmp(unmove->update_sql, sql.data) == 0 &&
		strcmp(unmove->places_sql, places.data) == 0)
		return;

	idv_unmove_end(unmove);
	unmove->update_sql = MemoryContextStrdup(unmove->context, sql.data);
	unmove->places_sql = MemoryContextStrdup(unmove->context, places.data);
	idv_statement_prepare(&unmove->update, step->table->owner, sql.data,
						  nargs + idv_unmove_places(step), types);
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
							  nargs + idv_unmove_places(step), types);
}
