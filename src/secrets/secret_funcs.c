/*-------------------------------------------------------------------------
 *
 * secret_funcs.c
 *	  A secret's life: staged, promoted, rotated, revoked, purged.
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
 * two rotations cannot both replace the same secret.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "secrets/keyring.h"
#include "secrets/locked_app.h"
#include "secrets/new_secret.h"
#include "secrets/sealed_secret.h"
#include "secrets/secret_text.h"
#include "secrets/signer.h"
#include "server/hide_statement.h"
#include "server/query.h"
#include "server/sqlfunc.h"
#include "tables/apps.h"

/* How many rows idverify_rekey() reads at a time. */
#define REKEY_BATCH			100

IDV_ENTRY(idverify_rotate);
IDV_ENTRY(idverify_stage);
IDV_ENTRY(idverify_promote);
IDV_ENTRY(idverify_revoke);
IDV_ENTRY(idverify_purge);
IDV_ENTRY(idverify_rekey);

/* The key of the only app there is.  22023 if there is not exactly one. */
static NullableDatum
only_app_key(void)
{
	NullableDatum app_key = {.isnull = false};

	if (idv_query("SELECT app_key FROM idverify.apps LIMIT 2", 0, NULL, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 SPI_processed == 0 ?
				 errmsg("there is no app yet") :
				 errmsg("there are several apps"),
				 SPI_processed == 0 ?
				 errhint("Make one with idverify_create_app.") :
				 errhint("Say which one: the view idverify.app_status lists their app keys.")));
	app_key.value = idv_query_value(SPI_tuptable, 0, 1, TEXTOID);
	return app_key;
}

/* Does the signer have a staged secret? */
static bool
has_staged(const IdvLockedApp *app, IdvText signer)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(app->id), idv_text_datum(signer)};

	return idv_query("SELECT FROM idverify.secrets"
					 " WHERE app_id = $1 AND signer = $2 AND state = 'staged'",
					 lengthof(types), types, values, NULL) > 0;
}

/*
 * Until when a secret verifies that has so many microseconds left.
 *
 * Ended at once is ended on every clock: that of a standby may be behind.
 */
static TimestampTz
end_of_grace(const IdvLockedApp *app, int64 grace)
{
	return grace == 0 ? DT_NOBEGIN : app->now + grace;
}

/*
 * End every grace window of the signer by that time.
 *
 * One that ends sooner anyway keeps its own countdown.  Returns how many that
 * were open end now.
 */
static uint64
end_grace_by(const IdvLockedApp *app, IdvText signer, TimestampTz until)
{
	Oid			types[] = {INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app->id), idv_text_datum(signer),
	TimestampTzGetDatum(until), TimestampTzGetDatum(Max(until, app->now))};
	uint64		ended;

	ended = idv_query("UPDATE idverify.secrets SET expires_at = $3"
					  " WHERE app_id = $1 AND signer = $2"
					  " AND state = 'previous' AND expires_at > $4",
					  lengthof(types), types, values, NULL);

	/* Those that are over here may be open where the clock is behind. */
	if (TIMESTAMP_IS_NOBEGIN(until))
		idv_query("UPDATE idverify.secrets SET expires_at = $3"
				  " WHERE app_id = $1 AND signer = $2"
				  " AND state = 'previous' AND expires_at > $3",
				  3, types, values, NULL);
	return ended;
}

/* Let go of the signer's secret in this state: it verifies until that time. */
static uint64
retire(const IdvLockedApp *app, IdvText signer, const char *state, TimestampTz until)
{
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(app->id), idv_text_datum(signer),
	CStringGetTextDatum(state), TimestampTzGetDatum(until)};

	return idv_query("UPDATE idverify.secrets SET state = 'previous', expires_at = $4"
					 " WHERE app_id = $1 AND signer = $2"
					 " AND state = $3::idverify.secret_state",
					 lengthof(types), types, values, NULL);
}

/* What a signer's current secret became. */
typedef struct Replaced
{
	bool		any;			/* there was one */
	TimestampTz until;			/* it verifies until then */
} Replaced;

/* Make way for another current secret of the signer. */
static Replaced
replace_current(const IdvLockedApp *app, IdvText signer, int64 grace)
{
	Replaced	replaced = {.until = end_of_grace(app, grace)};

	end_grace_by(app, signer, replaced.until);
	replaced.any = retire(app, signer, "current", replaced.until) > 0;
	return replaced;
}

