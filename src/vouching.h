/*-------------------------------------------------------------------------
 *
 * vouching.h
 *	  What the triggers of a fold's statement need not do, or not later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_VOUCHING_H
#define IDV_VOUCHING_H

#include "postgres.h"

#include "executor/execdesc.h"

extern QueryDesc *idv_vouching_start(PlannedStmt *planned,
									 DestReceiver *receiver,
									 ParamListInfo params, Oid vouched);

#endif							/* IDV_VOUCHING_H */
