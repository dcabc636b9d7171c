/*-------------------------------------------------------------------------
 *
 * move_sql.c
 *	  The statements that make rows point to another row.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move_sql.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "fold/collision_sql.h"
#include "fold/move_value.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"
#include "server/relation.h"

/* Choose what will tell the moved rows apart. */
static void
choose_key(IdvMove *move, const IdvMoveSql *moving, List *indexes)
{
	IdvTable   *table = moving->reference->table;
	Oid			chosen = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool		fits = form->indisunique && form->indisvalid &&
		!form->indisexclusion &&
		idv_index_predicate(table, index) == NIL;

		for (int k = 0; fits && k < form->indnkeyatts; k++)
			fits = form->indkey.values[k] > 0 &&
				TupleDescAttr(table->desc, form->indkey.values[k] - 1)->attnotnull &&
				OidIsValid(get_array_type(getBaseType(TupleDescAttr(table->desc,
																	form->indkey.values[k] - 1)->atttypid)));
		if (fits && (form->indisprimary || !OidIsValid(chosen)))
			chosen = RelationGetRelid(index);
		index_close(index, NoLock);
	}

	move->keys = palloc0(sizeof(AttrNumber) * table->desc->natts);
	if (OidIsValid(chosen))
	{
		Relation	index = index_open(chosen, NoLock);

		for (int k = 0; k < index->rd_index->indnkeyatts; k++)
		{
			AttrNumber	column = index->rd_index->indkey.values[k];

			if (idv_where_changed_column(moving, column) < 0)
				move->keys[move->nkeys++] = column;
		}
		index_close(index, NoLock);
		return;
	}

	move->whole_row = true;
	for (int i = 0; i < table->desc->natts; i++)
	{
		if (!TupleDescAttr(table->desc, i)->attisdropped &&
			idv_where_changed_column(moving, i + 1) < 0)
			move->keys[move->nkeys++] = i + 1;
	}
}

/*
 * What tells the moved rows apart, and which partition each is in.  Other nodes
 * return no records: from there the columns come one by one.
 */
static void
append_returning(StringInfo sql, const IdvMove *move, const IdvTable *table)
{
	bool		as_record = move->whole_row && table->distribution.rows == IDV_ROWS_HERE;

	appendStringInfoString(sql, as_record ? " RETURNING ROW(" : " RETURNING ");
	for (int i = 0; i < move->nkeys; i++)
		appendStringInfo(sql, "%sx.%s", i == 0 ? "" : ", ",
						 idv_column_name(table, move->keys[i]));
	if (as_record)
		appendStringInfoChar(sql, ')');
	if (move->returns_parts)
		appendStringInfo(sql, "%sx.tableoid",
						 move->nkeys == 0 && !as_record ? "" : ", ");
	else if (move->nkeys == 0 && !as_record)
		appendStringInfoString(sql, "NULL");
}

/* The move itself, and what goes with it. */
static void
write_updates(IdvMove *move, IdvMoveSql *moving)
{
	IdvReference *reference = moving->reference;
	IdvTable   *table = reference->table;
	bool		nullable = true;
	StringInfoData sql;
	StringInfoData loop;

	initStringInfo(&sql);
	initStringInfo(&loop);
	appendStringInfo(&sql, "UPDATE %s x SET ", table->from);
	appendStringInfo(&loop, "UPDATE %s x SET ", table->from);
	for (int i = 0, n = 0; i < reference->ncolumns; i++)
	{
		const char *column = idv_column_name(table, reference->columns[i]);

		if ((moving->changed & (1U << i)) == 0)
			continue;
		appendStringInfo(&sql, "%s%s = $%d", n == 0 ? "" : ", ", column,
						 reference->ncolumns + i + 1);
		appendStringInfo(&loop, "%s%s = NULL", n == 0 ? "" : ", ", column);
		if (TupleDescAttr(table->desc, reference->columns[i] - 1)->attnotnull)
			nullable = false;
		if (TupleDescAttr(table->desc, reference->columns[i] - 1)->attgenerated != '\0')
			move->generated = true;
		n++;
	}
	appendStringInfoString(&sql, " WHERE ");
	idv_where_moves(&sql, moving, "x");
	append_returning(&sql, move, table);
	if (!move->generated)
	{
		idv_table_statement(&move->update, table, sql.data, moving->nargs,
							moving->types);
		move->update.pointers = IDV_POINTERS_FOLLOW;
	}

	if (reference->self && nullable && !move->generated)
	{
		appendStringInfoString(&loop, " WHERE ");
		idv_where_points_to_source(&loop, moving, "x");
		appendStringInfoString(&loop, " AND ");
		idv_where_is_row(&loop, moving, "x", reference->ncolumns);
		append_returning(&loop, move, table);
		idv_table_statement(&move->loop, table, loop.data, moving->nargs,
							moving->types);

		/* Nobody could find back those that pointed to a null. */
		move->loop.pointers = IDV_POINTERS_STAY;
	}

	resetStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM %s x WHERE ", table->from);
	idv_where_moves(&sql, moving, "x");
	appendStringInfoString(&sql, " LIMIT 1");
	idv_table_statement(&move->left, table, sql.data, moving->nargs,
						moving->types);
}

