/*-------------------------------------------------------------------------
 *
 * signer_funcs.c
 *	  Signers of an app: added and dropped.
 *
 * An app has one signer or several, the web site and the apps for telephones
 * say, each with secrets of its own.  A claim is right if any of them signed it.
 *
 * These functions are SECURITY DEFINER with a search_path of their own, so
 * their queries run as the extension's owner and find what they name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"

#include "secrets/locked_app.h"
#include "secrets/new_secret.h"
#include "secrets/secret_text.h"
#include "secrets/signer.h"
#include "server/query.h"
#include "server/sqlfunc.h"
#include "tables/apps.h"

IDV_ENTRY(idverify_add_signer);
IDV_ENTRY(idverify_drop_signer);

/* The signer that a function was called with.  22004 if it is null. */
static IdvText
signer_argument(NullableDatum signer)
{
	return idv_text(idv_argument(signer, "signer",
								 "The view idverify.app_status lists the signers of each app."));
}

/*
 * idverify_add_signer(app_key text, signer text, secret text, encoding text)
 *		returns text
 *
 * Gives an app one more signer, with a secret of its own, which is returned
 * this once; null where it was imported.  42704 for an unknown app, 22004 for
 * another null than that of secret, 22023 for a bad name, secret or encoding,
 * 23505 for a signer that is there, 54000 if the app has as many secrets that verify as it
 * may have, F0000 without a key ring.
 */
Datum
idverify_add_signer(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvText		signer;
	IdvEncoding encoding;
	IdvLockedApp app;
	IdvSecretPlace place;
	IdvNewSecret minted;
	bool		imports;

	idv_expect_arguments(fcinfo, 4);
	imports = !PG_ARGISNULL(2);
	if (imports)
	{
		error_context_stack = &hide;
		idv_hide_rest();
	}

	PreventCommandIfReadOnly("idverify_add_signer()");
	signer = signer_argument(fcinfo->args[1]);
	idv_check_name("signer", signer, IDV_SIGNER_MAX);
	encoding = idv_encoding_argument(fcinfo->args[3]);
	SPI_connect();

	app = idv_app_locked(fcinfo->args[0]);
	if (idv_signer_exists(app.signers, signer))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("signer \"%s\" already exists",
						idv_text_shown(signer, IDV_SIGNER_MAX)),
				 errhint("Choose another name, or give that signer a new secret with idverify_rotate.")));

	place = (IdvSecretPlace)
	{
		.app_id = app.id,.signer = signer,.signs = app.signs,.state = "current",.now = app.now
	};
	if (imports)
		idv_secret_import(&place, PG_GETARG_DATUM(2), encoding);
	else
		idv_secret_mint(&minted, &place);
	SPI_finish();

	error_context_stack = hide.previous;
	if (imports)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(idv_secret_hand_out(&minted));
}

/*
 * idverify_drop_signer(app_key text, signer text) returns integer
 *
 * Deletes a signer: none of its secrets verifies from now on.  Returns how many
 * there were.  42704 for an unknown app or signer, 22004 for a null, 55000 for
 * the last signer of an app.
 */
Datum
idverify_drop_signer(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[lengthof(types)];
	IdvText		signer;
	IdvLockedApp app;
	uint64		dropped;

	idv_expect_arguments(fcinfo, 2);
	PreventCommandIfReadOnly("idverify_drop_signer()");
	(void) signer_argument(fcinfo->args[1]);
	SPI_connect();

	app = idv_app_locked(fcinfo->args[0]);
	signer = idv_signer_choose(app.signers, fcinfo->args[1]);
	if (idv_signer_is_only(app.signers, signer))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the last signer of an app cannot be dropped"),
				 errhint("Replace its secret with idverify_rotate, or add another signer first.")));

	values[0] = Int32GetDatum(app.id);
	values[1] = idv_text_datum(signer);
	dropped = idv_query("DELETE FROM idverify.secrets"
						" WHERE app_id = $1 AND signer = $2",
						lengthof(types), types, values, NULL);
	SPI_finish();
	PG_RETURN_INT32((int32) dropped);
}
