/*-------------------------------------------------------------------------
 *
 * later_folds.c
 *	  Has a later fold, which stands, touched what is to be undone?
 *
 * Folds can be undone in any order as long as they touch different rows.  Where
 * they do not, the later one has to be undone first: what it has written down
 * of a row is what the earlier one had made of it.
 *
 * - A later fold dropped a row as the duplicate of one that this fold moved:
 *	 to move that back would leave the target without either.
 * - A row that this fold moved is not where it was moved to, because a later
 *	 fold moved or dropped it.
 * - A later fold has written down a row by a key that holds a column which this
 *	 fold wrote: it would not be found by that any more.
 *
 * The journal is searched for the second only where rows are missing, and for the
 * third only where a unique index has such a column.  Rows are
 * compared by their keys, as text; where there is no key, a later fold that may
 * have touched a row counts as one that has.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/later_folds.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static IdvStatement read_kept;
static IdvStatement read_steps;
static IdvStatement read_steps_of_app;

/* An array of text, as strings. */
typedef struct Strings
{
	int			n;
	char	  **of;				/* NULL for a null */
} Strings;

static Strings
strings(Datum array)
{
	Strings		result;
	Datum	   *elements;
	bool	   *nulls;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &result.n);
	result.of = palloc(sizeof(char *) * Max(result.n, 1));
	for (int i = 0; i < result.n; i++)
		result.of[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return result;
}

static Strings
names(const List *list)
{
	Strings		result = {0, palloc(sizeof(char *) * Max(list_length(list), 1))};
	ListCell   *lc;

	foreach(lc, list)
		result.of[result.n++] = lfirst(lc);
	return result;
}

/* Some moved rows: which, and where to. */
typedef struct Moved
{
	Strings		columns;
	Strings		values;			/* of the columns */
	Strings		key_columns;
	Strings		keys;			/* row by row */
	bool		has_keys;		/* else they are something else */
} Moved;

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Where is a name among others?  -1 if it is not. */
static int
position(const Strings *among, const char *name)
{
	for (int i = 0; i < among->n; i++)
	{
		if (strcmp(among->of[i], name) == 0)
			return i;
	}
	return -1;
}

/* Is a row one of those that were moved? */
static bool
is_among(const Moved *moved, Jsonb *row)
{
	int			width = moved->key_columns.n;
	char	  **key = palloc(sizeof(char *) * Max(width, 1));

	for (int i = 0; i < moved->columns.n; i++)
	{
		if (!is_same(idv_journal_member(row, moved->columns.of[i]), moved->values.of[i]))
			return false;
	}
	if (!moved->has_keys || width == 0)
		return true;
	for (int k = 0; k < width; k++)
		key[k] = idv_journal_member(row, moved->key_columns.of[k]);
	for (int r = 0; r < moved->keys.n; r += width)
	{
		int			k = 0;

		while (k < width && is_same(moved->keys.of[r + k], key[k]))
			k++;
		if (k == width)
			return true;
	}
	return false;
}

/* Is there a row among those moved whose key column has this value? */
static bool
has_key(const Moved *moved, int k, const char *value)
{
	if (!moved->has_keys)
		return true;
	for (int r = 0; r < moved->keys.n; r += moved->key_columns.n)
	{
		if (is_same(moved->keys.of[r + k], value))
			return true;
	}
	return false;
}

/* Some columns of the keys of moved rows: a string for each row, sorted. */
static Strings
sorted_keys(const Moved *moved, const int *columns, int ncolumns)
{
	int			width = Max(moved->key_columns.n, 1);
	Strings		result = {0, palloc(sizeof(char *) * Max(moved->keys.n / width, 1))};

	for (int r = 0; r + width <= moved->keys.n; r += width)
	{
		StringInfoData key;

		CHECK_FOR_INTERRUPTS();
		initStringInfo(&key);
		for (int k = 0; k < ncolumns; k++)
		{
			const char *value = moved->keys.of[r + columns[k]];

			if (value == NULL)
				appendStringInfoChar(&key, '-');
			else
				appendStringInfo(&key, "%zu:%s", strlen(value), value);
		}
		result.of[result.n++] = pstrdup(key.data);
		pfree(key.data);
	}
	qsort(result.of, result.n, sizeof(char *), pg_qsort_strcmp);
	return result;
}

/*
 * Do two lists of rows have one in common, as far as both have the same key
 * columns?
 */
