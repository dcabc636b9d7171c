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

#include "core/bad_identity.h"
#include "core/hex.h"
#include "secrets/app_cache.h"
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

/* Read an identity, which may be absent: then it has no length. */
static bool
read_identity(IdvText *identity, NullableDatum value)
{
	identity->bytes = NULL;
	identity->len = 0;
	return idv_is_absent(value) ||
		idv_text_utf8(identity, value.value, IDV_IDENTITY_MAX) == IDV_TEXT_OK;
}

/*
 * idv_check
 *		Is user_hash the HMAC of value under a secret of the app that verifies
 *		now?
 *
 * generation	output: of that secret; 0 if there is none
 *
 * False for anything else that can be passed, NULL included.
 */
bool
idv_check(const IdvApp *app, NullableDatum value, NullableDatum user_hash,
		  int32 *generation)
{
	uint8		presented[IDV_HMAC_LEN];
	IdvText		signed_value;

	*generation = 0;
	if (idv_is_absent(value) || user_hash.isnull ||
		!read_user_hash(presented, user_hash) ||
		!read_identity(&signed_value, value))
		return false;

	return idv_app_match(app, IDV_SIGNS_HASH, signed_value,
						 presented, false, generation) == IDV_MATCH_LIVE;
}

/*
 * idv_check_identity
 *		Like idv_check(), but never of a value that is nobody's; by app_key.
 */
bool
idv_check_identity(NullableDatum app_key, NullableDatum value,
				   NullableDatum user_hash)
{
	IdvText		utf8;
	int32		generation;

	return !app_key.isnull && !idv_is_absent(value) && !user_hash.isnull &&
		idv_check(idv_app_claimed(app_key), value, user_hash, &generation) &&
		read_identity(&utf8, value) &&
		!idv_identity_is_bad(utf8.bytes, utf8.len);
}

/*
 * idv_judge
 *		Judge a claim made to an app.
 *
 * generation	output: of the secret that it was signed with, whether or not that
 *				verifies; 0 if it is none that is known
 *
 * The questions are asked in the order of IdvVerdict, and the first one that
 * is answered with yes is the verdict.
 */
IdvVerdict
idv_judge(const IdvApp *app, const IdvClaim *claim, int32 *generation)
{
	uint8		presented[IDV_HMAC_LEN];
	IdvText		external_id;
	IdvText		email;
	IdvText		signed_value = {NULL, 0};

	*generation = 0;
	if (!idv_app_is_known(app))
		return IDV_UNKNOWN_APP;
	if (idv_is_absent(claim->external_id) && idv_is_absent(claim->email))
		return IDV_ANONYMOUS;
	if (!idv_app_has_secrets(app))
		return IDV_NO_SECRET;
	if (idv_is_absent(claim->user_hash))
		return IDV_UNSIGNED;
	if (!read_user_hash(presented, claim->user_hash) ||
		!read_identity(&external_id, claim->external_id) ||
		!read_identity(&email, claim->email))
		return IDV_MALFORMED;

	switch (idv_app_row(app)->signed_field)
	{
		case IDV_SIGNED_EITHER:
			signed_value = external_id.len > 0 ? external_id : email;
			break;
		case IDV_SIGNED_EXTERNAL_ID:
			signed_value = external_id;
			break;
		case IDV_SIGNED_EMAIL:
			signed_value = email;
			break;
	}

	/* Something was claimed, and signed, but not what this app signs. */
	if (signed_value.len == 0)
		return IDV_MISMATCH;
	if (idv_identity_is_bad(signed_value.bytes, signed_value.len))
		return IDV_BAD_IDENTITY;

	switch (idv_app_match(app, IDV_SIGNS_HASH, signed_value, presented, true,
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
 * idv_verdict
 *		Judge a claim made to the app of that key.  It is not counted.
 */
IdvVerdict
idv_verdict(NullableDatum app_key, const IdvClaim *claim)
{
	int32		generation;

	return idv_judge(idv_app_claimed(app_key), claim, &generation);
}
