/*-------------------------------------------------------------------------
 *
 * unfold.c
 *	  Take a fold back.
 *
 * The journal is read backwards: first the target gives back what it took over
 * and the source row returns, then each step is undone, the last one first.
 * So whatever a row points to is there before the row.
 *
 * Only what still stands is taken back.  A row that has been pointed elsewhere
 * since, or was deleted, stays as it is, and is counted; a value that has been
 * overwritten stays too.  Where a row cannot return because something is in its
 * place, or cannot be told from others, nothing is undone at all.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/unfold.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fold/fold_result.h"
#include "fold/journal_read.h"
#include "fold/later_folds.h"
#include "fold/lock_order.h"
#include "fold/move_check.h"
#include "fold/refusal.h"
#include "fold/unfill.h"
#include "fold/unmove.h"
#include "references/contact_rows.h"
#include "server/canonical_text.h"

/* A fold that is being undone. */
typedef struct Unfold
{
	IdvJournaledFold fold;
	IdvFoldResult result;
	IdvUnmove	unmove;
	IdvStatement once;			/* one that is run once, and then freed */
	List	   *unkeyed;		/* OIDs of tables of which no later fold has
								 * written down a row by what was moved */
	List	   *unfound;		/* numbers of the steps of rows without a key
								 * of which some were not found again */
} Unfold;

static IdvStatement read_later_source;
static IdvStatement read_listed_pointer;
static IdvStatement read_visitor;
static IdvStatement mark_undone;

/* The first later fold, which stands, that a query finds; or 0. */
static int64
later_fold(const Unfold *unfold, IdvStatement *statement, const char *sql)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[4];
	IdvResult  *result;
	int64		found = 0;

	values[0] = Int32GetDatum(unfold->fold.app_id);
	values[1] = CStringGetTextDatum(unfold->fold.contacts->table->name);
	values[2] = CStringGetTextDatum(unfold->fold.target_id);
	values[3] = Int64GetDatum(unfold->fold.id);
	result = idv_statement_ask(statement, sql, lengthof(types), types, values);
	if (idv_result_next(result))
		found = DatumGetInt64(result->values[0]);
	idv_result_end(result);
	return found;
}

/*
 * See that the target is not somebody new, who got the id of one that was deleted
 * by hand.  55000.
 *
 * A fold leaves the target with the earlier created_at of the two.  So that of the
 * same contact is later neither than the fold nor than the source's.  A time
 * without a time zone is taken for one of UTC, as most frameworks write it; where
 * a contact has none, nobody can tell.
 */
static void
check_is_no_other(const Unfold *unfold, IdvRow target)
{
	const IdvJournaledFold *fold = &unfold->fold;
	const IdvTable *table = fold->contacts->table;
	AttrNumber	column = fold->contacts->created_at;
	Form_pg_attribute att;
	char	   *of_source;
	Oid			type;

	if (column == 0 || target.nulls[column - 1])
		return;
	att = TupleDescAttr(table->desc, column - 1);
	type = getBaseType(att->atttypid);
	if ((type != TIMESTAMPTZOID && type != TIMESTAMPOID) ||
		DatumGetTimestampTz(target.values[column - 1]) <= fold->folded_at)
		return;
	of_source = idv_journal_member(DatumGetJsonbP(fold->source_row), NameStr(att->attname));
	if (of_source == NULL ||
		!idv_column_precedes(table, column,
							 idv_journal_value(fold, table, column, of_source),
							 target.values[column - 1]))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the id of contact \"%s\" has been given to a new contact since fold " INT64_FORMAT,
					fold->target_id, fold->id),
			 errdetail("Its \"%s\" is later than the fold.", NameStr(att->attname)),
			 errhint("If it is the same contact, give it the \"%s\" that it had.",
					 NameStr(att->attname))));
}

/*
 * See that the target is of the source's app, as a fold has seen to.  It may be
 * somebody new, in a table whose contacts have no created_at.  55000.
 */
