/*-------------------------------------------------------------------------
 *
 * reference_order.h
 *	  In which order rows are moved along the references to a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_REFERENCE_ORDER_H
#define IDV_REFERENCE_ORDER_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern List *idv_references_in_order(const List *references);

#endif							/* IDV_REFERENCE_ORDER_H */
