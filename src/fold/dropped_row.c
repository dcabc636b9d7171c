/*-------------------------------------------------------------------------
 *
 * dropped_row.c
 *	  A row that is dropped: found at its place, and deleted.
 *
 * Its place is its ctid in the table of its tableoid; of a distributed table in the
 * shard, too, that the value of one column tells (server/distribution.c).
 *
 *-------------------------------------------------------------------------
 */
#include "fold/dropped_row.h"

#include "catalog/pg_type.h"

#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"

/* What a row at a place is found by, and how many parameters that takes. */
#define PLACE_PARAMETERS	3

/*
 * Prepare a statement on the row at a place.
 *
 * sql		"... FROM %s x", where the table's name goes
 */
static void
prepare(IdvStatement *statement, IdvTable *table, const char *sql)
{
	AttrNumber	column = table->distribution.column;
	Oid			types[PLACE_PARAMETERS] = {TIDOID, OIDOID};
	const char *of_shard = "";
	int			level = idv_canonical_sql_begin();

	idv_table_check_places(table);

	/* Without this, a stranger's row on another node may be at that place. */
	if (column != 0)
	{
		types[2] = TupleDescAttr(table->desc, column - 1)->atttypid;
		of_shard = psprintf(" AND %s",
							idv_comparison(psprintf("x.%s", idv_column_name(table, column)),
										   idv_equal_operator(types[2], types[2]), "$3"));
	}
	idv_table_statement(statement, table,
						psprintf("%s FROM %s x WHERE x.ctid = $1 AND x.tableoid = $2%s",
								 sql, table->from, of_shard),
						column == 0 ? 2 : 3, types);
	idv_canonical_text_end(level);
}

/* Run a statement on the row at a place.  Returns how many it found. */
static uint64
run(const IdvStatement *statement, const IdvTable *table, const Datum *place, IdvRow row)
{
	AttrNumber	column = table->distribution.column;
	Datum		values[PLACE_PARAMETERS] = {place[0], place[1]};

	if (column != 0)
		values[2] = row.values[column - 1];
	return idv_statement_run(statement, values, NULL);
}

/*
 * idv_is_still_at
 *		Is the version of a row that was found still the one that counts?
 *
 * place	its ctid and tableoid
 * row		what was found there
 */
bool
idv_is_still_at(IdvTable *table, const Datum *place, IdvRow row)
{
	if (table->look_at.plan == NULL)
		prepare(&table->look_at, table, "SELECT 1");
	return run(&table->look_at, table, place, row) > 0;
}

/*
 * idv_remove_row
 *		Delete the row at a place, ctid and tableoid, that is in the journal.
 *
 * row		what was found there
 *
 * 55000 if a trigger keeps it, 0A000 if the table's rows have no places.
 */
void
idv_remove_row(IdvTable *table, const Datum *place, IdvRow row)
{
	if (table->remove.plan == NULL)
	{
		prepare(&table->remove, table, "DELETE");
		table->remove.unreferenced = true;
	}
	if (run(&table->remove, table, place, row) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not delete duplicate row from \"%s\"", table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
}