static void
check_same_app(const Unfold *unfold, IdvRow target)
{
	const IdvJournaledFold *fold = &unfold->fold;
	const IdvTable *table = fold->contacts->table;
	Jsonb	   *source = DatumGetJsonbP(fold->source_row);
	int			column = -1;

	while ((column = bms_next_member(fold->contacts->apps, column)) >= 0)
	{
		char	   *name = NameStr(TupleDescAttr(table->desc, column - 1)->attname);
		char	   *text = idv_journal_member(source, name);
		JsonbValue	value;

		/* A column that was added since says nothing of the source. */
		if (getKeyJsonValueFromContainer(&source->root, name, strlen(name), &value) == NULL ||
			(text == NULL ? target.nulls[column - 1] :
			 !target.nulls[column - 1] &&
			 idv_column_equals(table, column, idv_journal_value(fold, table, column, text),
							   target.values[column - 1])))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contact \"%s\" is of another app since fold " INT64_FORMAT,
						fold->target_id, fold->id),
				 errdetail("Column \"%s\" is not what the source had.", name),
				 errhint("If the id has been given to somebody new, the fold cannot be undone. If it is the same contact, give it the \"%s\" that it had.",
						 name)));
	}
}

/*
 * Lock the target, and contacts that point to it, in the one order.  A later fold
 * of the target is in the way, and so is somebody new in its place.
 */
static IdvRow
lock_target(Unfold *unfold, Datum target_id)
{
	IdvRow		target;
	int64		later;
	bool		verified;
	bool		found;
	IdvLockOrder order;

	(void) idv_contact_row_app_id(unfold->fold.contacts, target_id, &verified);
	idv_lock_order_begin(&order, unfold->fold.contacts, unfold->fold.app_id, target_id);
	idv_lock_order_up_to(&order, target_id, verified);
	found = idv_contact_row_lock(&target, unfold->fold.contacts,
								 unfold->fold.app_id, target_id, false);
	idv_lock_order_end(&order);

	/* If it was folded, its id may have been given to somebody new. */
	later = later_fold(unfold, &read_later_source,
					   "SELECT id FROM idverify.folds"
					   " WHERE app_id = $1 AND contacts = $2"
					   " AND source_id = $3 AND id > $4"
					   " AND undone_at IS NULL ORDER BY id LIMIT 1");
	if (!found && later == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contact \"%s\" has been deleted since fold " INT64_FORMAT,
						unfold->fold.target_id, unfold->fold.id)));
	if (later != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fold " INT64_FORMAT " of contact \"%s\" came after fold " INT64_FORMAT,
						later, unfold->fold.target_id, unfold->fold.id),
				 errhint("Undo fold " INT64_FORMAT " first.", later)));
	check_is_no_other(unfold, target);
	check_same_app(unfold, target);
	return target;
}

/*
 * Look whether the visitor whose token the source had has come again since: then
 * another contact has it.  55000.
 *
 * force	the source is put back without it
 */
static void
check_visitor(Unfold *unfold, bool force)
{
	static const Oid types[] = {INT4OID, UUIDOID};
	Datum		values[2];
	IdvResult  *result;

	if (!unfold->fold.contacts->own || unfold->fold.visitor.isnull)
		return;
	values[0] = Int32GetDatum(unfold->fold.app_id);
	values[1] = unfold->fold.visitor.value;
	result = idv_statement_ask(&read_visitor,
							   "SELECT id FROM idverify.contacts"
							   " WHERE app_id = $1 AND visitor = $2",
							   lengthof(types), types, values);
	if (idv_result_next(result))
	{
		if (!force)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the visitor of contact \"%s\" has started contact \"" INT64_FORMAT "\" since fold " INT64_FORMAT,
							unfold->fold.source_id, DatumGetInt64(result->values[0]),
							unfold->fold.id),
					 errhint("Undo the fold with force => true: contact \"%s\" comes back, and the visitor goes on as contact \"" INT64_FORMAT "\", into which it can be folded then.",
							 unfold->fold.source_id, DatumGetInt64(result->values[0]))));
		unfold->fold.source_row =
			DirectFunctionCall2(jsonb_concat, unfold->fold.source_row,
								DirectFunctionCall1(jsonb_in,
													CStringGetDatum("{\"visitor\": null}")));
	}
	idv_result_end(result);
}

