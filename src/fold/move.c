/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Make all that points to one row point to another.
 *
 * A row that would break a unique index by moving is dropped, and the row that
 * is there stays.  What points to the dropped row moves to that one, by the
 * same rules: a fold within the fold.
 *
 * A row that links the source to the target is dropped as well, and first of all:
 * dropped_links.c.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "fold/collision_sql.h"
#include "fold/dropped_links.h"
#include "fold/dropped_row.h"
#include "fold/kept_rows.h"
#include "fold/move_check.h"
#include "fold/move_parameters.h"
#include "fold/move_sql.h"
#include "fold/refusal.h"

/*
 * Drop a row in favour of one that stays.
 *
 * Returns false if one of the two has changed since they were found, by what
 * was done for another row or by a trigger on what pointed to it, such as one
 * that counts: then they have to be looked for again.
 */
static bool
drop(IdvFold *fold, IdvTable *table, const IdvCollision *collision,
	 const IdvResult *result, int depth)
{
	Datum		place[2] = {
		datumCopy(result->values[0], false, sizeof(ItemPointerData)),
		result->values[1]
	};
	IdvRow		dropped = idv_table_row(table, result->values[IDV_COLLISION_ROWS]);
	IdvRow		stays = idv_table_row(table, result->values[IDV_COLLISION_ROWS + 1]);

	if (idv_table_references(table) != NIL &&
		(!idv_is_still_at(table, place, dropped) ||
		 !idv_is_still_at(table, &result->values[2], stays)))
		return false;

	/*
	 * What points to the one that is dropped would come to point to a
	 * stranger's.
	 */
	if (!DatumGetBool(result->values[IDV_COLLISION_TARGETED]))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row of \"%s\" cannot be moved: by index \"%s\" it duplicates a row that does not reference the target",
						table->label, collision->index),
				 errhint("Look for rows that are equal by that index once they reference the target, and change or delete one of the two.")));

	table = idv_dropped_row_table(table);
	idv_move_pointers(fold, table, dropped, stays, depth + 1);
	idv_move_check_complete(fold->contacts, table, dropped, stays, depth + 1);

	/* The journal is to hold the row as it is when it is deleted. */
	if (idv_table_references(table) != NIL &&
		!idv_is_still_at(table, place, dropped))
		return false;
	idv_journal_dropped(&fold->journal, table, dropped, &stays, depth);

	idv_remove_row(table, place, dropped);
	return true;
}

/*
 * Drop the rows that collide with others by a move.
 *
 * values	of the move; with room for two parameters more
 */
static int64
drop_collisions(IdvFold *fold, const IdvReference *reference,
				const IdvCollision *collision, Datum *values, bool *nulls,
				IdvKeptRows *kept, int depth)
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
			idv_kept_rows_arrays(&values[n], kept);
			nulls[n] = nulls[n + 1] = false;
		}
		result = idv_statement_query(&collision->statement, values, nulls);
		found = changed = false;
		while (idv_result_next(result))
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(row_context);
			if (drop(fold, table, collision, result, depth))
			{
				idv_kept_rows_add(kept, &result->values[2]);
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
					IdvKeptRows *kept, int depth)
{
	int64		dropped = 0;
	ListCell   *lc;

	foreach(lc, move->collisions)
		dropped += drop_collisions(fold, reference, lfirst(lc), values, nulls,
								   kept, depth);
	return dropped;
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
		MemoryContextSwitchTo(context);

		/*
		 * Where no index keeps the rows apart, a trigger has written
		 * something.
		 */
		idv_rethrow_refusal(reference->table, move->collisions != NIL);
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
	if (refusal != NULL && !idv_is_refusal(refusal, reference->table, true))
		ReThrowError(refusal);
	return refusal;
}

/* How often another transaction may be faster. */
#define MOVE_TRIES	10

/* Drop what cannot be moved, and move the rest.  40001, 55000: idv_report_refusal(). */
static void
drop_and_move(int64 *moved, int64 *dropped, IdvFold *fold, IdvTable *table,
			  IdvReference *reference, const IdvMove *move, Datum *values,
			  bool *nulls, IdvRow from, IdvRow to, int depth)
{
	IdvKeptRows kept = {
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
			idv_report_refusal(reference->table, refusal, false);
		in_vain = found == 0;
	}
	idv_report_refusal(reference->table, refusal, true);
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
		MemoryContextSwitchTo(context);
		idv_rethrow_condition_failure(reference);
	}
	PG_END_TRY();
}

/*
 * Move rows along a reference, the loops first.
 *
 * 55000 where another table's foreign key keeps a row where it is.
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
		MemoryContextSwitchTo(context);
		idv_rethrow_key_refusal(reference->table);
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

	if (!idv_move_source_parameters(values, nulls, &changed, table, reference, from, to))
		return;
	if (idv_table_objection(reference->table) != NULL)
	{
		idv_move_check_not_pointing(table, reference, from);
		return;
	}
	if (idv_move_leaves_alone(table, reference, from))
		return;
	move = idv_move_statements(table, reference, changed);
	if (move->generated ||
		!idv_move_target_parameters(values, nulls, move, table, reference, to))
		return;

	move_all(&moved, &dropped, fold, table, reference, move, values, nulls,
			 from, to, depth);
	if (moved > 0 || dropped > 0)
	{
		IdvFoldLine *line = idv_fold_reference_line(&fold->result, fold->contacts,
													table, reference, changed);

		line->moved += moved;
		line->dropped += dropped;
	}
}

/*
 * idv_move_pointers
 *		Make everything that points to one row of a table point to another.
 *
 * from, to		the source and the target, rows of that table
 * depth		0 if they are contacts, else how many dropped rows led here
 *
 * What was moved and dropped is in the fold's journal and result.  55000 if a row
 * cannot be moved, 40001 if another transaction is in the way, 42501 if a table
 * that is not trusted may point to the source.
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
			follow_condition(idv_drop_links, fold, table, reference, from, to, depth);
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
			idv_move_check_generated(table, lfirst(lc), from, to);
	}
}
