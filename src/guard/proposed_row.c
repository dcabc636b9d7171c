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
 * another row.  Without partitions only MERGE does: it keeps what it inserts and
 * what it updates in one slot, and an INSERT in two.  With partitions, the slot
 * of the proposed row tells:
 *
 * - The executor writes the table into it once all triggers have let the row
 *	 pass, before it looks for a conflict.  idv_proposed_row_set() takes away what
 *	 stood there.  So a row that a later trigger has stopped was not proposed to
 *	 anything, and a slot that names another partition, or holds a row of
 *	 another, has been used again.
 * - It writes the place into it where a row has been stored (is_stored).  A row
 *	 that was stored had no conflict.
 * - A row that has been moved here is no proposal: partition_move.c knows it.
 *
 * Danger: what is remembered must never let an UPDATE write more than it may by
 * itself.  It does not where it is taken for that of a conflict by mistake: a
 * user_hash that the UPDATE presents is judged, or the row is skipped.  The
 * opposite mistake would be one: an unsigned claim would pass as somebody's
 * edit.  So would a row that was not judged: idverify_guard() refuses a trigger
 * with a WHEN condition, which would be called for one row of a command and not
 * for the next.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/proposed_row.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/primnodes.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

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
 *
 * row		as it was given
 */
void
idv_proposed_row_set(IdvColumns *columns, const TriggerData *trigger,
					 const IdvJudgement *judgement, const IdvGuardedRow *row)
{
	IdvProposedRow *proposed = columns->proposed;

	if (proposed == NULL)
		proposed = columns->proposed = MemoryContextAllocZero(columns->context,
															  sizeof(*proposed));
	proposed->pending = true;
	proposed->had_tid = ItemPointerIsValid(&trigger->tg_trigslot->tts_tid);
	proposed->signed_at_all = idv_columns_present_hash(columns, row, NULL);
	proposed->cleared = false;
	proposed->command = GetCurrentCommandId(false);
	proposed->judgement = *judgement;
	proposed->slot = trigger->tg_trigslot;
	proposed->keeps_hash = judgement->verdict == IDV_VERIFIED ||
		(judgement->verdict == IDV_ANONYMOUS &&
		 !idv_columns_blank(columns, IDV_ROLE_USER_HASH, row));
	if (proposed->keeps_hash)
		keep_user_hash(proposed, columns->context,
					   idv_columns_text(columns, IDV_ROLE_USER_HASH, row).value);

	/* The executor says so again where the row passes all triggers. */
	if (trigger->tg_relation->rd_rel->relispartition)
		trigger->tg_trigslot->tts_tableOid = InvalidOid;
}

/*
 * idv_proposed_row_cleared
 *		Remember that the identity of the row was cleared.
 */
void
idv_proposed_row_cleared(IdvColumns *columns)
{
	columns->proposed->cleared = true;
}

/*
 * idv_proposed_row_counted
 *		Remember that the claim of the row was counted.
 */
void
idv_proposed_row_counted(IdvColumns *columns)
{
	columns->proposed->judgement.counted = true;
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

/*
 * Has the proposed row been stored, at the place that its slot tells?
 *
 * It may have been changed since, by a trigger of the next row.  The place is
 * that of no row if it was stored speculatively, and taken back because of a
 * conflict with one that another session inserted meanwhile.  Then it may have
 * been used again: by another transaction, or by a command of this one that
 * began after the guard was called.
 */
static bool
is_stored(const IdvProposedRow *proposed, Relation table)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	bool		stored = false;

	if (table_tuple_fetch_row_version(table, &proposed->slot->tts_tid,
									  SnapshotAny, slot))
	{
		bool		should_free;
		HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);

		stored = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) &&
			HeapTupleHeaderGetCmin(tuple->t_data) <= proposed->command;
		if (should_free)
			heap_freetuple(tuple);
	}
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
	if (!table->rd_rel->relispartition)
		return proposed;

	if (slot->tts_tableOid != RelationGetRelid(table) ||
		!idv_partition_holds(columns, table, slot) ||
		(!proposed->had_tid && ItemPointerIsValid(&slot->tts_tid) &&
		 is_stored(proposed, table)))
		return NULL;
	return proposed;
}

/* Is that what a default is made by: nextval(), as an integer of any size? */
static bool
is_nextval(Node *expr)
{
	while (expr != NULL && IsA(expr, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) expr;

		if (call->funcid == F_NEXTVAL)
			return true;
		if (call->funcformat == COERCE_EXPLICIT_CALL)
			return false;
		expr = linitial(call->args);
	}
	return false;
}

/*
 * Do the values of a column have nothing to do with who the contact is?
 *
 * So they do if a sequence or chance makes them: identity columns, nextval(), and
 * uuid but for those that are made of a name (is_made_of_name).  A text or a number
 * of the application's, or of a trigger, can be made of the identity, as in
 * md5(app_key || external_id): whoever knows it knows these.
 *
 * Before 17 the partitions of a table do not say that a column is an identity
 * column: the table does.
 */
