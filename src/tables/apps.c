/*-------------------------------------------------------------------------
 *
 * apps.c
 *	  Rows of idverify.apps and idverify.secrets, as committed this instant.
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
 *-------------------------------------------------------------------------
 */
#include "tables/apps.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "server/as_installed.h"
#include "server/distribution.h"
#include "server/duration.h"
#include "server/sqlfunc.h"
#include "tables/changes.h"
#include "tables/our_tables.h"

/* What is read of idverify.apps. */
enum
{
	APPS_ID,
	APPS_ON_UNVERIFIED,
	APPS_ON_WRONG_HASH,
	APPS_SIGNED_FIELD,
	APPS_SIGNS,
	APPS_TOKEN_LIFETIME,
	APPS_REVEALABLE,
	APPS_CREATED_AT,
	APPS_READ
};

static const IdvOurColumn apps_columns[APPS_READ] = {
	[APPS_ID] = IDV_COLUMN("id", INT4OID),
	[APPS_ON_UNVERIFIED] = IDV_ENUM_COLUMN("on_unverified", "claim_policy"),
	[APPS_ON_WRONG_HASH] = IDV_NULLABLE_ENUM_COLUMN("on_wrong_hash", "claim_policy"),
	[APPS_SIGNED_FIELD] = IDV_ENUM_COLUMN("signed_field", "signed_field"),
	[APPS_SIGNS] = IDV_ENUM_COLUMN("signs", "signature"),
	[APPS_TOKEN_LIFETIME] = IDV_NULLABLE_COLUMN("token_lifetime", INTERVALOID),
	[APPS_REVEALABLE] = IDV_COLUMN("revealable", BOOLOID),
	[APPS_CREATED_AT] = IDV_COLUMN("created_at", TIMESTAMPTZOID),
};

/* What is read of idverify.secrets. */
enum
{
	SECRETS_GENERATION,
	SECRETS_SIGNER,
	SECRETS_SIGNS,
	SECRETS_ENCODING,
	SECRETS_STATE,
	SECRETS_SEALED,
	SECRETS_KEY_ID,
	SECRETS_HINT,
	SECRETS_EXPIRES_AT,
	SECRETS_READ
};

static const IdvOurColumn secrets_columns[SECRETS_READ] = {
	[SECRETS_GENERATION] = IDV_COLUMN("generation", INT4OID),
	[SECRETS_SIGNER] = IDV_COLUMN("signer", TEXTOID),
	[SECRETS_SIGNS] = IDV_ENUM_COLUMN("signs", "signature"),
	[SECRETS_ENCODING] = IDV_COLUMN("encoding", TEXTOID),
	[SECRETS_STATE] = IDV_ENUM_COLUMN("state", "secret_state"),
	[SECRETS_SEALED] = IDV_COLUMN("sealed", BYTEAOID),
	[SECRETS_KEY_ID] = IDV_COLUMN("key_id", INT4OID),
	[SECRETS_HINT] = IDV_COLUMN("hint", TEXTOID),
	[SECRETS_EXPIRES_AT] = IDV_NULLABLE_COLUMN("expires_at", TIMESTAMPTZOID),
};

/* By what rows are found. */
static const IdvOurColumn apps_key = IDV_COLUMN("app_key", TEXTOID);
static const IdvOurColumn secrets_key = IDV_COLUMN("app_id", INT4OID);

static const char *const policy_labels[] = {"accept", "drop", "reject", NULL};
static const char *const field_labels[] = {"either", "external_id", "email", NULL};
static const char *const state_labels[] = {"staged", "current", "previous", NULL};

const char *const idv_signature_labels[] = {"hash", "token", NULL};
const char *const idv_encoding_labels[] = {"text", "hex", "base64", NULL};

/*
 * Does the index hold all rows of the table, ordered by this column first?
 *
 * Somebody may have made another one under its name.
 */
static bool
index_serves(Oid oid, Relation table, AttrNumber column)
{
	Relation	index = try_relation_open(oid, AccessShareLock);
	bool		serves;

	if (index == NULL)
		return false;
	serves = index->rd_rel->relkind == RELKIND_INDEX &&
		index->rd_rel->relam == BTREE_AM_OID &&
		index->rd_index->indrelid == RelationGetRelid(table) &&
		index->rd_index->indisvalid &&
		index->rd_index->indkey.values[0] == column &&
		RelationGetIndexPredicate(index) == NIL &&
		(!OidIsValid(index->rd_indcollation[0]) ||
		 index->rd_indcollation[0] == C_COLLATION_OID);
	relation_close(index, AccessShareLock);
	return serves;
}

