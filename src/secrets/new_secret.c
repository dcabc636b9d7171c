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
			 errdetail("An app can have %d: one current, one staged, and previous ones whose grace is not over.",
					   IDV_LIVE_MAX),
			 errhint("End the grace windows with idverify_revoke, or rotate with grace => '0'.")));
}

/*
 * idv_secret_add
 *		Seal a secret and add it to its app as a new generation.
 *
 * The caller has locked the app.  F0000 if there is no key ring, 54000 if the app
 * has as many secrets that verify as it may have.
 */
void
idv_secret_add(int32 app_id, const char *state, IdvText secret,
			   const text *hint, TimestampTz now)
{
	Oid			max_types[] = {INT4OID};
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, BYTEAOID, INT4OID,
	TEXTOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	int32		generation;
	int32		key_id;

	check_number(app_id, now);
	values[0] = Int32GetDatum(app_id);
	idv_query("SELECT coalesce(max(generation), 0) + 1 FROM idverify.secrets"
			  " WHERE app_id = $1",
			  1, max_types, values, NULL);
	generation = DatumGetInt32(idv_query_value(SPI_tuptable, 0, 1, INT4OID));

	values[1] = Int32GetDatum(generation);
	values[2] = CStringGetTextDatum(state);
	values[3] = PointerGetDatum(idv_sealed_make(app_id, generation,
												(const uint8 *) secret.bytes,
												secret.len, &key_id));
	values[4] = Int32GetDatum(key_id);
	values[5] = PointerGetDatum(hint);
	values[6] = TimestampTzGetDatum(now);
	idv_query("INSERT INTO idverify.secrets"
			  " (app_id, generation, state, sealed, key_id, hint, created_at)"
			  " VALUES ($1, $2, $3::idverify.secret_state, $4, $5, $6, $7)",
			  lengthof(types), types, values, NULL);
}

/*
 * idv_secret_mint
 *		Mint a secret and add it to its app: 64 hex digits, which are the key.
 */
void
idv_secret_mint(IdvNewSecret *minted, int32 app_id, const char *state, TimestampTz now)
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
	idv_secret_add(app_id, state, secret, idv_text_hint(digits), now);
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
