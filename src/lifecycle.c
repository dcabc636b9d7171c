/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  A secret's life: created, staged, promoted, rotated, revoked, purged.
 *
 * These functions are SECURITY DEFINER with a search_path of their own, so
 * their queries run as the extension's owner and find what they name.  They
 * are called rarely; what counts is that they are easy to follow.
 *
 * A secret's states:
 *
 *		staged		verifies already, servers are being given it
 *		current		the one that servers should sign with
 *		previous	verifies until it expires; then it only explains
 *
 * Everything that changes an app's secrets first locks the app's row, so that
 * two rotations cannot both replace the same secret.  No query ever carries a
 * secret that is not sealed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/hex.h"
#include "entry.h"
#include "keyring.h"
#include "rows.h"
#include "sealed.h"

#define GRACE_MAX			(30 * USECS_PER_DAY)

#define MINTED_BYTES		32	/* of randomness in a secret of ours */
#define MINTED_LEN			(2 * MINTED_BYTES)
#define APP_KEY_BYTES		16	/* of randomness in an app key of ours */
#define APP_KEY_PREFIX		"app_"

/* How many rows idverify_rekey() holds in memory at a time. */
#define REKEY_BATCH			100

IDV_ENTRY(idverify_create_app);
IDV_ENTRY(idverify_rotate);
IDV_ENTRY(idverify_stage);
IDV_ENTRY(idverify_promote);
IDV_ENTRY(idverify_revoke);
IDV_ENTRY(idverify_purge);
IDV_ENTRY(idverify_rekey);

/* An app whose row we have locked. */
typedef struct LockedApp
{
	int32		id;
	TimestampTz now;			/* read after the lock was had */
	int64		grace;			/* microseconds */
	bool		confirm_rotation;
} LockedApp;

/* The freshly minted secret of one function call.  Wiped when it is handed out. */
typedef struct Minted
{
	char		digits[MINTED_LEN];
} Minted;

/*
 * Run one statement whose parameters are not null.
 *
 * Returns how many rows it touched or returned.
 */
static uint64
run(const char *sql, int nargs, Oid *types, Datum *values)
{
	int			result = SPI_execute_with_args(sql, nargs, types, values,
											   NULL, false, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

/* A column, which is not null, of the first row that run() returned. */
static Datum
fetched(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

/*
 * The length of a grace window in microseconds.  22023 if it is out of range.
 *
 * Days have 24 hours and months 30 days here, as they have when intervals are
 * compared: a grace window is a length of time, whatever the session's time
 * zone does meanwhile.
 */
static int64
grace_usecs(const Interval *grace)
{
	int64		days = (int64) grace->month * DAYS_PER_MONTH + grace->day;
	int64		usecs;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &usecs) ||
		pg_add_s64_overflow(usecs, grace->time, &usecs) ||
		usecs < 0 || usecs > GRACE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("grace is out of range"),
				 errhint("It can be from 0 to 30 days.")));
	return usecs;
}

/* Find and lock an app, so that nobody else changes its secrets. */
static LockedApp
lock_app(NullableDatum app_key)
{
	Oid			types[] = {TEXTOID};
	IdvText		key = idv_app_key_argument(app_key);
	LockedApp	app;

	if (run("SELECT id, grace, confirm_rotation FROM idverify.apps"
			" WHERE app_key = $1 FOR NO KEY UPDATE",
			1, types, &app_key.value) == 0)
		idv_report_unknown_app(key);

	app.id = DatumGetInt32(fetched(1));
	app.grace = grace_usecs(DatumGetIntervalP(fetched(2)));
	app.confirm_rotation = DatumGetBool(fetched(3));
	app.now = GetCurrentTimestamp();
	return app;
}

/* The key of the only app there is.  22023 if there is not exactly one. */
static NullableDatum
only_app_key(void)
{
	NullableDatum app_key = {.isnull = false};

	if (run("SELECT app_key FROM idverify.apps LIMIT 2", 0, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 SPI_processed == 0 ?
				 errmsg("there is no app yet") :
				 errmsg("there are several apps"),
				 SPI_processed == 0 ?
				 errhint("Make one with idverify_create_app.") :
				 errhint("Say which one: the view idverify.app_status lists their app keys.")));
	app_key.value = fetched(1);
	return app_key;
}

