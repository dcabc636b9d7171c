/*-------------------------------------------------------------------------
 *
 * doctor_catalog.c
 *	  What the doctor asks of the catalogs, and of indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "executor/spi.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "server/query.h"

/*
 * idv_doctor_any
 *		Does a query, on catalogs and our own tables, return a row?
 */
bool
idv_doctor_any(const char *sql)
{
	bool		any;

	SPI_connect();
	any = idv_query(sql, 0, NULL, NULL, NULL) > 0;
	SPI_finish();
	return any;
}

/*
 * idv_doctor_guard_function
 *		The function of guards, or InvalidOid.
 */
Oid
idv_doctor_guard_function(const IdvDoctor *doctor)
{
	oidvector  *none = buildoidvector(NULL, 0);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum("idverify_guard"), PointerGetDatum(none),
						   ObjectIdGetDatum(doctor->schema_oid));
}

/*
 * idv_doctor_guarded
 *		The OIDs of all tables that have a guard, partitions too.
 */
List *
idv_doctor_guarded(const IdvDoctor *doctor)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	List	   *tables = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgfoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(idv_doctor_guard_function(doctor)));
	scan = systable_beginscan(triggers, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		tables = list_append_unique_oid(tables, ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid);
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return tables;
}

/*
 * An expression of an index as it is stored.
 *
 * Not RelationGetIndexExpressions(), which computes the constants in it, and so
 * runs somebody's code.
 */
static Node *
stored(Relation index, AttrNumber column)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(RelationGetRelid(index)));
	Node	   *expression = NULL;
	bool		isnull = true;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	value = SysCacheGetAttr(INDEXRELID, tuple, column, &isnull);
	if (!isnull)
		expression = stringToNode(text_to_cstring(DatumGetTextPP(value)));
	ReleaseSysCache(tuple);
	return expression;
}

/*
 * idv_doctor_index_expressions
 *		The columns in the expressions of an index, each less
 *		FirstLowInvalidHeapAttributeNumber.
 */
Bitmapset *
idv_doctor_index_expressions(Relation index)
{
	Bitmapset  *columns = NULL;

	pull_varattnos(stored(index, Anum_pg_index_indexprs), 1, &columns);
	return columns;
}

/*
 * idv_doctor_index_predicate
 *		Of which rows an index is: a list of conditions; NIL: of all.
 */
List *
idv_doctor_index_predicate(Relation index)
{
	return (List *) stored(index, Anum_pg_index_indpred);
}
