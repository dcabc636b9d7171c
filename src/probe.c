/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  Rows of our own tables, found through an index.
 *
 * To ask for one contact costs the executor eight times what it costs the
 * index, and most calls of idverify_identify ask for nothing else.  So where a
 * table is an ordinary one it is asked directly, with the same answer: the
 * rows are those of the latest snapshot, and of this transaction so far.
 *
 * Where it is not, the caller is told to use a statement.  That is for tables
 * whose rows are elsewhere: distributed by Citus, or inherited.
 *
 *-------------------------------------------------------------------------
 */
#include "probe.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "rows.h"

/* Is every row of the table in the table itself, and open to its owner? */
static bool
holds_its_rows(Relation table)
{
	Form_pg_class form = table->rd_rel;

	return form->relkind == RELKIND_RELATION && !form->relhassubclass &&
		!(form->relrowsecurity && form->relforcerowsecurity) &&
		!OidIsValid(get_relname_relid("pg_dist_partition",
									  PG_CATALOG_NAMESPACE));
}

/* What a probe looks for. */
static int
make_keys(ScanKeyData keys[2], const IdvProbe *probe, Relation index,
		  int32 app_id, Datum value)
{
	int			n = 0;
	Oid			collation = index->rd_indcollation[probe->alone ? 0 : 1];

	if (probe->lowered)
		value = DirectFunctionCall1Coll(lower, collation, value);
	if (!probe->alone)
	{
		ScanKeyInit(&keys[n], n + 1, BTEqualStrategyNumber, F_INT4EQ,
					Int32GetDatum(app_id));
		n++;
	}
	ScanKeyEntryInitialize(&keys[n], 0, n + 1, BTEqualStrategyNumber,
						   InvalidOid, collation, probe->equal, value);
	return n + 1;
}

/*
 * Lock the row that was found, and read its latest version.
 *
 * Waits for whoever has written it.  Returns false if it is gone then.  The
 * keys of our tables are never updated, so it is the row that was sought.
 */
static bool
lock_row(const IdvProbe *probe, Relation table, Snapshot snapshot,
		 TupleTableSlot *slot)
{
	TM_FailureData failure;
	ItemPointerData tid = slot->tts_tid;
	TM_Result	result;

	result = table_tuple_lock(table, &tid, snapshot, slot,
							  GetCurrentCommandId(false), probe->mode,
							  LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
							  &failure);
	switch (result)
	{
		case TM_Ok:
			return true;
		case TM_Deleted:
		case TM_SelfModified:
			return false;
		default:
			elog(ERROR, "unexpected table_tuple_lock status: %u", result);
			return false;
	}
}

/* The rows that the index finds; as idv_probe(). */
static int
scan(const IdvProbe *probe, Relation table, Relation index, int32 app_id,
	 Datum value, IdvRow *first)
{
	ScanKeyData keys[2];
	int			nkeys = make_keys(keys, probe, index, app_id, value);
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
		if (probe->lock && !lock_row(probe, table, snapshot, slot))
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
 * idv_probe
 *		Find rows of a table of ours by app_id and one more value, or by the
 *		value alone; perhaps lock them.
 *
 * The predicate of a partial index is part of what is asked.
 *
 * first		output: the first row, in the caller's memory context; its
 *				columns are those of the table
 *
 * Returns how many rows there are, where 2 stands for more, too; or -1 if the
 * table or the index is not as it was installed: then a statement has to ask.
 */
int
idv_probe(const IdvProbe *probe, int32 app_id, Datum value, IdvRow *first)
{
	LOCKMODE	mode = probe->lock ? RowShareLock : AccessShareLock;
	Relation	table = table_open(idv_rows_table(probe->table), mode);
	int			found = -1;

	if (holds_its_rows(table))
	{
		Oid			oid = get_relname_relid(probe->index,
											RelationGetNamespace(table));
		Relation	index = OidIsValid(oid) ?
		try_relation_open(oid, AccessShareLock) : NULL;

		if (index != NULL)
		{
			if (index->rd_rel->relkind == RELKIND_INDEX &&
				index->rd_index->indrelid == RelationGetRelid(table) &&
				index->rd_index->indisvalid &&
				!index->rd_index->indcheckxmin)
				found = scan(probe, table, index, app_id, value, first);
			relation_close(index, AccessShareLock);
		}
	}
	/* A row's lock is worth nothing without its table's. */
	table_close(table, probe->lock ? NoLock : mode);
	return found;
}
