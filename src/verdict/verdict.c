/*-------------------------------------------------------------------------
 *
 * verdict.c
 *	  What a claim of identity is worth.
 *
 *-------------------------------------------------------------------------
 */
#include "verdict/verdict.h"

#include "access/detoast.h"
#include "catalog/pg_enum.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/bad_identity.h"
#include "core/hash_readings.h"
#include "core/hex.h"
#include "secrets/app_hmac.h"
#include "server/as_installed.h"

const char *const idv_verdict_labels[IDV_VERDICTS] = {
	[IDV_UNKNOWN_APP] = "unknown_app",
	[IDV_ANONYMOUS] = "anonymous",
	[IDV_NO_SECRET] = "no_secret",
	[IDV_UNSIGNED] = "unsigned",
	[IDV_MALFORMED] = "malformed",
	[IDV_BAD_IDENTITY] = "bad_identity",
	[IDV_VERIFIED] = "verified",
	[IDV_EXPIRED] = "expired",
	[IDV_OUTDATED] = "outdated",
	[IDV_MISMATCH] = "mismatch",
};

/*
 * idv_verdict_value
 *		The value of the enum type idverify.verdict that stands for a verdict.
 *
 * The type is known from the result of the function called: no search_path is
 * involved.
 */
Oid
idv_verdict_value(Oid verdict_type, IdvVerdict verdict)
{
	Oid			value = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
										ObjectIdGetDatum(verdict_type),
										CStringGetDatum(idv_verdict_labels[verdict]));

	if (!OidIsValid(value))
		idv_report_not_as_installed("type idverify.verdict has no value \"%s\"",
									idv_verdict_labels[verdict]);
	return value;
}

/*
 * idv_policy
 *		What an app does about a claim of that verdict, which is one that fails.
 *
 * A user_hash that is wrong may be met with another policy than none.
 */
IdvPolicy
idv_policy(const IdvAppRow *app, IdvVerdict verdict)
{
	switch (verdict)
	{
		case IDV_MALFORMED:
		case IDV_BAD_IDENTITY:
		case IDV_EXPIRED:
		case IDV_OUTDATED:
		case IDV_MISMATCH:
			return app->on_wrong_hash;
		case IDV_UNKNOWN_APP:
		case IDV_ANONYMOUS:
		case IDV_NO_SECRET:
		case IDV_UNSIGNED:
		case IDV_VERIFIED:
			break;
	}
	return app->on_unverified;
}

/*
 * idv_is_absent
 *		Is nothing there?  An empty value counts as absent.
 */
bool
idv_is_absent(NullableDatum value)
{
	return value.isnull || toast_raw_datum_size(value.value) <= VARHDRSZ;
}

/*
 * idv_app_claimed
 *		The app of that key, which may be NULL: no app has an empty one.
 */
const IdvApp *
idv_app_claimed(NullableDatum app_key)
{
	IdvText		none = {"", 0};

	return idv_app_get(app_key.isnull ? none : idv_text(app_key.value));
}

/* Read a user_hash: 64 hex digits, of either case. */
static bool
read_user_hash(uint8 bytes[IDV_HMAC_LEN], NullableDatum user_hash)
{
	IdvText		digits;

	/* Do not even read one that is of another size. */
	if (toast_raw_datum_size(user_hash.value) !=
		VARHDRSZ + 2 * IDV_HMAC_LEN)
		return false;
	digits = idv_text(user_hash.value);
	return idv_hex_decode(bytes, IDV_HMAC_LEN, digits.bytes, digits.len);
}

/* Read a token: text that has its shape.  One too long is not even read. */
static bool
read_token(IdvJws *jws, NullableDatum presented)
{
	IdvText text;

	if (toast_raw_datum_size(presented.value) > VARHDRSZ + IDV_TOKEN_MAX)
		return false;
	text = idv_text(presented.value);

	return idv_jws_split(jws, text.bytes, text.len);
}

/*
 * Was a token meant, right or wrong?  A user_hash without an identity is
 * nothing, and so is nonsense; a token says itself who it is for.
 */
static bool
is_meant_as_token(NullableDatum presented)
{
	struct varlena *first;

	if (idv_is_absent(presented))
		return false;
	/* as much as a token may have, of what may be more */
	first = PG_DETOAST_DATUM_SLICE(presented.value, 0, IDV_TOKEN_MAX);
	return idv_looks_like_token(VARDATA_ANY(first), VARSIZE_ANY_EXHDR(first));
}

/* Read an identity, which may be absent: then it has no length. */
static bool
read_identity(IdvText *identity, NullableDatum value)
{
	identity->bytes = NULL;
	identity->len = 0;
	return idv_is_absent(value) ||
		idv_text_utf8(identity, value.value, IDV_IDENTITY_MAX) == IDV_TEXT_OK;
}

