/*-------------------------------------------------------------------------
 *
 * index_lookup.c
 *	  Rows of our own tables, found through an index.
 *
 * What is correct without this file: every caller has a statement that asks the
 * same, and runs it when it is told -1 here.  Built with
 * -DIDV_WITHOUT_INDEX_LOOKUP this is what everybody is told, always.
 *
 * What it saves: to ask for one contact costs the executor eight times what it
 * costs the index, and most calls of idverify_identify ask for nothing else.  An
 * unchanged identify is 20 % cheaper.
 *
 * Why the answer is the same:
 *
 * - The rows are those of the latest snapshot, and of this transaction so far, as
 *	 they are for a statement (server/statement.c).
 * - All rows are in the table: it is an ordinary one, which nothing inherits from,
 *	 Citus has not distributed, and no row security restricts for its owner
 *	 (holds_its_rows).
 * - The index holds the rows that are asked for, and no others, and compares as
 *	 the statement does: its columns, its predicate, its operators and collations
 *	 are looked at (are_as_installed), and so are the types of what is read.
 * - A row that is to be locked is locked in its latest version, and looked at
 *	 again if that is another one, as the executor does (lock_row).
 *
 * In all other cases a statement asks.
 *
 *-------------------------------------------------------------------------
 */
#include "server/index_lookup.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "server/distribution.h"

#ifdef IDV_WITHOUT_INDEX_LOOKUP
#define SWITCHED_OFF	true
#else
#define SWITCHED_OFF	false
#endif

/* Is every row of the table in the table itself, and open to its owner? */
static bool
holds_its_rows(Relation table)
{
	Form_pg_class form = table->rd_rel;

	return form->relkind == RELKIND_RELATION && !form->relhassubclass &&
		!(form->relrowsecurity && form->relforcerowsecurity) &&
		!idv_citus_is_installed();
}

/* Has a key column of the index this operator for equality? */
static bool
compares_by(Relation index, int column, RegProcedure equal)
{
	Oid			type = index->rd_opcintype[column];
	Oid			operator = get_opfamily_member(index->rd_opfamily[column],
											   type, type,
											   BTEqualStrategyNumber);

	return OidIsValid(operator) && get_opcode(operator) == equal;
}

/*
 * Is the index one of the columns and of the rows that are asked for?
 *
 * What it returns is not looked at again: one that holds other rows, or fewer,
 * would have the claim of a stranger found, or nobody.  An index never changes
 * in this, so it is asked but once; by what it looks like, since the trees of
 * expressions differ from release to release.  The search_path is pinned.
 */
static bool
holds_what_is_asked(IdvIndexLookup *lookup, Relation index)
{
	Oid			oid = RelationGetRelid(index);
	HeapTuple	tuple;
	Datum		tree;
	bool		isnull;
	char	   *predicate = NULL;

	if (lookup->known == oid)
		return true;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", oid);
	tree = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	if (!isnull)
		predicate = TextDatumGetCString(DirectFunctionCall2(pg_get_expr, tree,
															ObjectIdGetDatum(index->rd_index->indrelid)));
	ReleaseSysCache(tuple);
	if ((predicate == NULL) != (lookup->predicate == NULL) ||
		(predicate != NULL && strcmp(predicate, lookup->predicate) != 0) ||
		strcmp(pg_get_indexdef_columns(oid, false), lookup->columns) != 0)
		return false;
	lookup->known = oid;
	return true;
}

/*
 * Are table and index what the lookup takes them for?
 *
 * A DBA may have changed the type of a column, which makes the index anew, or
 * have made another one under its name, of other rows.
 */
static bool
are_as_installed(IdvIndexLookup *lookup, Relation table, Relation index)
{
	TupleDesc	desc = RelationGetDescr(table);
	Form_pg_index form = index->rd_index;

	if (index->rd_rel->relkind != RELKIND_INDEX ||
		index->rd_rel->relam != BTREE_AM_OID ||
		form->indrelid != RelationGetRelid(table) ||
		!form->indisvalid || form->indcheckxmin ||
		form->indnkeyatts != (lookup->alone ? 1 : 2) ||
		(!lookup->alone && !compares_by(index, 0, F_INT4EQ)) ||
		!compares_by(index, lookup->alone ? 0 : 1, lookup->equal) ||
		desc->natts < lookup->ntypes ||
		!holds_what_is_asked(lookup, index))
		return false;
	for (int k = 0; k < form->indnkeyatts; k++)
	{
		AttrNumber	column = form->indkey.values[k];

		if (index->rd_indcollation[k] !=
			(column == 0 ? C_COLLATION_OID : TupleDescAttr(desc, column - 1)->attcollation))
			return false;
	}
	for (int i = 0; i < lookup->ntypes; i++)
	{
		if (TupleDescAttr(desc, i)->atttypid != lookup->types[i])
			return false;
	}
	return true;
}

