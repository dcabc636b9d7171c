/*-------------------------------------------------------------------------
 *
 * pointing_keys.c
 *	  Which foreign keys point to some tables.
 *
 * pg_constraint has no index on the table that is pointed to, but each foreign
 * key depends on the columns that it points to, and pg_depend has one on those.
 * So the answer costs as much as there is about these tables, and nothing for
 * others.
 *
 *-------------------------------------------------------------------------
 */
#include "references/pointing_keys.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

/*
 * Is a constraint a foreign key that points to a relation?  One of a partition,
 * which is part of that of the whole, does not count.
 */
static bool
is_key_to(Oid constraint, Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;
	bool		is_key;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	is_key = form->contype == CONSTRAINT_FOREIGN && form->confrelid == relation &&
		!OidIsValid(form->conparentid);
	ReleaseSysCache(tuple);
	return is_key;
}

/*
 * idv_pointing_keys
 *		The OIDs of the foreign keys that point to any of some relations, in
 *		their order.
 */
List *
idv_pointing_keys(const List *relations)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		Oid			relation = lfirst_oid(lc);
		ScanKeyData key[2];
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
		ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(relation));
		scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

			if (form->classid == ConstraintRelationId && is_key_to(form->objid, relation))
				keys = lappend_oid(keys, form->objid);
		}
		systable_endscan(scan);
	}
	table_close(depend, AccessShareLock);

	/* One of several columns depends on each of them. */
	list_sort(keys, list_oid_cmp);
	list_deduplicate_oid(keys);
	return keys;
}
