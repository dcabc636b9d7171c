/*-------------------------------------------------------------------------
 *
 * trusted_code.c
 *	  Whose code a statement on a table would run: asked once, and kept.
 *
 * Every statement of ours asks before it is planned, since to plan it already
 * computes constants in expressions of indexes.  So what was found is kept, for
 * each table and role, until anything changes that it rests on: a table, a
 * function, a type, a role, a membership, a cast.  Only changes of just these
 * objects count, so temporary tables of other sessions cost nothing.
 *
 * The caller holds a lock on the table, as its statement takes it, or a
 * statement takes it before it runs and then asks once more.  So nobody can hang
 * anything there between question and execution.  What can be replaced without
 * that lock, the body of a function or the checks of a domain, only its owner
 * can replace, who is trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "server/trusted_code.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
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

/* Counts what has changed; 0 never stands. */
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
 * idv_trusted_code_init
 *		Module load: be told of changes.
 */
void
idv_trusted_code_init(void)
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
watch(int cache, uint32 object)
{
	WatchKey	key = {cache, object};
	Watch	   *watch;
	bool		found;
	MemoryContext caller = MemoryContextSwitchTo(kept);

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
	watch(WATCH_RELATION, relation);
}

/*
 * idv_code_watch
 *		Likewise on an object: a function (PROCOID), a type (TYPEOID), a role
 *		(AUTHOID).
 */
void
idv_code_watch(int cache, Oid object)
{
	watch(cache, GetSysCacheHashValue1(cache, ObjectIdGetDatum(object)));
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

/* What is known of a table, looked at anew where that does not stand. */
static IdvTableCode *
code_of(Oid relation, Oid role, bool any_owner, bool with_parts, LOCKMODE lock)
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

/* The session's temporary schema, or InvalidOid. */
static Oid
temporary_schema(void)
{
	Oid			schema;
	Oid			toast;

	GetTempNamespaceState(&schema, &toast);
	return schema;
}

/*
 * idv_role_may_run_as
 *		May code of one role run as another?
 *
 * It may if its author could become that role, or has its rights, anyway.
 */
bool
idv_role_may_run_as(Oid author, Oid role)
{
	return author == role || superuser_arg(author) ||
#if PG_VERSION_NUM >= 160000
		member_can_set_role(author, role) || has_privs_of_role(author, role);
#else
		is_member_of_role_nosuper(author, role);
#endif
}

/* Whose a relation or a type is, and what it is called; InvalidOid: another kind. */
static Oid
owner_of(const ObjectAddress *object, char **name)
{
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	if (object->classId == RelationRelationId)
	{
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(object->objectId));
		if (HeapTupleIsValid(tuple))
		{
			owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
			*name = psprintf("temporary relation \"%s\"",
							 NameStr(((Form_pg_class) GETSTRUCT(tuple))->relname));
			ReleaseSysCache(tuple);
		}
	}
	else if (object->classId == TypeRelationId)
	{
		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(object->objectId));
		if (HeapTupleIsValid(tuple))
		{
			owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
			*name = psprintf("temporary type \"%s\"",
							 NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
			ReleaseSysCache(tuple);
		}
	}
	return owner;
}

/*
 * What a table runs, even if its author is trusted, may name things without a
 * schema.  Object to what it would find in the session's temporary schema, if
 * that is of a role that is not trusted.
 *
 * Functions and operators are never looked for there.
 */
