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

/* The rows that the index finds; as idv_probe(). */
static int
scan(const IdvProbe *probe, Relation table, Relation index, int32 app_id,
	 Datum value, IdvRow *first)
{
	ScanKeyData keys[2];
	IndexScanDesc desc;
	TupleTableSlot *slot;
	Snapshot	snapshot;
	int			found = 0;

	if (probe->lowered)
		value = DirectFunctionCall1Coll(lower, index->rd_indcollation[1], value);
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(app_id));
	ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[1], probe->equal, value);

	/* What this transaction has written counts. */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	slot = table_slot_create(table, NULL);
#if PG_VERSION_NUM >= 180000
	desc = index_beginscan(table, index, snapshot, NULL, lengthof(keys), 0);
#else
	desc = index_beginscan(table, index, snapshot, lengthof(keys), 0);
#endif
	index_rescan(desc, keys, lengthof(keys), NULL, 0);
	while (found < 2 && index_getnext_slot(desc, ForwardScanDirection, slot))
	{
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
 *		Find rows of a table of ours by app_id and one more value.
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
	Relation	table = table_open(idv_rows_table(probe->table), AccessShareLock);
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
	table_close(table, AccessShareLock);
	return found;
}