/*
 * Scan a table for the rows that have this value in its key column.
 *
 * The index is looked up only now that the table is locked, since it may be
 * replaced by REINDEX CONCURRENTLY; and once, until the table or the index
 * changes: who drops one waits for those who have the table locked, and who locks
 * it later has been told.  Without one the scan is slow, but right.
 *
 * The index of texts is in C collation, and so is a ScanKey: they have to agree.
 */
static SysScanDesc
scan(IdvOurTable which, Relation table, const IdvOurColumn *key_column,
	 const char *index_name, RegProcedure equal, Datum value)
{
	AttrNumber	column = idv_our_column(table, key_column);
	Oid			index = idv_our_table_index(which);
	ScanKeyData key;

	if (!OidIsValid(index))
	{
		index = get_relname_relid(index_name, RelationGetNamespace(table));
		/* first noted: what changes while we look takes it back */
		idv_our_table_note_index(which, index);
		if (!OidIsValid(index) || !index_serves(index, table, column))
		{
			index = InvalidOid;
			idv_our_table_note_index(which, index);
		}
	}

	ScanKeyInit(&key, column, BTEqualStrategyNumber, equal, value);
	return systable_beginscan(table, index, OidIsValid(index), NULL, 1, &key);
}

/* Open a table whose rows are read, and perhaps kept. */
static Relation
open_table(IdvOurTable which)
{
	idv_changes_note_reading();
	return idv_our_table_open(which);
}

/* What the claims to an app are counted by. */
static IdvCounterKey
counter_key(Relation table, int32 app_id, Datum created_at)
{
	return (IdvCounterKey)
	{
		.database = MyDatabaseId,.table = RelationGetRelid(table),
			.app_id = app_id,.created_at = DatumGetTimestampTz(created_at)
	};
}

/* Take a row of idverify.apps apart. */
static void
read_app(IdvAppRow *app, Relation table, HeapTuple tuple)
{
	Datum		values[APPS_READ];
	bool		nulls[APPS_READ];

	idv_our_row(table, tuple, apps_columns, APPS_READ, values, nulls);
	app->id = DatumGetInt32(values[APPS_ID]);
	app->on_unverified = idv_our_label(values[APPS_ON_UNVERIFIED],
									   "claim_policy", policy_labels);
	app->on_wrong_hash = app->on_unverified;
	if (!nulls[APPS_ON_WRONG_HASH])
		app->on_wrong_hash = idv_our_label(values[APPS_ON_WRONG_HASH],
										   "claim_policy", policy_labels);
	app->signed_field = idv_our_label(values[APPS_SIGNED_FIELD],
									  "signed_field", field_labels);
	app->signs = idv_our_label(values[APPS_SIGNS],
							   "signature", idv_signature_labels);
	app->token_lifetime = 0;
	if (!nulls[APPS_TOKEN_LIFETIME] &&
		(!idv_duration(&app->token_lifetime,
					   DatumGetIntervalP(values[APPS_TOKEN_LIFETIME])) ||
		 app->token_lifetime <= 0 ||
		 app->token_lifetime > IDV_TOKEN_LIFETIME_MAX))
		idv_report_not_as_installed("token_lifetime of app %d in idverify.apps is out of range",
									app->id);
	app->revealable = DatumGetBool(values[APPS_REVEALABLE]);
	app->counter_key = counter_key(table, app->id, values[APPS_CREATED_AT]);
}

/* Which of the labels, of which NULL is the last, is it?  -1 if none. */
static int
find_label(IdvText text, const char *const *labels)
{
	for (int i = 0; labels[i] != NULL; i++)
		if (text.len == strlen(labels[i]) &&
			memcmp(text.bytes, labels[i], text.len) == 0)
			return i;
	return -1;
}

/*
 * idv_signature_read
 *		What a label of idverify.signature stands for, as a query returned it.
 *		XX002 if this library does not know it.
 */
