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
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "server/cast.h"
#include "server/comparison_sql.h"

/* What is looked for. */
typedef struct Sought
{
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];	/* of the table that is scanned */
	Datum		values[INDEX_MAX_KEYS];
	Oid			types[INDEX_MAX_KEYS];	/* of the values, below domains */
	IdvPointee	pointees[INDEX_MAX_KEYS];
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

/*
 * idv_pointee
 *		What a column of a reference is to be compared with.
 *
 * i		which of the reference's columns
 * table	the one that it points to
 * value	what the row there has
 *
 * Returns false if only somebody's own code could compare the two.
 */
bool
idv_pointee(IdvPointee *pointee, const IdvReference *reference, int i,
			const IdvTable *table, Datum value)
{
	Form_pg_attribute referenced = TupleDescAttr(table->desc,
												 reference->referenced[i] - 1);
	Oid			equal = get_opcode(reference->equal[i]);
	Oid			left;
	bool		fits;

	if (!is_superusers(equal))
		return false;
	op_input_types(reference->equal[i], &left, &pointee->compared);
	pointee->value = idv_cast(value, referenced->atttypid, left, &fits);
	pointee->column = TupleDescAttr(reference->table->desc,
									reference->columns[i] - 1)->atttypid;
	pointee->collation = referenced->attcollation;
	fmgr_info(equal, &pointee->equal);
	return fits;
}

/*
 * idv_pointee_is
 *		Does a value of the reference's column point there?
 *
 * The value is first made one of the type that is compared, as a foreign key
 * does.  If only somebody's own code could do that, the answer is true.
 */
bool
idv_pointee_is(IdvPointee *pointee, Datum value)
{
	bool		fits;

	value = idv_cast(value, pointee->column, pointee->compared, &fits);
	return !fits || DatumGetBool(FunctionCall2Coll(&pointee->equal,
												   pointee->collation,
												   pointee->value, value));
}

/* Does a row hold what is looked for? */
static bool
matches(Sought *sought, TupleTableSlot *slot)
{
	for (int i = 0; i < sought->ncolumns; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, sought->columns[i], &isnull);

		if (isnull || !idv_pointee_is(&sought->pointees[i], value))
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
			index->rd_indcollation[0] == sought->pointees[0].collation)
		{
			Oid			operator = get_opfamily_member(index->rd_opfamily[0],
													   index->rd_opcintype[0],
													   sought->types[0],
													   BTEqualStrategyNumber);

			if (OidIsValid(operator))
			{
				ScanKeyEntryInitialize(key, 0, 1, BTEqualStrategyNumber,
									   sought->types[0], sought->pointees[0].collation,
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

		/* Nobody can say that nothing points there. */
		if (!idv_pointee(&sought->pointees[i], reference, i, table,
						 row.values[r]))
			return false;
		sought->values[i] = row.values[r];
		sought->types[i] = getBaseType(TupleDescAttr(table->desc, r)->atttypid);
		sought->columns[i] = get_attnum(RelationGetRelid(part),
										NameStr(TupleDescAttr(reference->table->desc,
															  reference->columns[i] - 1)->attname));
	}
	return true;
}

/*
 * Does anything in shards on other nodes point to the row?  Only a statement can
 * ask there: on a table that is not trusted the answer is true.
 */
static bool
shards_may_point(IdvReference *reference, const IdvTable *table, IdvRow row)
{
	Datum		values[INDEX_MAX_KEYS];

	if (idv_table_objection(reference->table) != NULL)
		return true;
	if (reference->pointing.plan == NULL)
	{
		Oid			types[INDEX_MAX_KEYS];
		int			level = idv_canonical_sql_begin();
		StringInfoData sql;

		initStringInfo(&sql);
		appendStringInfo(&sql, "SELECT 1 FROM %s x WHERE ", reference->table->from);
		for (int i = 0; i < reference->ncolumns; i++)
		{
			types[i] = TupleDescAttr(table->desc, reference->referenced[i] - 1)->atttypid;
			appendStringInfo(&sql, "%s%s", i == 0 ? "" : " AND ",
							 idv_comparison(psprintf("$%d", i + 1), reference->equal[i],
											psprintf("x.%s", idv_column_name(reference->table,
																			 reference->columns[i]))));
		}
		appendStringInfoString(&sql, " LIMIT 1");
		idv_table_statement(&reference->pointing, reference->table, sql.data,
							reference->ncolumns, types);
		idv_canonical_text_end(level);
	}
	for (int i = 0; i < reference->ncolumns; i++)
		values[i] = row.values[reference->referenced[i] - 1];
	return idv_statement_run(&reference->pointing, values, NULL) > 0;
}

/* Does, along a reference, anything in these parts of its table point to the row? */
static bool
parts_may_point(const List *parts, const IdvReference *reference,
				const IdvTable *table, IdvRow row)
{
	bool		found = false;
	ListCell   *lc;

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

/*
 * idv_reference_may_point
 *		Does, along a reference, anything point to a row of table?
 *
 * The reference's table need not be trusted.  A condition of the reference is
 * not asked for, and what cannot be known is said to point.
 */
bool
idv_reference_may_point(IdvReference *reference, const IdvTable *table,
						IdvRow row)
{
	List	   *parts = list_make1_oid(reference->table->relation);

	for (int i = 0; i < reference->ncolumns; i++)
		if (row.nulls[reference->referenced[i] - 1])
			return false;
	if (reference->table->distribution.rows != IDV_ROWS_HERE)
		return shards_may_point(reference, table, row);

	if (get_rel_relkind(reference->table->relation) == RELKIND_PARTITIONED_TABLE)
		parts = find_all_inheritors(reference->table->relation, RowExclusiveLock, NULL);
	return parts_may_point(parts, reference, table, row);
}

/*
 * idv_reference_detaching
 *		A partition that is being detached from the reference's table, and of
 *		which a row may point to a row of table; or InvalidOid.
 */
Oid
idv_reference_detaching(IdvReference *reference, const IdvTable *table, IdvRow row)
{
	ListCell   *lc;

	foreach(lc, reference->table->detaching)
	{
		Oid			part = lfirst_oid(lc);

		LockRelationOid(part, AccessShareLock);
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(part)) &&
			parts_may_point(find_all_inheritors(part, AccessShareLock, NULL),
							reference, table, row))
			return part;
	}
	return InvalidOid;
}
