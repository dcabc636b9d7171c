/*-------------------------------------------------------------------------
 *
 * column_content.c
 *	  What a column holds: whether its ids are those of contacts.
 *
 * Values are looked for in what the catalog has of them: CHECK constraints, labels
 * of enums, statistics; and then in rows, the first ones of the table, which are
 * read as they lie there, without a query: nobody's code runs by that.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/column_content.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "insight/contact_naming.h"
#include "server/query.h"

/* Of a table so many rows are read, at most, and so many ids looked up. */
#define ROWS_READ		10000
#define IDS_LOOKED_UP	100

static char *
text_of(Datum value)
{
	return text_to_cstring(DatumGetTextPP(value));
}

/* Add a value that is not there yet. */
static List *
add_value(List *values, const char *value)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		if (strcmp(lfirst(lc), value) == 0)
			return values;
	}
	return lappend(values, pstrdup(value));
}

/*
 * Values of a column, as the catalog has them.
 *
 * Each branch finds its rows by an index: it is asked once for each column.
 */
static List *
catalog_values(Oid relation, const char *column)
{
	static const Oid types[] = {OIDOID, INT2OID, OIDOID, OIDOID};
	AttrNumber	number = get_attnum(relation, column);
	Oid			type = get_atttype(relation, number);
	Datum		arguments[] = {
		ObjectIdGetDatum(relation),
		Int16GetDatum(number),
		ObjectIdGetDatum(type),
		ObjectIdGetDatum(getBaseType(type))
	};
	MemoryContext context = CurrentMemoryContext;
	List	   *values = NIL;
	uint64		n;

	SPI_connect();
	n = idv_query("SELECT enumlabel::text FROM pg_enum WHERE enumtypid = $4"
				  " UNION SELECT (regexp_matches(pg_get_constraintdef(oid), '''([^'']+)''', 'g'))[1]"
				  "  FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND $2 = ANY (conkey)"
				  " UNION SELECT (regexp_matches(pg_get_constraintdef(oid), '''([^'']+)''', 'g'))[1]"
				  "  FROM pg_constraint WHERE contypid = $3 AND contype = 'c'"
				  " UNION SELECT unnest((CASE 1 WHEN stakind1 THEN stavalues1 WHEN stakind2 THEN stavalues2"
				  "   WHEN stakind3 THEN stavalues3 WHEN stakind4 THEN stavalues4 WHEN stakind5 THEN stavalues5 END)::text::text[])"
				  "  FROM pg_statistic WHERE starelid = $1 AND staattnum = $2",
				  lengthof(types), types, arguments, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi;

		if (value == NULL)
			continue;
		spi = MemoryContextSwitchTo(context);
		values = add_value(values, value);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return values;
}

/* What is done with a row that is read; false: enough. */
typedef bool (*RowReader) (TupleTableSlot *slot, void *context);

/* Read rows of a table, or of its partitions, as they lie there. */
static void
read_rows(Oid relation, RowReader reader, void *context)
{
	List	   *all = find_all_inheritors(relation, AccessShareLock, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int			left = ROWS_READ;
	ListCell   *lc;

	foreach(lc, all)
	{
		Relation	table = relation_open(lfirst_oid(lc), NoLock);
		TableScanDesc scan;
		TupleTableSlot *slot;

		if (table->rd_rel->relkind != RELKIND_RELATION || left <= 0)
		{
			relation_close(table, NoLock);
			continue;
		}
		slot = table_slot_create(table, NULL);
		scan = table_beginscan(table, snapshot, 0, NULL);
		while (left-- > 0 && table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			if (!reader(slot, context))
				left = 0;
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		relation_close(table, NoLock);
	}
	UnregisterSnapshot(snapshot);
}

/* Values of a column that are gathered from rows. */
typedef struct Gathered
{
	const char *column;
	List	   *values;
} Gathered;

static bool
gather_text(TupleTableSlot *slot, void *context)
{
	Gathered   *gathered = context;
	bool		isnull;
	Datum		value = slot_getattr(slot, SPI_fnumber(slot->tts_tupleDescriptor, gathered->column), &isnull);

	if (!isnull)
	{
		char	   *text = text_of(value);

		gathered->values = add_value(gathered->values, text);
		pfree(text);
	}
	return list_length(gathered->values) < 1000;
}

/* The type, below domains, of the column that says what a row points to. */
static Oid
type_of(const IdvIdColumn *candidate)
{
	return getBaseType(get_atttype(candidate->relation,
								   get_attnum(candidate->relation, candidate->type_column)));
}

/* Values of a column that say what its rows point to: some of them. */
static List *
values_of(const IdvIdColumn *candidate, const IdvChartTable *contacts)
{
	List	   *values = catalog_values(candidate->relation, candidate->type_column);
	ListCell   *lc;
	Oid			type = type_of(candidate);

	/* To read rows costs more. */
	foreach(lc, values)
	{
		if (idv_names_table(lfirst(lc), contacts->name))
			return values;
	}
	if (IsBinaryCoercible(type, TEXTOID))
	{
		Gathered	gathered = {candidate->type_column, values};

		read_rows(candidate->relation, gather_text, &gathered);
		values = gathered.values;
	}
	return values;
}

/* Of which of the contacts is django_content_type, and by which number? */
typedef struct ContentType
{
	const IdvChartTable *contacts;
	int64		id;				/* 0: none */
} ContentType;

static bool
find_content_type(TupleTableSlot *slot, void *context)
{
	ContentType *wanted = context;
	TupleDesc	desc = slot->tts_tupleDescriptor;
	int			columns[] = {SPI_fnumber(desc, "id"), SPI_fnumber(desc, "app_label"), SPI_fnumber(desc, "model")};
	Datum		values[3];
	char	   *model;

	for (int i = 0; i < 3; i++)
	{
		bool		isnull;
		Oid			type;

		if (columns[i] <= 0)
			return false;
		type = TupleDescAttr(desc, columns[i] - 1)->atttypid;
		if (i == 0 ? type != INT4OID && type != INT8OID : type != VARCHAROID && type != TEXTOID)
			return false;
		values[i] = slot_getattr(slot, columns[i], &isnull);
		if (isnull)
			return true;
	}
	model = text_of(values[2]);
	if (idv_names_table(model, wanted->contacts->name) ||
		idv_names_table(psprintf("%s_%s", text_of(values[1]), model), wanted->contacts->name))
	{
		wanted->id = TupleDescAttr(desc, columns[0] - 1)->atttypid == INT4OID ?
			DatumGetInt32(values[0]) : DatumGetInt64(values[0]);
		return false;
	}
	return true;
}

/*
 * idv_content_condition
 *		The condition under which a column that has its type beside it points to
 *		contacts, palloc'd; NULL: it does not.
 */
char *
idv_content_condition(const IdvIdColumn *candidate, const IdvChartTable *contacts)
{
	StringInfoData condition;
	ListCell   *lc;
	int			n = 0;
	Oid			type;

	initStringInfo(&condition);
	if (candidate->is_content_type)
	{
		ContentType wanted = {contacts, 0};
		Oid			types = get_relname_relid("django_content_type", candidate->schema);

		if (OidIsValid(types) && get_rel_relkind(types) == RELKIND_RELATION)
			read_rows(types, find_content_type, &wanted);
		return wanted.id == 0 ? NULL :
			psprintf("%s = " INT64_FORMAT, quote_identifier(candidate->type_column), wanted.id);
	}
	type = type_of(candidate);
	if (get_typtype(type) != TYPTYPE_ENUM && type != BPCHAROID && !IsBinaryCoercible(type, TEXTOID))
		return NULL;
	foreach(lc, values_of(candidate, contacts))
	{
		if (idv_names_table(lfirst(lc), contacts->name))
			appendStringInfo(&condition, "%s%s", n++ == 0 ? "" : ", ",
							 quote_literal_cstr(lfirst(lc)));
	}

	/* A condition takes equality as the server has it: of citext as text. */
	return n == 0 ? NULL :
		psprintf(n == 1 ? "%s%s = %s" : "%s%s IN (%s)",
				 quote_identifier(candidate->type_column),
				 type < FirstUnpinnedObjectId || get_typtype(type) == TYPTYPE_ENUM ? "" : "::text",
				 condition.data);
}

/* Ids that have to be those of contacts. */
typedef struct Ids
{
	const char *column;
	Relation	contacts;
	Relation	index;
	Oid			id_type;
	int			left;
	bool		all;			/* are, as far as was looked */
} Ids;

static bool
look_up_id(TupleTableSlot *slot, void *context)
{
	Ids		   *ids = context;
	int			column = SPI_fnumber(slot->tts_tupleDescriptor, ids->column);
	Oid			type = TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid;
	ScanKeyData key;
	SysScanDesc scan;
	int64		id;
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	if (isnull)
		return true;
	id = type == INT8OID ? DatumGetInt64(value) : type == INT4OID ? DatumGetInt32(value) :
		DatumGetInt16(value);
	if (ids->id_type == INT4OID && (id < PG_INT32_MIN || id > PG_INT32_MAX))
	{
		ids->all = false;
		return false;
	}
	ScanKeyInit(&key, ids->index->rd_index->indkey.values[0], BTEqualStrategyNumber,
				ids->id_type == INT8OID ? F_INT8EQ : F_INT4EQ,
				ids->id_type == INT8OID ? Int64GetDatum(id) : Int32GetDatum((int32) id));
	scan = systable_beginscan(ids->contacts, RelationGetRelid(ids->index), true, NULL, 1, &key);
	ids->all = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return ids->all && --ids->left > 0;
}

/*
 * idv_content_is_ids
 *		Are the values of a column of contacts ids of contacts?
 *
 * Looked up where ids are integers in an index that is PostgreSQL's own; else
 * the column's name has to do.
 */
bool
idv_content_is_ids(const IdvIdColumn *candidate, const IdvChartTable *contacts)
{
	Ids			ids = {.column = candidate->column,.left = IDS_LOOKED_UP,.all = true};
	Oid			primary;

	if (contacts->id_type != INT4OID && contacts->id_type != INT8OID)
		return true;
	ids.id_type = get_atttype(contacts->relation, contacts->id);
	if (ids.id_type != contacts->id_type || get_rel_relkind(contacts->relation) != RELKIND_RELATION)
		return true;
	if (get_atttype(candidate->relation, get_attnum(candidate->relation, candidate->column)) >= FirstUnpinnedObjectId)
		return true;
	ids.contacts = relation_open(contacts->relation, AccessShareLock);
#if PG_VERSION_NUM >= 180000
	primary = RelationGetPrimaryKeyIndex(ids.contacts, false);
#else
	primary = RelationGetPrimaryKeyIndex(ids.contacts);
#endif
	if (OidIsValid(primary))
	{
		ids.index = index_open(primary, AccessShareLock);
		if (ids.index->rd_rel->relam == BTREE_AM_OID &&
			ids.index->rd_opfamily[0] < FirstUnpinnedObjectId &&
			ids.index->rd_index->indkey.values[0] == contacts->id)
			read_rows(contacts->relation, look_up_id, &ids);
		index_close(ids.index, NoLock);
	}
	relation_close(ids.contacts, NoLock);
	return ids.all;
}
