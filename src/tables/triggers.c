/*-------------------------------------------------------------------------
 *
 * triggers.c
 *	  Triggers of our own tables.
 *
 * They fire ALWAYS, so they must do the right thing in a replication worker
 * and while pg_restore fills the tables in any order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "server/sqlfunc.h"
#include "tables/apps.h"

IDV_ENTRY(idverify_note_change);
IDV_ENTRY(idverify_keep_contacts);
IDV_ENTRY(idverify_drop_secrets);

/* Refuse to be called in any other way than as a trigger. */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	return (TriggerData *) fcinfo->context;
}

/*
 * idverify.note_change() returns trigger
 *
 * AFTER any change of idverify.apps or idverify.secrets: make every backend
 * forget what it has read, once this transaction commits.
 */
Datum
idverify_note_change(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(trigger_data(fcinfo)->tg_relation);
	return PointerGetDatum(NULL);
}

/* The id of the app that a row trigger was fired for. */
static Datum
app_id(const TriggerData *trigger)
{
	bool		isnull;

	return SPI_getbinval(trigger->tg_trigtuple,
						 RelationGetDescr(trigger->tg_relation), 1, &isnull);
}

/*
 * Run a statement under the latest snapshot, for one app, or for all if there
 * is no row.  Returns how many rows it touched, or, of a query, 1 if any.
 */
static uint64
run(const TriggerData *trigger, const char *sql)
{
	bool		one = TRIGGER_FIRED_FOR_ROW(trigger->tg_event);
	Oid			types[] = {INT4OID};
	Datum		values[1];
	SPIPlanPtr	plan;
	int			result;

	if (one)
		values[0] = app_id(trigger);
	plan = SPI_prepare(one ? psprintf("%s WHERE app_id = $1", sql) : sql,
					   one ? 1 : 0, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	result = SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(),
								  InvalidSnapshot, false, true, 1);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

/*
 * idverify.keep_contacts() returns trigger
 *
 * BEFORE DELETE or TRUNCATE of idverify.apps: refuse it while there are
 * contacts.  23503.
 *
 * A contact that is being made at this moment holds a lock on its app, and one
 * on the table for TRUNCATE; whoever comes later finds that the app is gone.
 */
Datum
idverify_keep_contacts(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);

	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		idv_app_lock(DatumGetInt32(app_id(trigger)),
					 AccessExclusiveLock);

	SPI_connect();
	if (run(trigger, "SELECT FROM idverify.contacts") > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("an app that has contacts cannot be deleted"),
				 errhint("Delete its rows in idverify.contacts first.")));
	SPI_finish();
	return PointerGetDatum(trigger->tg_trigtuple);
}

/*
 * idverify.drop_secrets() returns trigger
 *
 * AFTER DELETE or TRUNCATE of idverify.apps: take the secrets along, and the
 * journal of what was once folded.
 *
 * A foreign key would do the same, but an archive of pg_dump holds no order
 * between the data of two extension tables: a parallel restore would fail.
 */
Datum
idverify_drop_secrets(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);

	SPI_connect();
	run(trigger, "DELETE FROM idverify.secrets");
	run(trigger, "DELETE FROM idverify.fold_rows");
	run(trigger, "DELETE FROM idverify.folds");
	SPI_finish();
	return PointerGetDatum(NULL);
}
