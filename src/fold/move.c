/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Make all that points to one row point to another.
 *
 * A row that would break a unique index by moving is dropped, and the row that
 * is there stays.  What points to the dropped row moves to that one, by the
 * same rules: a fold within the fold.
 *
 * A row that links the source to the target, by two columns of one unique key, is
 * dropped as well, and first of all, while it can be told from one that links
 * the source to itself.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "fold/collision_sql.h"
#include "fold/link_sql.h"
#include "fold/move_sql.h"
#include "fold/move_value.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "references/source_rows.h"

/* Of a reference's columns the one that holds the id, or the first to change. */
static const char *
telling_column(const IdvFold *fold, const IdvTable *target,
			   const IdvReference *reference, uint32 changed)
{
	int			chosen = 0;

	while ((changed & (1U << chosen)) == 0)
		chosen++;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if (target == fold->contacts->table &&
			reference->referenced[i] == fold->contacts->id)
			chosen = i;
	}
	return NameStr(TupleDescAttr(reference->table->desc,
								 reference->columns[chosen] - 1)->attname);
}

/*
 * The parameters of the statements that move along a reference: what points to
 * the source.  What is to be stored is yet null.
 *
 * Returns false if nothing can point to the source that way, or if there is
 * nothing to change.
 */
static bool
source_parameters(Datum *values, bool *nulls, uint32 *changed,
				  const IdvTable *table, const IdvReference *reference,
				  IdvRow from, IdvRow to)
{
	int			n = reference->ncolumns;

	*changed = 0;
	for (int i = 0; i < n; i++)
	{
		int			r = reference->referenced[i] - 1;
		Form_pg_attribute att = TupleDescAttr(table->desc, r);

		if (from.nulls[r])
			return false;
		values[i] = from.values[r];
		nulls[i] = false;
		values[n + i] = (Datum) 0;
		nulls[n + i] = true;
		if (to.nulls[r] ||
			!datum_image_eq(from.values[r], to.values[r],
							att->attbyval, att->attlen))
			*changed |= 1U << i;
	}
	return *changed != 0;
}

/* Is a row left that points to the source? */
static bool
is_any_left(const IdvMove *move, const Datum *values, const bool *nulls)
{
	return idv_statement_run(&move->left, values, nulls) > 0;
}

static void report_left_behind(const IdvFold *fold, const IdvTable *table,
							   const IdvReference *reference, IdvRow from,
							   int depth) __attribute__((noreturn));

static void
report_left_behind(const IdvFold *fold, const IdvTable *table,
				   const IdvReference *reference, IdvRow from, int depth)
{
	const IdvContactTable *contacts = fold->contacts;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 depth == 0 ?
			 errmsg("rows of \"%s\" still reference contact \"%s\"",
					reference->table->label,
					idv_value_text(contacts->id_type,
								   from.values[contacts->id - 1])) :
			 errmsg("rows of \"%s\" still reference a duplicate row of \"%s\"",
					reference->table->label, table->label),
			 errhint("Look for a trigger on \"%s\" that returns NULL, or sets the column back.",
					 reference->table->label)));
}

/*
 * See that no row of a table that is not trusted points to the source.  42501.
 */
static void
check_not_pointing(IdvTable *table, IdvReference *reference, IdvRow from)
{
	if (idv_reference_may_point(reference, table, from))
		idv_report_objection(reference->table->relation,
							 idv_table_objection(reference->table));
}

/*
 * Is a table none of whose rows points to the source, to be left alone?
 *
 * Whoever may alter a table that points to contacts could otherwise stop every
 * fold, and so every login, by what refuses an UPDATE of no rows as well.
 */
static bool
is_left_alone(IdvTable *table, IdvReference *reference, IdvRow from)
{
	return reference->may_refuse &&
		!idv_reference_may_point(reference, table, from);
}

/*
 * idv_move_check_complete
 *		Before a row is deleted: see that nothing points to it any more.
 *
 * Only a trigger could have kept or brought something back, since its lock
 * keeps everybody else away.
 */
