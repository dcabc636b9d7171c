/*-------------------------------------------------------------------------
 *
 * references.h
 *	  Which columns point to a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_REFERENCES_H
#define IDV_REFERENCES_H

#include "postgres.h"

#include "references/reference.h"

extern List *idv_table_references(IdvTable *table);
extern List *idv_table_self_references(IdvTable *table);
extern void idv_reference_read_condition(IdvReference *reference);
extern bool idv_is_ordered(Oid type);
extern bool idv_references_changed(IdvTable *table);
extern IdvTable *idv_table_now(const IdvTable *table);
extern void idv_references_check_unaltered(IdvTable *before, IdvTable *now);

#endif							/* IDV_REFERENCES_H */
