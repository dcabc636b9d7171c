/*-------------------------------------------------------------------------
 *
 * collisions.h
 *	  The statements that find what a unique index would not let move.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COLLISIONS_H
#define IDV_COLLISIONS_H

#include "postgres.h"

#include "utils/relcache.h"

#include "pointing.h"

extern IdvStatement *idv_collision(IdvWriting *writing, Relation index);
extern List *idv_index_predicate(const IdvTable *table, Relation index);

#endif							/* IDV_COLLISIONS_H */
