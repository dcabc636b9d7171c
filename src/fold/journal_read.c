/*-------------------------------------------------------------------------
 *
 * journal_read.c
 *	  Read a fold in the journal, in order to undo it.
 *
 * The steps are read backwards, one at a time, so that no fold is too large.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/journal_read.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "catalog/pg_class.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/varlena.h"

#include "fold/journal_owners.h"
#include "references/description_cache.h"
#include "server/as_installed.h"
#include "server/canonical_text.h"
#include "server/relation.h"
#include "server/table_owner.h"
#include "tables/our_tables.h"

static IdvStatement read_app;
static IdvStatement read_fold;
static IdvStatement lock_fold;
static IdvStatement read_step;
static IdvStatement read_first_step;

/* What idv_journal_previous() reads, in its order. */
#define STEP \
	"SELECT step, relation, columns, old_values, new_values," \
	" condition, whole_row, key_columns, moved_keys, dropped_row, moved, parts"

/*
 * A relation by the name that the journal has for it, or InvalidOid.
 *
 * It is locked, so that the name is not another's by the time that its rows are
 * written.
 */
static Oid
named_relation(const char *name)
{
	return RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
							AccessShareLock, true);
}

/*
 * idv_journal_report_altered
 *		Raise the error that the journal of a fold is not as a fold writes it.
 *		XX002.
 *
 * what		a column of idverify.folds or idverify.fold_rows
 */
void
idv_journal_report_altered(const IdvJournaledFold *fold, const char *what)
{
	idv_report_not_as_installed("column \"%s\" of fold " INT64_FORMAT " in the journal was altered by hand",
								what, fold->id);
}

/*
 * idv_journal_report_no_table
 *		Raise the error that a name in the journal is no table's now.  55000.
 *
 * The journal may then hold what it has of a table that was renamed, and nobody can
 * tell of which one.
 */
void
idv_journal_report_no_table(int64 fold_id, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("there is no table \"%s\", which fold " INT64_FORMAT " wrote to",
					name, fold_id),
			 errhint("If it, or its schema, was renamed, write its name into the journal; if it was dropped, take it out: idverify_doctor() has the statements.")));
}

/*
 * A table by the name that the journal has for it.  55000 if it is none now, or
 * another role's.
 */
static Oid
journaled_relation(const IdvJournaledFold *fold, const char *name)
{
	Oid			relation = named_relation(name);
	char		kind;

	if (!OidIsValid(relation))
		idv_journal_report_no_table(fold->id, name);

	/* No fold writes to these. */
	if (relation < FirstNormalObjectId ||
		(get_rel_namespace(relation) == get_namespace_oid("idverify", false) &&
		 relation != idv_our_table("contacts")))
		idv_journal_report_altered(fold, "relation");
	kind = get_rel_relkind(relation);
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		idv_journal_report_no_table(fold->id, name);
	idv_journal_check_owner(fold->id, relation, name,
							idv_journal_member(DatumGetJsonbP(fold->owners), name));
	return relation;
}

/*
 * idv_journal_column
 *		A column by the name that the journal has for it.  55000 if there is
 *		none.
 */
AttrNumber
idv_journal_column(const IdvJournaledFold *fold, const IdvTable *table, const char *name)
{
	AttrNumber	column = get_attnum(table->relation, name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of \"%s\", which fold " INT64_FORMAT " wrote, does not exist",
						name, table->label, fold->id),
				 errhint("If it was renamed or dropped, correct or remove its name in the fold's rows of idverify.folds and idverify.fold_rows.")));
	return column;
}

/*
 * idv_journal_value
 *		A value of a column, of its type below domains, as the journal has it.
 *
 * text		NULL for a null
 *
 * 55000 if the column cannot hold it any more, or would hold another: it has
 * got another type since.  The caller has idv_canonical_reading_begin() hold.
 */
