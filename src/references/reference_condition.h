/*-------------------------------------------------------------------------
 *
 * reference_condition.h
 *	  The condition under which a row points to a contact.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_REFERENCE_CONDITION_H
#define IDV_REFERENCE_CONDITION_H

#include "postgres.h"

#include "nodes/primnodes.h"
#include "utils/rel.h"

extern Expr *idv_condition_parse(Relation relation, const char *condition);
extern void idv_condition_check_constants(const Expr *condition);
extern char *idv_condition_text(const Expr *condition, Oid relation,
								const char *alias);

#endif							/* IDV_REFERENCE_CONDITION_H */
