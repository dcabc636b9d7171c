/*-------------------------------------------------------------------------
 *
 * code_cache.c
 *	  What code a table can run: looked at once, and kept.
 *
 * Every statement of ours asks before it is planned, since to plan it already
 * computes constants in expressions of indexes.  So what was found is kept, for
 * each table and role, until anything changes that it rests on: a table, a
 * function, a type, a role, a membership, a cast.  Only changes of just these
 * objects count, so temporary tables of other sessions cost nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "server/code_cache.h"

#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
/* What was found out about a table. */
typedef struct FoundKey
{
	Oid			relation;
	Oid			role;
	bool		with_parts;
	bool		written;		/* so that triggers count */
	bool		any_owner;		/* of IdvTableCode */
} FoundKey;

typedef struct Found
{
	FoundKey	key;
	bool		valid;			/* nothing has changed since */
	MemoryContext context;		/* of what follows; NULL: never looked at */
	IdvTableCode code;
} Found;

/* An object that something rests on. */
typedef struct WatchKey
{
	int			cache;			/* a syscache, or WATCH_RELATION */
	uint32		object;			/* a hash value in it, or a relation's OID */
} WatchKey;

typedef struct Watch
{
	WatchKey	key;
	List	   *rest;			/* of FoundKey pointers: what rests on it */
} Watch;

#define WATCH_RELATION	(-1)

/* Of so many watched objects, all is forgotten, so that it does not grow. */
#define WATCHES_KEPT	20000

static MemoryContext kept = NULL;
static HTAB *all_found = NULL;
static HTAB *watches = NULL;

/* Counts what has changed. */
static uint64 generation = 1;

/* The table that is looked at just now, or NULL. */
static Found *looked_at = NULL;

static void
forget_everything(void)
{
	HASH_SEQ_STATUS status;
	Found	   *found;

	generation++;
	if (all_found == NULL)
		return;
	hash_seq_init(&status, all_found);
	while ((found = hash_seq_search(&status)) != NULL)
		found->valid = false;
}

/* Something changed: what rests on it has to be looked at again. */
static void
note_change(int cache, uint32 object)
{
	WatchKey	key = {cache, object};
	Watch	   *watch;
	ListCell   *lc;

	if (watches == NULL)
		return;
	watch = hash_search(watches, &key, HASH_FIND, NULL);
	if (watch == NULL)
		return;
	generation++;
	foreach(lc, watch->rest)
		((Found *) lfirst(lc))->valid = false;
}

/*
 * Relcache callback: relation changed, or all did if it is InvalidOid.
 *
 * This and the next can run in the middle of anything, so they take note and no
 * more.
 */
static void
note_relation_change(Datum arg pg_attribute_unused(), Oid relation)
{
	if (OidIsValid(relation))
		note_change(WATCH_RELATION, relation);
	else
		forget_everything();
}

/* Syscache callback: an object of that hash value changed; 0: all. */
static void
note_object_change(Datum arg pg_attribute_unused(), int cache, uint32 hash)
{
	if (hash != 0)
		note_change(cache, hash);
	else
		forget_everything();
}

/* Syscache callback: a membership, a database or a cast changed: that is rare. */
static void
note_any_change(Datum arg pg_attribute_unused(),
				int cache pg_attribute_unused(),
				uint32 hash pg_attribute_unused())
{
	forget_everything();
}

/*
 * idv_code_cache_init
 *		Module load: be told of changes.
 */
void
idv_code_cache_init(void)
{
	CacheRegisterRelcacheCallback(note_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, note_object_change, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, note_object_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, note_object_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, note_any_change, (Datum) 0);
	/* Its owner is the member of pg_database_owner. */
	CacheRegisterSyscacheCallback(DATABASEOID, note_any_change, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, note_any_change, (Datum) 0);
}

/*
 * idv_code_generation
 *		Counts what has changed since anything was looked at; 0 never stands.
 */
uint64
idv_code_generation(void)
{
	return generation;
}

