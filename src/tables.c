/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  Triggers of our own tables.
 *
 * They fire ALWAYS, so they must do the right thing in a replication worker
 * and while pg_restore fills the tables in any order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "entry.h"

IDV_ENTRY(idverify_note_change);
IDV_ENTRY(idverify_drop_secrets);

/*
 * idverify.note_change() returns trigger
 *
 * AFTER any change of idverify.apps or idverify.secrets: make every backend
 * forget what it has read, once this transaction commits.
 */
Datum
idverify_note_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));

	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * idverify.drop_secrets() returns trigger
 *
 * AFTER DELETE or TRUNCATE of idverify.apps: take the secrets along.
 *
 * A foreign key would do the same, but an archive of pg_dump holds no order
 * between the data of two extension tables: a parallel restore would fail.
 */
Datum
idverify_drop_secrets(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	int			result;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));

	SPI_connect();
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		result = SPI_execute("DELETE FROM idverify.secrets", false, 0);
	else
	{
		Oid			types[] = {INT4OID};
		Datum		values[1];
		bool		isnull;

		values[0] = heap_getattr(trigger->tg_trigtuple, 1,
								 RelationGetDescr(trigger->tg_relation),
								 &isnull);
		result = SPI_execute_with_args("DELETE FROM idverify.secrets"
									   " WHERE app_id = $1",
									   1, types, values, NULL, false, 0);
	}
	if (result < 0)
		elog(ERROR, "deleting secrets failed: %s",
			 SPI_result_code_string(result));
	SPI_finish();
	return PointerGetDatum(NULL);
}
