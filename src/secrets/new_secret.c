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
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/hex.h"
#include "core/hmac.h"
#include "secrets/sealed_secret.h"
#include "secrets/secret_text.h"
#include "server/duration.h"
#include "server/query.h"

#define GRACE_MAX			(30 * USECS_PER_DAY)

/*
 * idv_grace_read
 *		The length of a grace window in microseconds; false if it is out of range.
 */
bool
idv_grace_read(int64 *usecs, const Interval *grace)
{
	return idv_duration(usecs, grace) && *usecs >= 0 && *usecs <= GRACE_MAX;
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
add_secret(const IdvSecretPlace *place, IdvEncoding encoding,
		   const uint8 *secret, size_t secret_len, const text *hint)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	BYTEAOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	IdvSealLabel label = {(uint32) place->app_id, 0, (uint8) place->signs, (uint8) encoding};
	int32		generation;
	int32		key_id;

	check_number(place->app_id, place->now);
	generation = next_generation(place->app_id);
	label.generation = (uint32) generation;

	values[0] = Int32GetDatum(place->app_id);
	values[1] = Int32GetDatum(generation);
	values[2] = idv_text_datum(place->signer);
	values[3] = CStringGetTextDatum(idv_signature_labels[place->signs]);
	values[4] = CStringGetTextDatum(idv_encoding_labels[encoding]);
	values[5] = CStringGetTextDatum(place->state);
	values[6] = PointerGetDatum(idv_sealed_make(&label, secret, secret_len, &key_id));
	values[7] = Int32GetDatum(key_id);
	values[8] = PointerGetDatum(hint);
	values[9] = TimestampTzGetDatum(place->now);
	values[10] = values[9];
	idv_query("INSERT INTO idverify.secrets (app_id, generation, signer, signs,"
			  " encoding, state, sealed, key_id, hint, created_at, rotated_at)"
			  " VALUES ($1, $2, $3, $4::idverify.signature, $5,"
			  " $6::idverify.secret_state, $7, $8, $9, $10, $11)",
			  lengthof(types), types, values,
			  place->rotated ? NULL : "          n");
}

/*
 * Warn of an imported secret that ends in a blank or in the end of a line.
 *
 * It may be meant so, and is used as it is.  But such bytes are added by a file that
 * is read whole, and by a form that is pasted into, and then no user_hash is right.
 */
static void
warn_of_end(uint8 last)
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
		if (last == ends[i].byte)
			ereport(WARNING,
					(errmsg("the secret ends in %s", ends[i].name),
					 errdetail("It is used with that byte."),
					 errhint("If the other product signs without it, no user_hash will verify: import the secret again, without what was added to it.")));
}

/* Are these one key?  Raises no error. */
static bool
is_same_key(const uint8 *a, size_t a_len, const uint8 *b, size_t b_len)
{
	IdvHmac		left;
	IdvHmac		right;
	bool		same;

	same = idv_hmac_init(&left, a, a_len) && idv_hmac_init(&right, b, b_len) &&
		CRYPTO_memcmp(&left, &right, sizeof(IdvHmac)) == 0;
	idv_hmac_wipe(&left);
	idv_hmac_wipe(&right);
	return same;
}

/*
 * Is there a secret of the app that is the same key and signs the other kind?
 *
 * Not the bytes are compared but what HMAC makes of them: zeros at the end of a
 * key of less than 64 bytes make no other, and one of more than 64 bytes is the
 * same key as its SHA-256.
 *
 * F0000 or XX001 if a secret does not open: it may be the same.
 */
static bool
signs_the_other_kind(const IdvSecretPlace *place, const uint8 *secret,
					 size_t secret_len)
{
	bool		found = false;
	ListCell   *cell;

	foreach(cell, idv_secrets_read(place->app_id))
	{
		const IdvSecretRow *row = lfirst(cell);
		uint8		other[IDV_SECRET_MAX];
		size_t		other_len;
		IdvOpening	opening;

		if (row->signs == place->signs)
			continue;
		opening = idv_sealed_open(other, &other_len, place->app_id, row);
		if (opening != IDV_OPENED)
			idv_sealed_report(opening, place->app_id, row->generation, row->key_id);
		found = found || is_same_key(secret, secret_len, other, other_len);
		OPENSSL_cleanse(other, sizeof(other));
	}
	return found;
}

/*
 * idv_secret_import
 *		Add a secret that another product made, written in an encoding.
 *
 * A WARNING names a blank, a tab or the end of a line at the end of one that is
 * text.  22023 for one that cannot be, and for one that signs the other kind in
 * this app already; F0000 or XX001 if that cannot be seen.  Other errors: see
 * add_secret().
 */
void
idv_secret_import(const IdvSecretPlace *place, Datum written, IdvEncoding encoding)
{
	uint8		secret[IDV_SECRET_MAX];
	size_t		len = idv_secret_read(secret, encoding, written);

	PG_TRY();
	{
		if (signs_the_other_kind(place, secret, len))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg(place->signs == IDV_SIGNS_TOKEN ?
							"this secret signs hashes for the app, so it cannot sign tokens" :
							"this secret signs tokens for the app, so it cannot sign hashes"),
					 errdetail("A hash of a value that a visitor chose could pass for the signature of a token."),
					 errhint("Import another secret, or leave it out to have one generated. To delete the other one first would not help: what it has signed still exists.")));
		if (encoding == IDV_ENCODING_TEXT)
			warn_of_end(secret[len - 1]);
		add_secret(place, encoding, secret, len, idv_text_hint(DatumGetTextPP(written)));
	}
	PG_FINALLY();
	{
		OPENSSL_cleanse(secret, sizeof(secret));
	}
	PG_END_TRY();
}

/*
 * idv_secret_mint
 *		Mint a secret and add it to its app: 64 hex digits, which are the key.
 */
void
idv_secret_mint(IdvNewSecret *minted, const IdvSecretPlace *place)
{
	uint8		random[IDV_MINTED_BYTES];
	text	   *digits;
	text	   *hint;

	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	idv_hex_encode(minted->digits, random, sizeof(random));
	OPENSSL_cleanse(random, sizeof(random));

	digits = cstring_to_text_with_len(minted->digits, IDV_MINTED_LEN);
	hint = idv_text_hint(digits);
	OPENSSL_cleanse(VARDATA(digits), IDV_MINTED_LEN);
	add_secret(place, IDV_ENCODING_TEXT, (const uint8 *) minted->digits,
			   IDV_MINTED_LEN, hint);
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
