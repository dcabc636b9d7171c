/*-------------------------------------------------------------------------
 *
 * sqlfunc.h
 *	  What all functions that SQL can call have in common.
 *
 * The module is compiled with everything else hidden: the server exports many
 * names, and one of ours that happened to be the same would be replaced by it.
 * From PostgreSQL 16 on PG_FUNCTION_INFO_V1 exports the function by itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SQLFUNC_H
#define IDV_SQLFUNC_H

#include "fmgr.h"

#define IDV_ENTRY(function) \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(function)

extern void idv_hide_statement(void *arg);

#endif							/* IDV_SQLFUNC_H */
