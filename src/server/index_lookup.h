/*-------------------------------------------------------------------------
 *
 * index_lookup.h
 *	  Rows of our own tables, found through an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_INDEX_LOOKUP_H
#define IDV_INDEX_LOOKUP_H

#include "postgres.h"

#include "nodes/lockoptions.h"

#include "server/statement.h"

/* Where to look: at a unique index of a table of ours, or the like. */
typedef struct IdvIndexLookup
{
	const char *table;			/* its name, for whoever looks up its OID */
	const char *index;
	const char *columns;		/* of the index, as the server writes them */
	const char *predicate;		/* likewise; NULL if it is of all rows */
	RegProcedure equal;			/* of the value; app_id is the column before
								 * it */
	bool		alone;			/* it is the only column: no app_id */
	bool		lowered;		/* it is lower() of what is sought, A to Z */
	bool		lock;			/* lock the row, in this mode */
	LockTupleMode mode;
	const Oid  *types;			/* what the table's first columns have to be; */
	int			ntypes;			/* none if nobody reads them so */
	Oid			known;			/* an index of these columns and rows, once
								 * there was one */
} IdvIndexLookup;

extern int	idv_index_lookup(IdvIndexLookup *lookup, Oid table_oid,
							 int32 app_id, Datum value, IdvRow *first);

#endif							/* IDV_INDEX_LOOKUP_H */