/* Did one of the app's secrets that sign tokens sign this one? */
static IdvMatch
match_token(const IdvApp *app, const IdvJws *jws, bool try_expired,
			int32 *generation)
{
	IdvText		signed_text = {jws->text, jws->signed_len};

	*generation = 0;
	/* HMACs of other lengths are by other algorithms, or none. */
	if (jws->signature_len != IDV_HMAC_LEN)
		return IDV_MATCH_NONE;
	return idv_app_match(app, IDV_SIGNS_TOKEN, signed_text, jws->signature,
						 try_expired, generation);
}

/*
 * idv_verify_token
 *		Is this a token that a secret of the app signed which verifies now, and
 *		that counts now?  Read what it says.
 *
 * generation	output: of that secret; 0 if there is none
 *
 * False for anything else that can be passed, NULL included; token is
 * unspecified then.
 */
bool
idv_verify_token(IdvToken *token, const IdvApp *app, NullableDatum presented,
				 int32 *generation)
{
	IdvJws		jws;

	*generation = 0;
	return !presented.isnull && read_token(&jws, presented) &&
		match_token(app, &jws, false, generation) == IDV_MATCH_LIVE &&
		idv_token_read(token, &jws) == IDV_TOKEN_RIGHT &&
		idv_token_when(token, GetCurrentTimestamp(),
					   idv_app_row(app)->token_lifetime) == IDV_TOKEN_NOW;
}

/* Is this a token that is right now, and names value? */
static pg_noinline bool
check_token(const IdvApp *app, IdvText value, NullableDatum presented,
			int32 *generation)
{
	IdvToken	token;

	return idv_verify_token(&token, app, presented, generation) &&
		(idv_text_is_same(token.id, value) ||
		 (token.email_signed && idv_text_is_same(token.email, value)));
}

/*
 * idv_check
 *		Is user_hash the HMAC of value under a secret of the app that verifies
 *		now, or a token that is right now and names value?
 *
 * generation	output: of the secret that made it; 0 if there is none
 *
 * False for anything else that can be passed, NULL included.
 */
bool
idv_check(const IdvApp *app, NullableDatum value, NullableDatum user_hash,
		  int32 *generation)
{
	uint8		presented[IDV_HMAC_LEN];
	IdvText		identity;

	*generation = 0;
	if (idv_is_absent(value) || user_hash.isnull)
		return false;
	if (!read_user_hash(presented, user_hash))
		return read_identity(&identity, value) &&
			check_token(app, identity, user_hash, generation);
	return read_identity(&identity, value) &&
		idv_app_match(app, IDV_SIGNS_HASH, identity, presented, false,
					  generation) == IDV_MATCH_LIVE;
}

/*
 * idv_check_identity
 *		Is user_hash the HMAC of value, which is not one that is nobody's?  A
 *		token is not: what it is for it says itself.
 */
bool
idv_check_identity(NullableDatum app_key, NullableDatum value,
				   NullableDatum user_hash)
{
	uint8		presented[IDV_HMAC_LEN];
	IdvText		utf8;
	int32		generation;

	return !app_key.isnull && !idv_is_absent(value) && !user_hash.isnull &&
		read_user_hash(presented, user_hash) &&
		idv_check(idv_app_claimed(app_key), value, user_hash, &generation) &&
		read_identity(&utf8, value) &&
		!idv_identity_is_bad(utf8.bytes, utf8.len);
}

/* Judge a user_hash that was presented for an identity. */
static IdvVerdict
judge_hash(const IdvApp *app, IdvText identity,
		   const uint8 presented[IDV_HMAC_LEN], int32 *generation)
{
	/* Something was claimed, and signed, but not what this app signs. */
	if (identity.len == 0)
		return IDV_MISMATCH;
	if (idv_identity_is_bad(identity.bytes, identity.len))
		return IDV_BAD_IDENTITY;

	switch (idv_app_match(app, IDV_SIGNS_HASH, identity, presented, true,
						  generation))
	{
		case IDV_MATCH_LIVE:
			return IDV_VERIFIED;
		case IDV_MATCH_EXPIRED:
			return IDV_EXPIRED;
		case IDV_MATCH_NONE:
			break;
	}
	return IDV_MISMATCH;
}

/*
 * Does a token say what is claimed beside it?
 *
 * identity		what counts as signed of that; no length if nothing does
 */
