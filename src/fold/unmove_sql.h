/*-------------------------------------------------------------------------
 *
 * unmove_sql.h
 *	  The statements that move rows back to where they pointed before a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNMOVE_SQL_H
#define IDV_UNMOVE_SQL_H

#include "postgres.h"

#include "fold/journal_read.h"

/*
 * The last statements that moved rows back: often they are the next step's
 * too.  Only context is set at first.
 */
typedef struct IdvUnmove
{
	MemoryContext context;		/* of the SQL */
	char	   *update_sql;
	char	   *places_sql;
	IdvStatement update;
	IdvStatement places;		/* of rows without a key: where they are */
	IdvStatement left;			/* rows that should have been moved */
} IdvUnmove;

extern void idv_unmove_prepare(IdvUnmove *unmove, const IdvJournaledFold *fold,
							   const IdvStep *step, int nargs, const Oid *types);
extern int	idv_unmove_places(const IdvStep *step);
extern void idv_unmove_append_pointing(StringInfo sql, const IdvJournaledFold *fold,
									   const IdvStep *step, const char *alias);
extern void idv_unmove_end(IdvUnmove *unmove);

#endif							/* IDV_UNMOVE_SQL_H */
