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
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "fold/collision_sql.h"
#include "fold/dropped_links.h"
#include "fold/dropped_row.h"
#include "fold/kept_rows.h"
#include "fold/move_check.h"
#include "fold/move_parameters.h"
#include "fold/move_state.h"
#include "fold/refusal.h"
#include "references/description_cache.h"

/*
 * Drop a row in favour of one that stays.
 *
 * Returns false if one of the two has changed since they were found, by what
 * was done for another row or by a trigger on what pointed to it, such as one
 * that counts: then they have to be looked for again.
 */
static bool
drop(IdvFold *fold, const IdvReference *reference, const IdvCollision *collision,
	 const IdvResult *result, int depth)
{
	IdvTable   *table = reference->table;
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
				 errmsg("row of \"%s\" cannot be moved: by index \"%s\" it duplicates a row whose \"%s\" does not reference the target",
						table->label, collision->index,
						NameStr(TupleDescAttr(table->desc, reference->columns[0] - 1)->attname)),
				 errhint("Look for rows that are equal by that index once they reference the target, and change or delete one of the two.")));

	table = idv_table_now(table);
	table = idv_move_pointers(fold, table, dropped, stays, depth + 1);
	idv_move_check_complete(fold->contacts, table, dropped, stays, depth + 1);

	/* The journal is to hold the row as it is when it is deleted. */
	if (idv_table_references(table) != NIL &&
		!idv_is_still_at(table, place, dropped))
		return false;
	idv_journal_dropped(&fold->journal, table, DatumGetObjectId(place[1]), dropped,
						&stays, depth);

	idv_remove_row(table, place, dropped);
	return true;
}

/*
 * Drop the rows that collide with others by a move, as one statement finds them.
 *
 * Returns how many.
 */
static int64
drop_collisions(IdvFold *fold, IdvMoving *moving, const IdvCollision *collision,
				IdvKeptRows *kept)
{
	IdvTable   *table = moving->reference->table;
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
		int			n = 2 * moving->reference->ncolumns;

		if (collision->of_pairs)
		{
			idv_kept_rows_arrays(&moving->values[n], kept);
			moving->nulls[n] = moving->nulls[n + 1] = false;
		}
		result = idv_statement_query(&collision->statement, moving->values,
									 moving->nulls);
		found = changed = false;
		while (idv_result_next(result))
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(row_context);
			if (drop(fold, moving->reference, collision, result, moving->depth))
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

/* Drop all rows that collide.  Returns how many. */
static int64
drop_all_collisions(IdvFold *fold, IdvMoving *moving, IdvKeptRows *kept)
{
	int64		dropped = 0;
	ListCell   *lc;

	foreach(lc, moving->statements->collisions)
		dropped += drop_collisions(fold, moving, lfirst(lc), kept);
	moving->dropped += dropped;
	return dropped;
}

/* Move rows, once those are dropped that cannot be, and write them down. */
static void
move_rows(IdvFold *fold, IdvMoving *moving)
{
	/* What a row is dropped for is not locked as the target is. */
	IdvResult  *result = idv_statement_move(&moving->statements->update,
											moving->values, moving->nulls,
											moving->depth == 0 ?
											moving->statements->skipped_key : InvalidOid);
	int64		moved = result->processed;

	idv_journal_moved(&fold->journal, moving, false, result);
	idv_result_end(result);
	moving->moved += moved;
}

/*
 * The same, where nothing but another transaction can be in the way still: it
 * has inserted a row since that is equal to one of ours; the index waits until
 * that is committed, and then there is no way on but from the beginning.
 *
 * A subtransaction, from which we could try again ourselves, would cost every
 * fold more than this rare error costs.
 */
static void
move_rows_once(IdvFold *fold, IdvMoving *moving)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		move_rows(fold, moving);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);

		/*
		 * Where no index keeps the rows apart, a trigger has written
		 * something.
		 */
		idv_rethrow_refusal(moving->reference->table, moving->statements->followers,
							moving->statements->collisions != NIL);
	}
	PG_END_TRY();
}

/*
 * The same in a subtransaction, where the rows that are moved, or a trigger, may
 * be in the way themselves.
 *
 * Returns the error that says so, or NULL.
 */
static ErrorData *
try_to_move_rows(IdvFold *fold, IdvMoving *moving)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile refusal = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		move_rows(fold, moving);
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
	if (refusal != NULL && !idv_is_refusal(refusal, moving->reference->table, true))
		ReThrowError(refusal);
	return refusal;
}

/* How often another transaction may be faster. */
#define MOVE_TRIES	10

