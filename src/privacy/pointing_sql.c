/*-------------------------------------------------------------------------
 *
 * pointing_sql.c
 *	  The statements on rows that point to some rows.
 *
 * Each runs as the owner of the table that holds the pointers, and names no other
 * table: what it looks for are values.  They come one key at a time, or many as
 * arrays, which is what makes a million rows with children bearable; but of a
 * distributed table always one at a time, since a statement is sent to the shards
 * by the values that it names.
 *
 * Nothing is done on a table that is not trusted, or that may refuse a statement
 * which touches no row: unless a row points there, it is in nobody's way.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/pointing_sql.h"

#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "fold/refusal.h"
#include "fold/where_sql.h"
#include "references/description_cache.h"
#include "references/source_rows.h"
#include "server/canonical_text.h"

/* The statements along one reference. */
typedef struct IdvPointing
{
	/* What the rows that are found return: columns of their table. */
	int			nreturned;
	AttrNumber *returned;

	/* Of one key, and of many. */
	IdvStatement statements[IDV_POINTING_KINDS][2];
} IdvPointing;

/*
 * idv_pointing_column
 *		Of the columns of a reference the one that holds the id, or else the first.
 *
 * keys		of the table that it points to
 */
AttrNumber
idv_pointing_column(const IdvRowKeys *keys, const IdvReference *reference)
{
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (reference->referenced[i] == keys->id)
			return reference->columns[i];
	}
	return reference->columns[0];
}

/* May a column be NULL?  A domain has yet its say when it is written. */
static bool
is_nullable(const IdvReference *reference, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(reference->table->desc, column - 1);

	return !att->attnotnull && att->attgenerated == '\0';
}

/*
 * idv_pointing_emptied
 *		The columns of a reference that are emptied where rows are not to point
 *		there any more.
 *
 * By a key that sets columns, those that it says.  Else the one that holds the id,
 * and where there is none all that may be NULL; all of them of a key that is MATCH
 * FULL.
 */
List *
idv_pointing_emptied(const IdvRowKeys *keys, const IdvReference *reference)
{
	bool		sets = reference->on_delete == FKCONSTR_ACTION_SETNULL ||
	reference->on_delete == FKCONSTR_ACTION_SETDEFAULT;
	bool		has_id = false;
	List	   *columns = NIL;

	if (sets && reference->nset > 0)
	{
		for (int i = 0; i < reference->nset; i++)
			columns = lappend_int(columns, reference->set[i]);
		return columns;
	}
	for (int i = 0; i < reference->ncolumns; i++)
		has_id = has_id || reference->referenced[i] == keys->id;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (sets || reference->full ||
			(has_id ? reference->referenced[i] == keys->id :
			 is_nullable(reference, reference->columns[i])))
			columns = lappend_int(columns, reference->columns[i]);
	}
	return columns == NIL ? list_make1_int(reference->columns[0]) : columns;
}

/* Which of the kept keys can be those of a reference: has it one, of that part? */
static bool
may_be_pointed_to(const IdvRowKeys *keys, const IdvKeyChunk *chunk, int k,
				  const IdvReference *reference)
{
	Oid			part = chunk->parts[k];

	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (chunk->rows[k].nulls[reference->referenced[i] - 1])
			return false;
	}

	/* A key to one part of the table is none to rows of the others. */
	return !OidIsValid(reference->constraint) || !OidIsValid(part) ||
		reference->names == keys->table->relation || reference->names == part ||
		!list_member_oid(keys->table->family, reference->names) ||
		!get_rel_relispartition(part) ||
		list_member_oid(get_partition_ancestors(part), reference->names);
}

/*
 * All keys of a chunk that can be those of a reference, by their numbers.
 *
 * Not inlined: gcc takes its variables for some that a longjmp() could clobber.
 */
