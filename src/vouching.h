/*-------------------------------------------------------------------------
 *
 * vouching.h
 *	  An UPDATE that vouches for a foreign key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_VOUCHING_H
#define IDV_VOUCHING_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern void idv_vouch(EState *estate, Oid key);

#endif							/* IDV_VOUCHING_H */
