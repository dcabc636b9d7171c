/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  What a relation is called, and what it is part of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_RELATION_H
#define IDV_RELATION_H

#include "postgres.h"

extern char *idv_relation_name(Oid relation);
extern char *idv_relation_label(Oid relation);
extern Oid	idv_relation_owner(Oid relation);
extern Oid	idv_root_relation(Oid relation);

#endif							/* IDV_RELATION_H */