void
idv_move_check_complete(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to,
						int depth)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);
		Datum		values[2 * INDEX_MAX_KEYS];
		bool		nulls[2 * INDEX_MAX_KEYS];
		uint32		changed;

		if (idv_table_objection(reference->table) != NULL)
		{
			check_not_pointing(table, reference, from);
			continue;
		}
		if (!table->references_have_triggers ||
			is_left_alone(table, reference, from))
			continue;
		if (source_parameters(values, nulls, &changed, table, reference, from, to) &&
			is_any_left(idv_move_statements(table, reference, changed), values, nulls))
			report_left_behind(fold, table, reference, from, depth);
	}
}

/*
 * What a column will store to point to the target.  55000 if it cannot: never
 * write what would be somebody else's id.
 */
static Datum
new_pointer(const IdvTable *table, const IdvReference *reference, int i,
			IdvRow to)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		wanted = to.values[reference->referenced[i] - 1];
	Datum		stored = (Datum) 0;
	volatile bool fits = false;

	PG_TRY();
	{
		fits = idv_move_value(&stored, table, reference, i, wanted);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* Such as an integer out of range: of what, it does not say. */
		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of \"%s\" cannot hold the target's \"%s\"",
						NameStr(TupleDescAttr(reference->table->desc,
											  reference->columns[i] - 1)->attname),
						reference->table->label,
						NameStr(TupleDescAttr(table->desc,
											  reference->referenced[i] - 1)->attname)),
				 errhint("Give both columns the same type.")));
	return stored;
}

/*
 * The parameters that a move will store.
 *
 * What cannot be stored is an error, but in nobody's way where nothing points to
 * the source.  Returns false if that is so, and was asked.
 */
static bool
target_parameters(Datum *values, bool *nulls, const IdvMove *move,
				  const IdvTable *table, const IdvReference *reference,
				  IdvRow to)
{
	int			n = reference->ncolumns;
	bool		certain = true;

	for (int i = 0; i < n; i++)
		certain = certain && !to.nulls[reference->referenced[i] - 1] &&
			idv_move_stores_all(table, reference, i);
	if (!certain && !is_any_left(move, values, nulls))
		return false;

	for (int i = 0; i < n; i++)
	{
		/* Never write a null where there was a pointer. */
		if (to.nulls[reference->referenced[i] - 1])
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of \"%s\" cannot reference the target, because its \"%s\" is null",
							reference->table->label,
							NameStr(TupleDescAttr(table->desc,
												  reference->referenced[i] - 1)->attname)),
					 errhint("Give it a value first.")));
		values[n + i] = certain ? to.values[reference->referenced[i] - 1] :
			new_pointer(table, reference, i, to);
		nulls[n + i] = false;
	}
	return true;
}

/*
 * A table as it is described at this moment, with all that points to it locked.
 *
 * What points to contacts was locked when the fold began.  What points to a row
 * that is dropped was perhaps described in an earlier transaction, and its lock
 * ended with that; while we wait for it, a key may be committed that points to
 * the table.
 */
static IdvTable *
described_now(const IdvTable *table)
{
	IdvTable   *now;

	do
	{
		now = idv_table(table->relation);
	} while (idv_references_changed(now));
	idv_table_check(table, now->desc);
	return now;
}

/* Is the version of a row that was found still the one that counts? */
static bool
is_still_at(IdvTable *table, Datum place, Datum relation)
{
	static const Oid types[] = {TIDOID, OIDOID};
	Datum		values[2] = {place, relation};

	if (table->look_at.plan == NULL)
		idv_table_statement(&table->look_at, table,
							psprintf("SELECT 1 FROM %s x WHERE x.ctid = $1 AND x.tableoid = $2",
									 table->from), 2, types);
	return idv_statement_run(&table->look_at, values, NULL) > 0;
}

