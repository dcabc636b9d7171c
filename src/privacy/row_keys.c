/*-------------------------------------------------------------------------
 *
 * row_keys.c
 *	  The keys of rows that were deleted, or shown, by which what points to them
 *	  is found.
 *
 * A contact may have a million messages, and each of these reactions.  So the keys
 * go into a tuplestore for each table, which spills to disk, and are read again in
 * chunks; several readers may each be at another place, while more are added.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/row_keys.h"

#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "references/description_cache.h"

/* The column that is a row's id: that of the primary key, or the one of that name. */
static AttrNumber
id_column(Oid relation)
{
	Oid			constraint;
	Bitmapset  *key = get_primary_key_attnos(relation, true, &constraint);

	if (bms_membership(key) == BMS_SINGLETON)
		return bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber;
	return Max(get_attnum(relation, "id"), 0);
}

/* Take down which columns are pointed to. */
static void
find_columns(IdvRowKeys *keys)
{
	Bitmapset  *columns = NULL;
	int			column = -1;
	ListCell   *lc;

	foreach(lc, keys->references)
	{
		IdvReference *reference = lfirst(lc);

		if (OidIsValid(reference->constraint))
			keys->constraints = lappend_oid(keys->constraints, reference->constraint);
		for (int i = 0; i < reference->ncolumns; i++)
			columns = bms_add_member(columns, reference->referenced[i]);
	}
	keys->columns = palloc(sizeof(AttrNumber) * Max(bms_num_members(columns), 1));
	while ((column = bms_next_member(columns, column)) >= 0)
		keys->columns[keys->ncolumns++] = column;
}

/*
 * idv_row_keys
 *		Begin to collect keys of a table, as it is described at this moment, with
 *		all that points to it locked.
 *
 * nreaders		how many times they are read
 *
 * All is in the current memory context, which outlives them.
 */
IdvRowKeys *
idv_row_keys(const IdvTable *table, int nreaders)
{
	IdvRowKeys *keys = palloc0(sizeof(IdvRowKeys));

	keys->table = idv_table_now(table);
	keys->references = list_copy(idv_table_references(keys->table));
	keys->id = id_column(table->relation);
	find_columns(keys);
	keys->desc = CreateTemplateTupleDesc(keys->ncolumns + 1);
	TupleDescInitEntry(keys->desc, 1, "part", OIDOID, -1, 0);
	for (int i = 0; i < keys->ncolumns; i++)
		TupleDescInitEntry(keys->desc, i + 2, NULL,
						   getBaseType(TupleDescAttr(keys->table->desc, keys->columns[i] - 1)->atttypid),
						   -1, 0);
	if (keys->references == NIL)
		return keys;

	/* The first reader is nobody's: it never is at the end, which grows. */
	keys->store = tuplestore_begin_heap(false, false, work_mem);
	for (int i = 0; i < nreaders; i++)
		(void) tuplestore_alloc_read_pointer(keys->store, 0);
	keys->slot = MakeSingleTupleTableSlot(keys->desc, &TTSOpsMinimalTuple);
	keys->nreaders = nreaders;
	return keys;
}

/*
 * idv_row_keys_columns
 *		What a statement on the table is to return first, as SQL.
 */
char *
idv_row_keys_columns(const IdvRowKeys *keys, const char *alias)
{
	StringInfoData sql;

	/* What another node says of its tables means nothing here. */
	initStringInfo(&sql);
	if (keys->table->distribution.rows == IDV_ROWS_HERE)
		appendStringInfo(&sql, "%s.tableoid", alias);
	else
		appendStringInfoString(&sql, "CAST(NULL AS pg_catalog.oid)");
	for (int i = 0; i < keys->ncolumns; i++)
		appendStringInfo(&sql, ", %s.%s", alias,
						 idv_column_name(keys->table, keys->columns[i]));
	return sql.data;
}

/*
 * idv_row_keys_add
 *		Add what a statement has returned for idv_row_keys_columns().
 */
void
idv_row_keys_add(IdvRowKeys *keys, const Datum *values, const bool *nulls)
{
	if (keys->store == NULL)
		return;
	tuplestore_select_read_pointer(keys->store, 0);
	tuplestore_putvalues(keys->store, keys->desc, unconstify(Datum *, values),
						 unconstify(bool *, nulls));
}

/* The row that a key is of, copied. */
static IdvRow
row_of(const IdvRowKeys *keys)
{
	TupleDesc	desc = keys->table->desc;
	IdvRow		row;

	row.values = palloc0(sizeof(Datum) * desc->natts);
	row.nulls = palloc(sizeof(bool) * desc->natts);
	memset(row.nulls, true, sizeof(bool) * desc->natts);
	for (int i = 0; i < keys->ncolumns; i++)
	{
		int			c = keys->columns[i] - 1;
		Form_pg_attribute att = TupleDescAttr(desc, c);

		row.nulls[c] = keys->slot->tts_isnull[i + 1];
		if (!row.nulls[c])
			row.values[c] = datumCopy(keys->slot->tts_values[i + 1],
									  att->attbyval, att->attlen);
	}
	return row;
}

/*
 * idv_row_keys_next
 *		The next keys for a reader, counted from 0.
 *
 * They are in the current memory context.  Returns false if there is none, yet.
 */
bool
idv_row_keys_next(IdvKeyChunk *chunk, IdvRowKeys *keys, int reader)
{
	chunk->n = 0;
	if (keys->store == NULL)
		return false;
	tuplestore_select_read_pointer(keys->store, reader + 1);
	while (chunk->n < IDV_CHUNK_KEYS)
	{
		MemoryContext caller = MemoryContextSwitchTo(keys->slot->tts_mcxt);
		bool		found = tuplestore_gettupleslot(keys->store, true, false, keys->slot);

		MemoryContextSwitchTo(caller);
		if (!found)
			break;
		if (chunk->n == 0)
		{
			chunk->parts = palloc(sizeof(Oid) * IDV_CHUNK_KEYS);
			chunk->rows = palloc(sizeof(IdvRow) * IDV_CHUNK_KEYS);
		}
		slot_getallattrs(keys->slot);
		chunk->parts[chunk->n] = keys->slot->tts_isnull[0] ? InvalidOid :
			DatumGetObjectId(keys->slot->tts_values[0]);
		chunk->rows[chunk->n++] = row_of(keys);
	}
	return chunk->n > 0;
}

/*
 * idv_row_keys_end
 *		Drop them.
 */
void
idv_row_keys_end(IdvRowKeys *keys)
{
	if (keys->store == NULL)
		return;
	ExecDropSingleTupleTableSlot(keys->slot);
	tuplestore_end(keys->store);
	keys->store = NULL;
}
