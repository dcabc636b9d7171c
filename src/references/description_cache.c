/*-------------------------------------------------------------------------
 *
 * description_cache.c
 *	  How long what is known of the tables that a fold goes through stands.
 *
 * Statements are slow to prepare, so what was found is kept.  All of it is
 * discarded together, when it does not stand any more; and freed when nobody uses
 * it any more, however long the transaction lasts: who has asked for a table holds
 * all of it until their memory context is reset.
 *
 * It stands until any of the tables, or of the parts of these, changes, or a schema
 * that there was; what is done to other tables is nobody's business here.  Only of
 * foreign keys is it not told to which table they point.  So when one is made
 * anywhere, those that point to our tables are looked up: pointing_keys.c.
 *
 * A table is locked, as for an UPDATE, before it is looked at, and stays so
 * until the transaction ends.  That keeps new foreign keys away and, since
 * whoever takes a lock hears of what happened before, makes a stale
 * description impossible.
 *
 *-------------------------------------------------------------------------
 */
#include "references/description_cache.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "references/pointing_keys.h"
#include "tables/our_tables.h"

/* All that was found out since something last changed. */
typedef struct IdvCatalogue
{
	MemoryContext context;
	HTAB	   *tables;			/* of TableEntry, by relation */
	List	   *statements;		/* of IdvStatement, prepared for them */
	Oid			references_table;	/* idverify.contact_references */
	Oid			options_table;	/* idverify.contact_options */
	uint32	   *schemas;		/* hash values of those that there were,
								 * sorted */
	int			nschemas;
	uint64		keys_seen;		/* constraint_changes, when keys were compared */
	int			holders;		/* memory contexts of those who use it */
	struct IdvCatalogue *next;	/* among those that are discarded */
} IdvCatalogue;

/* A relation that all of it rests on. */
typedef struct TableEntry
{
	Oid			relation;
	IdvTable   *table;			/* NULL: not described, at least not yet */
} TableEntry;

static IdvCatalogue *catalogue = NULL;
static bool is_stale = false;

/* Counts the constraints, anywhere, that were made or changed. */
static uint64 constraint_changes = 0;

/* Was there a change of a schema that was not there when the schemas were listed? */
static bool has_other_schemas = false;

/* Discarded, but perhaps still in use by a fold further up the stack. */
static IdvCatalogue *discarded = NULL;

static int
compare_hashes(const void *a, const void *b)
{
	uint32		left = *(const uint32 *) a;
	uint32		right = *(const uint32 *) b;

	return left < right ? -1 : left > right;
}

/*
 * Relcache callback: relation relid changed, or all did if it is InvalidOid.
 *
 * This and the next ones can run in the middle of anything, so they take note
 * and no more.
 */
static void
note_relation_change(Datum arg pg_attribute_unused(), Oid relid)
{
	if (catalogue == NULL)
		return;
	if (!OidIsValid(relid) || relid == catalogue->references_table ||
		relid == catalogue->options_table ||
		hash_search(catalogue->tables, &relid, HASH_FIND, NULL) != NULL)
		is_stale = true;
}

/* Syscache callback: some constraint was made or changed. */
static void
note_constraint_change(Datum arg pg_attribute_unused(),
					   int cacheid pg_attribute_unused(),
					   uint32 hashvalue pg_attribute_unused())
{
	constraint_changes++;
}

/*
 * Syscache callback: a schema of that hash value changed; 0: any.
 *
 * One that was not there can be in no statement, such as that for the temporary
 * tables of another session.  They are listed again before there is another
 * statement.
 */
static void
note_schema_change(Datum arg pg_attribute_unused(),
				   int cacheid pg_attribute_unused(), uint32 hashvalue)
{
	if (hashvalue == 0 || catalogue == NULL ||
		bsearch(&hashvalue, catalogue->schemas, catalogue->nschemas,
				sizeof(uint32), compare_hashes) != NULL)
		is_stale = true;
	else
		has_other_schemas = true;
}

/* Free what was discarded and nobody uses any more. */
static void
free_discarded(void)
{
	IdvCatalogue **link = &discarded;

	while (*link != NULL)
	{
		IdvCatalogue *old = *link;
		ListCell   *lc;

		if (old->holders > 0)
		{
			link = &old->next;
			continue;
		}
		*link = old->next;
		foreach(lc, old->statements)
			idv_statement_free(lfirst(lc));

		/* That may be the end of its hold of another one. */
		MemoryContextDelete(old->context);
		link = &discarded;
	}
}