/* Delete the row at a place, ctid and tableoid, that is in the journal.  55000. */
static void
remove_row(IdvTable *table, const Datum *place)
{
	if (table->remove.plan == NULL)
	{
		static const Oid types[] = {TIDOID, OIDOID};

		idv_table_statement(&table->remove, table,
							psprintf("DELETE FROM %s x WHERE x.ctid = $1 AND x.tableoid = $2",
									 table->from), 2, types);
		table->remove.unreferenced = true;
	}
	if (idv_statement_run(&table->remove, place, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not delete duplicate row from \"%s\"", table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
}

/*
 * Drop a row in favour of one that stays.
 *
 * Returns false if one of the two has changed since they were found, by what
 * was done for another row or by a trigger on what pointed to it, such as one
 * that counts: then they have to be looked for again.
 */
static bool
drop(IdvFold *fold, IdvTable *table, const IdvResult *result, int depth)
{
	Datum		place[2] = {
		datumCopy(result->values[0], false, sizeof(ItemPointerData)),
		result->values[1]
	};
	IdvRow		dropped;
	IdvRow		stays;

	if (idv_table_references(table) != NIL &&
		(!is_still_at(table, place[0], place[1]) ||
		 !is_still_at(table, result->values[2], result->values[3])))
		return false;
	dropped = idv_table_row(table, result->values[IDV_COLLISION_ROWS]);
	stays = idv_table_row(table, result->values[IDV_COLLISION_ROWS + 1]);

	/*
	 * What points to the one that is dropped would come to point to a
	 * stranger's.
	 */
	if (!DatumGetBool(result->values[IDV_COLLISION_TARGETED]))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row of \"%s\" cannot be moved: by a unique index it duplicates a row that does not reference the target",
						table->label),
				 errhint("Look at the table's unique indexes, and delete one of the two rows.")));

	table = described_now(table);
	idv_move_pointers(fold, table, dropped, stays, depth + 1);
	idv_move_check_complete(fold, table, dropped, stays, depth + 1);

	/* The journal is to hold the row as it is when it is deleted. */
	if (idv_table_references(table) != NIL &&
		!is_still_at(table, place[0], place[1]))
		return false;
	idv_journal_dropped(&fold->journal, table, dropped, &stays, depth);

	remove_row(table, place);
	return true;
}

/*
 * Drop a row that links the source to the target, unless something points to it.
 *
 * Returns whether it was dropped.
 */
static bool
drop_link(IdvFold *fold, IdvTable *table, const IdvResult *result, int depth)
{
	Datum		place[2] = {
		datumCopy(result->values[0], false, sizeof(ItemPointerData)),
		result->values[1]
	};
	IdvRow		row = idv_table_row(table, result->values[IDV_LINK_ROW]);
	ListCell   *lc;

	table = described_now(table);
	foreach(lc, idv_table_references(table))
	{
		if (idv_reference_may_point(lfirst(lc), table, row))
			return false;
	}
	idv_journal_dropped(&fold->journal, table, row, NULL, depth);
	remove_row(table, place);
	return true;
}

/*
 * What one reference of a link points to: for the source, then for the target.
 *
 * Returns false if nothing can point to both, or if they are the same.
 */
static bool
link_parameters(Datum *values, bool *nulls, uint32 *changed, const IdvTable *table,
				const IdvReference *reference, IdvRow from, IdvRow to)
{
	int			n = reference->ncolumns;

	if (!source_parameters(values, nulls, changed, table, reference, from, to))
		return false;
	for (int i = 0; i < n; i++)
	{
		int			r = reference->referenced[i] - 1;

		if (to.nulls[r])
			return false;
		values[n + i] = to.values[r];
		nulls[n + i] = false;
	}
	return true;
}

/* Rows by their places, of the target: those that others were dropped for. */
typedef struct Places
{
	bool		wanted;			/* does anybody ask for them? */
	MemoryContext context;		/* what they are in */
	int			n;
	int			size;
	Datum	   *tables;			/* tableoid of each */
	Datum	   *places;			/* ctid */
} Places;

static void
add_place(Places *places, const Datum *place)
{
	MemoryContext caller;

	if (!places->wanted)
		return;
	caller = MemoryContextSwitchTo(places->context);
	if (places->n == places->size)
	{
		places->size = Max(16, 2 * places->size);
		places->tables = places->n == 0 ? palloc(sizeof(Datum) * places->size) :
			repalloc_huge(places->tables, sizeof(Datum) * places->size);
		places->places = places->n == 0 ? palloc(sizeof(Datum) * places->size) :
			repalloc_huge(places->places, sizeof(Datum) * places->size);
	}
	places->places[places->n] = datumCopy(place[0], false, sizeof(ItemPointerData));
	places->tables[places->n++] = place[1];
	MemoryContextSwitchTo(caller);
}

