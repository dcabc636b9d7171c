/*-------------------------------------------------------------------------
 *
 * dropped_row.h
 *	  A row that is dropped: found at its place, and deleted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DROPPED_ROW_H
#define IDV_DROPPED_ROW_H

#include "postgres.h"

#include "references/references.h"

extern bool idv_is_still_at(IdvTable *table, const Datum *place, IdvRow row);
extern void idv_remove_row(IdvTable *table, const Datum *place, IdvRow row);

#endif							/* IDV_DROPPED_ROW_H */
