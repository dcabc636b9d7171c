/*-------------------------------------------------------------------------
 *
 * locked_app.c
 *	  An app that is locked while its secrets are changed.
 *
 * Everything that changes an app's secrets first locks the app's row: two
 * rotations cannot both replace the same secret, nor can two signers of one name
 * be added, nor the last two be dropped at once.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/locked_app.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "secrets/new_secret.h"
#include "server/as_installed.h"
#include "server/query.h"

/*
 * idv_app_locked
 *		Find and lock an app, so that nobody else changes its secrets.
 *
 * For a function that is connected to SPI.  42704 for an unknown app, 22004
 * for NULL.
 */
IdvLockedApp
idv_app_locked(NullableDatum app_key)
{
	Oid			key_types[] = {TEXTOID};
	Oid			id_types[] = {INT4OID};
	Datum		id;
	IdvLockedApp app = {.key = idv_app_key_argument(app_key)};

	if (idv_query("SELECT id, grace, confirm_rotation, signs::text FROM idverify.apps"
				  " WHERE app_key = $1 FOR NO KEY UPDATE",
				  1, key_types, &app_key.value, NULL) == 0)
		idv_report_unknown_app(app.key);

	id = idv_query_value(SPI_tuptable, 0, 1, INT4OID);
	app.id = DatumGetInt32(id);
	if (!idv_grace_read(&app.grace, DatumGetIntervalP(idv_query_value(SPI_tuptable, 0, 2, INTERVALOID))))
		idv_report_not_as_installed("grace of app %d in idverify.apps is out of range", app.id);
	app.confirm_rotation = DatumGetBool(idv_query_value(SPI_tuptable, 0, 3, BOOLOID));
	app.signs = idv_signature_read(idv_text(idv_query_value(SPI_tuptable, 0, 4, TEXTOID)));
	app.now = GetCurrentTimestamp();

	idv_query("SELECT DISTINCT signer FROM idverify.secrets WHERE app_id = $1",
			  1, id_types, &id, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		IdvText    *signer = palloc(sizeof(IdvText));

		*signer = idv_text(idv_query_value(SPI_tuptable, i, 1, TEXTOID));
		app.signers = lappend(app.signers, signer);
	}
	return app;
}