/*
 * Say in a NOTICE until when a secret verifies that was replaced.
 *
 * Who writes grace => '24' has 24 seconds, and learns it here and not from refused
 * visitors.  It is said last: once nothing can fail but the commit.
 */
static void
report_replaced(const IdvLockedApp *app, IdvText signer, const Replaced *replaced)
{
	if (!replaced->any)
		return;
	if (TIMESTAMP_IS_NOBEGIN(replaced->until))
		ereport(NOTICE,
				(errmsg("the previous secret of signer \"%s\" of app \"%s\" no longer verifies",
						idv_text_shown(signer, IDV_SIGNER_MAX),
						idv_text_shown(app->key, IDV_APP_KEY_MAX))));
	else
		ereport(NOTICE,
				(errmsg("the previous secret of signer \"%s\" of app \"%s\" verifies until %s",
						idv_text_shown(signer, IDV_SIGNER_MAX),
						idv_text_shown(app->key, IDV_APP_KEY_MAX),
						timestamptz_to_str(replaced->until))));
}

/* The grace window that a call asks for, or else the app's. */
static int64
grace_argument(NullableDatum grace, const IdvLockedApp *app)
{
	return grace.isnull ? app->grace :
		idv_grace_argument(DatumGetIntervalP(grace.value));
}

/* Refuse a confirmation that is wrong, or missing where the app wants one. */
static void
check_confirmation(NullableDatum confirm, const IdvLockedApp *app)
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
				 errhint("Pass confirm => '%s'. A grace window is passed as grace => '1 hour', say.",
						 wanted)));
}

/*
 * idverify_rotate(app_key text, confirm text, grace interval, signer text)
 *		returns text
 *
 * Mints a secret and returns it, this once.  The one that was current verifies
 * until grace is over, and so does any older one of the signer, unless its own
 * time is over before; a NOTICE says until when.  grace '0' ends them all, a
 * staged one too.  42704 for an unknown app or signer, 22023 for a bad grace or
 * confirmation or if there is not exactly one app, or signer, to be meant by null,
 * 55000 while a secret is staged.
 */
Datum
idverify_rotate(PG_FUNCTION_ARGS)
{
	IdvLockedApp app;
	IdvText		signer;
	int64		grace;
	Replaced	replaced;
	IdvSecretPlace place;
	IdvNewSecret minted;

	idv_expect_arguments(fcinfo, 4);
	PreventCommandIfReadOnly("idverify_rotate()");
	SPI_connect();

	app = idv_app_locked(PG_ARGISNULL(0) ? only_app_key() : fcinfo->args[0]);
	check_confirmation(fcinfo->args[1], &app);
	grace = grace_argument(fcinfo->args[2], &app);
	signer = idv_signer_choose(app.signers, fcinfo->args[3]);

	if (has_staged(&app, signer))
	{
		if (PG_ARGISNULL(2) || grace > 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a secret is staged for signer \"%s\"",
							idv_text_shown(signer, IDV_SIGNER_MAX)),
					 errhint("Make it the current one with idverify_promote, or give it up with idverify_revoke.")));
		retire(&app, signer, "staged", DT_NOBEGIN);
	}

	replaced = replace_current(&app, signer, grace);
	place = (IdvSecretPlace)
	{
		.app_id = app.id,.signer = signer,.signs = app.signs,.state = "current",
			.rotated = true,.now = app.now
	};
	idv_secret_mint(&minted, &place);
	report_replaced(&app, signer, &replaced);

	SPI_finish();
	PG_RETURN_DATUM(idv_secret_hand_out(&minted));
}

/*
 * idverify_stage(app_key text, secret text, encoding text, signer text)
 *		returns text
 *
 * Mints the next secret and returns it, this once; or imports it, and returns
 * null.  It verifies from now on, beside the current one.  42704 for an unknown
 * app or signer, 22004 for a null app_key or encoding, 22023 for a bad secret or
 * encoding and for a null signer where there are several, 55000 if one is staged
 * already.
 */
