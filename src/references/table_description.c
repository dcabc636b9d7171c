/*-------------------------------------------------------------------------
 *
 * table_description.c
 *	  What the catalog says of the tables that a fold goes through.
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
#include "references/table_description.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "references/pointing_keys.h"
#include "server/canonical_text.h"

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
 * tables of another session.
 */
static void
note_schema_change(Datum arg pg_attribute_unused(),
				   int cacheid pg_attribute_unused(), uint32 hashvalue)
{
	if (hashvalue == 0 || catalogue == NULL ||
		bsearch(&hashvalue, catalogue->schemas, catalogue->nschemas,
				sizeof(uint32), compare_hashes) != NULL)
		is_stale = true;
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
 * idv_table_descriptions_init
 *		Module load: be told of changes.
 */
void
idv_table_descriptions_init(void)
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
	int			room = 32;
	HeapTuple	tuple;

	fresh->schemas = MemoryContextAlloc(fresh->context, room * sizeof(uint32));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			schema = ((Form_pg_namespace) GETSTRUCT(tuple))->oid;

		if (fresh->nschemas == room)
		{
			room *= 2;
			fresh->schemas = repalloc(fresh->schemas, room * sizeof(uint32));
		}
		fresh->schemas[fresh->nschemas++] =
			GetSysCacheHashValue1(NAMESPACEOID, ObjectIdGetDatum(schema));
	}
	systable_endscan(scan);
	table_close(namespaces, AccessShareLock);
	qsort(fresh->schemas, fresh->nschemas, sizeof(uint32), compare_hashes);
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
 * idv_table_objection
 *		What of a table's code may not run as its owner, or NULL.
 *
 * Whoever only reads the catalog asks nobody; but nothing else is done with
 * a table of which this is not NULL.
 */
const IdvObjection *
idv_table_objection(const IdvTable *table)
{
	return idv_code_objection(table->relation, table->owner,
							  strcmp(table->from, table->name) == 0,
							  RowExclusiveLock);
}

/*
 * idv_table_check_code
 *		idv_table_objection(), raised as an error.  42501.
 */
void
idv_table_check_code(const IdvTable *table)
{
	const IdvObjection *objection = idv_table_objection(table);

	if (objection != NULL)
		idv_report_objection(table->relation, objection);
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
 * idv_relation_name
 *		The name of a relation, qualified and quoted.
 */
char *
idv_relation_name(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relation);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  name);
}

/*
 * idv_relation_label
 *		The name of a relation, qualified and not quoted, for messages.
 */
char *
idv_relation_label(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relation);
	return psprintf("%s.%s", get_namespace_name(get_rel_namespace(relation)),
					name);
}

