/*-------------------------------------------------------------------------
 *
 * proposed_row.c
 *	  The row that an INSERT ... ON CONFLICT proposed for insertion.
 *
 * INSERT ... ON CONFLICT DO UPDATE calls the guard twice: for the row that is
 * proposed, and, if it conflicts with one that is there, for the UPDATE of
 * that one.  Both are one claim.  The user_hash was emptied the first time, so
 * the second call has to know the first one's verdict, and the trigger's
 * arguments do not hold EXCLUDED.
 *
 * Why the verdict is that of the right row: the executor calls a trigger
 * through an FmgrInfo that it makes for one table, or partition, of one
 * ModifyTable node of one execution (ri_TrigFunctions of a ResultRelInfo),
 * and for INSERT and UPDATE alike.  What the guard knows hangs on it
 * (fn_extra).  So nothing is shared with another command, a nested one of a
 * trigger, another upsert in the same WITH, or another partition, and nothing
 * is left of a command that failed.  Within one node ExecInsert() takes row by
 * row: BEFORE ROW INSERT triggers, search for a conflict, BEFORE ROW UPDATE
 * triggers of that conflict.  So in an INSERT any UPDATE is that of the last
 * row proposed.
 *
 * A MERGE, and an UPDATE that moves rows between partitions, call the guard
 * for both events through the same FmgrInfo, too, and there the UPDATE is of
 * another row.  They are told apart by the slot in which the executor keeps
 * the proposed row until the next one.  A MERGE of a table without partitions
 * uses the same slot for what it updates; in all other cases the slot says
 * that the row has been stored, or holds another one, of another partition.
 *
 * Danger: in doubt, an UPDATE is taken for that of the conflict, which writes
 * less than another one.  A row that was not judged must never be taken for
 * one that was: idverify_guard() refuses a trigger with a WHEN condition,
 * which would be called for one row of a command and not for the next.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/proposed_row.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "guard/partition_move.h"

/* Keep a user_hash.  Rows that follow use the same memory. */
static void
keep_user_hash(IdvProposedRow *proposed, MemoryContext context,
			   Datum user_hash)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(user_hash);
	Size		size = VARSIZE_ANY(value);

	if (size > proposed->room)
	{
		proposed->user_hash = MemoryContextAlloc(context, size);
		proposed->room = size;
	}
	memcpy(proposed->user_hash, value, size);
}

/*
 * idv_proposed_row_set
 *		Remember what the row was judged that a trigger is called for.
 */
void
idv_proposed_row_set(IdvColumns *columns, const TriggerData *trigger,
					 const IdvJudgement *judgement, NullableDatum user_hash)
{
	IdvProposedRow *proposed = columns->proposed;

	if (proposed == NULL)
		proposed = columns->proposed = MemoryContextAllocZero(columns->context,
															  sizeof(*proposed));
	proposed->pending = true;
	proposed->had_tid = ItemPointerIsValid(&trigger->tg_trigslot->tts_tid);
	proposed->signed_at_all = !idv_is_absent(user_hash);
	proposed->judgement = *judgement;
	proposed->slot = trigger->tg_trigslot;
	if (judgement->verdict == IDV_VERIFIED)
		keep_user_hash(proposed, columns->context, user_hash.value);
}

/*
 * idv_proposed_row_forget
 *		What is inserted now is no proposal.
 */
void
idv_proposed_row_forget(IdvColumns *columns)
{
	if (columns->proposed != NULL)
		columns->proposed->pending = false;
}

/* Is a row at this place that this command can see, its own included? */
static bool
is_stored(Relation table, ItemPointer tid)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	bool		stored = table_tuple_fetch_row_version(table, tid,
													   SnapshotSelf, slot);

	ExecDropSingleTupleTableSlot(slot);
	return stored;
}

/*
 * idv_proposed_row_take
 *		The proposed row whose conflict leads to the UPDATE that a trigger is
 *		called for.
 *
 * Returns NULL if the UPDATE is not that of an INSERT ... ON CONFLICT.  The
 * row is good for this call of the trigger, and is taken only once.
 */
