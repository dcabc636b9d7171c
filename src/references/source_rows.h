/*-------------------------------------------------------------------------
 *
 * source_rows.h
 *	  Does anything point to a row?  Asked without running anybody's code.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SOURCE_ROWS_H
#define IDV_SOURCE_ROWS_H

#include "postgres.h"

#include "fmgr.h"

#include "references/references.h"

/* What a value of one column of a reference is compared with. */
typedef struct IdvPointee
{
	Datum		value;
	Oid			column;			/* the type of the column */
	Oid			compared;		/* the type that it is compared as */
	Oid			collation;
	FmgrInfo	equal;			/* value = column */
} IdvPointee;

extern bool idv_pointee(IdvPointee *pointee, const IdvReference *reference,
						int i, const IdvTable *table, Datum value);
extern bool idv_pointee_is(IdvPointee *pointee, Datum value);

extern bool idv_reference_may_point(IdvReference *reference,
									const IdvTable *table, IdvRow row);
extern Oid	idv_reference_detaching(IdvReference *reference,
									const IdvTable *table, IdvRow row);

#endif							/* IDV_SOURCE_ROWS_H */
