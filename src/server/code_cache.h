/*-------------------------------------------------------------------------
 *
 * code_cache.h
 *	  What code a table can run: looked at once, and kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CODE_CACHE_H
#define IDV_CODE_CACHE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

/* What is in the way of a statement on a table. */
typedef struct IdvObjection
{
	const char *reason;			/* of a message: "function f() belongs to ..." */
	const char *detail;			/* sentences */
	const char *hint;
	const char *remedy;			/* SQL that does it; NULL: none does */
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
	bool		distributed;	/* its rows are in shards, or those of a part */
	/* used while it is looked at */
	List	   *trusted;		/* roles that are */
	List	   *types;			/* that were looked at, those built in aside */
	List	   *functions;		/* likewise */
} IdvTableCode;

extern void idv_code_cache_init(void);
extern IdvTableCode *idv_table_code(Oid relation, Oid role, bool any_owner,
									bool with_parts, LOCKMODE lock);
extern uint64 idv_code_generation(void);

/* of server/table_code.c, and what is called while a table is looked at */
extern void idv_look_at_table(IdvTableCode *code, Oid relation,
							  bool with_parts, LOCKMODE lock);
extern void idv_code_watch_relation(Oid relation);
extern void idv_code_watch(int cache, Oid object);

#endif							/* IDV_CODE_CACHE_H */