/* Does the app have a staged secret? */
static bool
has_staged(const LockedApp *app)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(app->id)};

	return run("SELECT FROM idverify.secrets"
			   " WHERE app_id = $1 AND state = 'staged'",
			   1, types, values) > 0;
}

/* Seal a secret and add it to its app as a new generation. */
static void
add_secret(const LockedApp *app, const char *state,
		   const char *secret, size_t secret_len, const text *hint)
{
	Oid			max_types[] = {INT4OID};
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, BYTEAOID, INT4OID,
	TEXTOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	int32		generation;
	int32		key_id;

	values[0] = Int32GetDatum(app->id);
	run("SELECT coalesce(max(generation), 0) + 1 FROM idverify.secrets"
		" WHERE app_id = $1",
		1, max_types, values);
	generation = DatumGetInt32(fetched(1));

	values[1] = Int32GetDatum(generation);
	values[2] = CStringGetTextDatum(state);
	values[3] = PointerGetDatum(idv_sealed_make(app->id, generation,
												(const uint8 *) secret,
												secret_len, &key_id));
	values[4] = Int32GetDatum(key_id);
	values[5] = PointerGetDatum(hint);
	values[6] = TimestampTzGetDatum(app->now);
	run("INSERT INTO idverify.secrets"
		" (app_id, generation, state, sealed, key_id, hint, created_at)"
		" VALUES ($1, $2, $3::idverify.secret_state, $4, $5, $6, $7)",
		lengthof(types), types, values);
}

/* Mint a secret and add it to its app: 64 hex digits, which are the key. */
static void
mint(Minted *minted, const LockedApp *app, const char *state)
{
	uint8		random[MINTED_BYTES];
	text	   *digits;

	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	idv_hex_encode(minted->digits, random, sizeof(random));
	OPENSSL_cleanse(random, sizeof(random));

	digits = cstring_to_text_with_len(minted->digits, MINTED_LEN);
	add_secret(app, state, minted->digits, MINTED_LEN, idv_text_hint(digits));
	OPENSSL_cleanse(VARDATA(digits), MINTED_LEN);
}

/* Hand out a minted secret as a function's result, in the caller's memory. */
static Datum
hand_out(Minted *minted)
{
	text	   *result = cstring_to_text_with_len(minted->digits, MINTED_LEN);

	OPENSSL_cleanse(minted, sizeof(*minted));
	return PointerGetDatum(result);
}

/*
 * End every grace window of the app by that time.
 *
 * One that ends sooner anyway keeps its own countdown.
 */
static uint64
end_grace_by(const LockedApp *app, TimestampTz until)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app->id), TimestampTzGetDatum(until)};

	return run("UPDATE idverify.secrets SET expires_at = $2"
			   " WHERE app_id = $1 AND state = 'previous' AND expires_at > $2",
			   2, types, values);
}

/* Let go of the app's secret in this state: it verifies until that time. */
static uint64
retire(const LockedApp *app, const char *state, TimestampTz until)
{
	Oid			types[] = {INT4OID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app->id), CStringGetTextDatum(state),
	TimestampTzGetDatum(until)};

	return run("UPDATE idverify.secrets SET state = 'previous', expires_at = $3"
			   " WHERE app_id = $1 AND state = $2::idverify.secret_state",
			   3, types, values);
}

/* Make way for another current secret. */
static void
replace_current(const LockedApp *app, int64 grace)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app->id),
	TimestampTzGetDatum(app->now)};

	end_grace_by(app, app->now + grace);
	retire(app, "current", app->now + grace);
	run("UPDATE idverify.apps SET last_rotated_at = $2 WHERE id = $1",
		2, types, values);
}

/* The grace window that a call asks for, or else the app's. */
static int64
grace_argument(NullableDatum grace, const LockedApp *app)
{
	return grace.isnull ? app->grace :
		grace_usecs(DatumGetIntervalP(grace.value));
}

/* A policy may be left out, not be null.  22004. */
static void
refuse_null(NullableDatum argument, const char *name)
{
	if (argument.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name),
				 strcmp(name, "name") == 0 ?
				 errhint("Say what the app is called.") :
				 errhint("Leave it out to have the default.")));
}

