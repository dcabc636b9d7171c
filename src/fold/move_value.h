/*-------------------------------------------------------------------------
 *
 * move_value.h
 *	  What a column holds after a row was moved.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_VALUE_H
#define IDV_MOVE_VALUE_H

#include "postgres.h"

#include "references/references.h"

extern Oid	idv_move_column_type(const IdvReference *reference, int i);
extern bool idv_move_stores_all(const IdvTable *target,
								const IdvReference *reference, int i);
extern Datum idv_move_value(const IdvTable *table, const IdvReference *reference,
							int i, IdvRow to);

#endif							/* IDV_MOVE_VALUE_H */