IdvSignature
idv_signature_read(IdvText label)
{
	int			found = find_label(label, idv_signature_labels);

	if (found < 0)
		idv_report_not_as_installed("this release of idverify does not know a value of type idverify.signature");
	return (IdvSignature) found;
}

/*
 * idv_encoding_find
 *		What the name of an encoding of secrets stands for; false if there is no
 *		such encoding.
 */
bool
idv_encoding_find(IdvEncoding *encoding, IdvText label)
{
	int			found = find_label(label, idv_encoding_labels);

	if (found >= 0)
		*encoding = (IdvEncoding) found;
	return found >= 0;
}

/*
 * idv_encoding_read
 *		The same, as it stands in a row.  XX002 if this library does not know it.
 */
IdvEncoding
idv_encoding_read(IdvText label)
{
	IdvEncoding encoding;

	if (!idv_encoding_find(&encoding, label))
		idv_report_not_as_installed("this release of idverify does not know the encoding of a secret in idverify.secrets");
	return encoding;
}

/* Take a row of idverify.secrets apart, copying what it points to. */
static IdvSecretRow *
read_secret(Relation table, HeapTuple tuple)
{
	IdvSecretRow *secret = palloc(sizeof(IdvSecretRow));
	Datum		values[SECRETS_READ];
	bool		nulls[SECRETS_READ];

	idv_our_row(table, tuple, secrets_columns, SECRETS_READ, values, nulls);
	secret->generation = DatumGetInt32(values[SECRETS_GENERATION]);
	secret->signer = idv_text(PointerGetDatum(DatumGetTextPCopy(values[SECRETS_SIGNER])));
	secret->signs = idv_our_label(values[SECRETS_SIGNS],
								  "signature", idv_signature_labels);
	secret->encoding = idv_encoding_read(idv_text(values[SECRETS_ENCODING]));
	secret->state = idv_our_label(values[SECRETS_STATE],
								  "secret_state", state_labels);
	secret->sealed = DatumGetByteaPCopy(values[SECRETS_SEALED]);
	secret->key_id = DatumGetInt32(values[SECRETS_KEY_ID]);
	secret->hint = DatumGetTextPCopy(values[SECRETS_HINT]);
	secret->expires_at = nulls[SECRETS_EXPIRES_AT] ? DT_NOEND :
		DatumGetTimestampTz(values[SECRETS_EXPIRES_AT]);
	if ((secret->state == IDV_STATE_PREVIOUS) == nulls[SECRETS_EXPIRES_AT])
		idv_report_not_as_installed("secret %d in idverify.secrets is \"%s\" and has %s expires_at",
									secret->generation,
									state_labels[secret->state],
									nulls[SECRETS_EXPIRES_AT] ? "no" : "an");
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

/*
 * idv_apps_check_columns
 *		See that idverify.apps, or idverify.secrets, has the columns that are read, of
 *		the types that they are read as.  XX002 if not, 42P01 if it does not exist.
 */
void
idv_apps_check_columns(IdvOurTable which)
{
	Relation	table = idv_our_table_open(which);
	bool		apps = which == IDV_APPS;
	const IdvOurColumn *columns = apps ? apps_columns : secrets_columns;

	for (int i = 0; i < (apps ? (int) APPS_READ : (int) SECRETS_READ); i++)
		(void) idv_our_column(table, &columns[i]);
	(void) idv_our_column(table, apps ? &apps_key : &secrets_key);
	table_close(table, AccessShareLock);
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
	Relation	table = open_table(IDV_APPS);

	LockDatabaseObject(RelationGetRelid(table), (Oid) app_id, 0, mode);
	table_close(table, NoLock);
}

/*
 * idv_app_read
 *		Read the row of an app.
 *
 * Returns false if there is none.  XX002 if the row was altered into what it
 * cannot be.
 */
bool
idv_app_read(IdvAppRow *app, IdvText app_key)
{
	Relation	table = open_table(IDV_APPS);
	SysScanDesc rows;
	HeapTuple	tuple;
	bool		found = false;

	rows = scan(IDV_APPS, table, &apps_key, "apps_app_key_key", F_TEXTEQ,
				idv_text_datum(app_key));
	while (HeapTupleIsValid(tuple = systable_getnext(rows)))
	{
		if (found)
			idv_report_not_as_installed("two rows of idverify.apps have the same app_key");
		read_app(app, table, tuple);
		found = true;
	}
	systable_endscan(rows);
	table_close(table, AccessShareLock);
	return found;
}

/*
 * idv_apps_check_node
 *		No app was found: refuse to take that for an answer on a node of Citus
 *		that has no app.  0A000.
 *
 * A guard on a distributed table runs where its shards are.  Where the apps are
 * not, every claim would be one to an unknown app.
 */
void
idv_apps_check_node(void)
{
	Relation	table;
	SysScanDesc rows;
	bool		any;

	if (!idv_citus_is_installed())
		return;
	table = open_table(IDV_APPS);
	rows = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	any = HeapTupleIsValid(systable_getnext(rows));
	systable_endscan(rows);
	table_close(table, AccessShareLock);
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a claim cannot be judged on this node, because it has no apps"),
				 errdetail("A guard on a distributed table runs on the nodes that have its shards, by idverify.apps and idverify.secrets there."),
				 errhint("Keep the guarded table on one node, the one that has the apps; or replicate idverify.apps and idverify.secrets to all nodes.")));
}

