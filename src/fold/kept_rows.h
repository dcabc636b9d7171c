/*-------------------------------------------------------------------------
 *
 * kept_rows.h
 *	  The target's rows that others were dropped for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEPT_ROWS_H
#define IDV_KEPT_ROWS_H

#include "postgres.h"

/* Rows by their places.  Only wanted and context are set at first. */
typedef struct IdvKeptRows
{
	bool		wanted;			/* does anybody ask for them? */
	MemoryContext context;		/* what they are in */
	int			n;
	int			size;
	Datum	   *tables;			/* tableoid of each */
	Datum	   *places;			/* ctid */
} IdvKeptRows;

extern void idv_kept_rows_add(IdvKeptRows *kept, const Datum *place);
extern void idv_kept_rows_arrays(Datum *arrays, IdvKeptRows *kept);

#endif							/* IDV_KEPT_ROWS_H */
