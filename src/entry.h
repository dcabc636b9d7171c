/*-------------------------------------------------------------------------
 *
 * entry.h
 *	  How a C function is made visible to SQL.
 *
 * The module is compiled with everything else hidden: the server exports many
 * names, and one of ours that happened to be the same would be replaced by it.
 * From PostgreSQL 16 on PG_FUNCTION_INFO_V1 exports the function by itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_ENTRY_H
#define IDV_ENTRY_H

#include "fmgr.h"

#define IDV_ENTRY(function) \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(function)

#endif							/* IDV_ENTRY_H */
