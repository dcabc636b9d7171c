/*-------------------------------------------------------------------------
 *
 * description_cache.h
 *	  How long what is known of the tables that a fold goes through stands.
 *
 * Kept in this backend, and thrown away when any of the tables changes.  What
 * idv_table() returns is good as long as the memory context is not reset that was
 * the current one when it was asked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DESCRIPTION_CACHE_H
#define IDV_DESCRIPTION_CACHE_H

#include "postgres.h"

#include "references/table_description.h"

extern void idv_description_cache_init(void);
extern IdvTable *idv_table(Oid relid);
extern bool idv_table_is_stale(const IdvTable *table);
extern List *idv_table_keys(IdvTable *table);
extern MemoryContext idv_table_context(const IdvTable *table);
extern void idv_table_statement(IdvStatement *statement, IdvTable *table,
								const char *sql, int nargs, const Oid *types);
extern IdvResult *idv_table_query_once(IdvTable *table, const char *sql, int nargs,
									   const Oid *types, const Datum *values,
									   bool as_of_caller, const List *done_keys);
extern void idv_table_forget(IdvStatement *statement, IdvTable *table);

#endif							/* IDV_DESCRIPTION_CACHE_H */
