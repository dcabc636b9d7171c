/*-------------------------------------------------------------------------
 *
 * sqlfunc.c
 *	  What all functions that SQL can call have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server/sqlfunc.h"

#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"

#include "core/bad_identity.h"
#include "server/as_installed.h"

/*
 * idv_argument
 *		An argument that must not be null.  22004 if it is.
 *
 * name			as the SQL function names it
 * hint			what to do about it
 */
Datum
idv_argument(NullableDatum argument, const char *name, const char *hint)
{
	if (argument.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name),
				 errhint("%s", hint)));
	return argument.value;
}

/*
 * idv_check_name
 *		See that a new name is not empty, not too long, and printable.  22023.
 *
 * argument		as the SQL function names it
 * name			in the server encoding
 *
 * It is quoted in log lines, so it must not be able to break one.
 */
void
idv_check_name(const char *argument, IdvText name, int max_characters)
{
	bool		printable = idv_text_is_printable(name);
	bool		blank = idv_is_blank(name.bytes, name.len);

	if (blank || !printable ||
		pg_mbstrlen_with_len(name.bytes, (int) name.len) > max_characters)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 blank ? errmsg("%s must not be empty", argument) :
				 !printable ? errmsg("%s has characters that cannot be printed", argument) :
				 errmsg("%s is too long", argument),
				 errhint("It has 1 to %d printable characters.", max_characters)));
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
				 errmsg("this function can only be called as a trigger"),
				 errhint("Name it in a CREATE TRIGGER: BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION idverify_guard(), say.")));
	return (TriggerData *) fcinfo->context;
}
