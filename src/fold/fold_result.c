/*-------------------------------------------------------------------------
 *
 * fold_result.c
 *	  What a fold, or its undoing, did to each table.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/fold_result.h"

#include "utils/builtins.h"

/*
 * idv_fold_line
 *		The line of a result for a column, or, where column is "", for a table.
 */
IdvFoldLine *
idv_fold_line(IdvFoldResult *result, Oid relation, const char *column)
{
	IdvFoldLine *line;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, result->lines)
	{
		line = lfirst(lc);
		if (line->relation == relation &&
			strcmp(NameStr(line->column_name), column) == 0)
			return line;
	}

	caller = MemoryContextSwitchTo(result->context);
	line = palloc0(sizeof(IdvFoldLine));
	line->relation = relation;
	namestrcpy(&line->column_name, column);
	result->lines = lappend(result->lines, line);
	MemoryContextSwitchTo(caller);
	return line;
}

/*
 * idv_fold_reference_line
 *		The line of a fold's result for a reference to target.
 *
 * changed	a bit for each of its columns that gets another value; at least one
 *
 * Of its columns the line names the one that holds the contact's id, or else
 * the first to change.
 */
IdvFoldLine *
idv_fold_reference_line(IdvFoldResult *result, const IdvContactTable *contacts,
						const IdvTable *target, const IdvReference *reference,
						uint32 changed)
{
	int			chosen = 0;

	while ((changed & (1U << chosen)) == 0)
		chosen++;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (target == contacts->table &&
			reference->referenced[i] == contacts->id)
			chosen = i;
	}
	return idv_fold_line(result, reference->table->relation,
						 NameStr(TupleDescAttr(reference->table->desc,
											   reference->columns[chosen] - 1)->attname));
}
