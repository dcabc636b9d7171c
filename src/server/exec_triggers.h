/*-------------------------------------------------------------------------
 *
 * exec_triggers.h
 *	  Run the executor with some triggers disabled, or not deferred.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXEC_TRIGGERS_H
#define IDV_EXEC_TRIGGERS_H

#include "postgres.h"

#include "executor/execdesc.h"

#include "server/key_actions.h"

extern void idv_exec_triggers_init(void);
extern bool idv_watch_deferred(bool watch);
extern int	idv_trigger_depth(void);
extern uint64 idv_execute(PlannedStmt *planned, DestReceiver *receiver,
						  ParamListInfo params, Oid skipped_key,
						  bool unreferenced, IdvPointers pointers,
						  const List *done_keys);

#endif							/* IDV_EXEC_TRIGGERS_H */
