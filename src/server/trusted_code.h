/*-------------------------------------------------------------------------
 *
 * trusted_code.h
 *	  Whose code a statement on a table would run.
 *
 * Whatever writes to a table runs what hangs there with the rights of whom it
 * runs as, mostly the table's owner: triggers, functions in indexes and
 * constraints, the checks of domains, partitions and all that hangs on them.
 * All of this must belong to that role, to a superuser, or to a role that may
 * become that role anyway.
 *
 * Nor may trusted code be lured: what it names without a schema it finds in the
 * session's temporary schema first.  So none of it runs while that schema holds
 * a relation or a type of a role that is not trusted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TRUSTED_CODE_H
#define IDV_TRUSTED_CODE_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/plancache.h"

#include "server/code_cache.h"

/* When the code that a statement can run was last found to be trusted. */
typedef struct IdvChecked
{
	uint64		generation;		/* idv_code_generation(); 0: never */
	Oid			role;			/* as whom */
	List	   *queries;		/* what was looked at; NIL: never */
	int			plans;			/* how often it had been planned then; a list
								 * can lie where another one lay */
	bool		has_parts;		/* some table has some, which have to be
								 * locked */
	bool		runs;			/* some table runs code that a temporary
								 * object could lure */
	bool		distributed;	/* the rows of some table are in shards */
} IdvChecked;

extern void idv_trusted_code_init(void);
extern const IdvObjection *idv_code_objection(Oid relation, Oid role,
											  bool with_parts, LOCKMODE lock);
extern const IdvObjection *idv_code_objection_of_key(Oid relation, Oid role,
													 bool with_parts,
													 LOCKMODE lock);
extern const char *idv_code_runs(Oid relation, Oid role, bool with_parts,
								 LOCKMODE lock);
extern void idv_check_plan(SPIPlanPtr plan);
extern void idv_check_source(IdvChecked *checked, CachedPlanSource *source,
							 bool lock_parts);
extern CachedPlan *idv_checked_plan(CachedPlanSource *source,
									ParamListInfo params);
extern void idv_report_objection(Oid relation, const IdvObjection *objection)
			__attribute__((noreturn));

#endif							/* IDV_TRUSTED_CODE_H */
