/*-------------------------------------------------------------------------
 *
 * move_state.h
 *	  A move under way: rows that point to one row of a table, along one
 *	  reference, come to point to another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_STATE_H
#define IDV_MOVE_STATE_H

#include "postgres.h"

#include "fold/move_sql.h"

typedef struct IdvMoving
{
	IdvTable   *table;			/* what the reference points to */
	IdvReference *reference;
	IdvRow		from;			/* the source and the target, rows of table */
	IdvRow		to;
	int			depth;			/* 0 if they are contacts, else how many
								 * dropped rows led here */
	const IdvMove *statements;
	Datum		values[2 * INDEX_MAX_KEYS + 2]; /* their parameters, and the
												 * two of pairs */
	bool		nulls[2 * INDEX_MAX_KEYS + 2];
	int64		moved;			/* rows, by now */
	int64		dropped;
} IdvMoving;

#endif							/* IDV_MOVE_STATE_H */
