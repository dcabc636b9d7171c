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
