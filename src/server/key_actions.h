/*-------------------------------------------------------------------------
 *
 * key_actions.h
 *	  Whose code foreign keys would run, of the tables that point to one that is
 *	  written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEY_ACTIONS_H
#define IDV_KEY_ACTIONS_H

#include "postgres.h"

#include "nodes/execnodes.h"

extern void idv_check_key_actions(EState *estate, CmdType operation,
								  bool unreferenced);

#endif							/* IDV_KEY_ACTIONS_H */
