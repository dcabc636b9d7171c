/*-------------------------------------------------------------------------
 *
 * collision_sql.h
 *	  The statements that find what a unique index would not let move.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COLLISION_SQL_H
#define IDV_COLLISION_SQL_H

#include "postgres.h"

#include "utils/relcache.h"

#include "fold/where_sql.h"

extern IdvStatement *idv_collision_statement(IdvMoveSql *moving, Relation index);
extern List *idv_index_predicate(const IdvTable *table, Relation index);

#endif							/* IDV_COLLISION_SQL_H */