/*
 * The places as two arrays, of tableoid and of ctid.
 *
 * A trigger may have changed a row since, such as one that counts what points
 * to it: then it is where its latest version is.
 */
static void
place_arrays(Datum *arrays, Places *places)
{
	CommandCounterIncrement();
	for (int i = 0; i < places->n; i++)
	{
		Relation	table = table_open(DatumGetObjectId(places->tables[i]), AccessShareLock);
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TableScanDesc scan = table_beginscan_tid(table, snapshot);

		table_tuple_get_latest_tid(scan, (ItemPointer) DatumGetPointer(places->places[i]));
		table_endscan(scan);
		UnregisterSnapshot(snapshot);
		table_close(table, NoLock);
	}
	arrays[0] = PointerGetDatum(construct_array(places->tables, places->n, OIDOID,
												sizeof(Oid), true, TYPALIGN_INT));
	arrays[1] = PointerGetDatum(construct_array(places->places, places->n, TIDOID,
												sizeof(ItemPointerData), false,
												TYPALIGN_SHORT));
}

/*
 * Drop the rows that collide with others by a move.
 *
 * values	of the move; with room for two parameters more
 */
static int64
drop_collisions(IdvFold *fold, const IdvReference *reference,
				const IdvCollision *collision, Datum *values, bool *nulls,
				Places *kept, int depth)
{
	IdvTable   *table = reference->table;
	bool		once = idv_table_references(table) == NIL;
	int64		dropped = 0;
	bool		found;
	bool		changed;
	MemoryContext row_context;
	MemoryContext caller;

	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"idverify dropped row",
										ALLOCSET_DEFAULT_SIZES);
	caller = CurrentMemoryContext;
	do
	{
		IdvResult  *result;
		int			n = 2 * reference->ncolumns;

		if (collision->of_pairs)
		{
			place_arrays(&values[n], kept);
			nulls[n] = nulls[n + 1] = false;
		}
		result = idv_statement_query(&collision->statement, values, nulls);
		found = changed = false;
		while (idv_result_next(result))
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(row_context);
			if (drop(fold, table, result, depth))
			{
				add_place(kept, &result->values[2]);
				dropped++;
				found = true;
			}
			else
				changed = true;
			MemoryContextSwitchTo(caller);
			MemoryContextReset(row_context);
		}
		idv_result_end(result);

		/*
		 * What pointed to a dropped row has moved: more may collide now. This
		 * ends, since a row changes only when others have moved.
		 */
	} while ((found || changed) && !once);
	MemoryContextDelete(row_context);
	return dropped;
}

static int64
drop_all_collisions(IdvFold *fold, const IdvReference *reference,
					const IdvMove *move, Datum *values, bool *nulls,
					Places *kept, int depth)
{
	int64		dropped = 0;
	ListCell   *lc;

	foreach(lc, move->collisions)
		dropped += drop_collisions(fold, reference, lfirst(lc), values, nulls,
								   kept, depth);
	return dropped;
}

/*
 * Drop the rows that link the source to the target: they would link the target
 * to itself.
 *
 * reference	one of the two along which they do; the other is any after it
 *
 * A row that something points to stays, since nothing could take its place.
 */
