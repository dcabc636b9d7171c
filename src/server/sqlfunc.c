/*-------------------------------------------------------------------------
 *
 * sqlfunc.c
 *	  What all functions that SQL can call have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server/sqlfunc.h"

#include "utils/lsyscache.h"

#include "server/as_installed.h"

/*
 * idv_argument
 *		An argument that must not be null.  22004 if it is.
 *
 * name			as the SQL function names it
 * hint			what to do about it, or NULL
 */
Datum
idv_argument(NullableDatum argument, const char *name, const char *hint)
{
	if (argument.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name),
				 hint == NULL ? 0 : errhint("%s", hint)));
	return argument.value;
}

/*
 * idv_report_arguments
 *		Raise the error that a function is declared with other arguments than
 *		this library reads.  XX002.
 */
void
idv_report_arguments(FunctionCallInfo fcinfo)
{
	char	   *name = get_func_name(fcinfo->flinfo->fn_oid);

	idv_report_not_as_installed("function %s() has %d arguments, which are not those of this release of idverify",
								name == NULL ? "" : name, PG_NARGS());
}

/*
 * idv_trigger_data
 *		What a trigger function was called for.  39P01 if it was called in
 *		any other way than as a trigger.
 */
TriggerData *
idv_trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	return (TriggerData *) fcinfo->context;
}
