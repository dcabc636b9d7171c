/*-------------------------------------------------------------------------
 *
 * journal_write.c
 *	  The journal of folds, from which each can be undone.
 *
 * It outlives a dump and a restore, so it holds names and text, no OIDs and
 * nothing binary.  Text is what the types' own functions write, under settings
 * that do not depend on the session and lose nothing.
 *
 * Every row that is dropped is written down whole, one to a step.  Rows that
 * are moved are written down by their keys, many to a step: for a contact with
 * a hundred thousand messages that costs little beside moving them, and never
 * more memory than one step does.
 *
 * Most folds move a handful of rows.  So the head of the journal is written
 * last, and holds the first steps; only what is too much for it goes into rows
 * of its own, and from there on all does.  Without that, each step is a row of
 * fold_rows, and a login takes 8 % more instructions.  Those who read the
 * journal read both, the rows first, by the numbers of the steps; so a module
 * that is compiled with IDV_WITHOUT_JOURNAL_HEAD, whose heads hold no steps,
 * undoes what another has folded, and the other way round.
 *
 * The head is json, not jsonb: it is written with every fold, and read by few.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/journal_write.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fold/move_value.h"
#include "server/canonical_text.h"
#include "server/cast.h"
#include "server/relation.h"

/* How many keys there are in one step. */
#define KEYS_PER_STEP		1000

/* How many bytes of JSON the steps in the head of the journal may take. */
#ifdef IDV_WITHOUT_JOURNAL_HEAD
#define HEAD_STEPS_MAX		0
#else
#define HEAD_STEPS_MAX		8192
#endif

static IdvStatement insert_fold;
static IdvStatement next_fold;
static IdvStatement complete_fold;
static IdvStatement renumber_rows;
static IdvStatement insert_moved;
static IdvStatement insert_dropped;

/*
 * idv_row_json
 *		A row as JSON: an object of its columns' values as text.
 *
 * Generated columns are left out; they will be generated again.
 */
char *
idv_row_json(const IdvTable *table, IdvRow row)
{
	StringInfoData json;
	int			level = idv_canonical_text_begin();

	initStringInfo(&json);
	for (int i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);

		if (att->attisdropped || att->attgenerated != '\0')
			continue;
		appendStringInfoChar(&json, json.len == 0 ? '{' : ',');
		escape_json(&json, NameStr(att->attname));
		appendStringInfoChar(&json, ':');
		if (row.nulls[i])
			appendStringInfoString(&json, "null");
		else
			escape_json(&json, idv_value_text(att->atttypid, row.values[i]));
	}
	appendStringInfoString(&json, json.len == 0 ? "{}" : "}");
	idv_canonical_text_end(level);
	return json.data;
}

/* An array of text; a null among the strings is a null element. */
static Datum
text_array(char **strings, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			dims[1] = {n};
	int			lbs[1] = {1};

	if (n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	for (int i = 0; i < n; i++)
	{
		nulls[i] = strings[i] == NULL;
		elements[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(strings[i]);
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, dims, lbs,
											  TEXTOID, -1, false,
											  TYPALIGN_INT));
}

/* Write the head of the journal; this gives the fold its id. */
static void
write_head(IdvJournal *journal)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, JSONOID,
	JSONOID, UUIDOID, BOOLOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONOID, JSONOID};
	const IdvJournalHead *head = &journal->head;
	Datum		values[lengthof(types)];
	bool		nulls[lengthof(types)] = {false};
	IdvRow		inserted;

	if (journal->fold_id != 0)
		return;
	if (insert_fold.plan == NULL)
		idv_statement_prepare(&insert_fold, InvalidOid,
							  "INSERT INTO idverify.folds (app_id, contacts,"
							  " source_id, target_id, source_row, filled,"
							  " visitor, forced, folded_at, external_id, email,"
							  " steps, owners)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
							  " RETURNING id",
							  lengthof(types), types);
	values[0] = Int32GetDatum(journal->app_id);
	values[1] = CStringGetTextDatum(head->contacts);
	values[2] = CStringGetTextDatum(head->source_id);
	values[3] = CStringGetTextDatum(head->target_id);
	values[4] = CStringGetTextDatum(idv_row_json(head->table, head->source));
	values[5] = CStringGetTextDatum(head->filled);
	values[6] = head->visitor.value;
	nulls[6] = head->visitor.isnull;
	values[7] = BoolGetDatum(head->forced);
	values[8] = TimestampTzGetDatum(head->folded_at);
	values[9] = head->external_id.value;
	nulls[9] = head->external_id.isnull;
	values[10] = head->email.value;
	nulls[10] = head->email.isnull;
	appendStringInfoChar(&journal->steps, ']');
	values[11] = CStringGetTextDatum(journal->steps.data);
	values[12] = idv_journal_owners_json(&journal->owners);

	if (idv_statement_first(&insert_fold, values, nulls, &inserted) != 1)
		elog(ERROR, "inserting a fold returned no id");
	journal->fold_id = DatumGetInt64(inserted.values[0]);
}