/*
 * Refuse an app key that is empty, too long or not printable.  22023.
 *
 * It is quoted in log lines, so it must not be able to break one.
 */
static void
check_app_key(IdvText key)
{
	bool		blank = true;
	bool		printable = true;

	for (size_t i = 0; i < key.len; i++)
	{
		unsigned char c = (unsigned char) key.bytes[i];

		/* C0 controls and DEL; in UTF-8 the C1 controls begin with C2 */
		if (c < 0x20 || c == 0x7F ||
			(GetDatabaseEncoding() == PG_UTF8 && c == 0xC2 &&
			 (unsigned char) key.bytes[i + 1] < 0xA0))
			printable = false;
		blank = blank && c == ' ';
	}

	if (blank || !printable ||
		pg_mbstrlen_with_len(key.bytes, (int) key.len) > IDV_APP_KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 blank ? errmsg("app_key must not be empty") :
				 !printable ? errmsg("app_key has characters that cannot be printed") :
				 errmsg("app_key is too long"),
				 errhint("An app_key has 1 to %d printable characters; leave it out to have one generated.",
						 IDV_APP_KEY_MAX)));
}

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

/* Read a secret that another product made: the bytes it is.  22023. */
static IdvText
imported_secret(Datum secret)
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
	return bytes;
}

/*
 * idverify_create_app(name text, INOUT app_key text, secret text,
 *		on_unverified idverify.claim_policy, signed_field idverify.signed_field,
 *		grace interval, revealable boolean, confirm_rotation boolean,
 *		OUT identity_secret text)
 *
 * Makes an app and its first secret, which is returned this once; null where
 * the secret was imported.  22004 for a null name or policy, 22023 for a bad
 * app_key, grace or secret, 23505 for an app_key that is taken, F0000 without
 * a key ring.
 */
Datum
idverify_create_app(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"name", "app_key", "secret", "on_unverified", "signed_field",
		"grace", "revealable", "confirm_rotation"
	};
	Oid			types[] = {TEXTOID, TEXTOID, InvalidOid, InvalidOid,
	INTERVALOID, BOOLOID, BOOLOID};
	Datum		values[lengthof(types)];
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	bool		imports = !PG_ARGISNULL(2);
	TupleDesc	desc;
	Datum		result[2];
	bool		nulls[2] = {false, imports};
	LockedApp	app;
	Minted		minted;

	if (imports)
		error_context_stack = &hide;

	PreventCommandIfReadOnly("idverify_create_app()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	for (int i = 0; i < PG_NARGS(); i++)
		if (i != 1 && i != 2)
			refuse_null(fcinfo->args[i], names[i]);
	(void) grace_usecs(PG_GETARG_INTERVAL_P(5));

	values[0] = PG_GETARG_DATUM(0);
	if (!PG_ARGISNULL(1))
		check_app_key(idv_text(PG_GETARG_DATUM(1)));
	values[1] = PG_ARGISNULL(1) ? generate_app_key() : PG_GETARG_DATUM(1);
	for (int i = 2; i < (int) lengthof(values); i++)
		values[i] = PG_GETARG_DATUM(i + 1);
	types[2] = get_fn_expr_argtype(fcinfo->flinfo, 3);
	types[3] = get_fn_expr_argtype(fcinfo->flinfo, 4);
	result[0] = values[1];

	SPI_connect();
	if (run("INSERT INTO idverify.apps (name, app_key, on_unverified,"
			" signed_field, grace, revealable, confirm_rotation)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7)"
			" ON CONFLICT (app_key) DO NOTHING RETURNING id",
			lengthof(types), types, values) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("app \"%s\" already exists",
						TextDatumGetCString(values[1])),
				 errhint("Choose another app_key, or give that app a new secret with idverify_rotate.")));
	app.id = DatumGetInt32(fetched(1));
	app.now = GetCurrentTimestamp();

	if (imports)
	{
		IdvText		secret = imported_secret(PG_GETARG_DATUM(2));

		add_secret(&app, "current", secret.bytes, secret.len,
				   idv_text_hint(PG_GETARG_TEXT_PP(2)));
	}
	else
		mint(&minted, &app, "current");
	SPI_finish();

	result[1] = imports ? (Datum) 0 : hand_out(&minted);
	error_context_stack = hide.previous;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  result, nulls)));
}