static void
drop_links(IdvFold *fold, IdvTable *table, IdvReference *reference,
		   IdvRow from, IdvRow to, int depth)
{
	Datum		values[4 * INDEX_MAX_KEYS];
	bool		nulls[4 * INDEX_MAX_KEYS];
	uint32		changed;
	bool		before = true;
	MemoryContext row_context;
	MemoryContext caller;
	ListCell   *lc;

	if (reference->self || reference->has_generated ||
		!link_parameters(values, nulls, &changed, table, reference, from, to) ||
		idv_table_objection(reference->table) != NULL ||
		is_left_alone(table, reference, from))
		return;

	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"idverify dropped link",
										ALLOCSET_DEFAULT_SIZES);
	foreach(lc, idv_table_references(table))
	{
		IdvReference *other = lfirst(lc);
		uint32		other_changed;
		const IdvLink *link;
		IdvResult  *result;
		int64		dropped = 0;

		if (before)
		{
			before = other != reference;
			continue;
		}
		if (other->table != reference->table ||
			!link_parameters(values + 2 * reference->ncolumns,
							 nulls + 2 * reference->ncolumns, &other_changed,
							 table, other, from, to))
			continue;
		link = idv_link(table, reference, changed, other, other_changed);
		if (link->statement.plan == NULL)
			continue;

		result = idv_statement_query(&link->statement, values, nulls);
		while (idv_result_next(result))
		{
			CHECK_FOR_INTERRUPTS();
			caller = MemoryContextSwitchTo(row_context);
			dropped += drop_link(fold, reference->table, result, depth);
			MemoryContextSwitchTo(caller);
			MemoryContextReset(row_context);
		}
		idv_result_end(result);
		if (dropped > 0)
			idv_fold_line(&fold->result, reference->table->relation,
						  telling_column(fold, table, reference, changed))->dropped += dropped;
	}
	MemoryContextDelete(row_context);
}

/* Is an error one of a constraint by which one row keeps another out? */
static bool
is_refusal(const ErrorData *error)
{
	return (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
			error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION) &&
		error->schema_name != NULL && error->table_name != NULL;
}

/*
 * Is it of the table whose rows are moved?
 *
 * may_look		may the catalog be looked at, for the name of a partition?  While an
 *				error is handled it may not.
 */
static bool
is_of_table(const ErrorData *error, const IdvTable *table, bool may_look)
{
	Oid			schema;
	Oid			relation;

	if (strcmp(quote_qualified_identifier(error->schema_name, error->table_name),
			   table->name) == 0)
		return true;
	if (strcmp(table->from, table->name) != 0)
		return false;
	if (!may_look)
		return true;
	schema = get_namespace_oid(error->schema_name, true);
	relation = OidIsValid(schema) ?
		get_relname_relid(error->table_name, schema) : InvalidOid;
	return OidIsValid(relation) &&
		idv_root_relation(relation) == idv_root_relation(table->relation);
}

static void report_refusal(const IdvTable *table, const ErrorData *error,
						   bool by_others) __attribute__((noreturn));

/*
 * Raise the error that rows cannot be moved.
 *
 * error		the one that says so.  It quotes a row, which a visitor's login
 *				would be shown: so it goes to the log alone
 * by_others	another transaction is in the way: 40001, which drivers and
 *				applications know how to try again.  Else 55000
 */
static void
report_refusal(const IdvTable *table, const ErrorData *error, bool by_others)
{
	ereport(ERROR,
			(errcode(by_others ? ERRCODE_T_R_SERIALIZATION_FAILURE :
					 ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 by_others ?
			 errmsg("could not move rows of \"%s\" due to a concurrent insert or update",
					table->label) :
			 errmsg("rows of \"%s\" cannot be moved, because of constraint \"%s\" of \"%s.%s\"",
					table->label,
					error->constraint_name ? error->constraint_name : "",
					error->schema_name, error->table_name),
			 errdetail_log("%s%s%s", error->message, error->detail ? ": " : "",
						   error->detail ? error->detail : ""),
			 by_others ? errhint("Try again.") :
			 errhint("Two rows of the source may collide once they have moved, or a trigger on the table may write a row that is there already. Change or delete one of them.")));
}

/* Move rows, once those are dropped that cannot be, and write them down. */
static int64
move_rows(IdvFold *fold, IdvTable *table, IdvReference *reference,
		  const IdvMove *move, const Datum *values, const bool *nulls,
		  IdvRow from, IdvRow to, int depth)
{
	/* What a row is dropped for is not locked as the target is. */
	IdvResult  *result = idv_statement_move(&move->update, values, nulls,
											depth == 0 ? move->skipped_key : InvalidOid);
	int64		moved = result->processed;

	idv_journal_moved(&fold->journal, table, reference, move, false,
					  from, to, result, depth);
	idv_result_end(result);
	return moved;
}

/*
 * The same, where nothing but another transaction can be in the way still: it
 * has inserted a row since that is equal to one of ours; the index waits until
 * that is committed, and then there is no way on but from the beginning.
 *
 * A subtransaction, from which we could try again ourselves, would cost every
 * fold more than this rare error costs.
 */
static int64
move_rows_once(IdvFold *fold, IdvTable *table, IdvReference *reference,
			   const IdvMove *move, const Datum *values, const bool *nulls,
			   IdvRow from, IdvRow to, int depth)
{
	MemoryContext context = CurrentMemoryContext;
	int64		moved = 0;

	PG_TRY();
	{
		moved = move_rows(fold, table, reference, move, values, nulls, from, to,
						  depth);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!is_refusal(error) || !is_of_table(error, reference->table, false))
			PG_RE_THROW();
		FlushErrorState();

		/* No index keeps the rows apart: a trigger has written something. */
		report_refusal(reference->table, error, move->collisions != NIL);
	}
	PG_END_TRY();
	return moved;
}

