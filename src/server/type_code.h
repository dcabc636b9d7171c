/*-------------------------------------------------------------------------
 *
 * type_code.h
 *	  What code types, casts and expressions can run, and whose it is.
 *
 * What is found is noted in the IdvTableCode of the table that uses them; the
 * first thing that is not trusted becomes its objection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TYPE_CODE_H
#define IDV_TYPE_CODE_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/nodes.h"

#include "server/trusted_code.h"

/* A place where code is used, while it is looked at. */
typedef struct IdvCodePlace
{
	IdvTableCode *code;
	const char *use;			/* a sentence for the error's detail */
	const char *hint;
	Oid			trigger_on;		/* it is the condition of a trigger on this
								 * table; InvalidOid: it is not */
	const char *trigger;		/* and its name */
} IdvCodePlace;

extern void idv_object_to_code(const IdvCodePlace *place, char *reason);
extern void idv_object_to_owner(const IdvCodePlace *place, const char *what,
								Oid owner);
extern bool idv_function_is_ours(Oid function);
extern bool idv_role_is_trusted(IdvTableCode *code, Oid author);
extern char *idv_trigger_holder(IdvTableCode *code, Oid relation);
extern bool idv_function_is_open(IdvTableCode *code, Oid function, Oid *owner);
extern void idv_look_at_function(const IdvCodePlace *place, Oid function);
extern void idv_look_at_opclass(const IdvCodePlace *place, Oid opclass);
extern void idv_look_at_type(const IdvCodePlace *place, Oid type);
extern void idv_look_at_casts(const IdvCodePlace *place);
extern void idv_look_at_stored(const IdvCodePlace *place, int cache,
							   HeapTuple tuple, AttrNumber column);
extern bool idv_look_at_expression(Node *node, void *context);
extern void idv_look_at_text(const IdvCodePlace *place, const char *expression);

#endif							/* IDV_TYPE_CODE_H */