static pg_noinline List *
keys_of(const IdvRowKeys *keys, const IdvKeyChunk *chunk, const IdvReference *reference)
{
	List	   *found = NIL;

	for (int k = 0; k < chunk->n; k++)
	{
		if (may_be_pointed_to(keys, chunk, k, reference))
			found = lappend_int(found, k);
	}
	return found;
}

/*
 * Is a table to be left alone, since none of its rows points to these?  42501 if
 * one does, or may, and the table is not trusted.
 */
static bool
is_left_alone(const IdvRowKeys *keys, const IdvKeyChunk *chunk, List *numbers,
			  IdvReference *reference)
{
	const IdvObjection *objection = idv_table_objection(reference->table);
	bool		points = false;
	ListCell   *lc;

	if (objection == NULL && !reference->may_refuse)
		return false;
	foreach(lc, numbers)
	{
		CHECK_FOR_INTERRUPTS();
		points = points || idv_reference_may_point(reference, keys->table,
												   chunk->rows[lfirst_int(lc)]);
	}
	if (points)
		idv_table_check_code(reference->table);
	return !points;
}

/* The arrays that many keys come in, by their elements; InvalidOid: there is none. */
static Oid
array_type(const IdvRowKeys *keys, const IdvReference *reference, int i)
{
	return get_array_type(getBaseType(TupleDescAttr(keys->table->desc,
													reference->referenced[i] - 1)->atttypid));
}

/* Can many keys be looked for at once? */
static bool
takes_many(const IdvRowKeys *keys, const IdvReference *reference)
{
	if (reference->table->distribution.rows != IDV_ROWS_HERE)
		return false;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (!OidIsValid(array_type(keys, reference, i)))
			return false;
	}
	return true;
}

/* What a statement does, up to its WHERE. */
static void
append_command(StringInfo sql, IdvPointingKind kind, const IdvRowKeys *keys,
			   const IdvReference *reference, const IdvRowKeys *found)
{
	const IdvTable *table = reference->table;
	bool		here = table->distribution.rows == IDV_ROWS_HERE;
	bool		is_first = true;
	ListCell   *lc;

	switch (kind)
	{
		case IDV_POINTING_LEFT:
		case IDV_POINTING_COUNT:
			appendStringInfo(sql, "SELECT 1 FROM %s x", table->from);
			break;
		case IDV_POINTING_SHOW:
			appendStringInfo(sql, "SELECT %s, %s, " IDV_SHOWN_RECORD("x") " FROM %s x",
							 idv_row_keys_columns(found, "x"),
							 here ? "x.ctid" : "CAST(NULL AS pg_catalog.tid)",
							 table->from);
			break;
		case IDV_POINTING_REMOVE:
			appendStringInfo(sql, "DELETE FROM %s x", table->from);
			break;
		case IDV_POINTING_EMPTY:
		case IDV_POINTING_RESET:
			appendStringInfo(sql, "UPDATE %s x SET ", table->from);
			foreach(lc, idv_pointing_emptied(keys, reference))
			{
				appendStringInfo(sql, "%s%s = %s", is_first ? "" : ", ",
								 idv_column_name(table, lfirst_int(lc)),
								 kind == IDV_POINTING_EMPTY ? "NULL" : "DEFAULT");
				is_first = false;
			}
			break;
	}
}

