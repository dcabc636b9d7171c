/*-------------------------------------------------------------------------
 *
 * exec_triggers.h
 *	  What the triggers of a fold's statement need not do, or not later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXEC_TRIGGERS_H
#define IDV_EXEC_TRIGGERS_H

#include "postgres.h"

#include "executor/execdesc.h"

extern QueryDesc *idv_executor_start(PlannedStmt *planned,
									 DestReceiver *receiver,
									 ParamListInfo params, Oid vouched);

#endif							/* IDV_EXEC_TRIGGERS_H */
