/*-------------------------------------------------------------------------
 *
 * kept_rows.c
 *	  The target's rows that others were dropped for.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/kept_rows.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/*
 * idv_kept_rows_add
 *		Add a row, by its ctid and tableoid, if anybody asks for them.
 */
void
idv_kept_rows_add(IdvKeptRows *kept, const Datum *place)
{
	MemoryContext caller;

	if (!kept->wanted)
		return;
	caller = MemoryContextSwitchTo(kept->context);
	if (kept->n == kept->size)
	{
		kept->size = Max(16, 2 * kept->size);
		kept->tables = kept->n == 0 ? palloc(sizeof(Datum) * kept->size) :
			repalloc_huge(kept->tables, sizeof(Datum) * kept->size);
		kept->places = kept->n == 0 ? palloc(sizeof(Datum) * kept->size) :
			repalloc_huge(kept->places, sizeof(Datum) * kept->size);
	}
	kept->places[kept->n] = datumCopy(place[0], false, sizeof(ItemPointerData));
	kept->tables[kept->n++] = place[1];
	MemoryContextSwitchTo(caller);
}

/*
 * idv_kept_rows_arrays
 *		The rows' places as two arrays, of tableoid and of ctid.
 *
 * arrays	output: the two
 *
 * A trigger may have changed a row since, such as one that counts what points
 * to it: then it is where its latest version is.
 */
void
idv_kept_rows_arrays(Datum *arrays, IdvKeptRows *kept)
{
	CommandCounterIncrement();
	for (int i = 0; i < kept->n; i++)
	{
		Relation	table = table_open(DatumGetObjectId(kept->tables[i]), AccessShareLock);
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TableScanDesc scan = table_beginscan_tid(table, snapshot);

		table_tuple_get_latest_tid(scan, (ItemPointer) DatumGetPointer(kept->places[i]));
		table_endscan(scan);
		UnregisterSnapshot(snapshot);
		table_close(table, NoLock);
	}
	arrays[0] = PointerGetDatum(construct_array(kept->tables, kept->n, OIDOID,
												sizeof(Oid), true, TYPALIGN_INT));
	arrays[1] = PointerGetDatum(construct_array(kept->places, kept->n, TIDOID,
												sizeof(ItemPointerData), false,
												TYPALIGN_SHORT));
}