/*
 * idv_journal_begin
 *		Take down what is folded.
 */
void
idv_journal_begin(IdvJournal *journal, const IdvJournalHead *head)
{
	if (journal->off)
		return;
	journal->head = *head;
	initStringInfo(&journal->steps);
	appendStringInfoChar(&journal->steps, '[');
	idv_journal_owners_begin(&journal->owners);
	idv_journal_owners_add(&journal->owners, head->table);
}

/*
 * Complete a head that had to be written before the fold was done.
 *
 * The fold takes the next number, if another one has got one since it got its own:
 * an undo takes a fold of a higher number for a later one.  So a number has to be
 * given when the fold has locked all that it writes: whoever writes these rows after
 * it waits for it, and gets a higher one.
 */
static void
complete_head(IdvJournal *journal)
{
	static const Oid types[] = {INT4OID, INT8OID, JSONOID, JSONOID, INT8OID, JSONOID};
	static const Oid row_types[] = {INT4OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];
	IdvRow		completed;
	int64		id;

	values[0] = Int32GetDatum(journal->app_id);
	values[1] = Int64GetDatum(journal->fold_id);
	values[2] = CStringGetTextDatum(idv_row_json(journal->head.table,
												 journal->head.source));
	values[3] = CStringGetTextDatum(journal->head.filled);
	if (complete_fold.plan == NULL)
		idv_statement_prepare(&complete_fold, InvalidOid,
							  "UPDATE idverify.folds SET source_row = $3, filled = $4,"
							  " id = $5, owners = $6 WHERE app_id = $1 AND id = $2",
							  lengthof(types), types);

	/* By itself: Citus takes no volatile function in an UPDATE. */
	if (next_fold.plan == NULL)
		idv_statement_prepare(&next_fold, InvalidOid,
							  "SELECT CASE WHEN $1 < (SELECT last_value FROM idverify.folds_id_seq)"
							  " THEN nextval('idverify.folds_id_seq') ELSE $1 END",
							  1, &types[1]);
	if (idv_statement_first(&next_fold, &values[1], NULL, &completed) != 1)
		elog(ERROR, "a sequence returned no number");
	id = DatumGetInt64(completed.values[0]);
	values[4] = Int64GetDatum(id);
	values[5] = idv_journal_owners_json(&journal->owners);
	if (idv_statement_run(&complete_fold, values, NULL) != 1)
		elog(ERROR, "fold " INT64_FORMAT " vanished", journal->fold_id);
	if (id == journal->fold_id)
		return;
	journal->fold_id = id;
	values[2] = Int64GetDatum(id);
	if (renumber_rows.plan == NULL)
		idv_statement_prepare(&renumber_rows, InvalidOid,
							  "UPDATE idverify.fold_rows SET fold_id = $3"
							  " WHERE app_id = $1 AND fold_id = $2",
							  lengthof(row_types), row_types);
	(void) idv_statement_run(&renumber_rows, values, NULL);
}

/*
 * idv_journal_end
 *		See that the journal is written, when all that the fold writes is locked.
 *
 * The head says by now what source and target were when the source was deleted.
 */
void
idv_journal_end(IdvJournal *journal)
{
	if (journal->off)
		return;
	if (journal->fold_id == 0)
		write_head(journal);
	else
		complete_head(journal);
}

/*
 * The names of the partitions that rows are in, for those that they are taken
 * out of: a partition may be detached before the fold is undone.
 */
static char **
part_names(const List *parts)
{
	char	  **names = palloc(sizeof(char *) * Max(list_length(parts), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, parts)
		names[n++] = idv_relation_name(lfirst_oid(lc));
	return names;
}

/* Append a member that is an array of strings; a null is a null. */
static void
append_strings(StringInfo json, const char *name, char **strings, int n)
{
	appendStringInfo(json, ",\"%s\":[", name);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(json, ',');
		if (strings[i] == NULL)
			appendStringInfoString(json, "null");
		else
			escape_json(json, strings[i]);
	}
	appendStringInfoChar(json, ']');
}

