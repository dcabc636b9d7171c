/*-------------------------------------------------------------------------
 *
 * foreign_key_action.h
 *	  What a foreign key has changed and the guard would put back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOREIGN_KEY_ACTION_H
#define IDV_FOREIGN_KEY_ACTION_H

#include "postgres.h"

#include "commands/trigger.h"

#include "guard/guard_columns.h"

extern void idv_guard_check_key_action(const IdvColumns *columns,
									   const TriggerData *trigger,
									   const IdvGuardedRow *given,
									   const IdvGuardedRow *wanted);

#endif							/* IDV_FOREIGN_KEY_ACTION_H */
