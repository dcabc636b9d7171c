/*-------------------------------------------------------------------------
 *
 * fold.c
 *	  Fold one contact into another.
 *
 * First the two contacts are locked, in one order everywhere: lock_order.c.  Then
 * one statement runs for each column that points to the source, each with a fresh
 * snapshot.  Whoever inserts a row that points
 * to the source takes a lock on it too: either they came first, then we have
 * waited for them and see the row; or they wait for us, and then there is no
 * source any more.
 *
 * The source is deleted when nothing points to it, so there is nothing that
 * its deletion could cascade to; and it is deleted before the target takes
 * over its values, some of which may be unique.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/fold.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "fold/fill.h"
#include "fold/fold_state.h"
#include "fold/lock_order.h"
#include "fold/move.h"
#include "fold/move_check.h"
#include "fold/refusal.h"
#include "references/contact_options.h"
#include "references/contact_rows.h"
#include "references/description_cache.h"
#include "references/references.h"
#include "references/source_rows.h"
#include "server/canonical_text.h"
#include "server/try_out.h"
#include "tables/our_tables.h"

#define DIFFERENT_APPS_HINT	"Fold contacts of one app. Whoever visits several is a contact of each."

static void report_no_contact(const IdvContactTable *contacts, Datum id) __attribute__((noreturn));

static void
report_no_contact(const IdvContactTable *contacts, Datum id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("contact \"%s\" does not exist in \"%s\"",
					idv_value_text(contacts->id_type, id),
					contacts->table->label),
			 contacts->own ?
			 errhint("If it was folded, idverify_resolve tells into which one. A contact in a table of your own needs the table's name as third argument.") :
			 errhint("If it was folded, idverify_resolve tells into which one.")));
}

/* The first of these columns in which two contacts differ, or 0. */
static AttrNumber
different_column(const IdvContactTable *contacts, const Bitmapset *columns,
				 IdvRow source, IdvRow target)
{
	int			column = -1;

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		int			i = column - 1;

		if (source.nulls[i] != target.nulls[i] ||
			(!source.nulls[i] &&
			 !idv_column_equals(contacts->table, column,
								source.values[i], target.values[i])))
			return column;
	}
	return 0;
}

/*
 * Two contacts of different apps, or tenants, are never one person's.
 *
 * Returns false for those of different tenants by claim: a visitor who logs in
 * cannot help that, and only switches.
 */
static bool
check_same_app(IdvContactTable *contacts, IdvRow source, IdvRow target, bool by_claim)
{
	AttrNumber	column = different_column(contacts, contacts->apps, source, target);

	if (column != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contacts of different apps cannot be folded"),
				 errdetail("Column \"%s\" of the two differs.",
						   NameStr(TupleDescAttr(contacts->table->desc, column - 1)->attname)),
				 errhint(DIFFERENT_APPS_HINT)));
	column = different_column(contacts, idv_contact_options(contacts)->same,
							  source, target);
	if (column != 0 && !by_claim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contacts that differ in column \"%s\" cannot be folded",
						NameStr(TupleDescAttr(contacts->table->desc, column - 1)->attname)),
				 errhint("If contacts in \"%s\" need not agree in that column, say so once: %s",
						 contacts->table->label,
						 idv_contact_options_without(contacts, column))));
	return column == 0;
}

/* A column of our own contacts for the journal, if it is to be in there. */
static NullableDatum
kept_value(AttrNumber column, IdvRow row, bool wanted)
{
	NullableDatum kept = {(Datum) 0, true};

	if (column != 0 && wanted && !row.nulls[column - 1])
	{
		kept.value = row.values[column - 1];
		kept.isnull = false;
	}
	return kept;
}