/* What a column stores to point to a value, as text. */
static char *
pointer_text(const IdvMoving *moving, int i, IdvRow row)
{
	AttrNumber	referenced = moving->reference->referenced[i];
	Oid			type = TupleDescAttr(moving->table->desc, referenced - 1)->atttypid;
	Oid			stored = idv_move_column_type(moving->reference, i);
	bool		fits;
	Datum		value = idv_cast(row.values[referenced - 1], type, stored, &fits);

	/* It did when the rows were moved. */
	Assert(fits);
	return idv_value_text(stored, value);
}

/* The columns that a move changes, and their values as text. */
static int
describe_change(char **names, char **old_values, char **new_values,
				const IdvMoving *moving, bool to_nothing)
{
	const IdvReference *reference = moving->reference;
	int			n = 0;

	for (int i = 0; i < reference->ncolumns; i++)
	{
		if ((moving->statements->changed & (1U << i)) == 0)
			continue;
		names[n] = NameStr(TupleDescAttr(reference->table->desc,
										 reference->columns[i] - 1)->attname);
		old_values[n] = pointer_text(moving, i, moving->from);
		new_values[n] = to_nothing ? NULL : pointer_text(moving, i, moving->to);
		n++;
	}
	return n;
}

/*
 * Is all that is written down of a move written the same under all settings?
 *
 * Most keys are.  To pin the settings, once per move, would cost a login more
 * than one in a hundred of its instructions where the time zone is not UTC.
 */
static bool
is_exact_move(const IdvMoving *moving)
{
	const IdvReference *reference = moving->reference;
	const IdvMove *move = moving->statements;

	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (!idv_is_canonical(TupleDescAttr(moving->table->desc,
											reference->referenced[i] - 1)->atttypid))
			return false;
	}
	for (int i = 0; i < move->nkeys; i++)
	{
		if (!idv_is_canonical(TupleDescAttr(reference->table->desc,
											move->keys[i] - 1)->atttypid))
			return false;
	}
	return true;
}

/*
 * idv_journal_moved
 *		Write down the rows that a move returned, and use it up.
 *
 * to_nothing	the columns were set to null
 */
