/*-------------------------------------------------------------------------
 *
 * collision_sql.h
 *	  The statements that find what cannot move beside what is there already.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COLLISION_SQL_H
#define IDV_COLLISION_SQL_H

#include "postgres.h"

#include "utils/relcache.h"

#include "fold/where_sql.h"

/*
 * Finds rows to be moved that collide with one that is there.
 *
 * A statement of pairs (distinct_by) takes two parameters more: the tableoid and
 * the ctid of the target's rows that another of the source's was dropped for.
 */
typedef struct IdvCollision
{
	IdvStatement statement;
	const char *index;			/* its name; NULL for pairs */
	bool		of_pairs;
} IdvCollision;

extern List *idv_collisions(IdvMoveSql *moving, Relation relation,
							bool *only_by_others);
extern List *idv_index_predicate(const IdvTable *table, Relation index);
extern bool idv_is_unique_key(const IdvTable *table, Relation index,
							  const Bitmapset *columns);

#endif							/* IDV_COLLISION_SQL_H */
