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
#include "nodes/parsenodes.h"

/* What becomes of those that point to a row, where it is deleted or changes. */
typedef enum IdvPointers
{
	IDV_POINTERS_AS_DECLARED,	/* what their foreign keys say */
	IDV_POINTERS_FOLLOW,		/* of an UPDATE: they point to it still */
	IDV_POINTERS_STAY,			/* of an UPDATE: there must be none: 23503 */
	IDV_POINTERS_NONE			/* of a DELETE: there are none, and no key
								 * need look */
} IdvPointers;

extern bool idv_check_key_actions(EState *estate, CmdType operation,
								  bool unreferenced, IdvPointers pointers,
								  const List *done_keys);
extern ResultRelInfo *idv_trigger_result_rel(EState *estate, Oid relation);
extern List *idv_key_followers(Oid relation, const Bitmapset *updated);
extern void idv_check_fold_keys(Oid relation, const Bitmapset *updated,
								const char *runs);
extern void idv_check_query_keys(const Query *query);

#endif							/* IDV_KEY_ACTIONS_H */