/*
 * The same in a subtransaction, where the rows that are moved, or a trigger, may
 * be in the way themselves.
 *
 * Returns the error that says so, or NULL.
 */
static ErrorData *
try_to_move_rows(int64 *moved, IdvFold *fold, IdvTable *table,
				 IdvReference *reference, const IdvMove *move,
				 const Datum *values, const bool *nulls, IdvRow from, IdvRow to,
				 int depth)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile refusal = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*moved = move_rows(fold, table, reference, move, values, nulls, from, to,
						   depth);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		refusal = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	/* Such as that of a trigger that writes elsewhere. */
	if (refusal != NULL &&
		(!is_refusal(refusal) || !is_of_table(refusal, reference->table, true)))
		ReThrowError(refusal);
	return refusal;
}

/* How often another transaction may be faster. */
#define MOVE_TRIES	10

/* Drop what cannot be moved, and move the rest.  40001 and 55000 as above. */
static void
drop_and_move(int64 *moved, int64 *dropped, IdvFold *fold, IdvTable *table,
			  IdvReference *reference, const IdvMove *move, Datum *values,
			  bool *nulls, IdvRow from, IdvRow to, int depth)
{
	Places		kept = {
		.wanted = move->has_pairs,
		.context = CurrentMemoryContext
	};
	ErrorData  *refusal;
	bool		in_vain = false;

	*dropped += drop_all_collisions(fold, reference, move, values, nulls, &kept, depth);
	if (move->only_by_others || move->collisions == NIL)
	{
		*moved += move_rows_once(fold, table, reference, move, values, nulls,
								 from, to, depth);
		return;
	}
	for (int i = 0; i < MOVE_TRIES; i++)
	{
		int64		now = 0;
		int64		found;

		refusal = try_to_move_rows(&now, fold, table, reference, move, values,
								   nulls, from, to, depth);
		if (refusal == NULL)
		{
			*moved += now;
			return;
		}

		/* What another transaction has written by now collides like the rest. */
		found = drop_all_collisions(fold, reference, move, values, nulls, &kept, depth);
		*dropped += found;
		if (found == 0 && in_vain)
			report_refusal(reference->table, refusal, false);
		in_vain = found == 0;
	}
	report_refusal(reference->table, refusal, true);
}

static void move_along(IdvFold *fold, IdvTable *table, IdvReference *reference,
					   IdvRow from, IdvRow to, int depth);

/*
 * Move along a reference that has a condition, or drop links along it.  One that
 * fails on a row is an error that names the reference.  55000.
 */
static void
follow_condition(void (*follow) (IdvFold *, IdvTable *, IdvReference *, IdvRow, IdvRow, int),
				 IdvFold *fold, IdvTable *table, IdvReference *reference,
				 IdvRow from, IdvRow to, int depth)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		follow(fold, table, reference, from, to, depth);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 reference->condition_text != NULL ?
				 errmsg("could not move rows of \"%s\" where %s",
						reference->table->label, reference->condition_text) :
				 errmsg("could not move rows of \"%s\" under a condition",
						reference->table->label),
				 errdetail("%s", error->message),
				 errhint("Correct the condition in idverify.contact_references.")));
	}
	PG_END_TRY();
}