/* Prepare a statement. */
static void
prepare(IdvStatement *statement, IdvPointingKind kind, bool many, const IdvRowKeys *keys,
		IdvReference *reference, const IdvRowKeys *found)
{
	IdvMoveSql	pointing = {
		.target_table = keys->table,
		.reference = reference,
		.keys = many ? "k" : NULL
	};
	int			n = reference->ncolumns;
	Oid			types[INDEX_MAX_KEYS];
	int			level;
	StringInfoData sql;

	idv_table_check_code(reference->table);
	idv_reference_read_condition(reference);
	level = idv_canonical_sql_begin();
	initStringInfo(&sql);
	append_command(&sql, kind, keys, reference, found);
	appendStringInfoString(&sql, " WHERE ");
	if (many)
	{
		appendStringInfoString(&sql, "EXISTS (SELECT FROM unnest(");
		for (int i = 0; i < n; i++)
			appendStringInfo(&sql, "%s$%d", i == 0 ? "" : ", ", i + 1);
		appendStringInfoString(&sql, ") k(");
		for (int i = 0; i < n; i++)
			appendStringInfo(&sql, "%sv%d", i == 0 ? "" : ", ", i + 1);
		appendStringInfoString(&sql, ") WHERE ");
	}
	idv_where_points_to_source(&sql, &pointing, "x");
	if (many)
		appendStringInfoChar(&sql, ')');
	if (kind == IDV_POINTING_LEFT)
		appendStringInfoString(&sql, " LIMIT 1");
	if (kind == IDV_POINTING_REMOVE && found->references != NIL)
		appendStringInfo(&sql, " RETURNING %s", idv_row_keys_columns(found, "x"));

	for (int i = 0; i < n; i++)
		types[i] = many ? array_type(keys, reference, i) :
			TupleDescAttr(keys->table->desc, reference->referenced[i] - 1)->atttypid;
	idv_table_statement(statement, reference->table, sql.data, n, types);
	idv_canonical_text_end(level);
	statement->as_of_caller = kind == IDV_POINTING_SHOW;
}

/* Does what a statement returns still have these columns? */
static bool
returns(const IdvPointing *taken, const IdvRowKeys *found)
{
	return taken->nreturned == found->ncolumns &&
		memcmp(taken->returned, found->columns, sizeof(AttrNumber) * found->ncolumns) == 0;
}

/* The statement along a reference; prepared when it is first wanted. */
static IdvStatement *
statement_of(IdvPointingKind kind, bool many, const IdvRowKeys *keys,
			 IdvReference *reference, const IdvRowKeys *found)
{
	bool		has_result = kind == IDV_POINTING_SHOW || kind == IDV_POINTING_REMOVE;
	MemoryContext caller;
	IdvStatement *statement;

	caller = MemoryContextSwitchTo(idv_table_context(reference->table));
	if (reference->taken == NULL)
		reference->taken = palloc0(sizeof(IdvPointing));
	if (has_result && !returns(reference->taken, found))
	{
		for (int i = 0; i < 4; i++)
			idv_table_forget(&reference->taken->statements[i < 2 ? IDV_POINTING_SHOW : IDV_POINTING_REMOVE][i % 2],
							 reference->table);
		reference->taken->nreturned = found->ncolumns;
		reference->taken->returned = palloc(sizeof(AttrNumber) * Max(found->ncolumns, 1));
		memcpy(reference->taken->returned, found->columns,
			   sizeof(AttrNumber) * found->ncolumns);
	}
	statement = &reference->taken->statements[kind][many ? 1 : 0];
	if (statement->plan == NULL)
	{
		prepare(statement, kind, many, keys, reference, found);

		/* What these would do to rows of that table we do ourselves. */
		if (kind == IDV_POINTING_REMOVE)
			statement->done_keys = list_copy(found->constraints);
	}
	MemoryContextSwitchTo(caller);
	return statement;
}

/* Run a statement, and hand on what it returned. */
static uint64
run(const IdvStatement *statement, const Datum *values, IdvPointingReceiver receive,
	void *context)
{
	IdvResult  *result;
	uint64		processed;
	int			level;

	if (receive == NULL)
		return idv_statement_run(statement, values, NULL);

	/* What is shown is text that is the same in every session. */
	level = statement->as_of_caller ? idv_canonical_text_begin() : 0;
	result = idv_statement_query(statement, values, NULL);
	idv_canonical_text_end(level);
	receive(result, context);
	processed = result->processed;
	idv_result_end(result);
	return processed;
}