/* What a lookup looks for. */
static int
make_keys(ScanKeyData keys[2], const IdvIndexLookup *lookup, Relation index,
		  int32 app_id, Datum value)
{
	int			n = 0;
	Oid			collation = index->rd_indcollation[lookup->alone ? 0 : 1];

	if (lookup->lowered)
		value = DirectFunctionCall1Coll(lower, C_COLLATION_OID, value);
	if (!lookup->alone)
	{
		ScanKeyInit(&keys[n], n + 1, BTEqualStrategyNumber, F_INT4EQ,
					Int32GetDatum(app_id));
		n++;
	}
	ScanKeyEntryInitialize(&keys[n], 0, n + 1, BTEqualStrategyNumber,
						   InvalidOid, collation, lookup->equal, value);
	return n + 1;
}

/*
 * Lock the row that was found, and read its latest version.
 *
 * Waits for whoever has written it.  Returns false if it is gone then, or, by
 * hand, has been given another key: keys are an app_id and a bigint.
 */
static bool
lock_row(const IdvIndexLookup *lookup, Relation table, Relation index,
		 Snapshot snapshot, TupleTableSlot *slot, int32 app_id, Datum value)
{
	int16	   *key = index->rd_index->indkey.values;
	bool		isnull;
	TM_FailureData failure;
	ItemPointerData tid = slot->tts_tid;
	TM_Result	result;

	result = table_tuple_lock(table, &tid, snapshot, slot,
							  GetCurrentCommandId(false), lookup->mode,
							  LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
							  &failure);
	switch (result)
	{
		case TM_Ok:
			return !failure.traversed ||
				(DatumGetInt32(slot_getattr(slot, key[0], &isnull)) == app_id &&
				 DatumGetInt64(slot_getattr(slot, key[1], &isnull)) == DatumGetInt64(value));
		case TM_Deleted:
		case TM_SelfModified:
			return false;
		default:
			elog(ERROR, "unexpected table_tuple_lock status: %u", result);
			return false;
	}
}

/* The rows that the index finds; as idv_index_lookup(). */
static int
scan(const IdvIndexLookup *lookup, Relation table, Relation index, int32 app_id,
	 Datum value, IdvRow *first)
{
	ScanKeyData keys[2];
	int			nkeys = make_keys(keys, lookup, index, app_id, value);
	IndexScanDesc desc;
	TupleTableSlot *slot;
	Snapshot	snapshot;
	int			found = 0;

	/* What this transaction has written counts. */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	slot = table_slot_create(table, NULL);
#if PG_VERSION_NUM >= 180000
	desc = index_beginscan(table, index, snapshot, NULL, nkeys, 0);
#else
	desc = index_beginscan(table, index, snapshot, nkeys, 0);
#endif
	index_rescan(desc, keys, nkeys, NULL, 0);
	while (found < 2 && index_getnext_slot(desc, ForwardScanDirection, slot))
	{
		if (lookup->lock &&
			!lock_row(lookup, table, index, snapshot, slot, app_id, value))
			continue;
		if (found++ == 0)
			idv_row_copy(first, slot);
	}
	index_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return found;
}

/*
 * idv_index_lookup
 *		Find rows of a table of ours by app_id and one more value, or by the
 *		value alone; perhaps lock them.
 *
 * table		OID of lookup->table
 * first		output: the first row, in the caller's memory context; its
 *				columns are those of the table
 *
 * The predicate of a partial index is part of what is asked.
 *
 * Returns how many rows there are, where 2 stands for more, too; or -1 if the
 * table or the index is not as it was installed: then a statement has to ask.
 */
int
idv_index_lookup(IdvIndexLookup *lookup, Oid table_oid, int32 app_id,
				 Datum value, IdvRow *first)
{
	LOCKMODE	mode = lookup->lock ? RowShareLock : AccessShareLock;
	Relation	table = try_table_open(table_oid, mode);
	int			found = -1;

	/* Dropped, with the extension, since it was looked up. */
	if (table == NULL)
		return -1;

	if (!SWITCHED_OFF && holds_its_rows(table))
	{
		Oid			oid = get_relname_relid(lookup->index,
											RelationGetNamespace(table));
		Relation	index = OidIsValid(oid) ?
		try_relation_open(oid, AccessShareLock) : NULL;

		if (index != NULL)
		{
			if (are_as_installed(lookup, table, index))
				found = scan(lookup, table, index, app_id, value, first);
			relation_close(index, AccessShareLock);
		}
	}

	/* What is stored out of line is read later: nobody may rewrite the table. */
	table_close(table, NoLock);
	return found;
}