/* Refuse a confirmation that is wrong, or missing where the app wants one. */
static void
check_confirmation(NullableDatum confirm, const LockedApp *app)
{
	static const char wanted[] = "ROTATE";
	IdvText		given = {NULL, 0};

	if (!confirm.isnull)
		given = idv_text(confirm.value);
	else if (!app->confirm_rotation)
		return;

	if (given.len != sizeof(wanted) - 1 ||
		memcmp(given.bytes, wanted, given.len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 confirm.isnull ?
				 errmsg("rotating the secret of this app has to be confirmed") :
				 errmsg("the confirmation is wrong"),
				 errhint("Pass confirm => '%s'.", wanted)));
}

/*
 * idverify_rotate(app_key text, confirm text, grace interval) returns text
 *
 * Mints a secret and returns it, this once.  The one that was current verifies
 * until grace is over, and so does any older one, unless its own time is over
 * before.  grace '0' ends them all, a staged one too.  42704 for an unknown
 * app, 22023 for a bad grace or confirmation or if there is not exactly one app
 * to be meant by null, 55000 while a secret is staged.
 */
Datum
idverify_rotate(PG_FUNCTION_ARGS)
{
	LockedApp	app;
	int64		grace;
	Minted		minted;

	PreventCommandIfReadOnly("idverify_rotate()");
	SPI_connect();

	app = lock_app(PG_ARGISNULL(0) ? only_app_key() : fcinfo->args[0]);
	check_confirmation(fcinfo->args[1], &app);
	grace = grace_argument(fcinfo->args[2], &app);

	if (has_staged(&app))
	{
		if (PG_ARGISNULL(2) || grace > 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a secret is staged for this app"),
					 errhint("Make it the current one with idverify_promote, or give it up with idverify_revoke.")));
		retire(&app, "staged", app.now);
	}

	replace_current(&app, grace);
	mint(&minted, &app, "current");

	SPI_finish();
	PG_RETURN_DATUM(hand_out(&minted));
}

/*
 * idverify_stage(app_key text) returns text
 *
 * Mints the next secret and returns it, this once.  It verifies from now on,
 * beside the current one.  42704 for an unknown app, 22004 for a null, 55000 if
 * one is staged already.
 */
Datum
idverify_stage(PG_FUNCTION_ARGS)
{
	LockedApp	app;
	Minted		minted;

	PreventCommandIfReadOnly("idverify_stage()");
	SPI_connect();

	app = lock_app(fcinfo->args[0]);
	if (has_staged(&app))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a secret is already staged for this app"),
				 errhint("Make it the current one with idverify_promote, or give it up with idverify_revoke.")));
	mint(&minted, &app, "staged");

	SPI_finish();
	PG_RETURN_DATUM(hand_out(&minted));
}

/*
 * idverify_promote(app_key text, grace interval) returns void
 *
 * Makes the staged secret the current one, and the current one previous.
 * 42704 for an unknown app, 22004 for a null, 22023 for a bad grace, 55000 if
 * nothing is staged.
 */
Datum
idverify_promote(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID};
	LockedApp	app;
	Datum		values[1];

	PreventCommandIfReadOnly("idverify_promote()");
	SPI_connect();

	app = lock_app(fcinfo->args[0]);
	if (!has_staged(&app))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no secret is staged for this app"),
				 errhint("Stage one with idverify_stage, or use idverify_rotate.")));

	/* The index that allows one current secret checks row by row. */
	replace_current(&app, grace_argument(fcinfo->args[1], &app));
	values[0] = Int32GetDatum(app.id);
	run("UPDATE idverify.secrets SET state = 'current'"
		" WHERE app_id = $1 AND state = 'staged'",
		1, types, values);

	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * idverify_revoke(app_key text) returns integer
 *
 * Ends every grace window of the app, and its staged secret, now.  Returns how
 * many secrets stopped verifying.  42704 for an unknown app, 22004 for a null.
 */
Datum
idverify_revoke(PG_FUNCTION_ARGS)
{
	LockedApp	app;
	uint64		stopped;

	PreventCommandIfReadOnly("idverify_revoke()");
	SPI_connect();

	app = lock_app(fcinfo->args[0]);
	stopped = end_grace_by(&app, app.now);
	stopped += retire(&app, "staged", app.now);

	SPI_finish();
	PG_RETURN_INT32((int32) stopped);
}

