/*-------------------------------------------------------------------------
 *
 * distribution.c
 *	  Where the rows of a table are: in it, or, by Citus, in shards.
 *
 * Citus keeps the rows of a distributed table in shards, which are tables on
 * other nodes, and the table itself is empty.  Two things follow for us.
 *
 * - Nothing may scan the table or its indexes: a statement has to ask.
 * - ctid and tableoid are no place.  Nodes number their tables alike, so there
 *	 may be a row at the same ctid of a shard of the same tableoid on each of
 *	 them, of strangers.  With the value of the column that the table is
 *	 distributed by it is one, since that tells the shard.  Of a shard with
 *	 several copies ctid is no place at all: each copy has its own.
 *
 * Where Citus is not installed its catalog is not there, and all rows are here.
 *
 *-------------------------------------------------------------------------
 */
#include "server/distribution.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Citus's list of its tables, or InvalidOid. */
static Oid
citus_tables(void)
{
	return get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
}

/*
 * idv_citus_is_installed
 *		Is Citus installed in this database?
 */
bool
idv_citus_is_installed(void)
{
	return OidIsValid(citus_tables());
}

/*
 * A value of Citus's row, of this type.  Returns false if there is none.
 *
 * Taken from all of them: heap_getattr() is compiled in, and calls what older minor
 * releases lack (dev/symbols).
 */
static bool
read_value(Datum *value, Relation tables, HeapTuple tuple, const char *name, Oid type)
{
	TupleDesc	desc = RelationGetDescr(tables);
	AttrNumber	column = get_attnum(RelationGetRelid(tables), name);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);

	if (column <= 0 || TupleDescAttr(desc, column - 1)->atttypid != type)
		return false;
	heap_deform_tuple(tuple, desc, values, nulls);
	*value = values[column - 1];
	return !nulls[column - 1];
}

/* The column of a distribution key, as Citus has it: a Var.  0 if it is none. */
static AttrNumber
key_column(Datum key)
{
	Node	   *node = stringToNode(TextDatumGetCString(key));

	return node != NULL && IsA(node, Var) ? ((Var *) node)->varattno : 0;
}

/*
 * What Citus says of a table.
 *
 * A table is distributed by hash ('h') or not at all ('n'), and has one copy of
 * each shard ('s', for streaming) or several.  All else is taken for the case in
 * which least is possible.
 */
static IdvDistribution
read_distribution(Relation tables, HeapTuple tuple)
{
	IdvDistribution found = {.rows = IDV_ROWS_COPIED};
	Datum		method;
	Datum		copies;
	Datum		key;
	Datum		colocation;

	if (!read_value(&method, tables, tuple, "partmethod", CHAROID) ||
		!read_value(&copies, tables, tuple, "repmodel", CHAROID) ||
		!read_value(&colocation, tables, tuple, "colocationid", INT4OID) ||
		DatumGetChar(copies) != 's')
		return found;
	found.colocation = DatumGetInt32(colocation);
	if (DatumGetChar(method) == 'n')
		found.rows = IDV_ROWS_IN_ONE_SHARD;
	else if (DatumGetChar(method) == 'h' &&
			 read_value(&key, tables, tuple, "partkey", TEXTOID))
	{
		found.column = key_column(key);
		if (found.column > 0)
			found.rows = IDV_ROWS_BY_COLUMN;
	}
	return found;
}

/*
 * idv_distribution
 *		Where are the rows of a table?
 *
 * The caller has locked it.  To distribute a table, or to take that back, tells
 * every backend that the table has changed.
 */
IdvDistribution
idv_distribution(Oid relation)
{
	IdvDistribution found = {.rows = IDV_ROWS_HERE};
	Oid			oid = citus_tables();
	Relation	tables;
	AttrNumber	column;

	if (!OidIsValid(oid))
		return found;
	tables = table_open(oid, AccessShareLock);
	column = get_attnum(oid, "logicalrelid");
	if (column > 0)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(relation));
		scan = systable_beginscan(tables, InvalidOid, false, NULL, 1, &key);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple))
			found = read_distribution(tables, tuple);
		systable_endscan(scan);
	}
	table_close(tables, AccessShareLock);
	return found;
}