/* Begin with the journal. */
static void
begin_journal(IdvFold *fold, IdvRow source, Datum source_id, Datum target_id,
			  int how, TimestampTz now)
{
	IdvContactTable *contacts = fold->contacts;
	bool		verified = idv_contact_row_is_verified(contacts, source);
	IdvJournalHead head;
	int			level;

	if (fold->journal.off)
		return;
	level = idv_canonical_text_begin();
	head.contacts = contacts->table->name;
	head.source_id = idv_value_text(contacts->id_type, source_id);
	head.target_id = idv_value_text(contacts->id_type, target_id);
	head.table = contacts->table;
	head.source = source;
	head.filled = "{}";
	idv_canonical_text_end(level);
	head.visitor = kept_value(contacts->visitor, source, true);
	head.external_id = kept_value(contacts->external_id, source, verified);
	head.email = kept_value(contacts->email, source, verified && contacts->own &&
							DatumGetBool(source.values[contacts->email_verified - 1]));
	head.forced = (how & IDV_FOLD_FORCE) != 0;
	head.folded_at = now;
	idv_journal_begin(&fold->journal, &head);
}

/*
 * Does nothing point to the source, and can nothing come to before it is deleted?
 *
 * Then its foreign keys need not look (server/exec_triggers.c).  Nobody else can
 * bring anything, since it is locked; only a trigger that is fired before the row
 * is deleted could.
 */
static bool
is_pointed_to_by_none(const IdvContactTable *contacts, IdvRow source)
{
#ifdef IDV_WITHOUT_KEY_CHECK_SKIP
	return false;
#else
	Relation	relation = table_open(contacts->table->relation, NoLock);
	Form_pg_class form = relation->rd_rel;
	TriggerDesc *triggers = relation->trigdesc;
	bool		none;
	ListCell   *lc;

	none = form->relkind == RELKIND_RELATION && !form->relhassubclass &&
		!form->relispartition &&
		contacts->table->distribution.rows == IDV_ROWS_HERE;
	if (triggers != NULL && (triggers->trig_delete_before_row ||
							 triggers->trig_delete_before_statement))
		none = false;
	table_close(relation, NoLock);

	/* A probe goes by the first column alone: that may be the app's. */
	foreach(lc, idv_table_references(contacts->table))
		none = none && ((IdvReference *) lfirst(lc))->ncolumns == 1;
	foreach(lc, idv_table_references(contacts->table))
		none = none && !idv_reference_may_point(lfirst(lc), contacts->table, source);
	return none;
#endif
}

/* Delete the source. */
static void
delete_source(IdvFold *fold, Datum id, IdvRow source)
{
	IdvContactTable *contacts = fold->contacts;
	Datum		values[2] = {id, Int32GetDatum(fold->app_id)};

	if (contacts->remove.plan == NULL)
	{
		Oid			types[] = {contacts->id_type, INT4OID};

		idv_table_statement(&contacts->remove, contacts->table,
							psprintf("DELETE FROM %s x WHERE %s",
									 contacts->table->from,
									 idv_contact_table_where(contacts)),
							contacts->own ? 2 : 1, types);
		contacts->remove.unreferenced = true;
	}
	contacts->remove.pointers = is_pointed_to_by_none(contacts, source) ?
		IDV_POINTERS_NONE : IDV_POINTERS_AS_DECLARED;
	idv_contact_row_write(contacts, &contacts->remove, values, NULL);
	idv_fold_line(&fold->result, contacts->table->relation,
				  NameStr(TupleDescAttr(contacts->table->desc,
										contacts->id - 1)->attname))->dropped++;
}

/*
 * The row of the source or of the target as the moves have left it, that is still
 * there, and still what was pointed to.
 *
 * Our lock keeps everybody else away from it, but no trigger that the fold has
 * fired; and the foreign keys were not asked (server/exec_triggers.c).  What the
 * contact points to may have moved, and a trigger may count.
 */