static bool
token_agrees(const IdvToken *token, const IdvClaim *claim, IdvText identity,
			 IdvText external_id, IdvText email)
{
	if (external_id.len > 0 && !idv_text_is_same(external_id, token->id))
		return false;
	if (email.len > 0 && token->email.len > 0 &&
		!idv_text_is_same(email, token->email))
		return false;

	/* An email that is what is claimed has to be signed, as by a hash. */
	if (identity.len > 0 && identity.bytes == email.bytes)
		return token->email_signed;
	/* And so has whatever this app signs, where something is claimed. */
	return identity.len > 0 || claim->token_names ||
		(external_id.len == 0 && email.len == 0);
}

/*
 * Judge a token that was presented.
 *
 * said		output: what the token says, where it is one that the app has signed; its
 *			payload has no length otherwise
 *
 * Nothing that is in a token is looked at before its signature; and what no live
 * secret signed is a mismatch, whatever is in it.
 */
static pg_noinline IdvVerdict
judge_token(const IdvApp *app, const IdvClaim *claim, IdvText external_id,
			IdvText email, int32 *generation, IdvToken *said)
{
	IdvSignedField field = idv_app_row(app)->signed_field;
	int64		lifetime = idv_app_row(app)->token_lifetime;
	IdvText		none = {NULL, 0};
	IdvText		identity;
	IdvJws		jws;
	IdvToken	token;
	IdvTokenTime when;
	IdvMatch	match;
	IdvVerdict	refused;

	if (!read_token(&jws, claim->user_hash))
		return IDV_MALFORMED;
	identity = idv_signed_value(field, external_id, email);
	if (claim->token_names && field == IDV_SIGNED_EITHER)
		identity = external_id;
	if (identity.len > 0 && idv_identity_is_bad(identity.bytes, identity.len))
		return IDV_BAD_IDENTITY;

	match = match_token(app, &jws, true, generation);
	if (match == IDV_MATCH_NONE)
		return IDV_MISMATCH;
	refused = match == IDV_MATCH_LIVE ? IDV_MALFORMED : IDV_MISMATCH;
	if (idv_token_read(&token, &jws) != IDV_TOKEN_RIGHT)
		return refused;
	when = idv_token_when(&token, GetCurrentTimestamp(), lifetime);
	if (when == IDV_TOKEN_WITHOUT_EXP || when == IDV_TOKEN_TOO_LONG_LIVED)
		return refused;

	if (!token_agrees(&token, claim, identity, external_id, email))
		return IDV_MISMATCH;
	identity = idv_signed_value(field, token.id,
								token.email_signed ? token.email : none);
	if (identity.len == 0)
		return IDV_MISMATCH;

	*said = token;
	if (idv_identity_is_bad(identity.bytes, identity.len))
		return IDV_BAD_IDENTITY;
	if (match == IDV_MATCH_EXPIRED)
		return IDV_EXPIRED;
	return when == IDV_TOKEN_NOW ? IDV_VERIFIED : IDV_OUTDATED;
}

/*
 * idv_judge
 *		Judge a claim made to an app.
 *
 * generation	output: of the secret that it was signed with, whether or not that
 *				verifies; 0 if it is none that is known
 * token		output: what a token says that the app has signed, however long
 *				ago, and that names what is claimed; its payload has no length
 *				otherwise
 *
 * The questions are asked in the order of IdvVerdict, and the first one that
 * is answered with yes is the verdict.
 */
IdvVerdict
idv_judge(const IdvApp *app, const IdvClaim *claim, int32 *generation,
		  IdvToken *token)
{
	uint8		presented[IDV_HMAC_LEN];
	bool		is_hash;
	IdvText		external_id;
	IdvText		email;

	*generation = 0;
	token->payload.len = 0;
	if (!idv_app_is_known(app))
		return IDV_UNKNOWN_APP;
	if (idv_is_absent(claim->external_id) && idv_is_absent(claim->email) &&
		!is_meant_as_token(claim->user_hash))
		return IDV_ANONYMOUS;
	if (!idv_app_has_secrets(app))
		return IDV_NO_SECRET;
	if (idv_is_absent(claim->user_hash))
		return IDV_UNSIGNED;

	is_hash = read_user_hash(presented, claim->user_hash);
	if (!read_identity(&external_id, claim->external_id) ||
		!read_identity(&email, claim->email))
		return IDV_MALFORMED;
	if (!is_hash)
		return judge_token(app, claim, external_id, email, generation, token);
	return judge_hash(app, idv_signed_value(idv_app_row(app)->signed_field,
											external_id, email), presented,
					  generation);
}

/*
 * idv_verdict
 *		Judge a claim made to the app of that key.  It is not counted.
 */
IdvVerdict
idv_verdict(NullableDatum app_key, const IdvClaim *claim)
{
	int32		generation;
	IdvToken	token;

	return idv_judge(idv_app_claimed(app_key), claim, &generation, &token);
}
