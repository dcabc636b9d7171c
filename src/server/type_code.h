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

#include "access/attnum.h"
#include "access/htup.h"
#include "nodes/nodes.h"

#include "server/code_author.h"

extern void idv_look_at_function(const IdvCodePlace *place, Oid function);
extern void idv_look_at_opclass(const IdvCodePlace *place, Oid opclass);
extern void idv_look_at_type(const IdvCodePlace *place, Oid type);
extern void idv_look_at_casts(const IdvCodePlace *place);
extern void idv_look_at_stored(const IdvCodePlace *place, int cache,
							   HeapTuple tuple, AttrNumber column);
extern bool idv_look_at_expression(Node *node, void *context);
extern void idv_look_at_text(const IdvCodePlace *place, const char *expression);

#endif							/* IDV_TYPE_CODE_H */
