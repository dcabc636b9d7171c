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
#include "nodes/bitmapset.h"

#include "references/guard_arguments.h"

/* The column that has a role in a table. */
typedef struct IdvColumn
{
	AttrNumber	number;			/* InvalidAttrNumber if the table has none */
	bool		by_value;
	int16		len;
	bool		padded;			/* character(n): trailing blanks are none */
	Oid			type;
	Oid			collation;
	Oid			domain;			/* InvalidOid if its type is none */
	void	   *domain_cache;
} IdvColumn;

/* What a partition holds: partition_move.c knows. */
typedef struct IdvBounds IdvBounds;

/* What was judged as an INSERT last: proposed_row.c knows. */
struct IdvProposedRow;

/* The columns that have the roles in the table of a trigger. */
typedef struct IdvColumns
{
	Oid			trigger;
	MemoryContext context;		/* lives as long as this */
	IdvColumn	of[IDV_ROLES];
	const char *app_prefix;		/* goes before the app key; NULL: nothing */
	Oid			root;			/* what the table is a partition of, and */
	IdvBounds  *bounds;			/* ... which; both unset until needed */
	struct IdvProposedRow *proposed;	/* NULL if none was */
	Bitmapset  *naming_key;		/* see proposed_row.c; unset until needed */
	bool		naming_key_known;
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
extern bool idv_columns_equal(const IdvColumns *columns, IdvRole role,
							  const IdvGuardedRow *a, const IdvGuardedRow *b);
extern bool idv_columns_same_identity(const IdvColumns *columns, IdvRole role,
									  const IdvGuardedRow *a,
									  const IdvGuardedRow *b);
extern bool idv_columns_blank(const IdvColumns *columns, IdvRole role,
							  const IdvGuardedRow *row);
extern bool idv_columns_present_hash(const IdvColumns *columns,
									 const IdvGuardedRow *row,
									 const IdvGuardedRow *old);
extern bool idv_columns_claim_nothing(const IdvColumns *columns,
									  const IdvGuardedRow *row);
extern NullableDatum idv_columns_text(const IdvColumns *columns, IdvRole role,
									  const IdvGuardedRow *row);

#endif							/* IDV_GUARD_COLUMNS_H */