Datum
idv_journal_value(const IdvJournaledFold *fold, const IdvTable *table,
				  AttrNumber column, char *text)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);
	int32		typmod = att->atttypmod;
	Oid			type = getBaseTypeAndTypmod(att->atttypid, &typmod);
	MemoryContext context = CurrentMemoryContext;
	volatile Datum value = (Datum) 0;
	const char *volatile problem = NULL;

	if (text == NULL)
		return (Datum) 0;
	PG_TRY();
	{
		IdvCaller	caller;
		int			level;

		/*
		 * In a composite type there may be a domain, which may check
		 * anything.
		 */
		idv_become_owner(&caller, table->owner);
		level = idv_canonical_text_begin();
		value = idv_value_from_text(type, typmod, text);
		if (strcmp(idv_value_text(type, value), text) != 0)
			problem = "It would become another value.";
		idv_canonical_text_end(level);
		idv_become_caller(&caller);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
		{
			case ERRCODE_DATA_EXCEPTION:
			case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
			case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
				break;
			default:
				PG_RE_THROW();
		}
		FlushErrorState();
		problem = error->message;
	}
	PG_END_TRY();
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of \"%s\" cannot hold what fold " INT64_FORMAT " has written down of it",
						NameStr(att->attname), table->label, fold->id),
				 errdetail("%s", problem),
				 errhint("Give it the type back that it had.")));
	return value;
}

/* See that what the journal has is a row, or what was filled: a JSON object. */
static Datum
object_of(const IdvJournaledFold *fold, const IdvResult *result, int column,
		  const char *what, bool may_be_empty)
{
	Datum		value;

	if (result->nulls[column])
		idv_journal_report_altered(fold, what);
	value = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[column]));
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(value)) ||
		(!may_be_empty && JB_ROOT_COUNT(DatumGetJsonbP(value)) == 0))
		idv_journal_report_altered(fold, what);
	return value;
}

static void report_no_fold(const IdvJournaledFold *fold) __attribute__((noreturn));

/* Another session may delete it at any moment before it is locked, too. */
static void
report_no_fold(const IdvJournaledFold *fold)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("fold " INT64_FORMAT " does not exist", fold->id),
			 errhint("The table idverify.folds lists the folds that there are.")));
}

/* See that a fold stands.  55000. */
static void
check_stands(const IdvJournaledFold *fold, bool undone)
{
	if (undone)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fold " INT64_FORMAT " has been undone already",
						fold->id),
				 errhint("The table idverify.folds says when, in undone_at.")));
}

/*
 * idv_journal_member
 *		A column of a row that the journal has whole, as text; NULL for null, or
 *		where the row has no such column.
 */
char *
idv_journal_member(Jsonb *row, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&row->root, name, strlen(name), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/*
 * idv_journal_open
 *		Find a fold, and see that it stands.
 *
 * fold		output: in the caller's memory context
 *
 * 42704 for no such fold, 55000 for one that was undone.
 */
void
idv_journal_open(IdvJournaledFold *fold, int64 id)
{
	static const Oid types[] = {INT8OID, INT4OID};
	Datum		values[2];
	IdvResult  *result;
	MemoryContext caller = CurrentMemoryContext;

	fold->id = id;
	values[0] = Int64GetDatum(id);
	result = idv_statement_ask(&read_app, "SELECT app_id FROM idverify.folds WHERE id = $1",
							   1, types, values);
	if (!idv_result_next(result))
		report_no_fold(fold);
	values[1] = result->values[0];
	fold->app_id = DatumGetInt32(values[1]);
	idv_result_end(result);

	result = idv_statement_ask(&read_fold,
							   "SELECT contacts, source_id, target_id, source_row::jsonb,"
							   " filled::jsonb, visitor, undone_at IS NOT NULL, steps::jsonb,"
							   " folded_at, owners::jsonb"
							   " FROM idverify.folds WHERE id = $1 AND app_id = $2",
							   2, types, values);
	if (!idv_result_next(result))
		report_no_fold(fold);
	check_stands(fold, DatumGetBool(result->values[6]));

	MemoryContextSwitchTo(caller);
	fold->owners = object_of(fold, result, 9, "owners", true);
	fold->contacts = idv_contact_table(journaled_relation(fold,
														  TextDatumGetCString(result->values[0])));
	fold->source_id = TextDatumGetCString(result->values[1]);
	fold->target_id = TextDatumGetCString(result->values[2]);
	fold->source_row = object_of(fold, result, 3, "source_row", false);
	fold->filled = object_of(fold, result, 4, "filled", true);
	fold->first_steps = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[7]));
	fold->folded_at = DatumGetTimestampTz(result->values[8]);
	fold->visitor.isnull = result->nulls[5];
	if (!result->nulls[5])
	{
		fold->visitor.value = PointerGetDatum(palloc(UUID_LEN));
		memcpy(DatumGetPointer(fold->visitor.value),
			   DatumGetPointer(result->values[5]), UUID_LEN);
	}
	idv_result_end(result);
}