static bool
keys_overlap(const Moved *one, const Moved *other)
{
	int		   *at;
	int		   *at_other;
	int			n = 0;
	Strings		a;
	Strings		b;

	if (!one->has_keys || !other->has_keys)
		return true;
	at = palloc(sizeof(int) * Max(one->key_columns.n, 1));
	at_other = palloc(sizeof(int) * Max(one->key_columns.n, 1));
	for (int k = 0; k < one->key_columns.n; k++)
	{
		at[n] = k;
		at_other[n] = position(&other->key_columns, one->key_columns.of[k]);
		if (at_other[n] >= 0)
			n++;
	}
	if (n == 0)
		return true;
	a = sorted_keys(one, at, n);
	b = sorted_keys(other, at_other, n);
	for (int i = 0, j = 0; i < a.n && j < b.n;)
	{
		int			order = strcmp(a.of[i], b.of[j]);

		CHECK_FOR_INTERRUPTS();
		if (order == 0)
			return true;
		if (order < 0)
			i++;
		else
			j++;
	}
	return false;
}

/*
 * May a later move have moved some of these rows on, or changed their keys?
 *
 * later	its values are those before it
 */
static bool
moved_on(const Moved *moved, const Moved *later)
{
	bool		touches = false;

	for (int i = 0; i < later->columns.n; i++)
	{
		int			column = position(&moved->columns, later->columns.of[i]);
		int			key = position(&moved->key_columns, later->columns.of[i]);

		if (column >= 0 && !is_same(moved->values.of[column], later->values.of[i]))
			return false;
		if (key >= 0 && !has_key(moved, key, later->values.of[i]))
			return false;
		touches = touches || column >= 0 || key >= 0;
	}
	return touches && keys_overlap(moved, later);
}

/* Has a later move written down some of these rows by a key that holds what moved? */
static bool
is_keyed_by(const Moved *moved, const Moved *later)
{
	for (int i = 0; i < moved->columns.n; i++)
	{
		int			key = position(&later->key_columns, moved->columns.of[i]);

		if (key >= 0 && later->has_keys && has_key(later, key, moved->values.of[i]))
			return keys_overlap(moved, later);
	}
	return false;
}

static void report_later(const IdvJournaledFold *fold, const IdvTable *table,
						 int64 later) __attribute__((noreturn));

static void
report_later(const IdvJournaledFold *fold, const IdvTable *table, int64 later)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("fold " INT64_FORMAT " has moved or deleted rows of \"%s\" after fold " INT64_FORMAT,
					later, table->label, fold->id),
			 errhint("Undo fold " INT64_FORMAT " first.", later)));
}

/* What a step has moved. */
static Moved
moved_by(const IdvStep *step)
{
	Moved		moved;

	moved.columns = names(step->columns);
	moved.values = strings(step->new_values);
	moved.key_columns = names(step->key_columns);
	moved.keys = strings(step->moved_keys);
	moved.has_keys = !step->whole_row;
	return moved;
}

/*
 * idv_later_check_kept
 *		See that no later fold has dropped a row as the duplicate of one that
 *		this step moved.  55000.
 */
void
idv_later_check_kept(const IdvJournaledFold *fold, const IdvStep *step)
{
	static const Oid types[] = {TEXTOID, INT8OID};
	Moved		moved = moved_by(step);
	Datum		values[2];
	IdvResult  *result;

	values[0] = CStringGetTextDatum(step->table->name);
	values[1] = Int64GetDatum(fold->id);
	result = idv_statement_ask(&read_kept,
							   "SELECT r.fold_id, r.kept_row"
							   " FROM idverify.fold_rows r"
							   " JOIN idverify.folds f ON f.id = r.fold_id AND f.app_id = r.app_id"
							   " WHERE r.relation = $1 AND r.fold_id > $2"
							   " AND r.dropped_row IS NOT NULL AND r.kept_row IS NOT NULL"
							   " AND f.undone_at IS NULL",
							   lengthof(types), types, values);
	while (idv_result_next(result))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_among(&moved, DatumGetJsonbP(result->values[1])))
			report_later(fold, step->table, DatumGetInt64(result->values[0]));
	}
	idv_result_end(result);
}

/*
 * See that no later fold has touched these rows.
 *
 * by_key	... has written some of them down by a key that holds what moved
 *
 * Returns whether any that stands has written to the table at all.
 */