Datum
idverify_stage(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvEncoding encoding;
	IdvLockedApp app;
	IdvText		signer;
	IdvSecretPlace place;
	IdvNewSecret minted;
	bool		imports;

	idv_expect_arguments(fcinfo, 4);
	imports = !PG_ARGISNULL(1);
	if (imports)
	{
		error_context_stack = &hide;
		idv_hide_rest();
	}

	PreventCommandIfReadOnly("idverify_stage()");
	encoding = idv_encoding_argument(fcinfo->args[2]);
	SPI_connect();

	app = idv_app_locked(fcinfo->args[0]);
	signer = idv_signer_choose(app.signers, fcinfo->args[3]);
	if (has_staged(&app, signer))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a secret is already staged for signer \"%s\"",
						idv_text_shown(signer, IDV_SIGNER_MAX)),
				 errhint("Make it the current one with idverify_promote, or give it up with idverify_revoke.")));
	place = (IdvSecretPlace)
	{
		.app_id = app.id,.signer = signer,.signs = app.signs,.state = "staged",.now = app.now
	};
	if (imports)
		idv_secret_import(&place, PG_GETARG_DATUM(1), encoding);
	else
		idv_secret_mint(&minted, &place);
	SPI_finish();

	error_context_stack = hide.previous;
	if (imports)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(idv_secret_hand_out(&minted));
}

/*
 * idverify_promote(app_key text, grace interval, signer text) returns void
 *
 * Makes the signer's staged secret the current one, and the current one
 * previous; a NOTICE says until when that verifies.  42704 for an unknown app or
 * signer, 22004 for a null app_key, 22023 for a bad grace or a null signer where
 * there are several, 55000 if nothing is staged.
 */
Datum
idverify_promote(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID, TEXTOID, TIMESTAMPTZOID};
	IdvLockedApp app;
	IdvText		signer;
	Replaced	replaced;
	Datum		values[lengthof(types)];

	idv_expect_arguments(fcinfo, 3);
	PreventCommandIfReadOnly("idverify_promote()");
	SPI_connect();

	app = idv_app_locked(fcinfo->args[0]);
	signer = idv_signer_choose(app.signers, fcinfo->args[2]);
	if (!has_staged(&app, signer))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no secret is staged for signer \"%s\"",
						idv_text_shown(signer, IDV_SIGNER_MAX)),
				 errhint("Stage one with idverify_stage, or use idverify_rotate.")));

	/* The index that allows one current secret checks row by row. */
	replaced = replace_current(&app, signer, grace_argument(fcinfo->args[1], &app));
	values[0] = Int32GetDatum(app.id);
	values[1] = idv_text_datum(signer);
	values[2] = TimestampTzGetDatum(app.now);
	idv_query("UPDATE idverify.secrets SET state = 'current', rotated_at = $3"
			  " WHERE app_id = $1 AND signer = $2 AND state = 'staged'",
			  lengthof(types), types, values, NULL);
	report_replaced(&app, signer, &replaced);

	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * idverify_revoke(app_key text, signer text) returns integer
 *
 * Ends every grace window of a signer, and its staged secret, now; without one,
 * those of all signers.  Returns how many secrets stopped verifying.  42704 for an
 * unknown app or signer, 22004 for a null app_key.
 */
Datum
idverify_revoke(PG_FUNCTION_ARGS)
{
	IdvLockedApp app;
	IdvText		named;
	List	   *signers;
	uint64		stopped = 0;
	ListCell   *cell;

	idv_expect_arguments(fcinfo, 2);
	PreventCommandIfReadOnly("idverify_revoke()");
	SPI_connect();

	app = idv_app_locked(fcinfo->args[0]);
	signers = app.signers;
	if (!PG_ARGISNULL(1))
	{
		named = idv_signer_choose(signers, fcinfo->args[1]);
		signers = list_make1(&named);
	}
	foreach(cell, signers)
	{
		IdvText		signer = *(IdvText *) lfirst(cell);

		stopped += end_grace_by(&app, signer, DT_NOBEGIN);
		stopped += retire(&app, signer, "staged", DT_NOBEGIN);
	}

	SPI_finish();
	PG_RETURN_INT32((int32) stopped);
}

/*
 * idverify_purge() returns integer
 *
 * Deletes the secrets whose grace is over; how many.  Rows that somebody else
 * has locked are left for the next time.
 */