static const IdvObjection *
temporary_objection(IdvTableCode *code)
{
	Oid			schema = temporary_schema();
	IdvObjection *objection = NULL;
	Relation	depend;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	if (!OidIsValid(schema) || code->runs == NULL)
		return NULL;
	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (objection == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object = {form->classid, form->objid, form->objsubid};
		char	   *name = NULL;
		Oid			owner = owner_of(&object, &name);

		if (!OidIsValid(owner) || idv_role_may_run_as(owner, code->role))
			continue;
		objection = palloc(sizeof(IdvObjection));
		objection->reason = psprintf("%s belongs to role \"%s\"", name,
									 GetUserNameFromId(owner, false));
		objection->detail = psprintf("What %s names without a schema could be that, with the rights of role \"%s\".",
									 code->runs, GetUserNameFromId(code->role, false));
		objection->hint = pstrdup("Drop it (DISCARD TEMP does), or fold in another session.");
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return objection;
}

static const IdvObjection *
objection_to(IdvTableCode *code)
{
	return code->objection != NULL ? code->objection : temporary_objection(code);
}

/*
 * idv_code_objection
 *		What of a table's code may not run as a role?
 *
 * role			InvalidOid: the owner of the table
 * with_parts	partitions and children, too
 * lock			what the statement takes, on the parts too; below
 *				RowExclusiveLock it writes nothing and no trigger counts
 *
 * Returns NULL if all of it may.  What is returned is good until the next
 * question.
 */
const IdvObjection *
idv_code_objection(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	return objection_to(code_of(relation, role, false, with_parts, lock));
}

/*
 * idv_code_objection_of_key
 *		The same of a table that a foreign key queries, as its owner, in the middle
 *		of a statement of role: it may be of another owner if nothing that role
 *		does not trust hangs there.
 */
const IdvObjection *
idv_code_objection_of_key(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	return objection_to(code_of(relation, role, true, with_parts, lock));
}

/*
 * idv_endangers_caller
 *		Could the owner of a table want to be who has called us all?
 *
 * Not the owner of the function that has called: that is who checks out what the
 * owner leaves behind.
 */
bool
idv_endangers_caller(Oid owner)
{
	Oid			caller = GetOuterUserId();

	/* With a RESET, a superuser who has become somebody else is one again. */
	return owner != caller && !superuser_arg(owner) &&
		(superuser_arg(caller) || superuser_arg(GetAuthenticatedUserId()));
}

/*
 * idv_report_objection
 *		Raise the error that a table's code may not run.  42501.
 */
void
idv_report_objection(Oid relation, const IdvObjection *objection)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot use table %s, because %s",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
											   get_rel_name(relation)),
					objection->reason),
			 errdetail("%s", objection->detail),
			 errhint("%s", objection->hint)));
}

/* The code of a table, which is trusted: 42501. */
static const IdvTableCode *
checked_code(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	IdvTableCode *code = code_of(relation, role, false, with_parts, lock);
	const IdvObjection *objection = objection_to(code);

	if (objection != NULL)
		idv_report_objection(relation, objection);
	return code;
}

/*
 * idv_check_code
 *		idv_code_objection(), raised as an error if there is one.
 */
void
idv_check_code(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	(void) checked_code(relation, role, with_parts, lock);
}

/*
 * Check the code of each table in a query.
 *
 * context	an IdvChecked, where is noted what there is
 */
static bool
check_tables(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (entry->rtekind != RTE_RELATION)
			return false;

		/* A query that is going to be analyzed again may name what is gone. */
		LockRelationOid(entry->relid, AccessShareLock);
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->relid)))
		{
			const IdvTableCode *code = checked_code(entry->relid, GetUserId(),
													entry->inh, entry->rellockmode);
			IdvChecked *checked = context;

			/* Parts are not locked any more in the next transaction. */
			checked->has_parts = checked->has_parts || code->parts != NIL;
			checked->runs = checked->runs || code->runs != NULL;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_tables, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, check_tables, context);
}

/*
 * idv_check_plan
 *		See that the current user may run all that a plan can run, which SPI
 *		has prepared in this transaction.  42501.
 */
void
idv_check_plan(SPIPlanPtr plan)
{
	IdvChecked	checked = {0};
	ListCell   *lc;

	foreach(lc, SPI_plan_get_plan_sources(plan))
		(void) check_tables((Node *) ((CachedPlanSource *) lfirst(lc))->query_list,
							&checked);
}

/*
 * idv_check_source
 *		The same of a kept plan, unless nothing has changed since it was seen.
 *
 * checked		what was seen; all zeros at first
 * lock_parts	lock parts of tables again, since this may be another transaction
 */
void
idv_check_source(IdvChecked *checked, CachedPlanSource *source, bool lock_parts)
{
	/* A statement before may have waited for a row, which tells nothing. */
	if (lock_parts)
		AcceptInvalidationMessages();
	do
	{
		if (checked->generation == generation && checked->role == GetUserId() &&
			checked->queries == source->query_list &&
			!(lock_parts && checked->has_parts) &&
			!(checked->runs && OidIsValid(temporary_schema())))
			return;
		lock_parts = false;
		checked->generation = generation;
		checked->role = GetUserId();
		checked->queries = NIL;
		checked->has_parts = false;
		checked->runs = false;
		(void) check_tables((Node *) source->query_list, checked);
		checked->queries = source->query_list;
	} while (checked->generation != generation);
}