void
idv_journal_moved(IdvJournal *journal, const IdvMoving *moving, bool to_nothing,
				  IdvResult *result)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID, INT4OID, TEXTOID,
		TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, BOOLOID,
	TEXTARRAYOID, TEXTARRAYOID, INT4OID, TEXTARRAYOID};
	const IdvReference *reference = moving->reference;
	const IdvMove *move = moving->statements;
	const IdvTable *table = reference->table;
	char	   *names[INDEX_MAX_KEYS];
	char	   *old_values[INDEX_MAX_KEYS];
	char	   *new_values[INDEX_MAX_KEYS];
	char	  **key_names = palloc(sizeof(char *) * Max(move->nkeys, 1));
	int			width = move->whole_row ? 1 : move->nkeys;
	bool		as_columns = move->whole_row && table->distribution.rows != IDV_ROWS_HERE;
	FmgrInfo   *outputs = palloc(sizeof(FmgrInfo) * Max(width, 1));
	int			level;
	int			ncolumns;
	bool		more = true;
	MemoryContext step_context;
	MemoryContext caller;

	if (journal->off || result->processed == 0)
		return;
	if (insert_moved.plan == NULL)
		idv_statement_prepare(&insert_moved, InvalidOid,
							  "INSERT INTO idverify.fold_rows (app_id, fold_id,"
							  " step, depth, relation, columns, old_values,"
							  " new_values, condition, whole_row, key_columns,"
							  " moved_keys, moved, parts)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
							  lengthof(types), types);

	idv_journal_owners_add(&journal->owners, table);
	level = is_exact_move(moving) ? 0 : idv_canonical_text_begin();
	ncolumns = describe_change(names, old_values, new_values, moving, to_nothing);
	for (int i = 0; i < move->nkeys; i++)
		key_names[i] = NameStr(TupleDescAttr(table->desc,
											 move->keys[i] - 1)->attname);
	for (int i = 0; i < width; i++)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(move->whole_row ? RECORDOID :
						  TupleDescAttr(table->desc, move->keys[i] - 1)->atttypid,
						  &output, &is_varlena);
		fmgr_info(output, &outputs[i]);
	}

	step_context = AllocSetContextCreate(CurrentMemoryContext,
										 "idverify journal step",
										 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(step_context);
	while (more)
	{
		Datum		values[lengthof(types)];
		bool		nulls[lengthof(types)] = {false};
		char	  **keys = palloc(sizeof(char *) * Max(width, 1) * KEYS_PER_STEP);
		List	   *parts = NIL;
		int			n = 0;

		while (n < KEYS_PER_STEP && (more = idv_result_next(result)))
		{
			if (as_columns)
				keys[n] = OutputFunctionCall(&outputs[0], idv_result_record(result, 0));
			for (int i = 0; i < width && !as_columns; i++)
				keys[n * width + i] = result->nulls[i] ? NULL :
					OutputFunctionCall(&outputs[i], result->values[i]);
			if (move->returns_parts)
				parts = list_append_unique_oid(parts, DatumGetObjectId(result->values[width]));
			n++;
		}
		if (n == 0)
			break;
		journal->step++;

		/* Those of depth are asked for by a query (src/fold/unfold.c). */
		if (journal->fold_id == 0 && moving->depth == 0 && n < KEYS_PER_STEP)
		{
			StringInfoData json;

			initStringInfo(&json);
			appendStringInfo(&json, "{\"step\":%d,\"relation\":", journal->step);
			escape_json(&json, table->name);
			append_strings(&json, "columns", names, ncolumns);
			append_strings(&json, "old_values", old_values, ncolumns);
			append_strings(&json, "new_values", new_values, ncolumns);
			if (reference->condition_text != NULL)
			{
				appendStringInfoString(&json, ",\"condition\":");
				escape_json(&json, reference->condition_text);
			}
			appendStringInfo(&json, ",\"whole_row\":%s",
							 move->whole_row ? "true" : "false");
			append_strings(&json, "key_columns", key_names, move->nkeys);
			append_strings(&json, "moved_keys", keys, n * width);
			if (parts != NIL)
				append_strings(&json, "parts", part_names(parts), list_length(parts));
			appendStringInfo(&json, ",\"moved\":%d}", n);
			if (journal->steps.len + json.len < HEAD_STEPS_MAX)
			{
				if (journal->steps.len > 1)
					appendStringInfoChar(&journal->steps, ',');
				appendBinaryStringInfo(&journal->steps, json.data, json.len);
				MemoryContextReset(step_context);
				continue;
			}
		}

		write_head(journal);
		values[0] = Int32GetDatum(journal->app_id);
		values[1] = Int64GetDatum(journal->fold_id);
		values[2] = Int32GetDatum(journal->step);
		values[3] = Int32GetDatum(moving->depth);
		values[4] = CStringGetTextDatum(table->name);
		values[5] = text_array(names, ncolumns);
		values[6] = text_array(old_values, ncolumns);
		values[7] = text_array(new_values, ncolumns);
		nulls[8] = reference->condition_text == NULL;
		if (!nulls[8])
			values[8] = CStringGetTextDatum(reference->condition_text);
		values[9] = BoolGetDatum(move->whole_row);
		values[10] = text_array(key_names, move->nkeys);
		values[11] = text_array(keys, n * width);
		values[12] = Int32GetDatum(n);
		nulls[13] = parts == NIL;
		if (!nulls[13])
			values[13] = text_array(part_names(parts), list_length(parts));
		(void) idv_statement_run(&insert_moved, values, nulls);
		MemoryContextReset(step_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(step_context);
	idv_canonical_text_end(level);
}

/*
 * idv_journal_dropped
 *		Write down a row that is about to be dropped, and the one that is kept
 *		in its place, or NULL.
 *
 * part		the partition that the row is in, or the table
 */
void
idv_journal_dropped(IdvJournal *journal, const IdvTable *table, Oid part,
					IdvRow row, const IdvRow *kept, int depth)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID, INT4OID, TEXTOID,
	JSONBOID, JSONBOID, TEXTARRAYOID};
	Datum		values[lengthof(types)];
	bool		nulls[lengthof(types)] = {false};

	if (journal->off)
		return;
	if (insert_dropped.plan == NULL)
		idv_statement_prepare(&insert_dropped, InvalidOid,
							  "INSERT INTO idverify.fold_rows (app_id, fold_id,"
							  " step, depth, relation, dropped_row, kept_row, parts)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
							  lengthof(types), types);
	idv_journal_owners_add(&journal->owners, table);
	write_head(journal);
	values[0] = Int32GetDatum(journal->app_id);
	values[1] = Int64GetDatum(journal->fold_id);
	values[2] = Int32GetDatum(++journal->step);
	values[3] = Int32GetDatum(depth);
	values[4] = CStringGetTextDatum(table->name);
	values[5] = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(idv_row_json(table, row)));
	nulls[6] = kept == NULL;
	values[6] = nulls[6] ? (Datum) 0 :
		DirectFunctionCall1(jsonb_in,
							CStringGetDatum(idv_row_json(table, *kept)));
	nulls[7] = !table->has_parts || table->distribution.rows != IDV_ROWS_HERE;
	if (!nulls[7])
		values[7] = text_array(part_names(list_make1_oid(part)), 1);
	(void) idv_statement_run(&insert_dropped, values, nulls);
}
