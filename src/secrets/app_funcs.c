/*-------------------------------------------------------------------------
 *
 * app_funcs.c
 *	  An app: made with its first secret, and what is shown of one.
 *
 * idverify_create_app() is SECURITY DEFINER with a search_path of its own, so that
 * its queries run as the extension's owner and find what they name.  The others
 * read and never write; they work on a hot standby, in a read-only transaction,
 * and for a role that holds EXECUTE and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/hex.h"
#include "core/seal.h"
#include "secrets/new_secret.h"
#include "secrets/sealed_secret.h"
#include "secrets/secret_text.h"
#include "secrets/signer.h"
#include "server/duration.h"
#include "server/query.h"
#include "server/sqlfunc.h"
#include "tables/apps.h"
#include "tables/our_tables.h"

#define APP_KEY_BYTES		16	/* of randomness in an app key of ours */
#define APP_KEY_PREFIX		"app_"

IDV_ENTRY(idverify_create_app);
IDV_ENTRY(idverify_mask);
IDV_ENTRY(idverify_reveal);

/* Make an app key: app_ and 32 hex digits. */
static Datum
generate_app_key(void)
{
	uint8		random[APP_KEY_BYTES];
	char		key[sizeof(APP_KEY_PREFIX) - 1 + 2 * APP_KEY_BYTES] = APP_KEY_PREFIX;

	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	idv_hex_encode(key + sizeof(APP_KEY_PREFIX) - 1, random, sizeof(random));
	return PointerGetDatum(cstring_to_text_with_len(key, sizeof(key)));
}

/* Refuse a lifetime of tokens that no app can have.  22023. */
static void
check_token_lifetime(const Interval *lifetime)
{
	int64		usecs;

	if (!idv_duration(&usecs, lifetime) || usecs <= 0 || usecs > IDV_TOKEN_LIFETIME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token_lifetime is out of range"),
				 errhint("It can be more than 0, up to 10 years; or NULL for tokens that need no exp.")));
}

/*
 * idverify_create_app(name text, INOUT app_key text, secret text,
 *		on_unverified idverify.claim_policy, signed_field idverify.signed_field,
 *		grace interval, revealable boolean, confirm_rotation boolean,
 *		on_wrong_hash idverify.claim_policy, signs idverify.signature,
 *		token_lifetime interval, encoding text, OUT identity_secret text)
 *
 * Makes an app and its first secret, which is returned this once; null where
 * the secret was imported, of that encoding.  on_wrong_hash may be null, for the
 * same as on_unverified, and token_lifetime, for tokens without exp.  22004 for
 * another null but that of app_key or secret, 22023 for a bad app_key, grace,
 * token_lifetime, encoding or secret, 23505 for an app_key that is taken, F0000
 * without a key ring.
 */
Datum
idverify_create_app(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"name", "app_key", "secret", "on_unverified", "signed_field",
		"grace", "revealable", "confirm_rotation", NULL, "signs"
	};
	Oid			types[] = {TEXTOID, TEXTOID, InvalidOid, InvalidOid,
	INTERVALOID, BOOLOID, BOOLOID, InvalidOid, InvalidOid, INTERVALOID};
	char		absent[lengthof(types) + 1];
	Datum		values[lengthof(types)];
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	bool		imports = !PG_ARGISNULL(2);
	TupleDesc	desc;
	Datum		result[2];
	bool		nulls[2] = {false, imports};
	IdvEncoding encoding;
	IdvSecretPlace place = {.signer = {IDV_MAIN_SIGNER, strlen(IDV_MAIN_SIGNER)},.state = "current"};
	IdvNewSecret minted;

	idv_expect_arguments(fcinfo, 12);
	if (imports)
	{
		error_context_stack = &hide;
		idv_hide_rest();
	}

	PreventCommandIfReadOnly("idverify_create_app()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	for (int i = 0; i < (int) lengthof(names); i++)
		if (i != 1 && i != 2 && names[i] != NULL)
			(void) idv_argument(fcinfo->args[i], names[i], i == 0 ?
								"Say what the app is called." :
								"Leave it out to have the default.");
	(void) idv_grace_argument(PG_GETARG_INTERVAL_P(5));
	place.signs = idv_our_label(PG_GETARG_DATUM(9), "signature", idv_signature_labels);
	if (!PG_ARGISNULL(10))
		check_token_lifetime(PG_GETARG_INTERVAL_P(10));
	encoding = idv_encoding_argument(fcinfo->args[11]);

	values[0] = PG_GETARG_DATUM(0);
	if (!PG_ARGISNULL(1))
		idv_check_name("app_key", idv_text(PG_GETARG_DATUM(1)), IDV_APP_KEY_MAX);
	values[1] = PG_ARGISNULL(1) ? generate_app_key() : PG_GETARG_DATUM(1);
	/* Those behind the secret; the types of ours are known from the call. */
	memset(absent, ' ', lengthof(types));
	absent[lengthof(types)] = '\0';
	for (int i = 2; i < (int) lengthof(values); i++)
	{
		values[i] = PG_GETARG_DATUM(i + 1);
		if (PG_ARGISNULL(i + 1))
			absent[i] = 'n';
		if (!OidIsValid(types[i]))
			types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
	}
	result[0] = values[1];

	SPI_connect();
	if (idv_query("INSERT INTO idverify.apps (name, app_key, on_unverified,"
				  " signed_field, grace, revealable, confirm_rotation, on_wrong_hash,"
				  " signs, token_lifetime)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
				  " ON CONFLICT (app_key) DO NOTHING RETURNING id",
				  lengthof(types), types, values, absent) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("app \"%s\" already exists",
						TextDatumGetCString(values[1])),
				 errhint("Choose another app_key, or give that app a new secret with idverify_rotate.")));
	place.app_id = DatumGetInt32(idv_query_value(SPI_tuptable, 0, 1, INT4OID));
	place.now = GetCurrentTimestamp();

	if (imports)
		idv_secret_import(&place, PG_GETARG_DATUM(2), encoding);
	else
		idv_secret_mint(&minted, &place);
	SPI_finish();

	result[1] = imports ? (Datum) 0 : idv_secret_hand_out(&minted);
	error_context_stack = hide.previous;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  result, nulls)));
}

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