static IdvRow
row_after_moves(IdvFold *fold, Datum id, IdvRow pointed_to, bool as_source)
{
	IdvContactTable *contacts = fold->contacts;
	IdvRow		now;
	bool		stayed = idv_contact_row_lock(&now, contacts, fold->app_id, id, as_source);
	ListCell   *lc;

	foreach(lc, idv_table_references(contacts->table))
	{
		IdvReference *reference = lfirst(lc);

		for (int i = 0; stayed && i < reference->ncolumns; i++)
		{
			int			r = reference->referenced[i] - 1;
			Form_pg_attribute att = TupleDescAttr(contacts->table->desc, r);

			stayed = pointed_to.nulls[r] ||
				(!now.nulls[r] &&
				 datum_image_eq(now.values[r], pointed_to.values[r],
								att->attbyval, att->attlen));
		}
	}
	if (!stayed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contact \"%s\" was modified or deleted by a trigger during the fold",
						idv_value_text(contacts->id_type, id)),
				 errhint("Look at the triggers on the table of contacts, and on those that point to it.")));
	return now;
}

/* What became of a fold. */
typedef enum Outcome
{
	FOLDED,
	NOT_FOLDED,					/* the source is gone, became verified, or is
								 * of another tenant */
	TARGET_GONE
} Outcome;

/*
 * Lock the source and the target, and contacts that point to the source, in that
 * one order, so that folds that cross do not deadlock.
 *
 * By claim it is no error if one is gone: somebody else has folded it since the
 * caller looked.
 */
static Outcome
lock_both(IdvFold *fold, IdvRow *source, IdvRow *target,
		  Datum source_id, Datum target_id, int how)
{
	IdvContactTable *contacts = fold->contacts;
	bool		by_claim = (how & IDV_FOLD_BY_CLAIM) != 0;
	bool		found = false;
	IdvLockOrder order;

	idv_lock_order_begin(&order, contacts, fold->app_id, source_id);
	for (int turn = 0; turn < 2; turn++)
	{
		bool		source_turn = (turn == 0) == fold->source_first;

		idv_lock_order_up_to(&order, source_turn ? source_id : target_id,
							 source_turn ? fold->source_verified : fold->target_verified);
		if (source_turn)
		{
			found = idv_contact_row_lock(source, contacts, fold->app_id,
										 source_id, true);
			if (!found && !by_claim)
				report_no_contact(contacts, source_id);
		}
		else if (!idv_contact_row_lock(target, contacts, fold->app_id,
									   target_id, false))
		{
			if (by_claim)
				return TARGET_GONE;
			report_no_contact(contacts, target_id);
		}
	}
	idv_lock_order_end(&order);
	if (!found || (by_claim && (how & IDV_FOLD_FORCE) == 0 &&
				   idv_contact_row_is_verified(contacts, *source)))
		return NOT_FOLDED;
	return FOLDED;
}

/*
 * Delete the source, and let the target take over what it lacks.
 *
 * Both are what the moves have left: what the source points to may have been
 * dropped in favour of something else, and an undo puts the source back before it
 * moves anything.
 */
static void
fill_target(IdvFold *fold, IdvRow source, IdvRow target, bool by_claim,
			TimestampTz now)
{
	IdvContactTable *contacts = fold->contacts;
	Datum		source_id = source.values[contacts->id - 1];
	Datum		target_id = target.values[contacts->id - 1];
	IdvRow		before = target;
	IdvFill		fill;

	/* Nobody writes to a source that nothing has pointed to. */
	if (fold->result.lines != NIL)
	{
		source = row_after_moves(fold, source_id, source, true);
		fold->journal.head.table = contacts->table;
		fold->journal.head.source = source;
	}
	delete_source(fold, source_id, source);
	target = row_after_moves(fold, target_id, target, false);
	fill = idv_fill_choose(contacts, source, target, before, by_claim, now);
	if (!fold->journal.off)
		fold->journal.head.filled = idv_fill_json(contacts, target, &fill);
	idv_fill_write(contacts, fold->app_id, target_id, &fill);
}

