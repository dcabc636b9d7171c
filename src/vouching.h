/*-------------------------------------------------------------------------
 *
 * vouching.h
 *	  What the triggers of a fold's statement need not do, or not later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_VOUCHING_H
#define IDV_VOUCHING_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern void idv_vouch(EState *estate, Oid key);
extern void idv_defer_nothing(EState *estate);

#endif							/* IDV_VOUCHING_H */