/*
 * idverify_purge() returns integer
 *
 * Deletes the secrets whose grace is over; how many.  Rows that somebody else
 * has locked are left for the next time.  So is an app's newest one, if it was
 * staged and given up: no generation may be numbered twice, or a sealed secret
 * would open in the place of another.
 */
Datum
idverify_purge(PG_FUNCTION_ARGS pg_attribute_unused())
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
	uint64		purged;

	PreventCommandIfReadOnly("idverify_purge()");
	SPI_connect();
	purged = run("DELETE FROM idverify.secrets WHERE (app_id, generation) IN"
				 " (SELECT app_id, generation FROM idverify.secrets s"
				 "  WHERE state = 'previous' AND expires_at <= $1"
				 "  AND EXISTS (SELECT FROM idverify.secrets newer"
				 "   WHERE newer.app_id = s.app_id"
				 "   AND newer.generation > s.generation)"
				 "  FOR UPDATE OF s SKIP LOCKED)",
				 1, types, values);
	SPI_finish();
	PG_RETURN_INT32((int32) purged);
}

/*
 * Seal the secret of a row, in idverify_rekey()'s cursor, under the ring's
 * first key.
 */
static void
reseal(HeapTuple tuple, TupleDesc desc)
{
	Oid			types[] = {INT4OID, INT4OID, BYTEAOID, INT4OID};
	Datum		values[lengthof(types)];
	uint8		secret[IDV_SECRET_MAX];
	size_t		secret_len;
	int32		app_id;
	int32		key_id;
	IdvSecretRow row = {0};
	IdvOpening	opening;
	bool		isnull;

	values[0] = SPI_getbinval(tuple, desc, 1, &isnull);
	values[1] = SPI_getbinval(tuple, desc, 2, &isnull);
	app_id = DatumGetInt32(values[0]);
	row.generation = DatumGetInt32(values[1]);
	row.sealed = DatumGetByteaPP(SPI_getbinval(tuple, desc, 3, &isnull));
	row.key_id = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));

	opening = idv_sealed_open(secret, &secret_len, app_id, &row);
	if (opening != IDV_OPENED)
		idv_sealed_report(opening, app_id, row.generation, row.key_id);
	values[2] = PointerGetDatum(idv_sealed_make(app_id, row.generation,
												secret, secret_len, &key_id));
	OPENSSL_cleanse(secret, sizeof(secret));
	values[3] = Int32GetDatum(key_id);

	if (run("UPDATE idverify.secrets SET sealed = $3, key_id = $4"
			" WHERE app_id = $1 AND generation = $2",
			lengthof(types), types, values) != 1)
		elog(ERROR, "secret %d of app %d went away while it was locked",
			 row.generation, app_id);
}

/*
 * idverify_rekey() returns integer
 *
 * Re-seals every secret that is not sealed under the ring's first key; how
 * many.  All or none: F0000 or XX001 if one does not open.
 */
Datum
idverify_rekey(PG_FUNCTION_ARGS pg_attribute_unused())
{
	Oid			types[] = {INT4OID};
	Datum		values[1];
	int32		resealed = 0;
	Portal		cursor;

	PreventCommandIfReadOnly("idverify_rekey()");
	values[0] = Int32GetDatum((int32) idv_keyring_needed()->keys[0].id);
	SPI_connect();

	cursor = SPI_cursor_open_with_args(NULL,
									   "SELECT app_id, generation, sealed, key_id"
									   " FROM idverify.secrets WHERE key_id <> $1"
									   " ORDER BY app_id, generation"
									   " FOR NO KEY UPDATE",
									   1, types, values, NULL, false, 0);
	for (;;)
	{
		SPITupleTable *batch;

		SPI_cursor_fetch(cursor, true, REKEY_BATCH);
		batch = SPI_tuptable;
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < batch->numvals; i++)
			reseal(batch->vals[i], batch->tupdesc);
		resealed += (int32) batch->numvals;
		SPI_freetuptable(batch);
	}
	SPI_cursor_close(cursor);

	SPI_finish();
	PG_RETURN_INT32(resealed);
}
