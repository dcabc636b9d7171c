/*-------------------------------------------------------------------------
 *
 * unfill.h
 *	  Take back what a contact took over by a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNFILL_H
#define IDV_UNFILL_H

#include "postgres.h"

#include "fold/journal_read.h"

extern void idv_unfill(IdvStatement *once, const IdvJournaledFold *fold,
					   Datum target_id, IdvRow target);

#endif							/* IDV_UNFILL_H */