/* An operand, of the very type that the operator takes. */
static const char *
cast_to(const char *operand, Oid type)
{
	if (get_typtype(type) == TYPTYPE_PSEUDO)
		return operand;
	return psprintf("CAST(%s AS %s)", operand,
					format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

/*
 * idv_comparison
 *		A comparison as SQL, by just this operator whatever the search_path.
 *
 * An operator's name and schema do not tell which it is: of several the one is
 * taken that fits the operands best, say of a domain, and in a schema where
 * others may create, it may be theirs.  So the operands are cast to what it takes,
 * as foreign keys do; but not for what is built in, where nobody creates.
 */
char *
idv_comparison(const char *left, Oid operator, const char *right)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *comparison;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	if (form->oprnamespace != PG_CATALOG_NAMESPACE)
	{
		left = cast_to(left, form->oprleft);
		right = cast_to(right, form->oprright);
	}
	comparison = psprintf("%s OPERATOR(%s.%s) %s", left,
						  quote_identifier(get_namespace_name(form->oprnamespace)),
						  NameStr(form->oprname), right);
	ReleaseSysCache(tuple);
	return comparison;
}

/*
 * idv_equal_operator
 *		What two types are compared by in an index, or InvalidOid.
 */
Oid
idv_equal_operator(Oid left, Oid right)
{
	TypeCacheEntry *l = lookup_type_cache(left, TYPECACHE_BTREE_OPFAMILY);
	TypeCacheEntry *r = lookup_type_cache(right, TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(l->btree_opf) || l->btree_opf != r->btree_opf)
		return InvalidOid;
	return get_opfamily_member(l->btree_opf, l->btree_opintype,
							   r->btree_opintype, BTEqualStrategyNumber);
}

/*
 * idv_column_name
 *		The name of a table's column, quoted.
 */
const char *
idv_column_name(const IdvTable *table, AttrNumber column)
{
	return quote_identifier(NameStr(TupleDescAttr(table->desc, column - 1)->attname));
}

/*
 * idv_column_equals
 *		Are two values of a column equal, by its type and collation?
 *
 * As the table's owner, since a type that is not built in may call what is the
 * owner's (server/type_code.c has looked at it).
 */
bool
idv_column_equals(const IdvTable *table, AttrNumber column, Datum a, Datum b)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);
	TypeCacheEntry *type = lookup_type_cache(att->atttypid,
											 TYPECACHE_EQ_OPR_FINFO);

	IdvCaller	caller;
	bool		equal;

	if (!OidIsValid(type->eq_opr_finfo.fn_oid))
		return datum_image_eq(a, b, att->attbyval, att->attlen);
	idv_become_owner(&caller, att->atttypid < FirstUnpinnedObjectId ?
					 InvalidOid : table->owner);
	equal = DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo,
										   att->attcollation, a, b));
	idv_become_caller(&caller);
	return equal;
}

/*
 * idv_table_columns
 *		All columns of a table, as the result of a query on alias.
 */
char *
idv_table_columns(const IdvTable *table, const char *alias)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < table->desc->natts; i++)
	{
		if (!TupleDescAttr(table->desc, i)->attisdropped)
			appendStringInfo(&list, "%s%s.%s", list.len == 0 ? "" : ", ",
							 alias, idv_column_name(table, i + 1));
	}
	return list.data;
}

/*
 * idv_table_check
 *		Refuse a table that some trigger has altered since it was described.
 *
 * now		what it is now.  55000
 */
void
idv_table_check(const IdvTable *table, TupleDesc now)
{
	bool		same = now->natts == table->desc->natts;

	for (int i = 0; same && i < now->natts; i++)
		same = TupleDescAttr(now, i)->atttypid ==
			TupleDescAttr(table->desc, i)->atttypid;
	if (!same)
		idv_report_altered(table->label);
}

/*
 * idv_table_row
 *		A row that a query returned as a record of the table, copied.  55000 if
 *		the table has been altered.
 */
IdvRow
idv_table_row(const IdvTable *table, Datum record)
{
	/* not DatumGetHeapTupleHeaderCopy(): older minor releases lack it */
	HeapTupleHeader header = (HeapTupleHeader) PG_DETOAST_DATUM_COPY(record);
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header),
		.t_data = header
	};
	TupleDesc	now = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											 HeapTupleHeaderGetTypMod(header));
	IdvRow		row;

	/* Our lock keeps others from altering it, but not a trigger. */
	idv_table_check(table, now);
	ReleaseTupleDesc(now);
	row.values = palloc0(sizeof(Datum) * table->desc->natts);
	row.nulls = palloc(sizeof(bool) * table->desc->natts);
	heap_deform_tuple(&tuple, table->desc, row.values, row.nulls);
	for (int i = 0; i < table->desc->natts; i++)
		row.nulls[i] = row.nulls[i] || TupleDescAttr(table->desc, i)->attisdropped;
	return row;
}

/*
 * idv_table_numbered
 *		A row of all columns that there are, as one by their numbers.
 */
IdvRow
idv_table_numbered(const IdvTable *table, IdvRow columns)
{
	IdvRow		row;
	int			n = 0;

	row.values = palloc0(sizeof(Datum) * table->desc->natts);
	row.nulls = palloc(sizeof(bool) * table->desc->natts);
	for (int i = 0; i < table->desc->natts; i++)
	{
		row.nulls[i] = true;
		if (TupleDescAttr(table->desc, i)->attisdropped)
			continue;
		row.nulls[i] = columns.nulls[n];
		row.values[i] = columns.values[n];
		n++;
	}
	return row;
}

