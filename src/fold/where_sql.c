/*-------------------------------------------------------------------------
 *
 * where_sql.c
 *	  Which rows point to another row, as a condition in SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/where_sql.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "references/reference_condition.h"
#include "server/comparison_sql.h"

/*
 * idv_where_changed_column
 *		Which of the reference's columns is this, if it changes?  Else -1.
 */
int
idv_where_changed_column(const IdvMoveSql *moving, AttrNumber column)
{
	for (int i = 0; i < moving->reference->ncolumns; i++)
	{
		if (moving->reference->columns[i] == column &&
			(moving->changed & (1U << i)) != 0)
			return i;
	}
	return -1;
}

/*
 * The collation to compare a column's pointers by, as SQL: that of what they
 * point to, as foreign keys do.
 *
 * Said only where it makes a difference, since no index of another collation
 * can be used.
 */
static const char *
collation_of(const IdvMoveSql *moving, int i)
{
	const IdvReference *reference = moving->reference;
	Oid			referenced = TupleDescAttr(moving->target_table->desc,
										   reference->referenced[i] - 1)->attcollation;
	Oid			column = TupleDescAttr(reference->table->desc,
									   reference->columns[i] - 1)->attcollation;

	if (referenced == column || !OidIsValid(referenced) || !OidIsValid(column) ||
		(get_collation_isdeterministic(referenced) &&
		 get_collation_isdeterministic(column)))
		return "";
	return psprintf(" COLLATE %s", generate_collation_name(referenced));
}

/* And the condition of the reference, if it has one. */
static void
append_condition(StringInfo sql, const IdvReference *reference, const char *alias)
{
	if (reference->condition != NULL)
		appendStringInfo(sql, " AND (%s)",
						 idv_condition_text(reference->condition,
											reference->table->relation,
											alias));
}

/*
 * idv_where_points_to_source
 *		The rows of alias that point to the source; or to what else the
 *		parameters are of.
 */
void
idv_where_points_to_source(StringInfo sql, const IdvMoveSql *moving, const char *alias)
{
	const IdvReference *reference = moving->reference;

	for (int i = 0; i < reference->ncolumns; i++)
		appendStringInfo(sql, "%s%s%s", i == 0 ? "" : " AND ",
						 idv_comparison(moving->keys != NULL ?
										psprintf("%s.v%d", moving->keys, i + 1) :
										psprintf("$%d", moving->before + i + 1),
										reference->equal[i],
										psprintf("%s.%s", alias,
												 idv_column_name(reference->table,
																 reference->columns[i]))),
						 collation_of(moving, i));
	append_condition(sql, reference, alias);
}

/*
 * idv_where_points_to_target
 *		The rows of alias that point to the target.
 */
void
idv_where_points_to_target(StringInfo sql, const IdvMoveSql *moving, const char *alias)
{
	const IdvReference *reference = moving->reference;
	int			n = reference->ncolumns;

	appendStringInfoString(sql, "(true");
	for (int i = 0; i < n; i++)
	{
		Oid			type = moving->types[n + i];
		Oid			equal = idv_equal_operator(type, type);

		if (OidIsValid(equal))
			appendStringInfo(sql, " AND %s%s",
							 idv_comparison(psprintf("%s.%s", alias,
													 idv_column_name(reference->table,
																	 reference->columns[i])),
											equal, psprintf("$%d", n + i + 1)),
							 collation_of(moving, i));
	}
	append_condition(sql, reference, alias);
	appendStringInfoChar(sql, ')');
}

/*
 * idv_where_is_row
 *		The row of alias is the one whose pointers are parameters first ...
 */
void
idv_where_is_row(StringInfo sql, const IdvMoveSql *moving, const char *alias,
				 int first)
{
	const IdvReference *reference = moving->reference;

	for (int i = 0; i < reference->ncolumns; i++)
	{
		Oid			type = get_atttype(moving->target_table->relation,
									   reference->referenced[i]);
		const char *name = get_attname(moving->target_table->relation,
									   reference->referenced[i], false);
		Oid			equal = first == 0 ? idv_equal_operator(type, type) :
		reference->equal[i];

		appendStringInfo(sql, "%s%s", i == 0 ? "" : " AND ",
						 idv_comparison(psprintf("%s.%s", alias, quote_identifier(name)),
										equal, psprintf("$%d", first + i + 1)));
	}
}

/*
 * idv_where_moves
 *		Which rows move: those that point to the source, but not the source.
 */
void
idv_where_moves(StringInfo sql, const IdvMoveSql *moving, const char *alias)
{
	idv_where_points_to_source(sql, moving, alias);
	if (moving->reference->self)
	{
		appendStringInfoString(sql, " AND (");
		idv_where_is_row(sql, moving, alias, 0);
		appendStringInfoString(sql, ") IS NOT TRUE");
	}
}
