/*-------------------------------------------------------------------------
 *
 * exec_triggers.h
 *	  Start the executor with some triggers disabled, or not deferred.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXEC_TRIGGERS_H
#define IDV_EXEC_TRIGGERS_H

#include "postgres.h"

#include "executor/execdesc.h"

#include "server/key_actions.h"

extern QueryDesc *idv_executor_start(PlannedStmt *planned,
									 DestReceiver *receiver,
									 ParamListInfo params, Oid skipped_key,
									 bool unreferenced,
									 IdvPointers pointers);

#endif							/* IDV_EXEC_TRIGGERS_H */
