/*-------------------------------------------------------------------------
 *
 * source_rows.c
 *	  Does anything point to a row?  Asked without running anybody's code.
 *
 * A table on which code of a third role hangs is none that a fold may write to.
 * But if no row of it points to the contact, it is in nobody's way.  A query
 * would not do to find out: its planning computes constants in expressions of
 * the table's indexes.  So an index, or else the table itself, is scanned.
 *
 *-------------------------------------------------------------------------
 */
#include "references/source_rows.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* What is looked for. */
typedef struct Sought
{
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];	/* of the table that is scanned */
	Datum		values[INDEX_MAX_KEYS];
	Oid			types[INDEX_MAX_KEYS];	/* of the values, below domains */
	Oid			collations[INDEX_MAX_KEYS];
	FmgrInfo	equal[INDEX_MAX_KEYS];	/* value = column */
} Sought;

/* Is a function PostgreSQL's own, or a superuser's? */
static bool
is_superusers(Oid function)
{
	HeapTuple	tuple;
	bool		superusers;

	if (function < FirstUnpinnedObjectId)
		return OidIsValid(function);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	superusers = HeapTupleIsValid(tuple) &&
		superuser_arg(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return superusers;
}

/* Does a row hold what is looked for? */
static bool
matches(Sought *sought, TupleTableSlot *slot)
{
	for (int i = 0; i < sought->ncolumns; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, sought->columns[i], &isnull);

		if (isnull ||
			!DatumGetBool(FunctionCall2Coll(&sought->equal[i], sought->collations[i],
											sought->values[i], value)))
			return false;
	}
	return true;
}

/*
 * An index whose first column is the first that is looked for, of an operator
 * family that is built in; and the key to scan it by.  Or NULL.
 */
static Relation
open_index(ScanKey key, Relation table, const Sought *sought)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(table))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid &&
			!form->indcheckxmin &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
			form->indkey.values[0] == sought->columns[0] &&
			index->rd_opfamily[0] < FirstUnpinnedObjectId &&
			index->rd_indcollation[0] == sought->collations[0])
		{
			Oid			operator = get_opfamily_member(index->rd_opfamily[0],
													   index->rd_opcintype[0],
													   sought->types[0],
													   BTEqualStrategyNumber);

			if (OidIsValid(operator))
			{
				ScanKeyEntryInitialize(key, 0, 1, BTEqualStrategyNumber,
									   sought->types[0], sought->collations[0],
									   get_opcode(operator), sought->values[0]);
				return index;
			}
		}
		index_close(index, AccessShareLock);
	}
	return NULL;
}

/* Is there such a row in a table, which has no parts? */
static bool
scan(Relation table, Sought *sought)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	Snapshot	snapshot;
	ScanKeyData key;
	Relation	index = open_index(&key, table, sought);
	bool		found = false;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (index != NULL)
	{
#if PG_VERSION_NUM >= 180000
		IndexScanDesc desc = index_beginscan(table, index, snapshot, NULL, 1, 0);
#else
		IndexScanDesc desc = index_beginscan(table, index, snapshot, 1, 0);
#endif

		index_rescan(desc, &key, 1, NULL, 0);
		while (!found && index_getnext_slot(desc, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			found = matches(sought, slot);
		}
		index_endscan(desc);
		index_close(index, AccessShareLock);
	}
	else
	{
		TableScanDesc desc = table_beginscan(table, snapshot, 0, NULL);

		while (!found && table_scan_getnextslot(desc, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			found = matches(sought, slot);
		}
		table_endscan(desc);
	}
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

/* What is looked for, by the columns of one part of the table. */
static bool
seek(Sought *sought, const IdvReference *reference, const IdvTable *table,
	 IdvRow row, Relation part)
{
	sought->ncolumns = reference->ncolumns;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		int			r = reference->referenced[i] - 1;
		Oid			equal = get_opcode(reference->equal[i]);

		/* Never run it; so nobody can say that nothing points there. */
		if (!is_superusers(equal))
			return false;
		fmgr_info(equal, &sought->equal[i]);
		sought->values[i] = row.values[r];
		sought->types[i] = getBaseType(TupleDescAttr(table->desc, r)->atttypid);
		sought->collations[i] = TupleDescAttr(table->desc, r)->attcollation;
		sought->columns[i] = get_attnum(RelationGetRelid(part),
										NameStr(TupleDescAttr(reference->table->desc,
															  reference->columns[i] - 1)->attname));
	}
	return true;
}

/*
 * idv_reference_may_point
 *		Does, along a reference, anything point to a row of table?
 *
 * The reference's table need not be trusted.  A condition of the reference is
 * not asked for, and what cannot be known is said to point.
 */
bool
idv_reference_may_point(const IdvReference *reference, const IdvTable *table,
						IdvRow row)
{
	List	   *parts = list_make1_oid(reference->table->relation);
	bool		found = false;
	ListCell   *lc;

	for (int i = 0; i < reference->ncolumns; i++)
		if (row.nulls[reference->referenced[i] - 1])
			return false;

	if (get_rel_relkind(reference->table->relation) == RELKIND_PARTITIONED_TABLE)
		parts = find_all_inheritors(reference->table->relation, RowExclusiveLock, NULL);
	foreach(lc, parts)
	{
		Relation	part = table_open(lfirst_oid(lc), NoLock);
		Sought		sought;

		if (part->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			found = part->rd_rel->relkind != RELKIND_RELATION ||
				!seek(&sought, reference, table, row, part) ||
				scan(part, &sought);
		table_close(part, NoLock);
		if (found)
			return true;
	}
	return false;
}