static void
make_tables(void)
{
	HASHCTL		ctl;

	kept = AllocSetContextCreate(CacheMemoryContext, "idverify trusted code",
								 ALLOCSET_SMALL_SIZES);
	ctl.hcxt = kept;
	ctl.keysize = sizeof(FoundKey);
	ctl.entrysize = sizeof(Found);
	all_found = hash_create("idverify trusted code", 16, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(WatchKey);
	ctl.entrysize = sizeof(Watch);
	watches = hash_create("idverify trusted code: what it rests on", 64, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
rest_on(int cache, uint32 object)
{
	WatchKey	key = {cache, object};
	Watch	   *watch;
	bool		found;
	MemoryContext caller;

	/* What is looked at is not kept: expressions of a query that is planned. */
	if (looked_at == NULL)
		return;
	caller = MemoryContextSwitchTo(kept);
	watch = hash_search(watches, &key, HASH_ENTER, &found);
	if (!found)
		watch->rest = NIL;
	watch->rest = list_append_unique_ptr(watch->rest, looked_at);
	MemoryContextSwitchTo(caller);
}

/*
 * idv_code_watch_relation
 *		What is found of the table that is looked at rests on a relation, too.
 */
void
idv_code_watch_relation(Oid relation)
{
	rest_on(WATCH_RELATION, relation);
}

/*
 * idv_code_watch
 *		Likewise on an object: a function (PROCOID), a type (TYPEOID), a role
 *		(AUTHOID).
 */
void
idv_code_watch(int cache, Oid object)
{
	rest_on(cache, GetSysCacheHashValue1(cache, ObjectIdGetDatum(object)));
}

/* Look at a table, until nothing changes meanwhile. */
static void
look(Found *found, LOCKMODE lock)
{
	Found	   *outer = looked_at;
	MemoryContext caller;

	do
	{
		if (found->context != NULL)
			MemoryContextDelete(found->context);
		found->context = NULL;
		memset(&found->code, 0, sizeof(found->code));
		found->context = AllocSetContextCreate(kept, "idverify code of a table",
											   ALLOCSET_SMALL_SIZES);
		found->code.role = found->key.role;
		found->code.any_owner = found->key.any_owner;

		/* Before anything is read: what changes meanwhile counts. */
		found->valid = true;
		looked_at = found;
		caller = MemoryContextSwitchTo(found->context);
		PG_TRY();
		{
			idv_look_at_table(&found->code, found->key.relation,
							  found->key.with_parts, lock);
		}
		PG_CATCH();
		{
			found->valid = false;
			looked_at = outer;
			PG_RE_THROW();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(caller);
		looked_at = outer;
	} while (!found->valid);
}

/*
 * idv_table_code
 *		What is known of a table, looked at anew where that does not stand.
 *
 * any_owner	of IdvTableCode
 *
 * The other arguments are those of idv_code_objection().  What is returned is
 * good until the next question.
 */
IdvTableCode *
idv_table_code(Oid relation, Oid role, bool any_owner, bool with_parts, LOCKMODE lock)
{
	FoundKey	key;
	Found	   *found;
	bool		exists;
	ListCell   *lc;

	if (kept != NULL && looked_at == NULL &&
		hash_get_num_entries(watches) > WATCHES_KEPT)
	{
		MemoryContextDelete(kept);
		kept = NULL;
		generation++;
	}
	if (kept == NULL)
		make_tables();

	memset(&key, 0, sizeof(key));
	key.relation = relation;
	key.role = role;
	key.with_parts = with_parts;
	key.written = lock >= RowExclusiveLock;
	key.any_owner = any_owner;
	found = hash_search(all_found, &key, HASH_ENTER, &exists);
	if (!exists)
	{
		found->valid = false;
		found->context = NULL;
	}

	/* Who waits for a lock hears of what happened meanwhile. */
	do
	{
		if (!found->valid)
			look(found, lock);
		foreach(lc, found->code.parts)
		{
			LockRelationOid(lfirst_oid(lc), lock);
			if (!found->valid)
				break;
		}
	} while (!found->valid);
	return &found->code;
}
