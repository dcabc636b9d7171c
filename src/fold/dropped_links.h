/*-------------------------------------------------------------------------
 *
 * dropped_links.h
 *	  Drop the rows that link the source to the target.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DROPPED_LINKS_H
#define IDV_DROPPED_LINKS_H

#include "postgres.h"

#include "fold/fold_state.h"

extern void idv_drop_links(IdvFold *fold, IdvTable *table,
						   IdvReference *reference, IdvRow from, IdvRow to,
						   int depth);

#endif							/* IDV_DROPPED_LINKS_H */
