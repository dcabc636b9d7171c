/*-------------------------------------------------------------------------
 *
 * partition_move.h
 *	  Rows that an UPDATE moves to another partition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PARTITION_MOVE_H
#define IDV_PARTITION_MOVE_H

#include "postgres.h"

#include "guard/guard_columns.h"

extern bool idv_partition_holds(IdvColumns *columns, Relation partition,
								TupleTableSlot *slot);
extern void idv_moving_leaves(IdvColumns *columns, TriggerData *trigger,
							  HeapTuple tuple, const IdvGuardedRow *row);
extern bool idv_moving_arrives(IdvColumns *columns, TriggerData *trigger,
							   const IdvGuardedRow *row);

#endif							/* IDV_PARTITION_MOVE_H */