/*
 * Refuse to put back a row that points to a contact which has been folded
 * since, where no foreign key does.
 */
static void
check_listed_pointers(const Unfold *unfold, const IdvTable *table, Datum row)
{
	static const Oid types[] = {OIDOID, JSONBOID, INT8OID};
	Datum		values[3];
	IdvResult  *result;

	values[0] = ObjectIdGetDatum(table->relation);
	values[1] = row;
	values[2] = Int64GetDatum(unfold->fold.id);
	result = idv_statement_ask(&read_listed_pointer,
							   "SELECT f.id, c.column_name::text, f.source_id"
							   " FROM idverify.contact_references c"
							   " JOIN idverify.folds f ON f.contacts = c.contacts::text"
							   " AND f.source_id = $2 ->> c.column_name::text"
							   " WHERE c.relation::oid = $1 AND f.id > $3"
							   " AND f.undone_at IS NULL ORDER BY f.id DESC LIMIT 1",
							   lengthof(types), types, values);
	if (idv_result_next(result))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("fold " INT64_FORMAT " of contact \"%s\" came after fold " INT64_FORMAT,
						DatumGetInt64(result->values[0]),
						TextDatumGetCString(result->values[2]), unfold->fold.id),
				 errdetail("Column \"%s\" of a row of \"%s\" to restore points to that contact.",
						   TextDatumGetCString(result->values[1]), table->label),
				 errhint("Undo fold " INT64_FORMAT " first.",
						 DatumGetInt64(result->values[0]))));
	idv_result_end(result);
}

/*
 * Put a row back.  Columns that were added since get their defaults; all that
 * the journal has a value for must be there.
 */
static void
put_back(Unfold *unfold, IdvTable *table, Datum row)
{
	JsonbContainer *object = &DatumGetJsonbP(row)->root;
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	member;
	JsonbValue	value;
	Oid		   *types = palloc(sizeof(Oid) * table->desc->natts);
	Datum	   *values = palloc(sizeof(Datum) * table->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * table->desc->natts);
	int			n = 0;
	StringInfoData columns;
	StringInfoData params;

	check_listed_pointers(unfold, table, row);
	initStringInfo(&columns);
	initStringInfo(&params);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		char	   *name;
		AttrNumber	column;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvString && value.type != jbvNull)
			idv_journal_report_altered(&unfold->fold,
									   table == unfold->fold.contacts->table ? "source_row" : "dropped_row");
		name = pnstrdup(member.val.string.val, member.val.string.len);
		if (value.type == jbvNull && get_attnum(table->relation, name) <= 0)
			continue;
		column = idv_journal_column(&unfold->fold, table, name);
		if (TupleDescAttr(table->desc, column - 1)->attgenerated != '\0')
			continue;
		appendStringInfo(&columns, "%s%s", n == 0 ? "" : ", ",
						 quote_identifier(name));
		appendStringInfo(&params, "%s$%d", n == 0 ? "" : ", ", n + 1);
		types[n] = getBaseType(TupleDescAttr(table->desc, column - 1)->atttypid);
		nulls[n] = value.type == jbvNull;
		values[n] = idv_journal_value(&unfold->fold, table, column,
									  nulls[n] ? NULL :
									  pnstrdup(value.val.string.val,
											   value.val.string.len));
		n++;
	}
	idv_statement_prepare(&unfold->once, table->owner,
						  psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)",
								   table->name, columns.data, params.data),
						  n, types);
	if (table == unfold->fold.contacts->table)
		idv_contact_row_write(unfold->fold.contacts, &unfold->once, values, nulls);
	else if (idv_statement_run(&unfold->once, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not restore row of \"%s\"", table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
	idv_statement_free(&unfold->once);
	idv_fold_line(&unfold->result, table->relation, "")->dropped++;
}

/* See that all that follows the rows of a step has followed them.  55000. */
static void
check_followers(const IdvJournaledFold *fold, const IdvStep *step)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, step->columns)
		columns = bms_add_member(columns,
								 idv_journal_column(fold, step->table, lfirst(lc)) -
								 FirstLowInvalidHeapAttributeNumber);
	idv_move_check_followers(step->table,
							 idv_key_followers(step->table->relation, columns));
}

