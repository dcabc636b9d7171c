/*-------------------------------------------------------------------------
 *
 * triggers.c
 *	  Triggers on our own tables.
 *
 * note_change fires on apps, secrets, contact_references and contact_options, and
 * tells every backend of a change.  drop_secrets fires on apps and takes along what belongs
 * to an app that is deleted.  Both fire ALWAYS, so they must do the right thing
 * in a replication worker and while pg_restore fills the tables in any order.
 *
 * keep_contacts fires on apps and keeps one that has contacts from being deleted.
 * Like a foreign key it does not fire for replicated changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server/query.h"
#include "server/sqlfunc.h"
#include "tables/apps.h"
#include "tables/our_tables.h"

IDV_ENTRY(idverify_note_change);
IDV_ENTRY(idverify_keep_contacts);
IDV_ENTRY(idverify_drop_secrets);

static void refuse_table(FunctionCallInfo fcinfo, const TriggerData *trigger) __attribute__((noreturn));

/* Raise the error that a trigger is on a table of somebody else.  39P01. */
static void
refuse_table(FunctionCallInfo fcinfo, const TriggerData *trigger)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger function %s() cannot be used on table \"%s\"",
					get_func_name(fcinfo->flinfo->fn_oid),
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("It is for tables that CREATE EXTENSION idverify has made. Drop trigger \"%s\".",
					 trigger->tg_trigger->tgname)));
}

/*
 * idverify.note_change() returns trigger
 *
 * AFTER any change of idverify.apps, secrets, contact_references or
 * contact_options: make every backend forget what it has read, once this transaction commits.
 */
Datum
idverify_note_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = idv_trigger_data(fcinfo);

	/* One that the owner has renamed still is ours. */
	if (RelationGetNamespace(trigger->tg_relation) != get_namespace_oid("idverify", true))
		refuse_table(fcinfo, trigger);
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * What a trigger on idverify.apps was fired for.
 *
 * On any other table it would delete, with the rights of the extension's owner,
 * what belongs to apps that its rows do not even know.
 */
static TriggerData *
trigger_on_apps(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = idv_trigger_data(fcinfo);

	if (idv_our_table("apps") != RelationGetRelid(trigger->tg_relation))
		refuse_table(fcinfo, trigger);
	return trigger;
}

/* The id of the app that a row trigger was fired for. */
static int32
app_id(const TriggerData *trigger)
{
	static const IdvOurColumn id = IDV_COLUMN("id", INT4OID);
	Datum		value;
	bool		isnull;

	idv_our_row(trigger->tg_relation, trigger->tg_trigtuple, &id, 1,
				&value, &isnull);
	return DatumGetInt32(value);
}

/*
 * Run a query for the app of a row trigger, or, in a statement trigger, for all
 * apps.  Folds that belong to no app have app_id 0.
 *
 * Returns how many rows it touched or returned.
 */
static uint64
run(const TriggerData *trigger, const char *sql, const char *tail)
{
	bool		one = TRIGGER_FIRED_FOR_ROW(trigger->tg_event);
	Oid			types[] = {INT4OID};
	Datum		values[1];

	if (one)
		values[0] = Int32GetDatum(app_id(trigger));
	return idv_query(psprintf("%s WHERE app_id %s%s", sql,
							  one ? "= $1" : "<> 0", tail),
					 one ? 1 : 0, types, values, NULL);
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
	TriggerData *trigger = trigger_on_apps(fcinfo);

	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		idv_app_lock(app_id(trigger), AccessExclusiveLock);

	SPI_connect();
	if (run(trigger, "SELECT FROM idverify.contacts", " LIMIT 1") > 0)
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
	TriggerData *trigger = trigger_on_apps(fcinfo);

	SPI_connect();
	run(trigger, "DELETE FROM idverify.secrets", "");
	run(trigger, "DELETE FROM idverify.fold_rows", "");
	run(trigger, "DELETE FROM idverify.folds", "");
	SPI_finish();
	return PointerGetDatum(NULL);
}
