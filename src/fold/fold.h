/*-------------------------------------------------------------------------
 *
 * fold.h
 *	  Fold one contact into another.
 *
 * Callers are SECURITY DEFINER functions with SET search_path = pg_catalog,
 * pg_temp, of the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOLD_H
#define IDV_FOLD_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* How to fold; none of these by default. */
#define IDV_FOLD_DRY_RUN	1	/* count, change nothing */
#define IDV_FOLD_FORCE		2	/* even a verified source */
#define IDV_FOLD_BY_CLAIM	4	/* because a visitor logged in: what was
								 * claimed unsigned does not become identity */

/*
 * Instead of a fold's id: the target is gone, because somebody else has folded
 * it.  Look for what it has become, and fold into that.
 */
#define IDV_FOLD_TARGET_GONE	(-1)

extern int64 idv_fold(List **lines, Oid contacts, Oid id_type,
					  Datum source, Datum target, int how);
extern int64 idv_fold_by_claim(int32 app_id, int64 source, int64 target,
							   int how);
extern bool idv_fold_lock(int32 app_id, int64 id, bool as_source);

#endif							/* IDV_FOLD_H */