/* The same.  55000 where a constraint does not allow it. */
static void
write_contacts(IdvFold *fold, IdvRow source, IdvRow target, bool by_claim,
			   TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		fill_target(fold, source, target, by_claim, now);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		idv_rethrow_contact_refusal(fold->contacts->table,
									idv_value_text(fold->contacts->id_type,
												   source.values[fold->contacts->id - 1]));
	}
	PG_END_TRY();
}

/* Fold, once all is known. */
static Outcome
fold_contacts(IdvFold *fold, Datum source_id, Datum target_id, int how)
{
	IdvContactTable *contacts = fold->contacts;
	IdvTable   *table;
	IdvRow		source;
	IdvRow		target;
	Outcome		outcome;
	TimestampTz now;

	outcome = lock_both(fold, &source, &target, source_id, target_id, how);
	if (outcome != FOLDED)
		return outcome;

	if (!check_same_app(contacts, source, target, (how & IDV_FOLD_BY_CLAIM) != 0))
		return NOT_FOLDED;
	if (idv_contact_row_is_verified(contacts, source) &&
		(how & IDV_FOLD_FORCE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contact \"%s\" is verified",
						idv_value_text(contacts->id_type, source_id)),
				 errhint("To fold a verified contact into another say force => true.")));

	/* As they are stored: what was asked for may only be equal to that. */
	source_id = source.values[contacts->id - 1];
	target_id = target.values[contacts->id - 1];
	now = GetCurrentTimestamp();
	begin_journal(fold, source, source_id, target_id, how, now);
	table = idv_move_pointers(fold, contacts->table, source, target, 0);
	if (table != contacts->table)
		fold->contacts = contacts = idv_contact_table(table->relation);
	idv_move_check_complete(contacts, contacts->table, source, target, 0);
	write_contacts(fold, source, target, (how & IDV_FOLD_BY_CLAIM) != 0, now);
	idv_journal_end(&fold->journal);
	CommandCounterIncrement();
	return FOLDED;
}

/* A fold that is to be taken back. */
typedef struct Trial
{
	IdvFold    *fold;
	Datum		source_id;
	Datum		target_id;
	int			how;
	Outcome		outcome;
} Trial;

/* Fold, to take it all back: for idv_try_out(). */
static void
fold_on_trial(void *arg)
{
	Trial	   *trial = arg;

	trial->outcome = fold_contacts(trial->fold, trial->source_id, trial->target_id,
								   trial->how);
}

/* Fold, and take it all back. */
static Outcome
try_out(IdvFold *fold, Datum source_id, Datum target_id, int how)
{
	Trial		trial = {fold, source_id, target_id, how, NOT_FOLDED};

	idv_try_out(fold_on_trial, &trial);
	return trial.outcome;
}

/* Run a fold of contacts of one app. */
static int64
run_fold(IdvFold *fold, Datum source, Datum target, int how)
{
	Outcome		outcome;

	if (idv_contact_row_id_compare(fold->contacts, source, target) == 0)
		return 0;
	fold->journal.app_id = fold->app_id;
	fold->journal.off = (how & IDV_FOLD_DRY_RUN) != 0;
	if (fold->journal.off)
		outcome = try_out(fold, source, target, how);
	else
		outcome = fold_contacts(fold, source, target, how);
	if (outcome != FOLDED)
		return outcome == TARGET_GONE ? IDV_FOLD_TARGET_GONE : 0;
	return fold->journal.fold_id;
}

/* Begin with a fold: connect to SPI. */
static void
begin(IdvFold *fold, Oid contacts)
{
	PreventCommandIfReadOnly("a fold");
	memset(fold, 0, sizeof(IdvFold));
	fold->result.context = CurrentMemoryContext;
	SPI_connect();
	do
	{
		fold->contacts = idv_contact_table(contacts);
		(void) idv_contact_options(fold->contacts);
	} while (idv_references_changed(fold->contacts->table));
}

/*
 * Settle which of the two contacts is locked first.
 *
 * Whether they are verified is only known for ours.  If a claim says so, it
 * may no longer be true once they are locked; that is then seen to.
 */
