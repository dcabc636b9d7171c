/*-------------------------------------------------------------------------
 *
 * later_folds.h
 *	  Has a later fold, which stands, touched what is to be undone?
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LATER_FOLDS_H
#define IDV_LATER_FOLDS_H

#include "postgres.h"

#include "fold/journal_read.h"

extern void idv_later_check_kept(const IdvJournaledFold *fold,
								 const IdvStep *step);
extern void idv_later_check_rows(const IdvJournaledFold *fold,
								 const IdvStep *step);
extern bool idv_later_check_keys(const IdvJournaledFold *fold,
								 const IdvStep *step);
extern void idv_later_check_filled(const IdvJournaledFold *fold, char *column,
								   char *value);

#endif							/* IDV_LATER_FOLDS_H */
