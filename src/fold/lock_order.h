/*-------------------------------------------------------------------------
 *
 * lock_order.h
 *	  The order in which folds and their undoing lock contacts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LOCK_ORDER_H
#define IDV_LOCK_ORDER_H

#include "postgres.h"

#include "references/contact_table.h"

/* The contacts that point to one, and are locked in between the others. */
typedef struct IdvLockOrder
{
	IdvContactTable *contacts;
	int32		app_id;
	IdvResult  *pointing;		/* NULL: none, or no more of them */
	MemoryContext context;		/* of what follows */
	Datum		next;			/* the first that is not locked yet */
	bool		next_verified;
} IdvLockOrder;

extern void idv_lock_order_begin(IdvLockOrder *order, IdvContactTable *contacts,
								 int32 app_id, Datum pointed_to);
extern void idv_lock_order_up_to(IdvLockOrder *order, Datum id, bool verified);
extern void idv_lock_order_end(IdvLockOrder *order);

#endif							/* IDV_LOCK_ORDER_H */
