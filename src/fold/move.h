/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Make all that points to one row point to another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_H
#define IDV_MOVE_H

#include "postgres.h"

#include "fold/fold_state.h"

extern IdvTable *idv_move_pointers(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to,
								   int depth);

#endif							/* IDV_MOVE_H */
