/*-------------------------------------------------------------------------
 *
 * fold.c
 *	  What SQL can call to fold contacts.
 *
 * These functions are SECURITY DEFINER with a search_path of their own, so
 * their queries run as the extension's owner; those on somebody's table run as
 * its owner (src/statements.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "entry.h"
#include "folding.h"
#include "funcapi.h"
#include "utils/builtins.h"

IDV_ENTRY(idverify_fold);

/* An argument that must not be null. */
static Datum
needed(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_DATUM(n);
}

/*
 * idverify_fold(source anyelement, target anyelement, contacts regclass,
 *		dry_run boolean, force boolean)
 *		returns table (fold_id bigint, relation regclass, column_name name,
 *		moved bigint, dropped bigint)
 *
 * A row for each column that pointed to the source, and one for the table of
 * contacts itself, from which the source is dropped.  fold_id is null in a dry
 * run.  No row if source and target are the same: then there is no fold.
 */
Datum
idverify_fold(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		source = needed(fcinfo, 0, "source");
	Datum		target = needed(fcinfo, 1, "target");
	Oid			contacts = DatumGetObjectId(needed(fcinfo, 2, "contacts"));
	int			how = 0;
	int64		fold_id;
	List	   *folded;
	ListCell   *lc;

	if (DatumGetBool(needed(fcinfo, 3, "dry_run")))
		how |= IDV_FOLD_DRY_RUN;
	if (DatumGetBool(needed(fcinfo, 4, "force")))
		how |= IDV_FOLD_FORCE;
	InitMaterializedSRF(fcinfo, 0);

	fold_id = idv_fold(&folded, contacts, get_fn_expr_argtype(fcinfo->flinfo, 0),
					   source, target, how);
	foreach(lc, folded)
	{
		IdvFolded  *line = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {(how & IDV_FOLD_DRY_RUN) != 0};

		values[0] = Int64GetDatum(fold_id);
		values[1] = ObjectIdGetDatum(line->relation);
		values[2] = NameGetDatum(&line->column_name);
		values[3] = Int64GetDatum(line->moved);
		values[4] = Int64GetDatum(line->dropped);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