const IdvProposedRow *
idv_proposed_row_take(IdvColumns *columns, const TriggerData *trigger)
{
	IdvProposedRow *proposed = columns->proposed;
	Relation	table = trigger->tg_relation;
	TupleTableSlot *slot;

	if (proposed == NULL || !proposed->pending)
		return NULL;
	proposed->pending = false;

	/* a MERGE of a table without partitions */
	slot = proposed->slot;
	if (slot == trigger->tg_newslot || TTS_EMPTY(slot))
		return NULL;

	/* A slot of rows for several partitions holds one of another by now. */
	if (table->rd_rel->relispartition &&
		!idv_partition_holds(columns, table, slot))
		return NULL;

	/*
	 * Storing a row tells its slot where it is.  The place is that of no row
	 * if it was stored speculatively, and taken back because of a conflict
	 * with a row that another session inserted meanwhile.
	 */
	if (!proposed->had_tid && ItemPointerIsValid(&slot->tts_tid) &&
		(slot->tts_tableOid != RelationGetRelid(table) ||
		 is_stored(table, &slot->tts_tid)))
		return NULL;
	return proposed;
}

/*
 * The columns of the primary key, if it names a row other than by who it says
 * that it is; else NULL.
 *
 * Where the identity is part of the key, whoever knows the identity of
 * somebody names their row.
 */
static Bitmapset *
get_naming_key(const IdvColumns *columns, Relation table)
{
	static const IdvRole roles[] = {
		IDV_ROLE_EXTERNAL_ID, IDV_ROLE_EMAIL, IDV_ROLE_APP_KEY
	};
	Bitmapset  *key = RelationGetIndexAttrBitmap(table,
												 INDEX_ATTR_BITMAP_PRIMARY_KEY);

	for (int i = 0; i < (int) lengthof(roles); i++)
	{
		AttrNumber	number = columns->of[roles[i]].number;

		if (number == InvalidAttrNumber ||
			!bms_is_member(number - FirstLowInvalidHeapAttributeNumber, key))
			continue;
		if (roles[i] != IDV_ROLE_APP_KEY ||
			bms_membership(key) == BMS_SINGLETON)
			return NULL;
	}
	return key;
}

/*
 * idv_proposed_row_names
 *		Does a proposed row name the row that is updated by its primary key?
 */
bool
idv_proposed_row_names(const IdvProposedRow *proposed,
					   const IdvColumns *columns, const TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Bitmapset  *key = get_naming_key(columns, trigger->tg_relation);
	int			member = -1;

	if (bms_is_empty(key))
		return false;
	while ((member = bms_next_member(key, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;
		Form_pg_attribute attribute = TupleDescAttr(desc, number - 1);
		NullableDatum named;
		NullableDatum there;

		named.value = slot_getattr(proposed->slot, number, &named.isnull);
		there.value = slot_getattr(trigger->tg_trigslot, number, &there.isnull);
		if (named.isnull || there.isnull ||
			!datum_image_eq(named.value, there.value,
							attribute->attbyval, attribute->attlen))
			return false;
	}
	return true;
}

/*
 * idv_proposed_row_exists
 *		Is there a row of the primary key of the row that a trigger is called
 *		for, which is about to be inserted?
 *
 * That row is locked, so that it is there until the transaction ends: the
 * INSERT cannot store another one.  It may be that of a conflict.
 */
bool
idv_proposed_row_exists(const IdvColumns *columns, const TriggerData *trigger)
{
	Relation	table = trigger->tg_relation;
	Bitmapset  *key = get_naming_key(columns, table);
	Oid			index;
	int			member = -1;
	TupleTableSlot *slot;
	bool		found;

	if (bms_is_empty(key))
		return false;
	slot_getallattrs(trigger->tg_trigslot);
	while ((member = bms_next_member(key, member)) >= 0)
		if (slot_attisnull(trigger->tg_trigslot,
						   member + FirstLowInvalidHeapAttributeNumber))
			return false;

#if PG_VERSION_NUM >= 180000
	index = RelationGetPrimaryKeyIndex(table, false);
#else
	index = RelationGetPrimaryKeyIndex(table);
#endif
	if (!OidIsValid(index))
		return false;

	/* In the mode of an UPDATE: two that save a row do not lock each other. */
	slot = table_slot_create(table, NULL);
	found = RelationFindReplTupleByIndex(table, index, LockTupleNoKeyExclusive,
										 trigger->tg_trigslot, slot);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}
