/*-------------------------------------------------------------------------
 *
 * fold_result.h
 *	  What a fold, or its undoing, did to each table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOLD_RESULT_H
#define IDV_FOLD_RESULT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "references/contact_table.h"
#include "references/references.h"

/* A row of the result of idverify_fold() or idverify_unfold(). */
typedef struct IdvFoldLine
{
	Oid			relation;
	NameData	column_name;	/* that holds the id; empty of an unfold */
	int64		moved;
	int64		dropped;		/* or, of an unfold, put back */
	int64		skipped;		/* of an unfold: moved once, and left alone */
} IdvFoldLine;

typedef struct IdvFoldResult
{
	List	   *lines;			/* of IdvFoldLine */
	MemoryContext context;		/* where they are */
} IdvFoldResult;

extern IdvFoldLine *idv_fold_line(IdvFoldResult *result, Oid relation,
								  const char *column);
extern IdvFoldLine *idv_fold_reference_line(IdvFoldResult *result,
											const IdvContactTable *contacts,
											const IdvTable *target,
											const IdvReference *reference,
											uint32 changed);

#endif							/* IDV_FOLD_RESULT_H */