static bool
is_surrogate(Relation table, AttrNumber number)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table),
												number - 1);
	Oid			root;
	AttrNumber	there;
	Relation	whole;
	bool		surrogate;

	if (attribute->attgenerated != '\0')
		return false;
	if (attribute->attidentity != '\0' || attribute->atttypid == UUIDOID ||
		(attribute->atthasdef && is_nextval(build_column_default(table, number))))
		return true;
	if (!table->rd_rel->relispartition)
		return false;

	root = llast_oid(get_partition_ancestors(RelationGetRelid(table)));
	there = get_attnum(root, NameStr(attribute->attname));
	whole = table_open(root, AccessShareLock);
	surrogate = is_surrogate(whole, there);
	table_close(whole, NoLock);
	return surrogate;
}

/*
 * The columns of the primary key, if it names a row other than by who it says
 * that it is; else NULL.  Looked up once per statement.
 *
 * Where the key is the identity, or is made of it, whoever knows the identity
 * of somebody names their row.  The app key may stand beside others.
 */
static Bitmapset *
get_naming_key(IdvColumns *columns, Relation table)
{
	AttrNumber	app_key = columns->of[IDV_ROLE_APP_KEY].number;
	Bitmapset  *key;
	bool		names = false;
	int			member = -1;
	MemoryContext before;

	if (columns->naming_key_known)
		return columns->naming_key;

	key = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	while ((member = bms_next_member(key, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;

		if (number == columns->of[IDV_ROLE_EXTERNAL_ID].number ||
			number == columns->of[IDV_ROLE_EMAIL].number ||
			(number != app_key && !is_surrogate(table, number)))
		{
			names = false;
			break;
		}
		names = names || number != app_key;
	}

	before = MemoryContextSwitchTo(columns->context);
	columns->naming_key = names ? bms_copy(key) : NULL;
	MemoryContextSwitchTo(before);
	columns->naming_key_known = true;
	return columns->naming_key;
}

/* Is this a uuid that is made of a name (version 3 or 5, RFC 9562)? */
static bool
is_made_of_name(Form_pg_attribute attribute, Datum value)
{
	int			version;

	if (attribute->atttypid != UUIDOID)
		return false;
	version = DatumGetUUIDP(value)->data[6] >> 4;
	return version == 3 || version == 5;
}

/*
 * idv_proposed_row_names
 *		Does a proposed row name the row that is updated by its primary key?
 */
bool
idv_proposed_row_names(const IdvProposedRow *proposed,
					   IdvColumns *columns, const TriggerData *trigger)
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
							attribute->attbyval, attribute->attlen) ||
			is_made_of_name(attribute, there.value))
			return false;
	}
	return true;
}

/* What an index is asked for the row in a slot.  False for a NULL. */
static bool
make_keys(ScanKeyData *keys, Relation index, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	number = index->rd_index->indkey.values[i];
		Oid			type = index->rd_opcintype[i];
		Oid			equal = get_opfamily_member(index->rd_opfamily[i],
												type, type,
												BTEqualStrategyNumber);
		bool		isnull;
		Datum		value = slot_getattr(slot, number, &isnull);

		if (isnull || !OidIsValid(equal) ||
			is_made_of_name(TupleDescAttr(desc, number - 1), value))
			return false;
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, index->rd_indcollation[i],
							   get_opcode(equal), value);
	}
	return true;
}

/*
 * idv_proposed_row_exists
 *		Is there a row of the primary key of the row that a trigger is called
 *		for, which is about to be inserted?
 *
 * Asked of what is committed and of what this transaction has written, this
 * statement included.  Nothing is locked, and nobody is waited for: whoever may
 * INSERT would else lock the rows of others.
 *
 * So it is a guess.  One that misses a row, that another session is just
 * inserting or updating, has the claim refused or cleared, and the UPDATE puts
 * back what was cleared.  One that finds a row which another session deletes
 * before the INSERT reaches it has the claim stored as it is, unverified.
 *
 * A key that is checked at the end of the transaction keeps nothing out.
 */
bool
idv_proposed_row_exists(IdvColumns *columns, const TriggerData *trigger)
{
	Relation	table = trigger->tg_relation;
	ScanKeyData keys[INDEX_MAX_KEYS];
	Relation	index;
	Oid			oid;
	bool		found = false;

	if (bms_is_empty(get_naming_key(columns, table)))
		return false;
#if PG_VERSION_NUM >= 180000
	oid = RelationGetPrimaryKeyIndex(table, false);
#else
	oid = RelationGetPrimaryKeyIndex(table);
#endif
	if (!OidIsValid(oid))
		return false;

	index = index_open(oid, AccessShareLock);
	if (index->rd_index->indimmediate &&
		make_keys(keys, index, trigger->tg_trigslot))
	{
		int			nkeys = index->rd_index->indnkeyatts;
		TupleTableSlot *slot = table_slot_create(table, NULL);
		IndexScanDesc scan;

#if PG_VERSION_NUM >= 180000
		scan = index_beginscan(table, index, SnapshotSelf, NULL, nkeys, 0);
#else
		scan = index_beginscan(table, index, SnapshotSelf, nkeys, 0);
#endif
		index_rescan(scan, keys, nkeys, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
	}
	index_close(index, AccessShareLock);
	return found;
}