/* Transaction callback. */
static void
free_at_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		free_discarded();
}

/*
 * idv_description_cache_init
 *		Module load: be told of changes.
 */
void
idv_description_cache_init(void)
{
	CacheRegisterRelcacheCallback(note_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(CONSTROID, note_constraint_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, note_schema_change, (Datum) 0);
	RegisterXactCallback(free_at_end, NULL);
}

/* Memory context callback: somebody has stopped to use a catalogue. */
static void
release(void *held)
{
	((IdvCatalogue *) held)->holders--;
}

/*
 * Hold the catalogue until the current memory context is reset, or deleted.
 *
 * That context may be the one of an older catalogue, whose references lead to
 * tables of this one.
 */
static void
hold(void)
{
	MemoryContextCallback *callback;

	if (CurrentMemoryContext == catalogue->context)
		return;
	callback = palloc(sizeof(MemoryContextCallback));
	callback->func = release;
	callback->arg = catalogue;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	catalogue->holders++;
}

/*
 * Does anything point to a described table that did not, or not any more,
 * when it was described?
 */
static bool
keys_changed(void)
{
	HASH_SEQ_STATUS status;
	TableEntry *entry;

	hash_seq_init(&status, catalogue->tables);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		IdvTable   *table = entry->table;
		List	   *keys;
		bool		same;

		if (table == NULL || !table->knows_keys)
			continue;
		keys = idv_pointing_keys(table->family);
		same = equal(keys, table->keys);
		list_free(keys);
		if (!same)
		{
			hash_seq_term(&status);
			return true;
		}
	}
	return false;
}

/* Is there a catalogue, and does all of it stand? */
static bool
is_good(void)
{
	while (catalogue != NULL && !is_stale &&
		   catalogue->keys_seen != constraint_changes)
	{
		uint64		seen = constraint_changes;

		if (keys_changed())
			is_stale = true;
		else
			catalogue->keys_seen = seen;
	}
	return catalogue != NULL && !is_stale;
}

/* Take down which schemas there are. */
static void
list_schemas(IdvCatalogue *fresh)
{
	Relation	namespaces = table_open(NamespaceRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(namespaces, InvalidOid, false, NULL, 0, NULL);
	uint32	   *schemas;
	int			nschemas = 0;
	int			room = 32;
	HeapTuple	tuple;

	has_other_schemas = false;
	schemas = MemoryContextAlloc(fresh->context, room * sizeof(uint32));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			schema = ((Form_pg_namespace) GETSTRUCT(tuple))->oid;

		if (nschemas == room)
		{
			room *= 2;
			schemas = repalloc(schemas, room * sizeof(uint32));
		}
		schemas[nschemas++] =
			GetSysCacheHashValue1(NAMESPACEOID, ObjectIdGetDatum(schema));
	}
	systable_endscan(scan);
	table_close(namespaces, AccessShareLock);
	qsort(schemas, nschemas, sizeof(uint32), compare_hashes);

	/* Until here what changes is looked for among the old ones. */
	if (fresh->schemas != NULL)
		pfree(fresh->schemas);
	fresh->schemas = schemas;
	fresh->nschemas = nschemas;
}

