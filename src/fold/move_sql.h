/*-------------------------------------------------------------------------
 *
 * move_sql.h
 *	  The statements that make rows point to another row.
 *
 * Their parameters are, for n columns that point: $1 to $n what they point to,
 * as it is stored there; then $n+1 to $2n what they will point to, as the
 * columns store it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_SQL_H
#define IDV_MOVE_SQL_H

#include "postgres.h"

#include "references/references.h"

/* Moving along one reference. */
typedef struct IdvMove
{
	uint32		changed;		/* which of its columns get another value */

	/* A column that changes is generated: only left is prepared. */
	bool		generated;
	List	   *collisions;		/* of IdvCollision, to be dropped in that
								 * order */
	bool		has_pairs;		/* among them are some */

	/*
	 * Can only another transaction still make the update break a unique
	 * index?  Else the rows that are moved may, or a trigger.
	 */
	bool		only_by_others;
	IdvStatement update;		/* the move; returns keys */
	IdvStatement left;			/* is there a row still to be moved? */
	IdvStatement loop;			/* the target must not point to itself; same
								 * keys.  Without plan: it may, or cannot */

	/* Names of the tables whose rows follow the moved ones by foreign keys. */
	List	   *followers;
	List	   *followers_in_parts; /* OIDs of those that are partitioned */

	/*
	 * The foreign key whose check is skipped (server/exec_triggers.c), since
	 * the fold has locked the target.  Or none.
	 */
	Oid			skipped_key;

	/*
	 * What tells the moved rows apart afterwards: columns of a unique key,
	 * less those that are moved.  Or all columns that are not, if there is no
	 * key; then the one value returned is a record of them, or, of a
	 * distributed table, all of them are returned.
	 */
	bool		whole_row;
	int			nkeys;
	AttrNumber *keys;
	bool		returns_parts;	/* and which partition each row is in */
} IdvMove;

/*
 * A collision returns the place of the moved row, ctid and tableoid; that of
 * the row that stays; whether this one points to the target; then the two rows,
 * as records, since a table may have as many columns as a query.
 */
#define IDV_COLLISION_TARGETED	4
#define IDV_COLLISION_ROWS		5

extern IdvMove *idv_move_statements(IdvTable *table, IdvReference *reference,
									uint32 changed);

#endif							/* IDV_MOVE_SQL_H */