/*
 * idv_own_contacts
 *		Our own table of contacts.
 */
Oid
idv_own_contacts(void)
{
	Oid			schema = get_namespace_oid("idverify", true);
	Oid			table = InvalidOid;

	if (OidIsValid(schema))
		table = get_relname_relid("contacts", schema);
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table idverify.contacts does not exist"),
				 errhint("Run CREATE EXTENSION idverify in this database.")));
	return table;
}

/*
 * idv_is_own_table
 *		Is it in the schema of our own tables?  Our functions alone write there.
 */
bool
idv_is_own_table(Oid relation)
{
	return get_rel_namespace(relation) == get_namespace_oid("idverify", false);
}

/*
 * idv_root_relation
 *		The partitioned table that a partition is in the end a part of, or the
 *		relation itself.
 */
Oid
idv_root_relation(Oid relation)
{
	List	   *ancestors;

	if (!get_rel_relispartition(relation))
		return relation;
	ancestors = get_partition_ancestors(relation);
	return ancestors == NIL ? relation : llast_oid(ancestors);
}

/* Does somebody's own trigger hang on a table? */
static bool
has_triggers(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (!triggers->triggers[i].tgisinternal)
			return true;
	}

	/* Those of partitions are theirs alone. */
	return relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

/* May the owner name a table, read it and update it? */
static bool
has_privileges(Relation relation)
{
	Oid			owner = relation->rd_rel->relowner;
	AclMode		mode = ACL_SELECT | ACL_UPDATE;

#if PG_VERSION_NUM >= 160000
	if (object_aclcheck(NamespaceRelationId, RelationGetNamespace(relation),
						owner, ACL_USAGE) != ACLCHECK_OK)
		return false;
#else
	if (pg_namespace_aclcheck(RelationGetNamespace(relation), owner,
							  ACL_USAGE) != ACLCHECK_OK)
		return false;
#endif
	return pg_class_aclmask(RelationGetRelid(relation), owner, mode,
							ACLMASK_ALL) == mode;
}

/*
 * May an UPDATE of a table fail, or do something, where it touches no row?
 *
 * By a rule, a trigger for each statement, or because the owner has taken the
 * right from themselves.
 */
static bool
may_refuse(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	return relation->rd_rules != NULL ||
		(triggers != NULL && (triggers->trig_update_before_statement ||
							  triggers->trig_update_after_statement)) ||
		!has_privileges(relation);
}

/*
 * A table, and all that is one with it: partitioned tables that it is in, its
 * own parts.  What is done to these counts, too: an index on one part alone, a
 * part that is detached.
 */
static List *
find_family(Oid relation)
{
	List	   *family = list_make1_oid(relation);
	ListCell   *lc;

	if (get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE)
		family = find_all_inheritors(relation, NoLock, NULL);
	if (get_rel_relispartition(relation))
		family = list_concat(family, get_partition_ancestors(relation));
	foreach(lc, family)
	{
		Oid			member = lfirst_oid(lc);
		bool		found;
		TableEntry *entry = hash_search(catalogue->tables, &member, HASH_ENTER, &found);

		if (!found)
			entry->table = NULL;
	}
	return family;
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
	Relation	relation;
	MemoryContext caller;
	bool		found;
	int			level;

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

	relation = relation_open(relid, NoLock);
	level = idv_canonical_sql_begin();
	caller = MemoryContextSwitchTo(catalogue->context);
	table = palloc0(sizeof(IdvTable));
	table->home = catalogue;
	table->relation = relid;
	table->owner = relation->rd_rel->relowner;
	table->name = idv_relation_name(relid);
	table->label = idv_relation_label(relid);
	table->from = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
		table->name : psprintf("ONLY %s", table->name);
	table->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	table->has_triggers = has_triggers(relation);
	table->may_refuse = may_refuse(relation);
	table->family = find_family(relid);
	MemoryContextSwitchTo(caller);
	idv_canonical_text_end(level);
	relation_close(relation, NoLock);

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
