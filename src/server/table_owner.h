/*-------------------------------------------------------------------------
 *
 * table_owner.h
 *	  To be the owner of somebody's table for a while.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TABLE_OWNER_H
#define IDV_TABLE_OWNER_H

#include "postgres.h"

/* What to go back to when we stop being a table's owner. */
typedef struct IdvCaller
{
	Oid			user;
	int			sec_context;
	int			guc_level;
} IdvCaller;

extern bool idv_endangers_caller(Oid owner);
extern void idv_become_owner(IdvCaller *caller, Oid owner);
extern void idv_become_caller(const IdvCaller *caller);

#endif							/* IDV_TABLE_OWNER_H */