/* The row of a signer's current secret, or NULL. */
static const IdvSecretRow *
current_secret(int32 app_id, NullableDatum signer)
{
	List	   *secrets = idv_secrets_read(app_id);
	List	   *signers = NIL;
	IdvText		chosen;
	ListCell   *cell;

	foreach(cell, secrets)
		signers = lappend(signers, &((IdvSecretRow *) lfirst(cell))->signer);
	chosen = idv_signer_choose(signers, signer);
	foreach(cell, secrets)
	{
		const IdvSecretRow *secret = lfirst(cell);

		if (secret->state == IDV_STATE_CURRENT &&
			idv_text_is_same(secret->signer, chosen))
			return secret;
	}
	return NULL;
}

/*
 * idverify_mask(app_key text, signer text) returns text
 *
 * A signer's current secret, masked but for its last four characters; null if
 * it has none.  Needs no master key.  42704 for an unknown app or signer, 22004
 * for a null app_key, 22023 for a null signer where there are several.
 */
Datum
idverify_mask(PG_FUNCTION_ARGS)
{
	IdvAppRow	app;
	const IdvSecretRow *current;

	idv_expect_arguments(fcinfo, 2);
	app = app_argument(fcinfo->args[0]);
	current = current_secret(app.id, fcinfo->args[1]);
	if (current == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(idv_text_mask(current->hint));
}

/*
 * idverify_reveal(app_key text, signer text) returns text
 *
 * A signer's current secret, where the app is revealable.  42704 for an unknown
 * app or signer, 22004 for a null app_key, 22023 for a null signer where there
 * are several, 55000 if the app is not revealable or the signer has no secret.
 */
Datum
idverify_reveal(PG_FUNCTION_ARGS)
{
	IdvAppRow	app;
	const IdvSecretRow *current;
	uint8		secret[IDV_SECRET_MAX];
	size_t		secret_len;
	IdvOpening	opening;
	text	   *result;

	idv_expect_arguments(fcinfo, 2);
	app = app_argument(fcinfo->args[0]);
	if (!app.revealable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the secret of this app cannot be revealed"),
				 errhint("Make a new one with idverify_rotate: the old one goes on verifying for the grace window.")));
	current = current_secret(app.id, fcinfo->args[1]);
	if (current == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the app has no secret to reveal"),
				 errhint("Make one with idverify_rotate.")));

	opening = idv_sealed_open(secret, &secret_len, app.id, current);
	if (opening != IDV_OPENED)
		idv_sealed_report(opening, app.id, current->generation,
						  current->key_id);

	result = idv_secret_write(secret, secret_len, current->encoding);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the secret has a character that the server encoding lacks"),
				 errhint("Make a new one with idverify_rotate.")));
	PG_RETURN_TEXT_P(result);
}
