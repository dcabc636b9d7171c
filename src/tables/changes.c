/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  What was changed in apps and secrets: may what was read no longer be so?
 *
 * The triggers of apps and secrets (tables/triggers.c) send a relcache
 * invalidation for their table.  It comes to every backend with the commit, to
 * those of standbys with its replay.  Whoever keeps what was read of these tables
 * (secrets/app_cache.c) is told here that it may no longer be so:
 *
 * - by the invalidation;
 * - when another schema takes the name idverify, or this one gives it up: its
 *	 tables are known by name, and no relation changes by that;
 * - at the end of a transaction that was rolled back, if what was read could be
 *	 of its own making: triggers that never came to run have told nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "tables/changes.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "tables/our_tables.h"

bool		idv_changes_noted = false;

/*
 * The subtransaction in which we last read what could be of our own making, and
 * not committed; InvalidSubTransactionId if we did not.
 */
static SubTransactionId read_in = InvalidSubTransactionId;

/* Changes of apps and secrets that we were told of. */
static uint64 told = 0;

/* Are all changes told?  Known until apps or secrets change. */
static bool watched = false;
static bool watched_known = false;

/* How the name of our schema hashes; 0 while that was not looked up. */
static uint32 schema_hash = 0;

/*
 * Relcache callback: relation relid changed, or all did if it is InvalidOid.
 */
static void
note_change(Datum arg pg_attribute_unused(), Oid relid)
{
	if (!OidIsValid(relid) || idv_our_table_has(IDV_APPS, relid) ||
		idv_our_table_has(IDV_SECRETS, relid))
	{
		idv_changes_noted = true;
		told++;
		watched_known = false;
	}
	idv_our_tables_note_change(relid);
}

/*
 * Syscache callback: a schema changed whose name has that hash, or all did if it
 * is 0.
 */
static void
note_schema_change(Datum arg pg_attribute_unused(),
				   int cacheid pg_attribute_unused(), uint32 hash)
{
	if (hash == 0 || hash == schema_hash || schema_hash == 0)
		note_change((Datum) 0, InvalidOid);
}

/*
 * Transaction callback: what we read of our own making may be undone.
 *
 * The triggers on our tables run after their statement.  One that fails has
 * sent no invalidation, and what it had changed can have been read meanwhile,
 * by a function that it called.
 */
static void
note_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (event != XACT_EVENT_COMMIT && read_in != InvalidSubTransactionId)
		idv_changes_noted = true;
	read_in = InvalidSubTransactionId;
}

/*
 * Subtransaction callback: likewise.
 *
 * Those that began later have higher numbers, and have ended before.
 */
static void
note_subtransaction_end(SubXactEvent event, SubTransactionId ended,
						SubTransactionId parent pg_attribute_unused(),
						void *arg pg_attribute_unused())
{
	if (event == SUBXACT_EVENT_ABORT_SUB && read_in >= ended)
		idv_changes_noted = true;
}

/*
 * idv_changes_init
 *		Listen for changes.  Called once, when the module is loaded.
 */
void
idv_changes_init(void)
{
	CacheRegisterRelcacheCallback(note_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACENAME, note_schema_change, (Datum) 0);
	RegisterXactCallback(note_end, NULL);
	RegisterSubXactCallback(note_subtransaction_end, NULL);
}

/*
 * idv_changes_note_reading
 *		Apps or secrets are about to be read.
 */
void
idv_changes_note_reading(void)
{
	if (schema_hash == 0)
		schema_hash = GetSysCacheHashValue1(NAMESPACENAME,
											CStringGetDatum("idverify"));
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		read_in = GetCurrentSubTransactionId();
}

/*
 * idv_changes_forget
 *		What was read before is forgotten: count changes from here on.
 */
void
idv_changes_forget(void)
{
	idv_changes_noted = false;
}

/* Does the trigger of ours fire in every session_replication_role? */
static bool
has_tireless_trigger(IdvOurTable which)
{
	Relation	table = idv_our_table_open(which);
	TriggerDesc *triggers = table->trigdesc;
	bool		fires = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, "idverify_note_change") == 0)
			fires = trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	}
	table_close(table, AccessShareLock);
	return fires;
}

/*
 * idv_changes_are_watched
 *		Will every change of apps and secrets be told to every backend?
 *
 * It is told by triggers, which have to fire ALWAYS: replicated changes and
 * restores run with ordinary triggers off.  Someone can switch them off even
 * so; "pg_restore --disable-triggers" does, and turns them into ordinary ones
 * afterwards.  Then nothing that was read may be trusted twice.
 *
 * Accepts what invalidations there are: idv_changes_noted tells afterwards whether
 * what was read before has changed.
 */
bool
idv_changes_are_watched(void)
{
	uint64		before;

	AcceptInvalidationMessages();
	if (watched_known)
		return watched;

	before = told;
	watched = has_tireless_trigger(IDV_APPS) && has_tireless_trigger(IDV_SECRETS);
	watched_known = told == before;
	return watched;
}
