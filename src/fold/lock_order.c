/*-------------------------------------------------------------------------
 *
 * lock_order.c
 *	  The order in which folds and their undoing lock contacts.
 *
 * Of ours the verified ones before the others, and those of a kind by their ids;
 * of somebody's own by their ids alone.  A fold locks its source and its target,
 * its undoing the target.
 *
 * Where contacts point to contacts, say to the one who brought them, both also
 * write rows of others than these two.  To lock those when they are written would
 * be out of turn: two folds that cross would wait for each other.  So they are
 * looked for first, and all are locked in that one order.  One that comes to point
 * there between the look and the lock is locked when it is written; that is rare,
 * and the server ends it if two of these wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/lock_order.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "references/contact_rows.h"
#include "references/description_cache.h"
#include "references/references.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"

/* Prepare to find the contacts that point to one. */
static void
prepare(IdvContactTable *contacts)
{
	IdvTable   *table = contacts->table;
	const char *id = idv_column_name(table, contacts->id);
	Oid			types[FUNC_MAX_ARGS];
	int			n = 0;
	StringInfoData sql;
	ListCell   *lc;
	int			level = idv_canonical_sql_begin();

	/* Whatever their condition: it is no harm to lock one too many. */
	initStringInfo(&sql);
	contacts->self_references = idv_table_self_references(table);
	foreach(lc, contacts->self_references)
	{
		IdvReference *reference = lfirst(lc);

		if (n + reference->ncolumns >= FUNC_MAX_ARGS)
		{
			contacts->self_references =
				foreach_delete_current(contacts->self_references, lc);
			continue;
		}
		appendStringInfoString(&sql, n == 0 ? "(" : " OR ");
		for (int i = 0; i < reference->ncolumns; i++)
		{
			const char *column = idv_column_name(reference->table,
												 reference->columns[i]);

			types[n] = TupleDescAttr(table->desc, reference->referenced[i] - 1)->atttypid;
			appendStringInfo(&sql, "%s%s", i == 0 ? "" : " AND ",
							 idv_comparison(psprintf("$%d", n + 1), reference->equal[i],
											psprintf("x.%s", column)));
			n++;
		}
	}
	contacts->knows_pointing = true;
	if (n > 0)
	{
		types[n] = INT4OID;
		idv_table_statement(&contacts->pointing, table,
							psprintf("SELECT x.%s, %s FROM %s x WHERE %s)%s ORDER BY 2 DESC, 1",
									 id, contacts->own ? "x.is_verified" : "false",
									 table->from, sql.data,
									 contacts->own ? psprintf(" AND x.app_id = $%d", n + 1) : ""),
							contacts->own ? n + 1 : n, types);
	}
	idv_canonical_text_end(level);
}

/* Go on to the next of the contacts that point there. */
static void
advance(IdvLockOrder *order)
{
	Form_pg_attribute att = TupleDescAttr(order->contacts->table->desc,
										  order->contacts->id - 1);
	MemoryContext caller;

	MemoryContextReset(order->context);
	if (!idv_result_next(order->pointing))
	{
		idv_result_end(order->pointing);
		order->pointing = NULL;
		MemoryContextDelete(order->context);
		return;
	}
	caller = MemoryContextSwitchTo(order->context);
	order->next = datumCopy(order->pointing->values[0], att->attbyval, att->attlen);
	order->next_verified = DatumGetBool(order->pointing->values[1]);
	MemoryContextSwitchTo(caller);
}

/*
 * idv_lock_order_begin
 *		Look for the contacts that point to one, before any is locked.
 */
void
idv_lock_order_begin(IdvLockOrder *order, IdvContactTable *contacts,
					 int32 app_id, Datum pointed_to)
{
	Datum		key[2] = {pointed_to, Int32GetDatum(app_id)};
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
	int			n = 0;
	IdvRow		row;
	ListCell   *lc;

	memset(order, 0, sizeof(IdvLockOrder));
	order->contacts = contacts;
	order->app_id = app_id;
	if (!contacts->knows_pointing)
		prepare(contacts);
	if (contacts->pointing.plan == NULL ||
		idv_statement_first(&contacts->look, key, NULL, &row) != 1)
		return;

	row = idv_table_numbered(contacts->table, row);
	foreach(lc, contacts->self_references)
	{
		IdvReference *reference = lfirst(lc);

		for (int i = 0; i < reference->ncolumns; i++)
		{
			values[n] = row.values[reference->referenced[i] - 1];
			nulls[n] = row.nulls[reference->referenced[i] - 1];
			n++;
		}
	}
	values[n] = Int32GetDatum(app_id);
	nulls[n] = false;
	order->pointing = idv_statement_query(&contacts->pointing, values, nulls);
	order->context = AllocSetContextCreate(CurrentMemoryContext,
										   "idverify contact to lock",
										   ALLOCSET_SMALL_SIZES);
	advance(order);
}

/* Lock the next of the contacts that point there, which may be gone. */
static void
lock_next(IdvLockOrder *order)
{
	MemoryContext caller = MemoryContextSwitchTo(order->context);
	IdvRow		row;

	CHECK_FOR_INTERRUPTS();
	(void) idv_contact_row_lock(&row, order->contacts, order->app_id, order->next, false);
	MemoryContextSwitchTo(caller);
	advance(order);
}

/*
 * idv_lock_order_up_to
 *		Lock those of them whose turn is before that of a contact, which the
 *		caller locks then.
 *
 * verified		is it, as far as is known
 */
void
idv_lock_order_up_to(IdvLockOrder *order, Datum id, bool verified)
{
	while (order->pointing != NULL)
	{
		int			turn = idv_contact_row_id_compare(order->contacts, order->next, id);

		if (turn != 0 && order->next_verified != verified)
			turn = order->next_verified ? -1 : 1;
		if (turn > 0)
			return;
		if (turn == 0)
			advance(order);
		else
			lock_next(order);
	}
}

/*
 * idv_lock_order_end
 *		Lock the rest of them.
 */
void
idv_lock_order_end(IdvLockOrder *order)
{
	while (order->pointing != NULL)
		lock_next(order);
}