static void
settle_order(IdvFold *fold, Datum source, bool source_verified,
			 Datum target, bool target_verified)
{
	fold->source_verified = source_verified;
	fold->target_verified = target_verified;
	fold->source_first = source_verified != target_verified ? source_verified :
		idv_contact_row_id_compare(fold->contacts, source, target) < 0;
}

/*
 * idv_fold
 *		Fold the source into the target.
 *
 * contacts		an ordinary or partitioned table of contacts, ours or not
 * id_type		of source and target; any that can be assigned to the ids'
 * how			IDV_FOLD_...
 * lines		output: a list of IdvFoldLine, in the caller's context
 *
 * Returns the fold's id, or 0 if there is none: of a dry run; where the two
 * are the same.
 *
 * 42704 for no such contact, 22023 for contacts of different apps or tenants or
 * ids of a wrong type, 55000 for a verified source or for what is in the way, 40001
 * where another transaction was.
 */
int64
idv_fold(List **lines, Oid contacts, Oid id_type,
		 Datum source, Datum target, int how)
{
	IdvFold		fold;
	int64		fold_id;
	bool		source_verified;
	bool		target_verified = false;

	begin(&fold, contacts);
	source = idv_contact_row_id(fold.contacts, source, id_type);
	target = idv_contact_row_id(fold.contacts, target, id_type);
	fold.app_id = idv_contact_row_app_id(fold.contacts, source, &source_verified);
	if (fold.contacts->own)
	{
		int32		app_id = idv_contact_row_app_id(fold.contacts, target,
													&target_verified);

		if (app_id == 0)
			report_no_contact(fold.contacts, target);
		if (fold.app_id == 0 && (how & IDV_FOLD_BY_CLAIM) == 0)
			report_no_contact(fold.contacts, source);
		if (fold.app_id != 0 && app_id != fold.app_id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("contacts of different apps cannot be folded"),
					 errdetail("Column \"app_id\" of the two differs."),
					 errhint(DIFFERENT_APPS_HINT)));
	}
	settle_order(&fold, source, source_verified, target, target_verified);
	fold_id = run_fold(&fold, source, target, how);
	SPI_finish();
	*lines = fold.result.lines;
	return fold_id;
}

/*
 * idv_fold_by_claim
 *		Fold a contact of ours, of an app that the caller knows, into a
 *		verified one, because a visitor logged in.
 *
 * how		0, or IDV_FOLD_FORCE where the source is verified, too
 *
 * It locks both rows, the verified one first and two of a kind by their ids.
 * Who is going to fold several contacts locks all of them first, in that
 * order, and holds no other: a fold alone keeps to it, but not one after
 * another.
 *
 * Returns the fold's id; 0 where the source is gone, or has become verified,
 * since the caller looked; and IDV_FOLD_TARGET_GONE where the target is gone.
 */
int64
idv_fold_by_claim(int32 app_id, int64 source, int64 target, int how)
{
	IdvFold		fold;
	int64		fold_id;

	begin(&fold, idv_our_table("contacts"));
	fold.app_id = app_id;
	how |= IDV_FOLD_BY_CLAIM;
	settle_order(&fold, Int64GetDatum(source), (how & IDV_FOLD_FORCE) != 0,
				 Int64GetDatum(target), true);
	fold_id = run_fold(&fold, Int64GetDatum(source), Int64GetDatum(target), how);
	SPI_finish();
	return fold_id;
}

/*
 * idv_fold_lock
 *		Lock a contact of ours as a fold does, before it.
 *
 * Returns false if it is gone.
 */
bool
idv_fold_lock(int32 app_id, int64 id, bool as_source)
{
	IdvFold		fold;
	IdvRow		row;
	bool		found;

	begin(&fold, idv_our_table("contacts"));
	found = idv_contact_row_lock(&row, fold.contacts, app_id, Int64GetDatum(id),
								 as_source);
	SPI_finish();
	return found;
}