/* Run a statement for each key by itself. */
static uint64
run_for_each(const IdvStatement *statement, const IdvKeyChunk *chunk, List *numbers,
			 const IdvReference *reference, IdvPointingReceiver receive, void *context)
{
	uint64		processed = 0;
	ListCell   *lc;

	foreach(lc, numbers)
	{
		Datum		values[INDEX_MAX_KEYS];

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < reference->ncolumns; i++)
			values[i] = chunk->rows[lfirst_int(lc)].values[reference->referenced[i] - 1];
		processed += run(statement, values, receive, context);
	}
	return processed;
}

/* Run a statement for all keys at once. */
static uint64
run_for_all(const IdvStatement *statement, const IdvRowKeys *keys,
			const IdvKeyChunk *chunk, List *numbers, const IdvReference *reference,
			IdvPointingReceiver receive, void *context)
{
	Datum		values[INDEX_MAX_KEYS];
	int			n = list_length(numbers);
	Datum	   *elements = palloc(sizeof(Datum) * n);
	int			lower[1] = {1};

	for (int i = 0; i < reference->ncolumns; i++)
	{
		int			c = reference->referenced[i] - 1;
		Form_pg_attribute att = TupleDescAttr(keys->table->desc, c);
		ListCell   *lc;

		foreach(lc, numbers)
			elements[foreach_current_index(lc)] = chunk->rows[lfirst_int(lc)].values[c];
		values[i] = PointerGetDatum(construct_md_array(elements, NULL, 1, &n, lower,
													   getBaseType(att->atttypid),
													   att->attlen, att->attbyval,
													   att->attalign));
	}
	return run(statement, values, receive, context);
}

/*
 * Raise an error that names what is in the way of rows, where it is a constraint or
 * the reference's condition.  55000.  Any other error as it is.
 *
 * What the server says of it may quote a row: so it goes to the log alone.
 */
static void rethrow(IdvPointingKind kind, const IdvReference *reference) __attribute__((noreturn));

static void
rethrow(IdvPointingKind kind, const IdvReference *reference)
{
	ErrorData  *error = CopyErrorData();
	const char *label = reference->table->label;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION &&
		reference->condition_text != NULL)
	{
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not look for rows of \"%s\" where %s",
						label, reference->condition_text),
				 errdetail_log("%s", error->message),
				 errhint("Correct the condition in idverify.contact_references.")));
	}
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		(kind == IDV_POINTING_EMPTY || kind == IDV_POINTING_RESET))
	{
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of \"%s\" cannot be cleared, because of %s",
						label, idv_refusal_cause(error)),
				 errdetail_log("%s", idv_refusal_text(error)),
				 errhint("Change or delete these rows first.")));
	}
	PG_RE_THROW();
}

/*
 * idv_pointing_run
 *		Do something with all rows that point to some rows, along one reference.
 *
 * keys, chunk	the table that is pointed to, and which rows of it
 * found		of the table that holds the pointers, for what returns rows; else NULL
 * receive		who is handed what is returned, or NULL
 *
 * Returns how many rows it touched or returned.  42501 if the table is not trusted
 * and has such a row, 55000 if a constraint or a condition is in the way.
 */
uint64
idv_pointing_run(IdvPointingKind kind, const IdvRowKeys *keys, const IdvKeyChunk *chunk,
				 IdvReference *reference, const IdvRowKeys *found,
				 IdvPointingReceiver receive, void *receiver_context)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *numbers = keys_of(keys, chunk, reference);
	bool		many = list_length(numbers) > 1 && takes_many(keys, reference);
	volatile uint64 processed = 0;

	if (numbers == NIL || is_left_alone(keys, chunk, numbers, reference))
		return 0;
	PG_TRY();
	{
		IdvStatement *statement = statement_of(kind, many, keys, reference, found);

		processed = many ?
			run_for_all(statement, keys, chunk, numbers, reference, receive, receiver_context) :
			run_for_each(statement, chunk, numbers, reference, receive, receiver_context);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow(kind, reference);
	}
	PG_END_TRY();
	return processed;
}
