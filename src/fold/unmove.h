/*-------------------------------------------------------------------------
 *
 * unmove.h
 *	  Move rows back to where they pointed before a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNMOVE_H
#define IDV_UNMOVE_H

#include "postgres.h"

#include "fold/unmove_sql.h"

extern int64 idv_unmove(IdvUnmove *unmove, const IdvJournaledFold *fold,
						const IdvStep *step);
extern bool idv_unmove_leaves_any(IdvStatement *once,
								  const IdvJournaledFold *fold,
								  const IdvStep *step);

#endif							/* IDV_UNMOVE_H */
