/*-------------------------------------------------------------------------
 *
 * sign_funcs.c
 *	  Sign for a visitor: a user_hash, or a token.
 *
 * For pages that are rendered with database access: the secret never leaves the
 * server.  These functions read and never write; they work on a hot standby, in
 * a read-only transaction, and for a role that holds EXECUTE and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/bad_identity.h"
#include "core/hex.h"
#include "core/json_text.h"
#include "secrets/app_hmac.h"
#include "server/duration.h"
#include "server/json_merge.h"
#include "server/sqlfunc.h"
#include "server/token.h"
#include "tables/apps.h"

#define SIGN_HINT	"Sign the external_id of one visitor, or the email."
#define CLAIMS_HINT	"Sign an object that names one visitor: {\"external_id\": \"user_4711\"}, say."

/* What the header of each token says (RFC 7515, section 4.1). */
#define TOKEN_HEADER	"{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* Bytes of claims that are looked at, as jsonb writes them. */
#define WRITTEN_MAX			(4 * IDV_TOKEN_MAX)

#define HEADER_DIGITS		IDV_BASE64URL_ENCODED(sizeof(TOKEN_HEADER) - 1)
#define SIGNATURE_DIGITS	IDV_BASE64URL_ENCODED((size_t) IDV_HMAC_LEN)

IDV_ENTRY(idverify_sign);
IDV_ENTRY(idverify_sign_token);

/* Raise the error of a secret that did not sign.  55000. */
static void
signed_or_report(IdvSigning signing, IdvSignature asked)
{
	switch (signing)
	{
		case IDV_SIGNING_DONE:
			return;
		case IDV_SIGNING_NO_SECRET:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the app has no secret to sign with"),
					 errhint("Make one with idverify_rotate.")));
			break;
		case IDV_SIGNING_OTHER_KIND:
			break;
	}
	if (asked == IDV_SIGNS_HASH)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the current secret signs tokens, not hashes"),
				 errhint("Make a token with idverify_sign_token.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the current secret signs hashes, not tokens"),
			 errhint("Make a user_hash with idverify_sign; or give the app a secret that signs tokens: set signs in idverify.apps to 'token', then call idverify_stage and idverify_promote.")));
}

/*
 * idverify_sign(app_key text, value text, signer text) returns text
 *
 * The user_hash of value by a signer's current secret: 64 lower-case hex
 * digits.  42704 for an unknown app or signer, 22004 for another null than that
 * of signer, 22023 for a value that is empty, too long or not representable in
 * UTF-8, or for a null signer where there are several, 55000 where there is no
 * current secret or it signs tokens.
 */
Datum
idverify_sign(PG_FUNCTION_ARGS)
{
	IdvText		app_key;
	const IdvApp *app;
	IdvText		value;
	uint8		user_hash[IDV_HMAC_LEN];
	char		digits[2 * IDV_HMAC_LEN];

	idv_expect_arguments(fcinfo, 3);
	app_key = idv_app_key_argument(fcinfo->args[0]);
	switch (idv_text_utf8(&value, idv_argument(fcinfo->args[1], "value", SIGN_HINT),
						  IDV_IDENTITY_MAX))
	{
		case IDV_TEXT_OK:
			break;
		case IDV_TEXT_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value is too long to be signed"),
					 errdetail("It may have at most %d bytes in UTF-8.",
							   IDV_IDENTITY_MAX),
					 errhint(SIGN_HINT)));
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
				 errhint(SIGN_HINT)));

	app = idv_app_get(app_key);
	if (!idv_app_is_known(app))
		idv_report_unknown_app(app_key);
	signed_or_report(idv_app_sign(user_hash, app, IDV_SIGNS_HASH, value, fcinfo->args[2]),
					 IDV_SIGNS_HASH);

	idv_hex_encode(digits, user_hash, IDV_HMAC_LEN);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(digits, sizeof(digits)));
}

/* See that a token can be made to last so long, by its app.  22023. */
static void
check_lifetime(int64 usecs, const IdvAppRow *app)
{
	int64		longest = app->token_lifetime > 0 ?
	app->token_lifetime : IDV_TOKEN_LIFETIME_MAX;

	if (usecs >= USECS_PER_SEC && usecs <= longest)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("lifetime is out of range"),
			 errdetail("A token of this app lasts for at least one second, and at most " INT64_FORMAT " seconds.",
					   longest / USECS_PER_SEC),
			 errhint("A few minutes are enough for a page to be loaded. The column token_lifetime of idverify.apps says what is the most.")));
}

/* The length of a token: three parts, with a dot between them. */
static size_t
token_length(size_t payload_len)
{
	return HEADER_DIGITS + 1 + IDV_BASE64URL_ENCODED(payload_len) + 1 + SIGNATURE_DIGITS;
}

/* Raise the error that claims are too long.  22023. */
static void
report_length(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("claims are too long for a token"),
			 errdetail("A token has at most %d bytes.", IDV_TOKEN_MAX)));
}

/*
 * Take the blanks out that jsonb writes between its parts.  No other signer's tokens
 * have any, and each byte is signed, sent, and read again.
 */
static void
take_blanks_out(StringInfo json)
{
	bool		in_string = false;
	int			len = 0;

	for (int i = 0; i < json->len; i++)
	{
		if (in_string && json->data[i] == '\\')
			json->data[len++] = json->data[i++];
		else if (json->data[i] == '"')
			in_string = !in_string;
		if (in_string || json->data[i] != ' ')
			json->data[len++] = json->data[i];
	}
	json->data[len] = '\0';
	json->len = len;
}

/*
 * The payload of a token, in UTF-8: the claims, and when it was made and ends.
 *
 * token		output: what it says
 *
 * 22023 if it would not be taken for one.
 */
