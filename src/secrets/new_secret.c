/*-------------------------------------------------------------------------
 *
 * new_secret.c
 *	  New secrets: made, sealed, and added to their apps.
 *
 * For SECURITY DEFINER functions with a search_path of their own, so that
 * queries run as the extension's owner and find what they name.  No query
 * ever carries a secret that is not sealed.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/new_secret.h"

#include <openssl/crypto.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/hex.h"
#include "secrets/sealed_secret.h"
#include "server/query.h"

#define GRACE_MAX			(30 * USECS_PER_DAY)

/*
 * idv_grace_read
 *		The length of a grace window in microseconds; false if it is out of range.
 *
 * Days have 24 hours and months 30 days here, as they have when intervals are
 * compared: a grace window is a length of time, whatever the session's time
 * zone does meanwhile.
 */
bool
idv_grace_read(int64 *usecs, const Interval *grace)
{
	int64		days = (int64) grace->month * DAYS_PER_MONTH + grace->day;

	return !pg_mul_s64_overflow(days, USECS_PER_DAY, usecs) &&
		!pg_add_s64_overflow(*usecs, grace->time, usecs) &&
		*usecs >= 0 && *usecs <= GRACE_MAX;
}

/*
 * idv_grace_argument
 *		The same of an argument.  22023 if it is out of range.
 */
int64
idv_grace_argument(const Interval *grace)
{
	int64		usecs;

	if (!idv_grace_read(&usecs, grace))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("grace is out of range"),
				 errhint("It can be from 0 to 30 days.")));
	return usecs;
}

/*
 * Refuse a secret that is one more than may verify.  54000.
 *
 * Each takes memory that is locked, and time of every claim that does not verify.
 */
static void
check_number(int32 app_id, TimestampTz now)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app_id), TimestampTzGetDatum(now)};

	if (idv_query("SELECT FROM idverify.secrets WHERE app_id = $1"
				  " AND (expires_at IS NULL OR expires_at > $2)",
				  lengthof(types), types, values, NULL) < IDV_LIVE_MAX)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many secrets of this app verify"),
			 errdetail("An app can have %d: one current and one staged of each signer, and previous ones whose grace is not over.",
					   IDV_LIVE_MAX),
			 errhint("End grace windows with idverify_revoke, rotate with grace => '0', or drop a signer with idverify_drop_signer.")));
}

/*
 * The number of an app's next secret.
 *
 * The app keeps count, since its newest secret may have been deleted: no
 * generation may be numbered twice, or a sealed secret would open in the place
 * of another.  Rows that somebody has put there by hand count, too.
 */
static int32
next_generation(int32 app_id)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(app_id)};

	if (idv_query("UPDATE idverify.apps SET last_generation = 1 + greatest(last_generation,"
				  " (SELECT max(generation) FROM idverify.secrets WHERE app_id = $1))"
				  " WHERE id = $1 RETURNING last_generation",
				  lengthof(types), types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("app %d was not updated", app_id),
				 errhint("Look for a trigger on idverify.apps.")));
	return DatumGetInt32(idv_query_value(SPI_tuptable, 0, 1, INT4OID));
}

/*
 * Seal a secret and add it to its app as a new generation.
 *
 * The caller has locked the app.  F0000 if there is no key ring, 54000 if the app
 * has as many secrets that verify as it may have.
 */
static void
add_secret(const IdvSecretPlace *place, IdvText secret, const text *hint)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, TEXTOID, BYTEAOID,
	INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	int32		generation;
	int32		key_id;

	check_number(place->app_id, place->now);
	generation = next_generation(place->app_id);

	values[0] = Int32GetDatum(place->app_id);
	values[1] = Int32GetDatum(generation);
	values[2] = idv_text_datum(place->signer);
	values[3] = CStringGetTextDatum(place->state);
	values[4] = PointerGetDatum(idv_sealed_make(place->app_id, generation,
												(const uint8 *) secret.bytes,
												secret.len, &key_id));
	values[5] = Int32GetDatum(key_id);
	values[6] = PointerGetDatum(hint);
	values[7] = TimestampTzGetDatum(place->now);
	values[8] = values[7];
	idv_query("INSERT INTO idverify.secrets"
			  " (app_id, generation, signer, state, sealed, key_id, hint, created_at, rotated_at)"
			  " VALUES ($1, $2, $3, $4::idverify.secret_state, $5, $6, $7, $8, $9)",
			  lengthof(types), types, values,
			  place->rotated ? NULL : "        n");
}

/*
 * Warn of an imported secret that ends in a blank or in the end of a line.
 *
 * It may be meant so, and is used as it is.  But such bytes are added by a file that
 * is read whole, and by a form that is pasted into, and then no user_hash is right.
 */
static void
warn_of_end(IdvText secret)
{
	static const struct
	{
		char		byte;
		const char *name;
	}			ends[] = {
		{'\n', "a line feed"}, {'\r', "a carriage return"},
		{' ', "a blank"}, {'\t', "a tab"}
	};

	for (int i = 0; i < (int) lengthof(ends); i++)
		if (secret.bytes[secret.len - 1] == ends[i].byte)
			ereport(WARNING,
					(errmsg("the secret ends in %s", ends[i].name),
					 errdetail("It is used with that byte."),
					 errhint("If the other product signs without it, no user_hash will verify: import the secret again, without what was added to it.")));
}

/*
 * idv_secret_import
 *		Add a secret that another product made: the bytes it is, in UTF-8.
 *
 * A WARNING names a blank, a tab or the end of a line at its end.  22023 for one
 * that cannot be.  Other errors: see add_secret().
 */
void
idv_secret_import(const IdvSecretPlace *place, Datum secret)
{
	IdvText		bytes;
	IdvTextStatus status = idv_text_utf8(&bytes, secret, IDV_SECRET_MAX);

	if (status == IDV_TEXT_NOT_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret has no equivalent in UTF-8"),
				 errhint("Leave it out to have one generated.")));
	if (status == IDV_TEXT_TOO_LONG || bytes.len < IDV_SECRET_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret is too %s",
						status == IDV_TEXT_TOO_LONG ? "long" : "short"),
				 errdetail("A secret has %d to %d bytes in UTF-8.",
						   IDV_SECRET_MIN, IDV_SECRET_MAX),
				 errhint("Pass it as the other product shows it, or leave it out to have one generated.")));
	warn_of_end(bytes);
	add_secret(place, bytes, idv_text_hint(DatumGetTextPP(secret)));
}

/*
 * idv_secret_mint
 *		Mint a secret and add it to its app: 64 hex digits, which are the key.
 */
void
idv_secret_mint(IdvNewSecret *minted, const IdvSecretPlace *place)
{
	IdvText		secret = {minted->digits, IDV_MINTED_LEN};
	uint8		random[IDV_MINTED_BYTES];
	text	   *digits;

	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	idv_hex_encode(minted->digits, random, sizeof(random));
	OPENSSL_cleanse(random, sizeof(random));

	digits = cstring_to_text_with_len(minted->digits, IDV_MINTED_LEN);
	add_secret(place, secret, idv_text_hint(digits));
	OPENSSL_cleanse(VARDATA(digits), IDV_MINTED_LEN);
}

/*
 * idv_secret_hand_out
 *		A minted secret as a function's result, in the caller's memory.
 */
Datum
idv_secret_hand_out(IdvNewSecret *minted)
{
	text	   *result = cstring_to_text_with_len(minted->digits, IDV_MINTED_LEN);

	OPENSSL_cleanse(minted, sizeof(*minted));
	return PointerGetDatum(result);
}