/* Drop what cannot be moved, and move the rest.  40001, 55000: idv_report_refusal(). */
static void
drop_and_move(IdvFold *fold, IdvMoving *moving)
{
	const IdvMove *statements = moving->statements;
	IdvTable   *table = moving->reference->table;
	IdvKeptRows kept = {
		.wanted = statements->has_pairs,
		.context = CurrentMemoryContext
	};
	ErrorData  *refusal;
	bool		in_vain = false;

	(void) drop_all_collisions(fold, moving, &kept);
	if (statements->only_by_others || statements->collisions == NIL)
	{
		move_rows_once(fold, moving);
		return;
	}
	for (int i = 0; i < MOVE_TRIES; i++)
	{
		int64		found;

		refusal = try_to_move_rows(fold, moving);
		if (refusal == NULL)
			return;

		/* What another transaction has written by now collides like the rest. */
		found = drop_all_collisions(fold, moving, &kept);
		if (found == 0 && in_vain)
			idv_report_refusal(table, refusal, false);
		in_vain = found == 0;
	}
	idv_report_refusal(table, refusal, true);
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
 * 55000 where a constraint of another table keeps a row where it is.
 */
static void
move_all(IdvFold *fold, IdvMoving *moving)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (moving->statements->loop.plan != NULL)
		{
			IdvResult  *result = idv_statement_query(&moving->statements->loop,
													 moving->values, moving->nulls);

			moving->moved += result->processed;
			idv_journal_moved(&fold->journal, moving, true, result);
			idv_result_end(result);
		}
		drop_and_move(fold, moving);
		if (moving->moved > 0)
			idv_move_check_followers(moving->reference->table,
									 moving->statements->followers_in_parts);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		idv_rethrow_other_refusal(moving->reference->table, moving->statements->followers);
	}
	PG_END_TRY();
}

/*
 * Refuse to write, as another role than the contacts' owner, to rows that are in
 * shards beside theirs: Citus lets no two roles do that in one transaction.  0A000.
 */
static void
check_owner(const IdvTable *contacts, const IdvTable *table)
{
	if (table->distribution.rows == IDV_ROWS_HERE ||
		table->distribution.colocation != contacts->distribution.colocation ||
		table->owner == contacts->owner)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("rows of distributed table \"%s\" cannot be moved, because \"%s\" has another owner",
					table->label, contacts->label),
			 errhint("Give it the same one: ALTER TABLE ... OWNER TO %s",
					 quote_identifier(GetUserNameFromId(contacts->owner, false)))));
}

/* Move what points to one row along one reference. */
static void
move_along(IdvFold *fold, IdvTable *table, IdvReference *reference,
		   IdvRow from, IdvRow to, int depth)
{
	IdvMoving	moving = {
		.table = table,
		.reference = reference,
		.from = from,
		.to = to,
		.depth = depth
	};
	uint32		changed;

	if (!idv_move_source_parameters(moving.values, moving.nulls, &changed, table,
									reference, from, to))
		return;
	idv_move_check_detaching(table, reference, from);
	if (idv_table_objection(reference->table) != NULL)
	{
		idv_move_check_not_pointing(table, reference, from);
		return;
	}
	if (idv_move_leaves_alone(table, reference, from))
		return;
	check_owner(fold->contacts->table, reference->table);
	moving.statements = idv_move_statements(table, reference, changed);
	if (moving.statements->generated ||
		!idv_move_target_parameters(moving.values, moving.nulls, moving.statements,
									table, reference, to))
		return;

	move_all(fold, &moving);
	if (moving.moved > 0 || moving.dropped > 0)
	{
		IdvFoldLine *line = idv_fold_reference_line(&fold->result, fold->contacts,
													table, reference, changed);

		line->moved += moving.moved;
		line->dropped += moving.dropped;
	}
}

/* Move along all references to a table, unless one changes meanwhile. */
static void
move_pointers(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to, int depth)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);

		if (!reference->shares_table)
			continue;
		if (idv_table_is_stale(table))
			return;
		follow_condition(idv_drop_links, fold, table, reference, from, to, depth);
	}
	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);

		if (idv_table_is_stale(table))
			return;
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

/* How often triggers may alter the tables meanwhile, and others analyze them. */
#define ROUNDS	20

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
 *
 * A trigger may have made something point to the table only now, such as a foreign
 * key that cascades.  So the table is asked for again where any that was described
 * has changed meanwhile, until that is not so.  What a trigger has altered of those
 * that pointed to it before is an error, 55000.  Returns the table as it is
 * described in the end.
 */
IdvTable *
idv_move_pointers(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to, int depth)
{
	check_stack_depth();
	for (int round = 0; round < ROUNDS; round++)
	{
		IdvTable   *now;

		move_pointers(fold, table, from, to, depth);
		if (!idv_table_is_stale(table))
			return table;
		now = idv_table_now(table);
		idv_references_check_unaltered(table, now);
		table = now;
	}
	idv_report_altered(table->label);
}
