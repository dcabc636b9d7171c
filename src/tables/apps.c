/*-------------------------------------------------------------------------
 *
 * apps.c
 *	  Rows of our own tables, read as they are this instant.
 *
 * Two things are wanted of these reads that a query cannot give.  They see
 * what is committed now, not what the transaction's snapshot saw: a REPEATABLE
 * READ transaction must not verify with a secret that was revoked after it
 * began, nor leave one behind in the cache for the transaction after it.  And
 * they work for a role that may execute our functions and nothing else, on a
 * hot standby, in parallel workers, under any search_path.
 *
 * A catalog scan does all of this.  Without a snapshot of ours it takes the
 * latest one, and there is no permission check, because there is no query.
 *
 * Whoever keeps what was read is told here when it may no longer be so.
 *
 *-------------------------------------------------------------------------
 */
#include "tables/apps.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Columns of idverify.apps, numbered as the install script makes them. */
enum
{
	APPS_ID = 1,
	APPS_APP_KEY,
	APPS_NAME,
	APPS_ON_UNVERIFIED,
	APPS_SIGNED_FIELD,
	APPS_GRACE,
	APPS_REVEALABLE,
	APPS_NCOLUMNS = APPS_REVEALABLE
};

/* Columns of idverify.secrets, likewise. */
enum
{
	SECRETS_APP_ID = 1,
	SECRETS_GENERATION,
	SECRETS_STATE,
	SECRETS_SEALED,
	SECRETS_KEY_ID,
	SECRETS_HINT,
	SECRETS_CREATED_AT,
	SECRETS_EXPIRES_AT,
	SECRETS_NCOLUMNS = SECRETS_EXPIRES_AT
};

static const char *const policy_labels[] = {"accept", "drop", "reject", NULL};
static const char *const field_labels[] = {"either", "external_id", "email", NULL};
static const char *const state_labels[] = {"staged", "current", "previous", NULL};

/* A table of ours, and the unique index by which its rows are found. */
typedef struct OurTable
{
	const char *name;
	const char *index_name;
	Oid			oid;			/* InvalidOid while not looked up */
} OurTable;

static OurTable apps = {"apps", "apps_app_key_key", InvalidOid};
static OurTable secrets = {"secrets", "secrets_pkey", InvalidOid};

bool		idv_changes_noted = false;

/*
 * The subtransaction in which we last read what could be of our own making, and
 * not committed; InvalidSubTransactionId if we did not.
 */
static SubTransactionId read_in = InvalidSubTransactionId;

/*
 * Relcache callback: relation relid changed, or all did if it is InvalidOid.
 */
static void
note_change(Datum arg pg_attribute_unused(), Oid relid)
{
	if (!OidIsValid(relid) || relid == apps.oid || relid == secrets.oid)
		idv_changes_noted = true;
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
	RegisterXactCallback(note_end, NULL);
	RegisterSubXactCallback(note_subtransaction_end, NULL);
}

/*
 * Open one of our tables.
 *
 * They are known by name.  The extension can be dropped and made again while
 * a session lives, and then they have other OIDs.
 */
static Relation
open_our_table(OurTable *ours)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		read_in = GetCurrentSubTransactionId();
	for (;;)
	{
		Relation	table;

		if (!OidIsValid(ours->oid))
			ours->oid = idv_our_table(ours->name);

		table = try_table_open(ours->oid, AccessShareLock);
		if (table != NULL)
			return table;

		/* Dropped since we looked. */
		ours->oid = InvalidOid;
	}
}

/*
 * Scan one of our tables for the rows that key matches.
 *
 * The index is looked up only now that the table is locked, since it may be
 * replaced by REINDEX CONCURRENTLY.  Without one the scan is slow, but right.
 */
static SysScanDesc
scan_our_table(const OurTable *ours, Relation table, ScanKey key)
{
	Oid			index = get_relname_relid(ours->index_name,
										  RelationGetNamespace(table));

	return systable_beginscan(table, index, OidIsValid(index), NULL, 1, key);
}