/* A catalogue in which nothing is stale. */
static void
renew_catalogue(void)
{
	MemoryContext context;
	HASHCTL		ctl;
	IdvCatalogue *fresh;

	if (is_good())
		return;
	if (catalogue != NULL)
	{
		catalogue->next = discarded;
		discarded = catalogue;
		catalogue = NULL;
	}
	free_discarded();

	is_stale = false;
	context = AllocSetContextCreate(CurrentMemoryContext, "idverify relations",
									ALLOCSET_SMALL_SIZES);
	fresh = MemoryContextAllocZero(context, sizeof(IdvCatalogue));
	fresh->context = context;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(TableEntry);
	ctl.hcxt = context;
	fresh->tables = hash_create("idverify relations", 16, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	fresh->references_table =
		get_relname_relid("contact_references",
						  get_namespace_oid("idverify", false));
	fresh->options_table =
		get_relname_relid("contact_options",
						  get_namespace_oid("idverify", false));
	fresh->keys_seen = constraint_changes;
	list_schemas(fresh);
	MemoryContextSetParent(context, CacheMemoryContext);
	catalogue = fresh;
}

/*
 * idv_table_context
 *		Where what belongs to a table is kept.
 */
MemoryContext
idv_table_context(const IdvTable *table)
{
	return table->home->context;
}

/*
 * idv_table_statement
 *		Prepare a statement on a table, as its owner, to be kept with it.
 */
void
idv_table_statement(IdvStatement *statement, IdvTable *table, const char *sql,
					int nargs, const Oid *types)
{
	MemoryContext caller;

	/* In that order: a statement that fails is not prepared, nor leaked. */
	idv_table_check_code(table);
	if (has_other_schemas && table->home == catalogue)
		list_schemas(catalogue);
	caller = MemoryContextSwitchTo(table->home->context);
	table->home->statements = lappend(table->home->statements, statement);
	MemoryContextSwitchTo(caller);
	idv_statement_prepare(statement, table->owner, sql, nargs, types);
	statement->ours = idv_is_own_table(table->relation);
}

/*
 * idv_table_forget
 *		Forget a statement that was prepared with idv_table_statement().
 *
 * It may be running: its plan lives until it has.
 */
void
idv_table_forget(IdvStatement *statement, IdvTable *table)
{
	idv_statement_free(statement);
	table->home->statements = list_delete_ptr(table->home->statements,
											  statement);
}

/*
 * idv_table_query_once
 *		Run a statement on a table as its owner, one that is not worth to be kept.
 *
 * as_of_caller, done_keys	as in IdvStatement
 *
 * Nothing of it is left, whether it fails or not.
 */
IdvResult *
idv_table_query_once(IdvTable *table, const char *sql, int nargs, const Oid *types,
					 const Datum *values, bool as_of_caller, const List *done_keys)
{
	IdvStatement statement = {0};
	IdvResult  *volatile result = NULL;

	PG_TRY();
	{
		idv_table_statement(&statement, table, sql, nargs, types);
		statement.as_of_caller = as_of_caller;
		statement.done_keys = done_keys;
		result = idv_statement_query(&statement, values, NULL);
	}
	PG_CATCH();
	{
		idv_table_forget(&statement, table);
		PG_RE_THROW();
	}
	PG_END_TRY();
	idv_table_forget(&statement, table);
	return result;
}

/*
 * What is done to a table's family counts, too: an index on one part alone, a
 * part that is detached.
 */
static void
note_family(List *family)
{
	ListCell   *lc;

	foreach(lc, family)
	{
		Oid			member = lfirst_oid(lc);
		bool		found;
		TableEntry *entry = hash_search(catalogue->tables, &member, HASH_ENTER, &found);

		if (!found)
			entry->table = NULL;
	}
}

/*
 * idv_table
 *		Lock a table for writing and describe it.  42P01 if it was dropped while
 *		we waited.
 */
IdvTable *
idv_table(Oid relid)
{
	TableEntry *entry;
	IdvTable   *table;
	bool		found;

	LockRelationOid(relid, RowExclusiveLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	renew_catalogue();

	hold();
	entry = hash_search(catalogue->tables, &relid, HASH_ENTER, &found);
	if (found && entry->table != NULL)
		return entry->table;
	entry->table = NULL;

	if (has_other_schemas)
		list_schemas(catalogue);
	table = idv_table_describe(relid, catalogue->context);
	table->home = catalogue;
	note_family(table->family);
	entry->table = table;
	return table;
}

/*
 * idv_table_keys
 *		The OIDs of the foreign keys that point to a table, or to what is one
 *		with it, in their order.
 */
List *
idv_table_keys(IdvTable *table)
{
	MemoryContext caller;

	if (table->knows_keys)
		return table->keys;
	caller = MemoryContextSwitchTo(table->home->context);
	table->keys = idv_pointing_keys(table->family);
	MemoryContextSwitchTo(caller);

	/* From now on it is seen to that there are no others. */
	table->knows_keys = true;
	return table->keys;
}

/*
 * idv_table_is_stale
 *		Does a table need to be asked for again, because any that was described
 *		has changed since it was?
 */
bool
idv_table_is_stale(const IdvTable *table)
{
	/* Who has its locks already hears nothing of what was listed since. */
	AcceptInvalidationMessages();
	return table->home != catalogue || !is_good();
}