/*
 * idv_journal_lock
 *		Lock a fold, once its target is locked, and see that it still stands.
 *		55000.
 *
 * The undo of another fold of the same target may have corrected what this one
 * has filled in: it holds the target, and waits for nobody who waits for that.
 */
void
idv_journal_lock(IdvJournaledFold *fold)
{
	static const Oid types[] = {INT8OID, INT4OID};
	Datum		values[2];
	IdvResult  *result;
	MemoryContext caller = CurrentMemoryContext;

	values[0] = Int64GetDatum(fold->id);
	values[1] = Int32GetDatum(fold->app_id);
	result = idv_statement_ask(&lock_fold,
							   "SELECT filled::jsonb, undone_at IS NOT NULL"
							   " FROM idverify.folds WHERE id = $1 AND app_id = $2 FOR UPDATE",
							   2, types, values);
	if (!idv_result_next(result))
		report_no_fold(fold);
	check_stands(fold, DatumGetBool(result->values[1]));
	MemoryContextSwitchTo(caller);
	fold->filled = object_of(fold, result, 0, "filled", true);
	idv_result_end(result);
}

/*
 * idv_journal_check_parts
 *		See that the partitions which the rows of a step were in are parts of its
 *		table yet.  55000.
 *
 * Of moved rows it is asked where some are missing: one that does not exist by
 * that name may have been renamed when it was detached.  A dropped row goes to
 * where one of its values goes now, and that may be another partition.
 */
void
idv_journal_check_parts(const IdvJournaledFold *fold, const IdvStep *step)
{
	ListCell   *lc;

	foreach(lc, step->parts)
	{
		const char *name = lfirst(lc);
		Oid			part = named_relation(name);
		List	   *ancestors;

		if (!OidIsValid(part) && !step->dropped_row.isnull)
			continue;
		if (!OidIsValid(part))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("partition \"%s\" of \"%s\", which fold " INT64_FORMAT " wrote to, does not exist",
							name, step->table->label, fold->id),
					 errhint("If it was renamed or dropped, correct or remove its name in the fold's rows of idverify.folds and idverify.fold_rows.")));
		ancestors = get_rel_relispartition(part) ? get_partition_ancestors(part) : NIL;
		if (part == step->table->relation ||
			list_member_oid(ancestors, step->table->relation))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\", which fold " INT64_FORMAT " wrote to, is not a partition of \"%s\" any more",
						name, fold->id, step->table->label),
				 ancestors == NIL ? 0 :
				 errdetail("It is a partition of \"%s\".",
						   idv_relation_label(llast_oid(ancestors))),
				 errhint("Attach it again, or the partition that it is in.")));
	}
}

