/*-------------------------------------------------------------------------
 *
 * row_keys.h
 *	  The keys of rows that were deleted, or shown, by which what points to them
 *	  is found.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_ROW_KEYS_H
#define IDV_ROW_KEYS_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "references/references.h"

/* How many keys are looked for at once. */
#define IDV_CHUNK_KEYS	1000

/* The keys of rows of one table. */
typedef struct IdvRowKeys
{
	IdvTable   *table;
	List	   *references;		/* of IdvReference: what points there */
	List	   *constraints;	/* the OIDs of those that are foreign keys */
	AttrNumber	id;				/* the column that is the rows' id, or 0 */
	int			ncolumns;		/* columns that are pointed to */
	AttrNumber *columns;
	TupleDesc	desc;			/* the table or part that a row was in, then
								 * these */
	Tuplestorestate *store;		/* may be any size */
	TupleTableSlot *slot;
	int			nreaders;
} IdvRowKeys;

/* Some of them. */
typedef struct IdvKeyChunk
{
	int			n;
	Oid		   *parts;			/* InvalidOid: not known */
	IdvRow	   *rows;			/* columns by their numbers in the table;
								 * those that nothing points to are null */
} IdvKeyChunk;

extern IdvRowKeys *idv_row_keys(const IdvTable *table, int nreaders);
extern char *idv_row_keys_columns(const IdvRowKeys *keys, const char *alias);
extern void idv_row_keys_add(IdvRowKeys *keys, const Datum *values, const bool *nulls);
extern bool idv_row_keys_next(IdvKeyChunk *chunk, IdvRowKeys *keys, int reader);
extern void idv_row_keys_end(IdvRowKeys *keys);

#endif							/* IDV_ROW_KEYS_H */
