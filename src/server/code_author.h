/*-------------------------------------------------------------------------
 *
 * code_author.h
 *	  Whose code it is, whether a role may run it, and what is said if not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CODE_AUTHOR_H
#define IDV_CODE_AUTHOR_H

#include "postgres.h"

#include "server/code_cache.h"

/* A place where code is used, while it is looked at. */
typedef struct IdvCodePlace
{
	IdvTableCode *code;
	const char *use;			/* a sentence for the error's detail */
	const char *hint;
	const char *remedy;			/* SQL, or NULL */
	Oid			trigger_on;		/* it is the condition of a trigger on this
								 * table; InvalidOid: it is not */
	const char *trigger;		/* and its name */
} IdvCodePlace;

extern bool idv_role_may_run_as(Oid author, Oid role);
extern void idv_object_to_code(const IdvCodePlace *place, char *reason);
extern void idv_object_to_owner(const IdvCodePlace *place, const char *what,
								Oid owner);
extern bool idv_function_is_ours(Oid function);
extern bool idv_role_is_trusted(IdvTableCode *code, Oid author);
extern char *idv_trigger_holder(IdvTableCode *code, Oid relation);
extern bool idv_function_is_open(IdvTableCode *code, Oid function);

#endif							/* IDV_CODE_AUTHOR_H */