/*
 * idv_apps_list
 *		All apps, in no order: a list of IdvAppName.
 */
List *
idv_apps_list(void)
{
	static const IdvOurColumn columns[] = {IDV_COLUMN("id", INT4OID), IDV_COLUMN("app_key", TEXTOID),
	IDV_COLUMN("created_at", TIMESTAMPTZOID)};
	Relation	table = open_table(IDV_APPS);
	List	   *apps = NIL;
	SysScanDesc rows = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(rows)))
	{
		IdvAppName *app = palloc(sizeof(IdvAppName));
		Datum		values[lengthof(columns)];
		bool		nulls[lengthof(columns)];

		idv_our_row(table, tuple, columns, lengthof(columns), values, nulls);
		app->id = DatumGetInt32(values[0]);
		app->app_key = idv_text(PointerGetDatum(DatumGetTextPCopy(values[1])));
		app->counter_key = counter_key(table, app->id, values[2]);
		apps = lappend(apps, app);
	}
	systable_endscan(rows);
	table_close(table, AccessShareLock);
	return apps;
}

/*
 * idv_secrets_read
 *		Read the rows of an app's secrets, expired ones included.
 *
 * Returns a list of IdvSecretRow: the current secrets, the staged ones, then
 * the previous ones; of each the newest first.  XX002 if a row was altered into what it
 * cannot be.
 */
List *
idv_secrets_read(int32 app_id)
{
	Relation	table = open_table(IDV_SECRETS);
	List	   *secrets = NIL;
	SysScanDesc rows;
	HeapTuple	tuple;

	rows = scan(IDV_SECRETS, table, &secrets_key, "secrets_pkey", F_INT4EQ,
				Int32GetDatum(app_id));
	while (HeapTupleIsValid(tuple = systable_getnext(rows)))
		secrets = lappend(secrets, read_secret(table, tuple));
	systable_endscan(rows);
	table_close(table, AccessShareLock);

	list_sort(secrets, compare_secrets);
	return secrets;
}

/*
 * idv_signed_value
 *		Which of the two counts in an app that signs this field?  It may be absent:
 *		then it has no length.
 */
IdvText
idv_signed_value(IdvSignedField field, IdvText external_id, IdvText email)
{
	if (field == IDV_SIGNED_EMAIL ||
		(field == IDV_SIGNED_EITHER && external_id.len == 0))
		return email;
	return external_id;
}

/*
 * idv_app_key_argument
 *		The app_key that a function was called with; 22004 if it is null.
 */
IdvText
idv_app_key_argument(NullableDatum app_key)
{
	return idv_text(idv_argument(app_key, "app_key",
								 "An administrator finds the app keys in the view idverify.app_status."));
}

/*
 * idv_report_unknown_app
 *		Raise the error that there is no app of that key.  42704.
 *
 * A browser may have made it up.
 */
void
idv_report_unknown_app(IdvText app_key)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("app \"%s\" does not exist",
					idv_text_shown(app_key, IDV_APP_KEY_MAX)),
			 errhint("An administrator finds the app keys in the view idverify.app_status.")));
}
