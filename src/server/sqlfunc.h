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

#include "commands/trigger.h"
#include "fmgr.h"

#include "server/hide_statement.h"
#include "server/text.h"

#define IDV_ENTRY(function) \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(function)

extern Datum idv_argument(NullableDatum argument, const char *name,
						  const char *hint);
extern void idv_check_name(const char *argument, IdvText name,
						   int max_characters);
extern void idv_report_arguments(FunctionCallInfo fcinfo) __attribute__((noreturn));
extern TriggerData *idv_trigger_data(FunctionCallInfo fcinfo);

/*
 * idv_expect_arguments
 *		See that SQL passes as many arguments as this library reads.  XX002.
 *
 * They are fewer, or more, between an update of the files and ALTER EXTENSION
 * idverify UPDATE: what is declared belongs to another release.
 */
static inline void
idv_expect_arguments(FunctionCallInfo fcinfo, int expected)
{
	if (unlikely(PG_NARGS() != expected))
		idv_report_arguments(fcinfo);
}

#endif							/* IDV_SQLFUNC_H */