/* Move the rows of a step back, and count those that are not there any more. */
static void
undo_move(Unfold *unfold, const IdvStep *step)
{
	IdvFoldLine *line = idv_fold_line(&unfold->result, step->table->relation, "");
	MemoryContext caller;
	int64		moved;

	idv_later_check_kept(&unfold->fold, step);
	if (!list_member_oid(unfold->unkeyed, step->table->relation) &&
		!idv_later_check_keys(&unfold->fold, step))
	{
		caller = MemoryContextSwitchTo(unfold->result.context);
		unfold->unkeyed = lappend_oid(unfold->unkeyed, step->table->relation);
		MemoryContextSwitchTo(caller);
	}
	moved = idv_unmove(&unfold->unmove, &unfold->fold, step);
	line->moved += moved;
	if (moved > 0)
		check_followers(&unfold->fold, step);
	if (moved >= step->moved)
		return;
	idv_later_check_rows(&unfold->fold, step);
	idv_journal_check_parts(&unfold->fold, step);
	line->skipped += step->moved - moved;
	if (!step->whole_row)
		return;
	caller = MemoryContextSwitchTo(unfold->result.context);
	unfold->unfound = lappend_int(unfold->unfound, step->step);
	MemoryContextSwitchTo(caller);
}

/*
 * Rows without a key are found by their text.  Where some were not, they were
 * deleted, pointed elsewhere or changed.  See that no row is left that may be one
 * which was changed: it would stay with the target.  55000.
 *
 * Asked when all steps are undone, as one holds some of a table's rows.
 */
static void
check_unfound(Unfold *unfold)
{
	ListCell   *lc;

	foreach(lc, unfold->unfound)
	{
		IdvStep		step = {.step = lfirst_int(lc) + 1};

		CHECK_FOR_INTERRUPTS();
		if (idv_journal_previous(&step, &unfold->fold) &&
			idv_unmove_leaves_any(&unfold->once, &unfold->fold, &step))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of \"%s\" that fold " INT64_FORMAT " moved cannot be told from others",
							step.table->label, unfold->fold.id),
					 errdetail("The table has no key. Rows that are not there any more as they were moved: " INT64_FORMAT ". Others that point where these were moved to may be some of them, changed.",
							   idv_fold_line(&unfold->result, step.table->relation, "")->skipped),
					 errhint("If they were deleted, or may stay, undo the fold with force => true. Rows that were changed can be moved back by hand after that.")));
	}
}