/* Which of the labels, of which NULL is the last, does an enum value have? */
static int
enum_number(Datum value, const char *const *labels)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, value);
	int			number = 0;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for enum value %u",
			 DatumGetObjectId(value));
	while (labels[number] != NULL &&
		   strcmp(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel),
				  labels[number]) != 0)
		number++;
	if (labels[number] == NULL)
		elog(ERROR, "unexpected enum value %u", DatumGetObjectId(value));

	ReleaseSysCache(tuple);
	return number;
}

/*
 * Take a row of idverify.apps apart.
 *
 * Whole: heap_getattr() is compiled in, and what it calls in one minor release
 * of the server is missing in older ones (dev/symbols).
 */
static void
deform_app(IdvAppRow *app, Relation table, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(table);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	Assert(desc->natts >= APPS_NCOLUMNS);
	heap_deform_tuple(tuple, desc, values, nulls);

	app->id = DatumGetInt32(values[APPS_ID - 1]);
	app->on_unverified = enum_number(values[APPS_ON_UNVERIFIED - 1],
									 policy_labels);
	app->signed_field = enum_number(values[APPS_SIGNED_FIELD - 1],
									field_labels);
	app->revealable = DatumGetBool(values[APPS_REVEALABLE - 1]);

	pfree(values);
	pfree(nulls);
}

/* Take a row of idverify.secrets apart, copying what it points to. */
static IdvSecretRow *
deform_secret(Relation table, HeapTuple tuple)
{
	IdvSecretRow *secret = palloc(sizeof(IdvSecretRow));
	TupleDesc	desc = RelationGetDescr(table);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	Assert(desc->natts >= SECRETS_NCOLUMNS);
	heap_deform_tuple(tuple, desc, values, nulls);

	secret->generation = DatumGetInt32(values[SECRETS_GENERATION - 1]);
	secret->state = enum_number(values[SECRETS_STATE - 1], state_labels);
	secret->sealed = DatumGetByteaPCopy(values[SECRETS_SEALED - 1]);
	secret->key_id = DatumGetInt32(values[SECRETS_KEY_ID - 1]);
	secret->hint = DatumGetTextPCopy(values[SECRETS_HINT - 1]);
	secret->expires_at = nulls[SECRETS_EXPIRES_AT - 1] ? DT_NOEND :
		DatumGetTimestampTz(values[SECRETS_EXPIRES_AT - 1]);

	pfree(values);
	pfree(nulls);
	return secret;
}

/* The order in which secrets are tried: the likeliest to be asked for first. */
static int
compare_secrets(const ListCell *a, const ListCell *b)
{
	static const int turn[] = {
		[IDV_STATE_CURRENT] = 0,
		[IDV_STATE_STAGED] = 1,
		[IDV_STATE_PREVIOUS] = 2
	};
	const IdvSecretRow *left = lfirst(a);
	const IdvSecretRow *right = lfirst(b);

	if (turn[left->state] != turn[right->state])
		return turn[left->state] - turn[right->state];
	return left->generation > right->generation ? -1 : 1;
}

/* Does this trigger of ours fire in every session_replication_role? */
static bool
has_tireless_trigger(Relation table)
{
	TriggerDesc *triggers = table->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, "idverify_note_change") == 0)
			return trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	}
	return false;
}

/*
 * idv_changes_forget
 *		Look the tables up again when they are next read.
 */
void
idv_changes_forget(void)
{
	idv_changes_noted = false;
	apps.oid = InvalidOid;
	secrets.oid = InvalidOid;
}

/*
 * idv_our_table
 *		The OID of a table of ours, by its name.
 */
Oid
idv_our_table(const char *name)
{
	Oid			schema = get_namespace_oid("idverify", true);
	Oid			table = OidIsValid(schema) ?
	get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table idverify.%s does not exist", name),
				 errhint("Run CREATE EXTENSION idverify in this database."),
				 errhidestmt(true)));
	return table;
}

