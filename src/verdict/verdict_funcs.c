/*-------------------------------------------------------------------------
 *
 * verdict_funcs.c
 *	  What SQL can ask about a claim.
 *
 * These functions read and never write.  They work on a hot standby, in a
 * read-only transaction, in parallel workers, and for a role that holds EXECUTE
 * and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "server/sqlfunc.h"
#include "verdict/claim_count.h"
#include "verdict/verdict.h"

IDV_ENTRY(idverify_check);
IDV_ENTRY(idverify_verdict);
IDV_ENTRY(idverify_token_claims);

/*
 * idverify_check(app_key text, value text, user_hash text) returns boolean
 *
 * True if user_hash is the HMAC of value under a secret of the app that
 * verifies now, or a token that is right now and names value; false if it is
 * anything else at all.
 *
 * Not STRICT: strict functions answer null, and a CHECK constraint takes null
 * for yes.  Not IMMUTABLE: a secret that was revoked verifies no longer.
 */
Datum
idverify_check(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	bool		right = false;

	idv_expect_arguments(fcinfo, 3);
	error_context_stack = &hide;
	if (!fcinfo->args[0].isnull && !fcinfo->args[1].isnull &&
		!fcinfo->args[2].isnull)
	{
		const IdvApp *app = idv_app_claimed(fcinfo->args[0]);
		int32		generation;

		right = idv_check(app, fcinfo->args[1], fcinfo->args[2], &generation);
		if (right || (!idv_is_absent(fcinfo->args[1]) &&
					  !idv_is_absent(fcinfo->args[2])))
			idv_count_check(app, right, generation, fcinfo->args[1]);
	}
	else
		idv_hide_rest();		/* a token names somebody by itself */
	error_context_stack = hide.previous;
	PG_RETURN_BOOL(right);
}

/*
 * The value of idverify.verdict that stands for a verdict.
 *
 * A scan of many claims meets few of them, and a call of its own just one: each
 * is looked up when it is first met.
 */
static Oid
verdict_value(FmgrInfo *flinfo, IdvVerdict verdict)
{
	Oid		   *values = flinfo->fn_extra;

	if (values == NULL)
		flinfo->fn_extra = values =
			MemoryContextAllocZero(flinfo->fn_mcxt, IDV_VERDICTS * sizeof(Oid));
	if (!OidIsValid(values[verdict]))
		values[verdict] = idv_verdict_value(get_func_rettype(flinfo->fn_oid),
											verdict);
	return values[verdict];
}

/*
 * idverify_verdict(app_key text, external_id text, email text, user_hash text)
 *		returns idverify.verdict
 *
 * What a claim of identity is worth to the app, by its policy.  Never null.
 */
Datum
idverify_verdict(PG_FUNCTION_ARGS)
{
	IdvClaim	claim = {
		.external_id = fcinfo->args[1],
		.email = fcinfo->args[2],
		.user_hash = fcinfo->args[3],
	};

	idv_expect_arguments(fcinfo, 4);
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	const IdvApp *app;
	int32		generation;
	IdvToken	token;
	IdvVerdict	verdict;
	Oid			value;

	error_context_stack = &hide;
	app = idv_app_claimed(fcinfo->args[0]);
	verdict = idv_judge(app, &claim, &generation, &token);
	idv_count_claim(idv_app_is_known(app) ? idv_app_row(app) : NULL, IDV_WAY_VERDICT,
					verdict, generation, &claim);
	value = verdict_value(fcinfo->flinfo, verdict);
	error_context_stack = hide.previous;
	PG_RETURN_OID(value);
}

/*
 * idverify_token_claims(app_key text, token text) returns jsonb
 *
 * What a token says that alone is a claim which is verified; null for anything else
 * that can be passed.  22P05 if the server encoding lacks a character of it.
 */
Datum
idverify_token_claims(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvClaim	claim = {
		.external_id.isnull = true,
		.email.isnull = true,
		.user_hash = fcinfo->args[1],
	};
	int32		generation;
	IdvToken	token;
	bool		right;
	Datum		claims = (Datum) 0;

	idv_expect_arguments(fcinfo, 2);
	error_context_stack = &hide;
	idv_hide_rest();
	right = idv_judge(idv_app_claimed(fcinfo->args[0]), &claim, &generation,
					  &token) == IDV_VERIFIED;
	if (right)
		claims = idv_token_jsonb(&token);
	error_context_stack = hide.previous;
	if (!right)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(claims);
}