/* Undo all that a fold did to the tables that point to contacts. */
static void
undo_steps(Unfold *unfold)
{
	IdvStep		step = {.step = PG_INT32_MAX};
	MemoryContext step_context;
	MemoryContext caller;

	step_context = AllocSetContextCreate(CurrentMemoryContext,
										 "idverify step",
										 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(step_context);
	while (idv_journal_previous(&step, &unfold->fold))
	{
		if (step.dropped_row.isnull)
			undo_move(unfold, &step);
		else
		{
			idv_journal_check_parts(&unfold->fold, &step);
			put_back(unfold, step.table, step.dropped_row.value);
		}
		MemoryContextReset(step_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(step_context);
}

/* Take a fold back, once it is open. */
static void
undo(Unfold *unfold, bool force)
{
	static const Oid types[] = {INT8OID, INT4OID, TIMESTAMPTZOID};
	Datum		values[3];
	Datum		target_id = idv_contact_row_id_from_text(unfold->fold.contacts, unfold->fold.target_id);
	IdvRow		target = lock_target(unfold, target_id);

	idv_journal_lock(&unfold->fold);
	check_visitor(unfold, force);
	idv_unfill(&unfold->once, &unfold->fold, target_id, target);
	put_back(unfold, unfold->fold.contacts->table, unfold->fold.source_row);
	undo_steps(unfold);
	if (!force)
		check_unfound(unfold);

	values[0] = Int64GetDatum(unfold->fold.id);
	values[1] = Int32GetDatum(unfold->fold.app_id);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	if (mark_undone.plan == NULL)
		idv_statement_prepare(&mark_undone, InvalidOid,
							  "UPDATE idverify.folds SET undone_at = $3"
							  " WHERE id = $1 AND app_id = $2",
							  lengthof(types), types);
	(void) idv_statement_run(&mark_undone, values, NULL);
	CommandCounterIncrement();
}

/* Say of a broken constraint what it means here: something is in the way. */
static void
report_in_the_way(const Unfold *unfold, ErrorData *error)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
		ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		ReThrowError(error);
	if (error->sqlerrcode == ERRCODE_CHECK_VIOLATION ||
		error->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not undo fold " INT64_FORMAT ": its table no longer takes what it would put back",
						unfold->fold.id),
				 errdetail("%s", error->message),
				 errdetail_log("%s", idv_refusal_text(error)),
				 errhint("Change what was made of the table since, or the rows of the fold in the journal.")));
	if (error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not undo fold " INT64_FORMAT ": a foreign key is in the way",
						unfold->fold.id),
				 errdetail("%s", idv_refusal_text(error)),
				 errhint("If the detail names a contact that was folded since, undo that fold first. Else put back or change the row that it names.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("could not undo fold " INT64_FORMAT ": a later row is in the way",
					unfold->fold.id),
			 errdetail("%s", idv_refusal_text(error)),
			 errhint("Change or delete the row that the detail names. If it is a contact of the same person, fold it into contact \"%s\". If there is no such row, a trigger makes one during the undo.",
					 unfold->fold.target_id)));
}

/*
 * Forget the statements of an unfold, whether it failed or not.
 *
 * They would outlive the transaction; so each is in here from its beginning.
 */
static void
free_statements(Unfold *unfold)
{
	idv_unmove_end(&unfold->unmove);
	idv_statement_free(&unfold->once);
}

/*
 * idv_unfold
 *		Take a fold back.
 *
 * lines		output: a list of IdvFoldLine, in the caller's context; of each
 *				table how many rows were moved back, put back, and left alone
 * force		leave rows without a key where they are that have been changed
 *
 * 42704 for no such fold, 55000 for what is in the way.
 */
void
idv_unfold(List **lines, int64 fold_id, bool force)
{
	MemoryContext context = CurrentMemoryContext;
	Unfold		unfold = {.result.context = context,.unmove.context = context};
	int			level;

	PreventCommandIfReadOnly("idverify_unfold()");
	SPI_connect();
	idv_journal_open(&unfold.fold, fold_id);
	level = idv_canonical_reading_begin();
	PG_TRY();
	{
		undo(&unfold, force);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		free_statements(&unfold);
		{
			ErrorData  *error = CopyErrorData();

			FlushErrorState();
			report_in_the_way(&unfold, error);
		}
	}
	PG_END_TRY();
	idv_canonical_text_end(level);
	free_statements(&unfold);
	SPI_finish();
	*lines = unfold.result.lines;
}