static IdvText
make_payload(IdvToken *token, Jsonb *claims, int64 usecs)
{
	TimestampTz now = GetCurrentTimestamp() +
	(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	JsonbValue	value;
	StringInfoData json;
	IdvText		payload;
	IdvTextStatus status;
	IdvTokenFlaw flaw = IDV_TOKEN_MALFORMED;

	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims must be an object"),
				 errhint(CLAIMS_HINT)));
	if (getKeyJsonValueFromContainer(&claims->root, "exp", 3, &value) != NULL ||
		getKeyJsonValueFromContainer(&claims->root, "iat", 3, &value) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims must have neither exp nor iat"),
				 errhint("They are set by the clock and lifetime.")));

	/*
	 * Not even written where it is far too long: a few bytes of jsonb may be
	 * much.
	 */
	if (idv_json_size(&claims->root, WRITTEN_MAX) > WRITTEN_MAX)
		report_length();
	initStringInfo(&json);
	(void) JsonbToCString(&json, &claims->root, VARSIZE(claims));
	take_blanks_out(&json);
	json.data[--json.len] = '\0';
	appendStringInfo(&json, "%s\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT "}",
					 JB_ROOT_COUNT(claims) > 0 ? "," : "",
					 now / USECS_PER_SEC, (now + usecs) / USECS_PER_SEC);

	status = idv_text_utf8(&payload, PointerGetDatum(cstring_to_text_with_len(json.data, json.len)),
						   IDV_TOKEN_MAX);
	if (status == IDV_TEXT_OK)
		flaw = idv_token_read_payload(token, (const uint8 *) payload.bytes, payload.len);
	if (status == IDV_TEXT_TOO_LONG ||
		token_length(payload.len) > IDV_TOKEN_MAX)
		report_length();
	if (flaw == IDV_TOKEN_NOBODY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims name nobody"),
				 errhint(CLAIMS_HINT)));
	if (flaw != IDV_TOKEN_RIGHT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims are malformed"),
				 errdetail("An id is a string or an integer of at most %d bytes, and is the same by each of its names; email is a string; nbf is a number; objects are nested %d deep at most; all text has an equivalent in UTF-8.",
						   IDV_IDENTITY_MAX, IDV_JSON_DEPTH_MAX)));
	return payload;
}

/* See that a token says whom the app would take it for.  22023. */
static void
check_subject(const IdvToken *token, const IdvAppRow *app)
{
	IdvText		none = {NULL, 0};
	IdvText		subject = idv_signed_value(app->signed_field, token->id,
										   token->email_signed ? token->email : none);

	if (subject.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims do not have what counts in this app"),
				 errdetail("By its signed_field that is the %s.",
						   app->signed_field == IDV_SIGNED_EMAIL ? "email" : "external_id"),
				 errhint("Put it into the claims, or change signed_field in idverify.apps.")));
	if (idv_identity_is_bad(subject.bytes, subject.len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims name nobody in particular"),
				 errdetail("Careless code signs the same for every visitor, so such a token is refused."),
				 errhint(CLAIMS_HINT)));
}

/*
 * idverify_sign_token(app_key text, claims jsonb, lifetime interval, signer text)
 *		returns text
 *
 * A JSON Web Token of these claims by a signer's current secret, which lasts so
 * long from now on.  42704 for an unknown app or signer, 22004 for another null
 * than that of signer, 22023 for claims that have iat or exp, name nobody, or
 * would be refused in this app, for a lifetime of less than a second or more than the app's
 * token_lifetime, and for a null signer where there are several, 55000 where
 * there is no current secret or it signs hashes.
 */
Datum
idverify_sign_token(PG_FUNCTION_ARGS)
{
	IdvText		app_key;
	IdvText		payload;
	IdvToken	said;
	IdvText		message;
	Interval   *lifetime;
	int64		usecs;
	const IdvApp *app;
	uint8		signature[IDV_HMAC_LEN];
	size_t		len;
	char	   *token;

	idv_expect_arguments(fcinfo, 4);
	app_key = idv_app_key_argument(fcinfo->args[0]);
	(void) idv_argument(fcinfo->args[1], "claims", CLAIMS_HINT);
	lifetime = DatumGetIntervalP(idv_argument(fcinfo->args[2], "lifetime",
											  "Leave it out to have the default."));
	if (!idv_duration(&usecs, lifetime) || usecs < 0 || usecs > IDV_TOKEN_LIFETIME_MAX)
		usecs = 0;

	/* The app is good until anything runs that could look for another one. */
	payload = make_payload(&said, PG_GETARG_JSONB_P(1), usecs);
	len = token_length(payload.len);
	message.bytes = token = palloc(len);
	message.len = len - SIGNATURE_DIGITS - 1;
	idv_base64url_encode(token, (const uint8 *) TOKEN_HEADER, sizeof(TOKEN_HEADER) - 1);
	token[HEADER_DIGITS] = '.';
	idv_base64url_encode(token + HEADER_DIGITS + 1,
						 (const uint8 *) payload.bytes, payload.len);

	app = idv_app_get(app_key);
	if (!idv_app_is_known(app))
		idv_report_unknown_app(app_key);
	check_lifetime(usecs, idv_app_row(app));
	check_subject(&said, idv_app_row(app));
	signed_or_report(idv_app_sign(signature, app, IDV_SIGNS_TOKEN, message, fcinfo->args[3]),
					 IDV_SIGNS_TOKEN);
	token[message.len] = '.';
	idv_base64url_encode(token + message.len + 1, signature, IDV_HMAC_LEN);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(token, (int) len));
}
