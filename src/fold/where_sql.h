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

#include "references/table_description.h"

/*
 * The reference along which statements are being written.
 *
 * Their parameters are those of move_sql.h; changed has a bit for each column of
 * the reference that gets another value.
 */
typedef struct IdvWriting
{
	IdvTable   *target_table;	/* what is pointed to */
	IdvReference *reference;
	uint32		changed;
	int			nargs;
	Oid			types[2 * INDEX_MAX_KEYS];
} IdvWriting;

extern int	idv_writing_changes(const IdvWriting *writing, AttrNumber column);
extern void idv_append_pointing(StringInfo sql, const IdvWriting *writing,
								const char *alias);
extern void idv_append_targeted(StringInfo sql, const IdvWriting *writing,
								const char *alias);
extern void idv_append_is_row(StringInfo sql, const IdvWriting *writing,
							  const char *alias, int first);
extern void idv_append_moving(StringInfo sql, const IdvWriting *writing,
							  const char *alias);

#endif							/* IDV_WHERE_SQL_H */
