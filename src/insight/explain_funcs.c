/*-------------------------------------------------------------------------
 *
 * explain_funcs.c
 *	  What SQL can ask about a claim that does not verify.
 *
 * It reads and never writes.  It works on a hot standby, in a read-only
 * transaction, and for a role that holds EXECUTE and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "insight/explain.h"
#include "server/sqlfunc.h"

/* 15.0 has it by its first name alone, which all of 15 have kept. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

IDV_ENTRY(idverify_explain);

/*
 * idverify_explain(app_key text, external_id text, email text, user_hash text)
 *		returns table (verdict idverify.verdict, finding text, detail text,
 *		hint text)
 *
 * A row for each mistake that the claim was made by, or one that says why there
 * is none, or that none is known.  Any argument may be null.  F0000 and XX001
 * as of idverify_verdict().
 */
Datum
idverify_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvClaim	claim;
	IdvVerdict	verdict;
	List	   *found;
	ListCell   *cell;

	idv_expect_arguments(fcinfo, 4);
	claim = (IdvClaim)
	{
		.external_id = fcinfo->args[1],
			.email = fcinfo->args[2],
			.user_hash = fcinfo->args[3],
	};
	error_context_stack = &hide;
	idv_hide_rest();
	InitMaterializedSRF(fcinfo, 0);

	found = idv_explain(&verdict, fcinfo->args[0], &claim);
	foreach(cell, found)
	{
		const IdvExplained *explained = lfirst(cell);
		Oid			verdict_type = TupleDescAttr(result->setDesc, 0)->atttypid;
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = ObjectIdGetDatum(idv_verdict_value(verdict_type, verdict));
		values[1] = CStringGetTextDatum(idv_finding_names[explained->finding]);
		values[2] = CStringGetTextDatum(explained->detail);
		values[3] = CStringGetTextDatum(explained->hint);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	error_context_stack = hide.previous;
	return (Datum) 0;
}
