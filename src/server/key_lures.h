/*-------------------------------------------------------------------------
 *
 * key_lures.h
 *	  Queries that foreign keys run on other tables, and whom these could lure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEY_LURES_H
#define IDV_KEY_LURES_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/reltrigger.h"

#include "server/trusted_code.h"

extern const IdvObjection *idv_deferred_objection(const TriggerDesc *triggers,
												  Oid role);
extern const IdvObjection *idv_key_objection(Oid relation, LOCKMODE lock);
extern List *idv_note_key_query(List *queries, Oid relation, LOCKMODE lock,
								Trigger *trigger);
extern bool idv_key_queries_run(List *queries);
extern void idv_check_lures(List *queries, const char *runs);

#endif							/* IDV_KEY_LURES_H */
