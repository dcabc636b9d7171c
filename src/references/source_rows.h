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

#include "references/references.h"

extern bool idv_reference_may_point(const IdvReference *reference,
									const IdvTable *table, IdvRow row);

#endif							/* IDV_SOURCE_ROWS_H */