/*
 * Move rows along a reference, the loops first.
 *
 * 55000 where another table's foreign key keeps a row where it is, which names it.  What
 * PostgreSQL says of it quotes a row, so it goes to the log alone.
 */
static void
move_all(int64 *moved, int64 *dropped, IdvFold *fold, IdvTable *table,
		 IdvReference *reference, const IdvMove *move, Datum *values,
		 bool *nulls, IdvRow from, IdvRow to, int depth)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (move->loop.plan != NULL)
		{
			IdvResult  *result = idv_statement_query(&move->loop, values, nulls);

			*moved += result->processed;
			idv_journal_moved(&fold->journal, table, reference, move, true,
							  from, to, result, depth);
			idv_result_end(result);
		}
		drop_and_move(moved, dropped, fold, table, reference, move, values,
					  nulls, from, to, depth);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION ||
			error->constraint_name == NULL || error->table_name == NULL ||
			is_of_table(error, reference->table, false))
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of \"%s\" cannot be moved, because of foreign key \"%s\" of \"%s.%s\"",
						reference->table->label, error->constraint_name,
						error->schema_name, error->table_name),
				 errdetail_log("%s%s%s", error->message, error->detail ? ": " : "",
							   error->detail ? error->detail : ""),
				 errhint("Delete or change the rows that it keeps together.")));
	}
	PG_END_TRY();
}

/* Move what points to one row along one reference. */
static void
move_along(IdvFold *fold, IdvTable *table, IdvReference *reference,
		   IdvRow from, IdvRow to, int depth)
{
	Datum		values[2 * INDEX_MAX_KEYS + 2];
	bool		nulls[2 * INDEX_MAX_KEYS + 2];
	uint32		changed;
	IdvMove    *move;
	int64		moved = 0;
	int64		dropped = 0;

	if (!source_parameters(values, nulls, &changed, table, reference, from, to))
		return;
	if (idv_table_objection(reference->table) != NULL)
	{
		check_not_pointing(table, reference, from);
		return;
	}
	if (is_left_alone(table, reference, from))
		return;
	move = idv_move_statements(table, reference, changed);
	if (move->generated ||
		!target_parameters(values, nulls, move, table, reference, to))
		return;

	move_all(&moved, &dropped, fold, table, reference, move, values, nulls,
			 from, to, depth);
	if (moved > 0 || dropped > 0)
	{
		IdvFoldLine *line = idv_fold_line(&fold->result, reference->table->relation,
										  telling_column(fold, table, reference,
														 changed));

		line->moved += moved;
		line->dropped += dropped;
	}
}

/*
 * A generated column moves by what it is generated from.  See that it has, now
 * that all else is moved.  55000.
 */
static void
check_generated(IdvTable *table, IdvReference *reference, IdvRow from, IdvRow to)
{
	Datum		values[2 * INDEX_MAX_KEYS];
	bool		nulls[2 * INDEX_MAX_KEYS];
	uint32		changed;
	IdvMove    *move;

	if (!source_parameters(values, nulls, &changed, table, reference, from, to) ||
		is_left_alone(table, reference, from))
		return;
	move = idv_move_statements(table, reference, changed);
	if (move->generated && is_any_left(move, values, nulls))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of \"%s\" cannot be moved, because column \"%s\" is generated",
						reference->table->label,
						NameStr(TupleDescAttr(reference->table->desc,
											  reference->columns[0] - 1)->attname)),
				 errhint("List the column that it is generated from: idverify_add_reference.")));
}

/*
 * idv_move_pointers
 *		Make everything that points to one row of a table point to another.
 */
void
idv_move_pointers(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to, int depth)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);

		if (reference->shares_table)
			follow_condition(drop_links, fold, table, reference, from, to, depth);
	}
	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);

		if (reference->condition_text != NULL)
			follow_condition(move_along, fold, table, reference, from, to, depth);
		else
			move_along(fold, table, reference, from, to, depth);
	}
	foreach(lc, idv_table_references(table))
	{
		if (((IdvReference *) lfirst(lc))->has_generated)
			check_generated(table, lfirst(lc), from, to);
	}
}
