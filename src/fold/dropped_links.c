/*-------------------------------------------------------------------------
 *
 * dropped_links.c
 *	  Drop the rows that link the source to the target.
 *
 * Such a row references both, by two columns of one unique key.  It is dropped
 * first of all, while it can be told from one that links the source to itself.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/dropped_links.h"

#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "fold/dropped_row.h"
#include "fold/link_sql.h"
#include "fold/move_check.h"
#include "fold/move_parameters.h"
#include "references/source_rows.h"

/*
 * Drop a row that links the source to the target, unless something points to it.
 *
 * Returns whether it was dropped.
 */
static bool
drop_link(IdvFold *fold, IdvTable *table, const IdvResult *result, int depth)
{
	Datum		place[2] = {
		datumCopy(result->values[0], false, sizeof(ItemPointerData)),
		result->values[1]
	};
	IdvRow		row = idv_table_row(table, result->values[IDV_LINK_ROW]);
	ListCell   *lc;

	table = idv_table_now(table);
	foreach(lc, idv_table_references(table))
	{
		if (idv_reference_may_point(lfirst(lc), table, row))
			return false;
	}
	idv_journal_dropped(&fold->journal, table, DatumGetObjectId(place[1]), row, NULL, depth);
	idv_remove_row(table, place, row);
	return true;
}

/*
 * idv_drop_links
 *		Drop the rows that link the source to the target: they would link the
 *		target to itself.
 *
 * table		what the references point to, with the source and the target
 * reference	one of the two along which they do; the other is any after it
 * from, to		the source and the target
 * depth		for the journal: how many dropped rows led here
 *
 * A row that something points to stays, since nothing could take its place.
 */
void
idv_drop_links(IdvFold *fold, IdvTable *table, IdvReference *reference,
			   IdvRow from, IdvRow to, int depth)
{
	Datum		values[4 * INDEX_MAX_KEYS];
	bool		nulls[4 * INDEX_MAX_KEYS];
	uint32		changed;
	bool		before = true;
	MemoryContext row_context;
	MemoryContext caller;
	ListCell   *lc;

	if (reference->self || reference->has_generated ||
		!idv_move_link_parameters(values, nulls, &changed, table, reference, from, to) ||
		idv_table_objection(reference->table) != NULL ||
		idv_move_leaves_alone(table, reference, from))
		return;

	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"idverify dropped link",
										ALLOCSET_DEFAULT_SIZES);
	foreach(lc, idv_table_references(table))
	{
		IdvReference *other = lfirst(lc);
		uint32		other_changed;
		const IdvLink *link;
		IdvResult  *result;
		int64		dropped = 0;

		if (before)
		{
			before = other != reference;
			continue;
		}
		if (other->table != reference->table ||
			!idv_move_link_parameters(values + 2 * reference->ncolumns,
									  nulls + 2 * reference->ncolumns, &other_changed,
									  table, other, from, to))
			continue;
		link = idv_link(table, reference, changed, other, other_changed);
		if (link->statement.plan == NULL)
			continue;

		result = idv_statement_query(&link->statement, values, nulls);
		while (idv_result_next(result))
		{
			CHECK_FOR_INTERRUPTS();
			caller = MemoryContextSwitchTo(row_context);
			dropped += drop_link(fold, reference->table, result, depth);
			MemoryContextSwitchTo(caller);
			MemoryContextReset(row_context);
		}
		idv_result_end(result);
		if (dropped > 0)
			idv_fold_reference_line(&fold->result, fold->contacts, table,
									reference, changed)->dropped += dropped;
	}
	MemoryContextDelete(row_context);
}