static bool
check_rows(const IdvJournaledFold *fold, const IdvTable *table,
		   const Moved *moved, bool by_key)
{
	bool		any = false;
	static const Oid types[] = {TEXTOID, INT8OID, TEXTOID, INT4OID};
	const IdvContactTable *contacts = fold->contacts;
	Datum		values[4];
	IdvResult  *result;

	/* Citus plans this for one shard alone, where it is told which. */
	bool		of_app = contacts->table->distribution.rows != IDV_ROWS_HERE;

	values[0] = CStringGetTextDatum(table->name);
	values[1] = Int64GetDatum(fold->id);
	values[2] = CStringGetTextDatum(NameStr(TupleDescAttr(contacts->table->desc,
														  contacts->id - 1)->attname));
	values[3] = Int32GetDatum(fold->app_id);
	result = idv_statement_ask(of_app ? &read_steps_of_app : &read_steps,
							   psprintf("SELECT f.id, s.columns, s.old_values, s.key_columns,"
										" s.moved_keys, s.whole_row, s.dropped_row"
										" FROM idverify.folds f, LATERAL ("
										"SELECT columns, old_values, key_columns, moved_keys,"
										" whole_row, dropped_row FROM idverify.fold_rows r"
										" WHERE r.app_id = %s AND r.fold_id = f.id"
										" AND r.relation = $1"
										" UNION ALL SELECT columns, old_values, key_columns,"
										" moved_keys, whole_row, NULL FROM json_to_recordset("
										"CASE WHEN json_array_length(f.steps) > 0 THEN f.steps ELSE '[]' END)"
										" AS j(relation text, columns text[], old_values text[],"
										" key_columns text[], moved_keys text[], whole_row bool)"
										" WHERE j.relation = $1"
										" UNION ALL SELECT array_agg(k.key),"
										" array_agg(k.value ->> 0), ARRAY[$3],"
										" ARRAY[f.target_id], false, NULL"
										" FROM json_each(f.filled) k WHERE f.contacts = $1"
										" HAVING count(*) > 0"
										" UNION ALL SELECT NULL, NULL, NULL, NULL, NULL,"
										" f.source_row::jsonb WHERE f.contacts = $1) s"
										" WHERE f.id > $2 AND f.undone_at IS NULL%s"
										" ORDER BY f.id DESC",
										of_app ? "$4" : "f.app_id",
										of_app ? " AND f.app_id = $4" : ""),
							   lengthof(types), types, values);
	while (idv_result_next(result))
	{
		bool		touched;

		CHECK_FOR_INTERRUPTS();
		any = true;
		if (!result->nulls[6])
			touched = !by_key && is_among(moved, DatumGetJsonbP(result->values[6]));
		else
		{
			Moved		later;

			later.columns = strings(result->values[1]);
			later.values = strings(result->values[2]);
			later.key_columns = strings(result->values[3]);
			later.keys = strings(result->values[4]);
			later.has_keys = !DatumGetBool(result->values[5]);
			touched = by_key ? is_keyed_by(moved, &later) : moved_on(moved, &later);
		}
		if (touched)
			report_later(fold, table, DatumGetInt64(result->values[0]));
	}
	idv_result_end(result);
	return any;
}

/*
 * idv_later_check_rows
 *		Some rows that a step moved are not where they were moved to: see that
 *		it was no later fold.  55000.
 *
 * Others may move and delete them; that stands.
 */
void
idv_later_check_rows(const IdvJournaledFold *fold, const IdvStep *step)
{
	Moved		moved = moved_by(step);

	(void) check_rows(fold, step->table, &moved, false);
}

/* Has a unique index one of a step's columns, and others? */
static bool
is_in_key(const IdvStep *step)
{
	Relation	relation = relation_open(step->table->relation, NoLock);
	Strings		columns = names(step->columns);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		for (int k = 0; form->indisunique && form->indnkeyatts > 1 && k < form->indnkeyatts; k++)
		{
			AttrNumber	column = form->indkey.values[k];

			found = found ||
				(column > 0 &&
				 position(&columns, NameStr(TupleDescAttr(step->table->desc, column - 1)->attname)) >= 0);
		}
		index_close(index, NoLock);
	}
	relation_close(relation, NoLock);
	return found;
}

/*
 * idv_later_check_keys
 *		See that no later fold finds rows of this step by a key that its undoing
 *		would change.  55000.
 *
 * Returns false if there is none of any step of this table, and it need not be
 * asked again.
 */
bool
idv_later_check_keys(const IdvJournaledFold *fold, const IdvStep *step)
{
	Moved		moved = moved_by(step);

	return !is_in_key(step) || check_rows(fold, step->table, &moved, true);
}

/*
 * idv_later_check_filled
 *		A value that was filled into the target is not there any more: see
 *		that it was no later fold that moved it on.  55000.
 */
void
idv_later_check_filled(const IdvJournaledFold *fold, char *column, char *value)
{
	const IdvTable *table = fold->contacts->table;
	char	   *id = NameStr(TupleDescAttr(table->desc, fold->contacts->id - 1)->attname);
	char	   *target_id = fold->target_id;
	Moved		moved = {
		.columns = {1, &column},
		.values = {1, &value},
		.key_columns = {1, &id},
		.keys = {1, &target_id},
		.has_keys = true
	};

	(void) check_rows(fold, table, &moved, false);
}