Datum
idverify_purge(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
	uint64		purged;

	idv_expect_arguments(fcinfo, 0);
	PreventCommandIfReadOnly("idverify_purge()");
	SPI_connect();
	purged = idv_query("DELETE FROM idverify.secrets WHERE (app_id, generation) IN"
					   " (SELECT app_id, generation FROM idverify.secrets s"
					   "  WHERE state = 'previous' AND expires_at <= $1"
					   "  FOR UPDATE OF s SKIP LOCKED)",
					   1, types, values, NULL);
	SPI_finish();
	PG_RETURN_INT32((int32) purged);
}

/*
 * Seal the secret of a row, as idverify_rekey() reads it, under the ring's
 * first key.
 */
static void
reseal(SPITupleTable *rows, uint64 row)
{
	Oid			types[] = {INT4OID, INT4OID, BYTEAOID, INT4OID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	uint8		secret[IDV_SECRET_MAX];
	size_t		secret_len;
	int32		app_id;
	int32		key_id;
	IdvSecretRow sealed = {0};
	IdvSealLabel label;
	IdvOpening	opening;

	for (int i = 0; i < (int) lengthof(types); i++)
		values[i] = idv_query_value(rows, row, i + 1, types[i]);
	app_id = DatumGetInt32(values[0]);
	sealed.generation = DatumGetInt32(values[1]);
	sealed.sealed = DatumGetByteaPP(values[2]);
	sealed.key_id = DatumGetInt32(values[3]);
	sealed.signs = idv_signature_read(idv_text(values[4]));
	sealed.encoding = idv_encoding_read(idv_text(values[5]));

	opening = idv_sealed_open(secret, &secret_len, app_id, &sealed);
	if (opening != IDV_OPENED)
		idv_sealed_report(opening, app_id, sealed.generation, sealed.key_id);
	label = (IdvSealLabel)
	{
		(uint32) app_id, (uint32) sealed.generation,
			(uint8) sealed.signs, (uint8) sealed.encoding
	};
	values[2] = PointerGetDatum(idv_sealed_make(&label, secret, secret_len, &key_id));
	OPENSSL_cleanse(secret, sizeof(secret));
	values[3] = Int32GetDatum(key_id);

	if (idv_query("UPDATE idverify.secrets SET sealed = $3, key_id = $4"
				  " WHERE app_id = $1 AND generation = $2",
				  4, types, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("secret %d of app %d was not updated", sealed.generation, app_id),
				 errhint("Look for a trigger on idverify.secrets.")));
}

/*
 * idverify_rekey() returns integer
 *
 * Re-seals every secret that is not sealed under the ring's first key; how
 * many.  All or none: F0000 or XX001 if one does not open.
 *
 * The file is read anew: this session may not have heard of the reload yet that
 * followed the new key.
 */
Datum
idverify_rekey(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID, INT4OID, INT4OID};
	Datum		values[] = {0, Int32GetDatum(PG_INT32_MIN),
	Int32GetDatum(PG_INT32_MIN)};
	int32		resealed = 0;

	idv_expect_arguments(fcinfo, 0);
	PreventCommandIfReadOnly("idverify_rekey()");
	values[0] = Int32GetDatum((int32) idv_keyring_read()->keys[0].id);
	SPI_connect();

	/* Each batch goes on after the last row of the one before. */
	while (idv_query("SELECT app_id, generation, sealed, key_id, signs::text, encoding"
					 " FROM idverify.secrets WHERE key_id <> $1"
					 " AND (app_id, generation) > ($2, $3)"
					 " ORDER BY app_id, generation"
					 " LIMIT " CppAsString2(REKEY_BATCH)
					 " FOR NO KEY UPDATE",
					 lengthof(types), types, values, NULL) > 0)
	{
		SPITupleTable *batch = SPI_tuptable;

		for (uint64 i = 0; i < batch->numvals; i++)
			reseal(batch, i);
		resealed += (int32) batch->numvals;
		values[1] = idv_query_value(batch, batch->numvals - 1, 1, INT4OID);
		values[2] = idv_query_value(batch, batch->numvals - 1, 2, INT4OID);
		SPI_freetuptable(batch);
	}

	SPI_finish();
	PG_RETURN_INT32(resealed);
}