/* How many elements a list of texts has, which has no NULL; -1: it is another. */
static int
count_of(Datum value, bool isnull)
{
	ArrayType  *array;

	if (isnull)
		return -1;
	array = DatumGetArrayTypeP(value);
	return ARR_NDIM(array) > 1 || array_contains_nulls(array) ? -1 :
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

static List *
names_of(const IdvJournaledFold *fold, const IdvResult *result, int column,
		 const char *what)
{
	Datum	   *elements;
	int			n;
	List	   *names = NIL;

	if (count_of(result->values[column], result->nulls[column]) < 0)
		idv_journal_report_altered(fold, what);
	deconstruct_array(DatumGetArrayTypeP(result->values[column]), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(elements[i]));
	return names;
}

/* The values of a step's columns: as many, of which some may be NULL. */
static Datum
values_of(const IdvJournaledFold *fold, const IdvStep *step, const IdvResult *result,
		  int column, const char *what)
{
	ArrayType  *array;

	if (result->nulls[column])
		idv_journal_report_altered(fold, what);
	array = DatumGetArrayTypePCopy(result->values[column]);
	if (ARR_NDIM(array) > 1 ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != list_length(step->columns))
		idv_journal_report_altered(fold, what);
	return PointerGetDatum(array);
}

/* Rows that were moved, as the journal has them in one step. */
static void
read_moved(IdvStep *step, const IdvJournaledFold *fold, const IdvResult *result)
{
	int			nkeys;
	int			count;

	step->columns = names_of(fold, result, 2, "columns");
	if (step->columns == NIL)
		idv_journal_report_altered(fold, "columns");
	step->old_values = values_of(fold, step, result, 3, "old_values");
	step->new_values = values_of(fold, step, result, 4, "new_values");
	step->condition = result->nulls[5] ? NULL : TextDatumGetCString(result->values[5]);
	if (result->nulls[6])
		idv_journal_report_altered(fold, "whole_row");
	step->whole_row = DatumGetBool(result->values[6]);
	step->key_columns = names_of(fold, result, 7, "key_columns");
	nkeys = step->whole_row ? 1 : list_length(step->key_columns);
	count = count_of(result->values[8], result->nulls[8]);
	if (count < 0 || (nkeys == 0 ? count != 0 : count % nkeys != 0))
		idv_journal_report_altered(fold, "moved_keys");
	step->moved_keys = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[8]));
	if (result->nulls[10])
		idv_journal_report_altered(fold, "moved");
	step->moved = DatumGetInt32(result->values[10]);
}

/*
 * idv_journal_previous
 *		Read the step before another.  Returns false if that was the first.
 *
 * step		in and output: what the last call returned; with step PG_INT32_MAX
 *			the last one is read
 *
 * The first ones are in the head of the journal.
 */
bool
idv_journal_previous(IdvStep *step, const IdvJournaledFold *fold)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID};
	static const Oid first_types[] = {JSONBOID, INT4OID};
	Datum		values[3];
	Datum		first_values[2];
	IdvResult  *result;
	bool		found;

	values[0] = Int32GetDatum(fold->app_id);
	values[1] = Int64GetDatum(fold->id);
	values[2] = Int32GetDatum(step->step);
	result = idv_statement_ask(&read_step,
							   STEP " FROM idverify.fold_rows"
							   " WHERE app_id = $1 AND fold_id = $2 AND step < $3"
							   " ORDER BY step DESC LIMIT 1",
							   lengthof(types), types, values);
	found = idv_result_next(result);
	if (!found)
	{
		idv_result_end(result);
		first_values[0] = fold->first_steps;
		first_values[1] = Int32GetDatum(step->step);
		result = idv_statement_ask(&read_first_step,
								   STEP " FROM jsonb_to_recordset($1) AS s(step int4,"
								   " relation text, columns text[], old_values text[],"
								   " new_values text[], condition text, whole_row bool,"
								   " key_columns text[], moved_keys text[], dropped_row jsonb, moved int4,"
								   " parts text[])"
								   " WHERE step < $2 ORDER BY step DESC LIMIT 1",
								   lengthof(first_types), first_types, first_values);
		found = idv_result_next(result);
	}
	if (found)
	{
		step->step = DatumGetInt32(result->values[0]);
		if (result->nulls[1])
			idv_journal_report_altered(fold, "relation");
		step->table = idv_table(journaled_relation(fold,
												   TextDatumGetCString(result->values[1])));
		idv_table_check_code(step->table);
		step->parts = result->nulls[11] ? NIL : names_of(fold, result, 11, "parts");
		step->dropped_row.isnull = result->nulls[9];
		if (!result->nulls[9])
			step->dropped_row.value = object_of(fold, result, 9, "dropped_row", false);
		else
			read_moved(step, fold, result);
	}
	idv_result_end(result);
	return found;
}
