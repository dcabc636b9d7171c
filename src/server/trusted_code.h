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
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/plancache.h"

/* What is in the way of a statement on a table. */
typedef struct IdvObjection
{
	char	   *reason;			/* of a message: "function f() belongs to ..." */
	char	   *detail;			/* sentences */
	char	   *hint;
} IdvObjection;

/* What a table can run, as server/table_code.c finds it. */
typedef struct IdvTableCode
{
	Oid			role;			/* as whom it would run */
	bool		any_owner;		/* the table may be of a third role: only what
								 * hangs there counts */
	List	   *parts;			/* partitions or children, by OID */
	IdvObjection *objection;	/* NULL: all of it is trusted */
	char	   *runs;			/* a function that is neither built in nor of
								 * this extension; NULL: none is run */
	/* used while it is looked at */
	List	   *trusted;		/* roles that are */
	List	   *types;			/* that were looked at, those built in aside */
	List	   *functions;		/* likewise */
} IdvTableCode;

/* When the code that a statement can run was last found to be trusted. */
typedef struct IdvChecked
{
	uint64		generation;		/* idv_code_generation(); 0: never */
	Oid			role;			/* as whom */
	List	   *queries;		/* what was looked at; NIL: never */
	bool		has_parts;		/* some table has some, which have to be
								 * locked */
	bool		runs;			/* some table runs code that a temporary
								 * object could lure */
} IdvChecked;

extern void idv_trusted_code_init(void);
extern const IdvObjection *idv_code_objection(Oid relation, Oid role,
											  bool with_parts, LOCKMODE lock);
extern const IdvObjection *idv_code_objection_of_key(Oid relation, Oid role,
													 bool with_parts,
													 LOCKMODE lock);
extern void idv_check_code(Oid relation, Oid role, bool with_parts,
						   LOCKMODE lock);
extern void idv_check_plan(SPIPlanPtr plan);
extern void idv_check_source(IdvChecked *checked, CachedPlanSource *source,
							 bool lock_parts);
extern bool idv_endangers_caller(Oid owner);
extern bool idv_role_may_run_as(Oid author, Oid role);
extern void idv_report_objection(Oid relation, const IdvObjection *objection)
			__attribute__((noreturn));

/* of server/table_code.c, and what it and server/type_code.c call */
extern void idv_look_at_table(IdvTableCode *code, Oid relation,
							  bool with_parts, LOCKMODE lock);
extern void idv_code_watch_relation(Oid relation);
extern void idv_code_watch(int cache, Oid object);

#endif							/* IDV_TRUSTED_CODE_H */
