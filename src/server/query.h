/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Queries on our own tables that are run once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_QUERY_H
#define IDV_QUERY_H

#include "postgres.h"

#include "executor/spi.h"

extern uint64 idv_query(const char *sql, int nargs, const Oid *types,
						const Datum *values, const char *nulls);
extern Datum idv_query_value(SPITupleTable *rows, uint64 row, int column,
							 Oid type);

#endif							/* IDV_QUERY_H */
