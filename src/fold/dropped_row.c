/*-------------------------------------------------------------------------
 *
 * dropped_row.c
 *	  A row that is dropped: found at its place, and deleted.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/dropped_row.h"

#include "catalog/pg_type.h"

#include "references/description_cache.h"

/*
 * idv_dropped_row_table
 *		A dropped row's table as it is described at this moment, with all that
 *		points to it locked.
 *
 * What points to contacts was locked when the fold began.  What points to a row
 * that is dropped was perhaps described in an earlier transaction, and its lock
 * ended with that; while we wait for it, a key may be committed that points to
 * the table.
 */
IdvTable *
idv_dropped_row_table(const IdvTable *table)
{
	IdvTable   *now;

	do
	{
		now = idv_table(table->relation);
	} while (idv_references_changed(now));
	idv_table_check(table, now->desc);
	return now;
}

/*
 * idv_is_still_at
 *		Is the version of a row that was found still the one that counts?
 *
 * place, relation	its ctid and tableoid
 */
bool
idv_is_still_at(IdvTable *table, Datum place, Datum relation)
{
	static const Oid types[] = {TIDOID, OIDOID};
	Datum		values[2] = {place, relation};

	if (table->look_at.plan == NULL)
		idv_table_statement(&table->look_at, table,
							psprintf("SELECT 1 FROM %s x WHERE x.ctid = $1 AND x.tableoid = $2",
									 table->from), 2, types);
	return idv_statement_run(&table->look_at, values, NULL) > 0;
}

/*
 * idv_remove_row
 *		Delete the row at a place, ctid and tableoid, that is in the journal.
 *
 * 55000 if a trigger keeps it.
 */
void
idv_remove_row(IdvTable *table, const Datum *place)
{
	if (table->remove.plan == NULL)
	{
		static const Oid types[] = {TIDOID, OIDOID};

		idv_table_statement(&table->remove, table,
							psprintf("DELETE FROM %s x WHERE x.ctid = $1 AND x.tableoid = $2",
									 table->from), 2, types);
		table->remove.unreferenced = true;
	}
	if (idv_statement_run(&table->remove, place, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not delete duplicate row from \"%s\"", table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
}
