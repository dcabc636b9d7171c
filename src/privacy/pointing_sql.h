/*-------------------------------------------------------------------------
 *
 * pointing_sql.h
 *	  The statements on rows that point to some rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_POINTING_SQL_H
#define IDV_POINTING_SQL_H

#include "postgres.h"

#include "privacy/row_keys.h"

/* What is done with the rows. */
typedef enum IdvPointingKind
{
	IDV_POINTING_LEFT,			/* is there one? */
	IDV_POINTING_COUNT,			/* how many are there? */
	IDV_POINTING_SHOW,			/* return them */
	IDV_POINTING_REMOVE,		/* delete them, and return their keys */
	IDV_POINTING_EMPTY,			/* set columns to NULL */
	IDV_POINTING_RESET			/* set columns to their defaults */
} IdvPointingKind;

#define IDV_POINTING_KINDS	(IDV_POINTING_RESET + 1)

/* What SHOW returns after the keys: the row's place, and all of it as jsonb. */
#define IDV_SHOWN_PLACE(keys)	((keys)->ncolumns + 1)
#define IDV_SHOWN_ROW(keys)		((keys)->ncolumns + 2)

/*
 * All of a row, as SQL.  By its alias alone the server would take a column of that
 * name, if there is one; with the star it takes the row.
 */
#define IDV_SHOWN_RECORD(alias)	"pg_catalog.to_jsonb(" alias ".*)"

/* Who is handed what a statement has returned, to be read but not ended. */
typedef void (*IdvPointingReceiver) (IdvResult *result, void *context);

extern AttrNumber idv_pointing_column(const IdvRowKeys *keys,
									  const IdvReference *reference);
extern List *idv_pointing_emptied(const IdvRowKeys *keys, const IdvReference *reference);
extern uint64 idv_pointing_run(IdvPointingKind kind, const IdvRowKeys *keys,
							   const IdvKeyChunk *chunk, IdvReference *reference,
							   const IdvRowKeys *found, IdvPointingReceiver receive,
							   void *context);

#endif							/* IDV_POINTING_SQL_H */
