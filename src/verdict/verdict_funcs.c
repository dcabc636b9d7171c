/*-------------------------------------------------------------------------
 *
 * verdict_funcs.c
 *	  What SQL can ask: functions that read and never write.
 *
 * All of them work on a hot standby, in a read-only transaction, and for a
 * role that holds EXECUTE and nothing else.  No cryptography and no SQL up
 * here: unpack, ask the floors below, answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/hex.h"
#include "core/bad_identity.h"
#include "server/sqlfunc.h"
#include "secrets/sealed_secret.h"
#include "secrets/app_cache.h"
#include "verdict/verdict.h"

IDV_ENTRY(idverify_check);
IDV_ENTRY(idverify_verdict);
IDV_ENTRY(idverify_sign);
IDV_ENTRY(idverify_mask);
IDV_ENTRY(idverify_reveal);

/* The row of the app that a function was called with. */
static IdvAppRow
app_argument(NullableDatum app_key)
{
	IdvText		key = idv_app_key_argument(app_key);
	IdvAppRow	app;

	if (!idv_app_read(&app, key))
		idv_report_unknown_app(key);
	return app;
}

/* The row of an app's current secret, or NULL. */
static const IdvSecretRow *
current_secret(int32 app_id)
{
	List	   *secrets = idv_secrets_read(app_id);
	const IdvSecretRow *first = secrets == NIL ? NULL : linitial(secrets);

	return first && first->state == IDV_STATE_CURRENT ? first : NULL;
}

/*
 * idverify_check(app_key text, value text, user_hash text) returns boolean
 *
 * True if user_hash is the HMAC of value under a secret of the app that
 * verifies now, false if it is anything else at all.
 *
 * Not STRICT: strict functions answer null, and a CHECK constraint takes null
 * for yes.  Not IMMUTABLE: a secret that was revoked verifies no longer.
 */
Datum
idverify_check(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(idv_check(fcinfo->args[0], fcinfo->args[1],
							 fcinfo->args[2]));
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

	PG_RETURN_OID(verdict_value(fcinfo->flinfo,
								idv_verdict(fcinfo->args[0], &claim)));
}

/*
 * idverify_sign(app_key text, value text) returns text
 *
 * The user_hash of value by the app's current secret: 64 lower-case hex
 * digits.  42704 for an unknown app, 22004 for a null, 22023 for a value that
 * is empty, too long or not representable in UTF-8, 55000 where there is no
 * current secret.
 */
Datum
idverify_sign(PG_FUNCTION_ARGS)
{
	IdvText		app_key = idv_app_key_argument(fcinfo->args[0]);
	const IdvApp *app;
	IdvText		value;
	uint8		user_hash[IDV_HMAC_LEN];
	char		digits[2 * IDV_HMAC_LEN];

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value must not be null"),
				 errhint("Sign the external_id of one visitor, or the email.")));

	switch (idv_text_utf8(&value, PG_GETARG_DATUM(1), IDV_IDENTITY_MAX))
	{
		case IDV_TEXT_OK:
			break;
		case IDV_TEXT_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value is too long to be signed"),
					 errdetail("It may have at most %d bytes in UTF-8.",
							   IDV_IDENTITY_MAX),
					 errhint("Sign the external_id of one visitor, or the email.")));
			break;
		case IDV_TEXT_NOT_UTF8:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value has no equivalent in UTF-8"),
					 errhint("A user_hash is made of the bytes of the value in UTF-8.")));
			break;
	}
	if (value.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value must not be empty"),
				 errhint("Sign the external_id of one visitor, or the email.")));

	app = idv_app_get(app_key);
	if (!idv_app_is_known(app))
		idv_report_unknown_app(app_key);
	if (!idv_app_sign(user_hash, app, value))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the app has no secret to sign with"),
				 errhint("Make one with idverify_rotate.")));

	idv_hex_encode(digits, user_hash, IDV_HMAC_LEN);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(digits, sizeof(digits)));
}

/*
 * idverify_mask(app_key text) returns text
 *
 * The app's current secret, masked but for its last four characters; null if
 * it has none.  Needs no master key.  42704 for an unknown app, 22004 for a
 * null.
 */
Datum
idverify_mask(PG_FUNCTION_ARGS)
{
	IdvAppRow	app = app_argument(fcinfo->args[0]);
	const IdvSecretRow *current = current_secret(app.id);

	if (current == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(idv_text_mask(current->hint));
}

/*
 * idverify_reveal(app_key text) returns text
 *
 * The app's current secret, where the app is revealable.  42704 for an unknown
 * app, 22004 for a null, 55000 if the app is not revealable or has no secret.
 */
Datum
idverify_reveal(PG_FUNCTION_ARGS)
{
	IdvAppRow	app = app_argument(fcinfo->args[0]);
	const IdvSecretRow *current = current_secret(app.id);
	uint8		secret[IDV_SECRET_MAX];
	size_t		secret_len;
	IdvOpening	opening;
	text	   *result;

	if (!app.revealable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the secret of this app cannot be revealed"),
				 errhint("Make a new one with idverify_rotate: the old one goes on verifying for the grace window.")));
	if (current == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the app has no secret to reveal"),
				 errhint("Make one with idverify_rotate.")));

	opening = idv_sealed_open(secret, &secret_len, app.id, current);
	if (opening != IDV_OPENED)
		idv_sealed_report(opening, app.id, current->generation,
						  current->key_id);

	result = idv_text_from_utf8((char *) secret, secret_len);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the secret has a character that the server encoding lacks"),
				 errhint("Make a new one with idverify_rotate.")));
	PG_RETURN_TEXT_P(result);
}
