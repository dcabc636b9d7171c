/*-------------------------------------------------------------------------
 *
 * guard_columns.h
 *	  The columns of somebody's contacts table that a guard looks after.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_GUARD_COLUMNS_H
#define IDV_GUARD_COLUMNS_H

#include "postgres.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"

#include "references/guard_arguments.h"

/* The column that has a role in a table. */
typedef struct IdvColumn
{
	AttrNumber	number;			/* InvalidAttrNumber if the table has none */
	bool		by_value;
	int16		len;
	bool		padded;			/* character(n): trailing blanks are none */
	Oid			domain;			/* InvalidOid if its type is none */
	void	   *domain_cache;
} IdvColumn;

/* What a partition holds: partition_move.c knows. */
typedef struct IdvBounds IdvBounds;

/* The columns that have the roles in the table of a trigger. */
typedef struct IdvColumns
{
	Oid			trigger;
	MemoryContext context;		/* lives as long as this */
	IdvColumn	of[IDV_ROLES];
	Oid			root;			/* what the table is a partition of, and */
	IdvBounds  *bounds;			/* ... which; both unset until needed */
} IdvColumns;

/* A row: what these columns hold, as stored. */
typedef struct IdvGuardedRow
{
	NullableDatum of[IDV_ROLES];
} IdvGuardedRow;

extern IdvColumns *idv_columns(FmgrInfo *flinfo, TriggerData *trigger);
extern void idv_columns_read(IdvGuardedRow *row, const IdvColumns *columns,
							 TupleTableSlot *slot);
extern HeapTuple idv_columns_store(HeapTuple tuple, IdvColumns *columns,
								   TupleDesc desc, const IdvGuardedRow *given,
								   const IdvGuardedRow *wanted);
extern bool idv_columns_same(const IdvColumns *columns, IdvRole role,
							 const IdvGuardedRow *a, const IdvGuardedRow *b);
extern NullableDatum idv_columns_text(const IdvColumns *columns, IdvRole role,
									  const IdvGuardedRow *row);

#endif							/* IDV_GUARD_COLUMNS_H */