/*
 * May the check of the foreign key along which rows move be skipped?
 *
 * Only if the key's columns will hold just what the target has.  Why that is
 * right, and what else is asked for, says server/exec_triggers.c.
 */
static bool
may_skip_key_check(const IdvTable *target, const IdvReference *reference)
{
#ifdef IDV_WITHOUT_KEY_CHECK_SKIP
	return false;
#endif
	for (int i = 0; i < reference->ncolumns; i++)
	{
		Form_pg_attribute column = TupleDescAttr(reference->table->desc,
												 reference->columns[i] - 1);
		Form_pg_attribute referenced = TupleDescAttr(target->desc,
													 reference->referenced[i] - 1);

		if (!idv_move_stores_all(target, reference, i) ||
			column->attcollation != referenced->attcollation ||
			column->attgenerated != '\0')
			return false;
	}
	return OidIsValid(reference->key);
}

/* The tables whose rows follow when these columns change. */
static void
find_followers(IdvMove *move, const IdvReference *reference, uint32 changed)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	for (int i = 0; i < reference->ncolumns; i++)
	{
		if ((changed & (1U << i)) != 0)
			columns = bms_add_member(columns, reference->columns[i] -
									 FirstLowInvalidHeapAttributeNumber);
	}
	foreach(lc, idv_key_followers(reference->table->relation, columns))
	{
		move->followers = lappend(move->followers, idv_relation_label(lfirst_oid(lc)));
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			move->followers_in_parts = lappend_oid(move->followers_in_parts,
												   lfirst_oid(lc));
	}
}

/*
 * idv_move_statements
 *		The statements that move along a reference to table.
 *
 * changed has a bit for each of its columns that gets another value: of a
 * composite key often only one does, and a column that stays is not written.
 */
IdvMove *
idv_move_statements(IdvTable *table, IdvReference *reference, uint32 changed)
{
	IdvMoveSql	moving = {
		.target_table = table,
		.reference = reference,
		.changed = changed,
	};
	IdvMove    *move;
	Relation	relation;
	List	   *indexes;
	ListCell   *lc;
	MemoryContext caller;
	int			level;

	idv_table_check_code(reference->table);
	idv_reference_read_condition(reference);
	foreach(lc, reference->moves)
	{
		move = lfirst(lc);
		if (move->changed == changed)
			return move;
	}

	moving.nargs = 2 * reference->ncolumns;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		moving.types[i] = TupleDescAttr(table->desc,
										reference->referenced[i] - 1)->atttypid;
		moving.types[reference->ncolumns + i] =
			idv_move_column_type(reference, i);
	}

	level = idv_canonical_sql_begin();
	caller = MemoryContextSwitchTo(idv_table_context(reference->table));
	move = palloc0(sizeof(IdvMove));
	move->changed = changed;
	if (may_skip_key_check(table, reference))
		move->skipped_key = reference->key;

	relation = relation_open(reference->table->relation, NoLock);
	idv_table_check(reference->table, RelationGetDescr(relation));
	indexes = RelationGetIndexList(relation);
	choose_key(move, &moving, indexes);

	/*
	 * A rule is going to be refused, and returns no tableoid; that of another
	 * node says nothing here.
	 */
	move->returns_parts = reference->table->has_parts && relation->rd_rules == NULL &&
		reference->table->distribution.rows == IDV_ROWS_HERE;
	write_updates(move, &moving);
	if (move->whole_row)
		idv_table_check_places(reference->table);
	if (!move->generated)
		move->collisions = idv_collisions(&moving, relation,
										  &move->only_by_others);
	foreach(lc, move->collisions)
		move->has_pairs = move->has_pairs ||
		((IdvCollision *) lfirst(lc))->of_pairs;
	if (reference->table->has_triggers)
		move->only_by_others = false;
	find_followers(move, reference, changed);
	relation_close(relation, NoLock);
	reference->moves = lappend(reference->moves, move);
	MemoryContextSwitchTo(caller);
	idv_canonical_text_end(level);
	return move;
}