/*
 * idv_app_lock
 *		Lock an app against being deleted, or against getting contacts.
 *
 * AccessShareLock is for those who give it a contact, AccessExclusiveLock for
 * those who delete it.  It takes the place of a foreign key from contacts to
 * apps, which a distributed table could not have, and of the row lock that
 * every new contact would leave on its app's row.
 *
 * The table's lock is kept to the end of the transaction, too.  TRUNCATE knows
 * no single apps: it has to wait for whoever makes a contact of any, and they
 * for it.  Nobody else does; a rotation locks rows.
 */
void
idv_app_lock(int32 app_id, LOCKMODE mode)
{
	Relation	table = open_our_table(&apps);

	LockDatabaseObject(RelationGetRelid(table), (Oid) app_id, 0, mode);
	table_close(table, NoLock);
}

/*
 * idv_app_read
 *		Read the row of an app.
 *
 * Returns false if there is none.
 */
bool
idv_app_read(IdvAppRow *app, IdvText app_key)
{
	Relation	table = open_our_table(&apps);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* The index is in C collation, and so is a ScanKey: they have to agree. */
	ScanKeyInit(&key, APPS_APP_KEY, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(cstring_to_text_with_len(app_key.bytes,
														 (int) app_key.len)));
	scan = scan_our_table(&apps, table, &key);

	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		deform_app(app, table, tuple);

	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

/*
 * idv_secrets_read
 *		Read the rows of an app's secrets, expired ones included.
 *
 * Returns a list of IdvSecretRow: the current secret, the staged one, then
 * the previous ones, newest first.
 */
List *
idv_secrets_read(int32 app_id)
{
	Relation	table = open_our_table(&secrets);
	List	   *rows = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, SECRETS_APP_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(app_id));
	scan = scan_our_table(&secrets, table, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		rows = lappend(rows, deform_secret(table, tuple));
	systable_endscan(scan);
	table_close(table, AccessShareLock);

	list_sort(rows, compare_secrets);
	return rows;
}

/*
 * idv_changes_are_watched
 *		Will every change of our tables be told to every backend?
 *
 * It is told by triggers, which have to fire ALWAYS: replicated changes and
 * restores run with ordinary triggers off.  Someone can switch them off even
 * so; "pg_restore --disable-triggers" does, and turns them into ordinary ones
 * afterwards.  Then nothing that was read may be trusted twice.
 */
bool
idv_changes_are_watched(void)
{
	Relation	apps_table = open_our_table(&apps);
	Relation	secrets_table = open_our_table(&secrets);
	bool		watched = has_tireless_trigger(apps_table) &&
	has_tireless_trigger(secrets_table);

	table_close(secrets_table, AccessShareLock);
	table_close(apps_table, AccessShareLock);
	return watched;
}

/*
 * idv_app_key_argument
 *		The app_key that a function was called with; 22004 if it is null.
 */
IdvText
idv_app_key_argument(NullableDatum app_key)
{
	if (app_key.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("app_key must not be null"),
				 errhint("The view idverify.app_status lists the apps.")));
	return idv_text(app_key.value);
}

/*
 * idv_report_unknown_app
 *		Raise the error that there is no app of that key.  42704.
 */
void
idv_report_unknown_app(IdvText app_key)
{
	int			shown = pg_mbcharcliplen(app_key.bytes, (int) app_key.len,
										 IDV_APP_KEY_MAX);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("app \"%s\" does not exist",
					pnstrdup(app_key.bytes, shown)),
			 errhint("The view idverify.app_status lists the apps.")));
}

/*
 * idv_report_not_as_installed
 *		Raise the error that a table of ours is not what we have made it.
 *		55000.
 */
void
idv_report_not_as_installed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a table in schema idverify is not as it was installed"),
			 errhint("Give its columns the names and types back that they had.")));
}
