/*-------------------------------------------------------------------------
 *
 * unfold.h
 *	  Take a fold back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNFOLD_H
#define IDV_UNFOLD_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern void idv_unfold(List **lines, int64 fold_id, bool force);

#endif							/* IDV_UNFOLD_H */
