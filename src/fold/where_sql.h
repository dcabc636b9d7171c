/*-------------------------------------------------------------------------
 *
 * where_sql.h
 *	  Which rows point to another row, as a condition in SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_WHERE_SQL_H
#define IDV_WHERE_SQL_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "references/references.h"

/*
 * The reference along which statements are being written.
 *
 * Their parameters are those of move_sql.h; changed has a bit for each column of
 * the reference that gets another value.
 */
typedef struct IdvMoveSql
{
	IdvTable   *target_table;	/* what is pointed to */
	IdvReference *reference;
	uint32		changed;
	int			before;			/* parameters that are none of its own */
	const char *keys;			/* alias of a relation whose columns v1 ...
								 * stand for these parameters; NULL: none */
	int			nargs;
	Oid			types[2 * INDEX_MAX_KEYS];
} IdvMoveSql;

extern int	idv_where_changed_column(const IdvMoveSql *moving, AttrNumber column);
extern void idv_where_points_to_source(StringInfo sql, const IdvMoveSql *moving,
									   const char *alias);
extern void idv_where_points_to_target(StringInfo sql, const IdvMoveSql *moving,
									   const char *alias);
extern void idv_where_is_row(StringInfo sql, const IdvMoveSql *moving,
							 const char *alias, int first);
extern void idv_where_moves(StringInfo sql, const IdvMoveSql *moving,
							const char *alias);

#endif							/* IDV_WHERE_SQL_H */
