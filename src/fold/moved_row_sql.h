/*-------------------------------------------------------------------------
 *
 * moved_row_sql.h
 *	  What an expression over a row will be once the row has moved, in SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVED_ROW_SQL_H
#define IDV_MOVED_ROW_SQL_H

#include "postgres.h"

#include "nodes/nodes.h"
#include "utils/relcache.h"

#include "fold/where_sql.h"

/* A row that moves, or one that is there, as a table or a part of it has them. */
typedef struct IdvMovedRow
{
	IdvMoveSql *moving;
	Relation	root;			/* the reference's table */
	Relation	home;			/* the same, or the partition that the
								 * expressions are of */
	bool		changes;		/* output: a column that changes is used */
	bool		generated;		/* output: by way of a generated column */
} IdvMovedRow;

extern char *idv_row_sql(Node *node, Oid relation, const char *alias);
extern char *idv_row_there_sql(const IdvMovedRow *row, Node *node);
extern char *idv_row_moved_sql(IdvMovedRow *row, Node *node, const char *alias);
extern Node *idv_row_column(Relation relation, AttrNumber column);

#endif							/* IDV_MOVED_ROW_SQL_H */
