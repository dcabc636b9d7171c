/*-------------------------------------------------------------------------
 *
 * collision_sql.c
 *	  The statements that find what cannot move beside what is there already.
 *
 * Where a moved row would be equal, by some unique index, to a row that is
 * there already, the two have collided.  What an index compares is deparsed
 * twice: for the row that is there, as it is, and for the row to be moved,
 * as it will be (moved_row_sql.c).
 *
 * An exclusion constraint of nothing but equality is one more unique index.  So
 * is one of a single partition, among the rows that will be in it.  Other
 * exclusion constraints are not analysed: their error stops the fold.
 *
 * All of the code that these statements run is code of the table: its indexes,
 * generated columns and partitions.  It is looked at before a statement on the
 * table is prepared (server/table_code.c).
 *
 *-------------------------------------------------------------------------
 */
#include "fold/collision_sql.h"

#include "access/hash.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "fold/move_value.h"
#include "fold/moved_row_sql.h"
#include "references/description_cache.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "server/table_owner.h"

/*
 * Ask the relation cache for expressions of an index, or for its predicate.
 *
 * It computes what is constant in them: by functions of the table's owner, so
 * as the owner.
 */
static List *
ask_as_owner(const IdvTable *table, Relation index,
			 List *(*question) (Relation))
{
	IdvCaller	caller;
	List	   *answer;

	idv_become_owner(&caller, table->owner);
	answer = question(index);
	idv_become_caller(&caller);
	return answer;
}

static List *
expressions_of(const IdvTable *table, Relation index)
{
	return ask_as_owner(table, index, RelationGetIndexExpressions);
}

/*
 * idv_index_predicate
 *		The predicate of an index of table, NIL if it has none.
 */
List *
idv_index_predicate(const IdvTable *table, Relation index)
{
	return ask_as_owner(table, index, RelationGetIndexPredicate);
}

/*
 * idv_is_unique_key
 *		Does a unique index hold all these columns in its keys?
 *
 * columns	attribute numbers, each less FirstLowInvalidHeapAttributeNumber
 */
bool
idv_is_unique_key(const IdvTable *table, Relation index, const Bitmapset *columns)
{
	Form_pg_index form = index->rd_index;
	Bitmapset  *keys = NULL;

	if (!form->indisunique || !form->indislive)
		return false;
	for (int k = 0; k < form->indnkeyatts; k++)
	{
		if (form->indkey.values[k] != 0)
			keys = bms_add_member(keys, form->indkey.values[k] -
								  FirstLowInvalidHeapAttributeNumber);
	}
	pull_varattnos((Node *) expressions_of(table, index), 1, &keys);
	return bms_is_subset(columns, keys);
}

/* Does an operator mean equality, to a btree or to a hash index? */
static bool
is_equality(Oid operator)
{
	CatCList   *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator));
	bool		found = false;

	for (int i = 0; i < members->n_members; i++)
	{
		Form_pg_amop form = (Form_pg_amop) GETSTRUCT(&members->members[i]->tuple);

		found = found ||
			(form->amopmethod == BTREE_AM_OID &&
			 form->amopstrategy == BTEqualStrategyNumber) ||
			(form->amopmethod == HASH_AM_OID &&
			 form->amopstrategy == HTEqualStrategyNumber);
	}
	ReleaseCatCacheList(members);
	return found;
}

/*
 * What an index takes for equal, key by key.
 *
 * Returns false if it lets rows be equal, or compares by something else.
 */
static bool
equal_operators(Oid *operators, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (!form->indislive)
		return false;
	if (form->indisexclusion)
	{
		Oid		   *excluding;
		Oid		   *functions;
		uint16	   *strategies;

		RelationGetExclusionInfo(index, &excluding, &functions, &strategies);
		for (int k = 0; k < form->indnkeyatts; k++)
		{
			if (!is_equality(excluding[k]))
				return false;
			operators[k] = excluding[k];
		}
		return true;
	}
	if (!form->indisunique || index->rd_rel->relam != BTREE_AM_OID)
		return false;
	for (int k = 0; k < form->indnkeyatts; k++)
		operators[k] = get_opfamily_member(index->rd_opfamily[k],
										   index->rd_opcintype[k],
										   index->rd_opcintype[k],
										   BTEqualStrategyNumber);
	return true;
}

/* For each key of a unique index: t's is equal to that of s, when s is moved. */
static void
append_same_keys(StringInfo sql, IdvMovedRow *row, Relation index,
				 const Oid *operators)
{
	Form_pg_index form = index->rd_index;
	List	   *expressions = expressions_of(row->moving->reference->table, index);
	ListCell   *expression = list_head(expressions);

	for (int k = 0; k < form->indnkeyatts; k++)
	{
		AttrNumber	column = form->indkey.values[k];
		Oid			collation = index->rd_indcollation[k];
		char	   *collate = "";
		char	   *there;
		char	   *moved;
		Node	   *node;

		if (column != 0)
			node = idv_row_column(row->home, column);
		else
		{
			if (expression == NULL)
				elog(ERROR, "wrong number of index expressions");
			node = lfirst(expression);
			expression = lnext(expressions, expression);
		}
		there = idv_row_there_sql(row, node);
		moved = idv_row_moved_sql(row, node, "s");

		/* What a column is generated from may have a collation of its own. */
		if (OidIsValid(collation) &&
			(collation != DEFAULT_COLLATION_OID || row->generated))
			collate = psprintf(" COLLATE %s", generate_collation_name(collation));

		appendStringInfo(sql, " AND (%s",
						 idv_comparison(psprintf("(%s)%s", there, collate), operators[k],
										psprintf("(%s)%s", moved, collate)));
		if (form->indnullsnotdistinct)
			appendStringInfo(sql, " OR ((%s) IS NULL AND (%s) IS NULL)",
							 there, moved);
		appendStringInfoChar(sql, ')');
	}
}

/* May a move take a row into the partition home, or out of it? */
static bool
moves_between_partitions(const IdvMovedRow *row)
{
	const IdvReference *reference = row->moving->reference;
	List	   *ancestors = get_partition_ancestors(RelationGetRelid(row->home));
	bool		found = false;
	ListCell   *lc;

	foreach(lc, ancestors)
	{
		Relation	ancestor = relation_open(lfirst_oid(lc), AccessShareLock);
		Bitmapset  *columns = NULL;
		bool		in_expression;
		IdvCaller	caller;

		for (int i = 0; i < reference->ncolumns; i++)
		{
			if ((row->moving->changed & (1U << i)) != 0)
				columns = bms_add_member(columns,
										 get_attnum(RelationGetRelid(ancestor),
													NameStr(TupleDescAttr(reference->table->desc,
																		  reference->columns[i] - 1)->attname)) -
										 FirstLowInvalidHeapAttributeNumber);
		}
		/* As for an index, constants are computed. */
		idv_become_owner(&caller, reference->table->owner);
		found = found || has_partition_attrs(ancestor, columns, &in_expression);
		idv_become_caller(&caller);
		relation_close(ancestor, NoLock);
	}
	return found;
}

/* The rows of home, as SQL. */
static char *
rows_of(const IdvMovedRow *row)
{
	char	   *name = idv_relation_name(RelationGetRelid(row->home));

	if (row->home == row->root)
		return row->moving->reference->table->from;
	return row->home->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
		name : psprintf("ONLY %s", name);
}

/*
 * Can only a row that another transaction writes meanwhile break an index, once
 * the rows that collide by it are dropped?
 *
 * So it is if the source's rows, which are equal in the columns that change, are
 * so by the index as well, and as they come from there: any two that collide
 * after the move would have collided before.
 */
static bool
is_broken_by_others_only(const IdvMovedRow *row, Relation index,
						 const Oid *operators)
{
	IdvMoveSql *moving = row->moving;
	Form_pg_index form = index->rd_index;

	if (row->home != row->root || row->generated ||
		idv_index_predicate(moving->reference->table, index) != NIL)
		return false;
	for (int k = 0; k < form->indnkeyatts; k++)
	{
		AttrNumber	column = form->indkey.values[k];
		int			i = idv_where_changed_column(moving, column);

		if (column == 0)
			return false;
		if (i >= 0 &&
			(operators[k] != moving->reference->equal[i] ||
			 !idv_move_stores_all(moving->target_table, moving->reference, i) ||
			 index->rd_indcollation[k] != TupleDescAttr(moving->target_table->desc,
														moving->reference->referenced[i] - 1)->attcollation))
			return false;
	}
	return true;
}

/* What every statement here returns, as move_sql.h says. */
static void
append_result(StringInfo sql, const IdvMoveSql *moving)
{
	const char *name = moving->reference->table->name;

	appendStringInfoString(sql, "SELECT s.ctid, s.tableoid, t.ctid, t.tableoid, (");
	idv_where_points_to_target(sql, moving, "t");
	appendStringInfo(sql, ") IS TRUE, CAST(s.* AS %s), CAST(t.* AS %s) FROM ",
					 name, name);
}

/*
 * What would collide in an index of home.  NULL if nothing can: the index is not
 * unique, or the move does not concern it.
 */
static IdvCollision *
collision_in_index(IdvMovedRow *row, Relation index, bool *only_by_others)
{
	IdvMoveSql *moving = row->moving;
	IdvTable   *table = moving->reference->table;
	Oid			operators[INDEX_MAX_KEYS];
	IdvCollision *collision;
	StringInfoData sql;
	StringInfoData where;
	List	   *predicate;
	bool		between = false;

	if (!equal_operators(operators, index))
		return NULL;

	row->changes = row->generated = false;
	initStringInfo(&where);
	append_same_keys(&where, row, index, operators);
	predicate = idv_index_predicate(table, index);
	if (predicate != NIL)
	{
		Node	   *node = (Node *) make_ands_explicit(predicate);

		appendStringInfo(&where, " AND (%s)", idv_row_there_sql(row, node));
		appendStringInfo(&where, " AND (%s)", idv_row_moved_sql(row, node, "s"));
	}
	if (row->home != row->root &&
		(between = moves_between_partitions(row)))
	{
		IdvCaller	caller;
		List	   *bounds;

		idv_become_owner(&caller, table->owner);
		bounds = RelationGetPartitionQual(row->home);
		idv_become_caller(&caller);
		if (bounds != NIL)
			appendStringInfo(&where, " AND (%s)",
							 idv_row_moved_sql(row, (Node *) make_ands_explicit(bounds), "s"));
	}
	if (!row->changes && !between)
		return NULL;

	initStringInfo(&sql);
	append_result(&sql, moving);
	appendStringInfo(&sql, "%s s, %s t WHERE (t.ctid <> s.ctid OR t.tableoid <> s.tableoid) AND ",
					 between ? table->from : rows_of(row),
					 rows_of(row));
	idv_where_moves(&sql, moving, "s");
	appendStringInfo(&sql, "%s FOR UPDATE OF s FOR KEY SHARE OF t", where.data);

	collision = palloc0(sizeof(IdvCollision));
	collision->index = pstrdup(RelationGetRelationName(index));
	idv_table_statement(&collision->statement, table, sql.data, moving->nargs,
						moving->types);
	*only_by_others = *only_by_others &&
		is_broken_by_others_only(row, index, operators);
	return collision;
}

/* One of the two sides of pairs: rows by their places, and what tells them apart. */
static void
append_side(StringInfo sql, IdvMovedRow *row, bool of_source)
{
	const IdvReference *reference = row->moving->reference;

	appendStringInfo(sql, "SELECT y.ctid AS place, y.tableoid AS part, %s AS of_source",
					 of_source ? "true" : "false");
	for (int i = 0; i < reference->ndistinct; i++)
	{
		Node	   *column = idv_row_column(row->home, reference->distinct_by[i]);

		appendStringInfo(sql, ", (%s) AS d%d",
						 of_source ? idv_row_moved_sql(row, column, "y") :
						 idv_row_sql(column, RelationGetRelid(row->home), "y"), i);
	}
	appendStringInfo(sql, " FROM %s y WHERE ", reference->table->from);
}

/*
 * The rows of the source and of the target that agree in the columns that the
 * reference is distinct by, in pairs.
 *
 * Rows that agree are numbered, on each side by itself, and one number makes a
 * pair.  A row that another transaction changes until it is locked makes none; it
 * is moved.
 */
static IdvCollision *
collision_of_pairs(IdvMovedRow *row)
{
	IdvMoveSql *moving = row->moving;
	const IdvReference *reference = moving->reference;
	IdvCollision *collision = palloc0(sizeof(IdvCollision));
	Oid			types[2 * INDEX_MAX_KEYS + 2];
	StringInfoData columns;
	StringInfoData sql;

	/* fold/kept_rows.c looks at what is here. */
	if (reference->table->distribution.rows != IDV_ROWS_HERE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows of distributed table \"%s\" cannot be distinct by columns",
						reference->table->label),
				 errhint("Give it a unique index over these columns and the one that it is distributed by, and list the reference without distinct_by.")));

	memcpy(types, moving->types, sizeof(Oid) * moving->nargs);
	types[moving->nargs] = OIDARRAYOID;
	types[moving->nargs + 1] = TIDARRAYOID;

	initStringInfo(&columns);
	for (int i = 0; i < reference->ndistinct; i++)
		appendStringInfo(&columns, ", r.d%d", i);
	initStringInfo(&sql);
	append_result(&sql, moving);
	appendStringInfo(&sql,
					 "(SELECT r.place, r.part, r.of_source,"
					 " lag(r.place) OVER pair AS its_place,"
					 " lag(r.part) OVER pair AS its_part"
					 " FROM (SELECT r.*, row_number() OVER (PARTITION BY r.of_source%s"
					 " ORDER BY r.part, r.place) AS n FROM (", columns.data);
	append_side(&sql, row, true);
	idv_where_moves(&sql, moving, "y");
	appendStringInfoString(&sql, " UNION ALL ");
	append_side(&sql, row, false);
	idv_where_points_to_target(&sql, moving, "y");
	appendStringInfo(&sql,
					 " AND NOT EXISTS (SELECT FROM unnest($%d, $%d) AS u(part, place)"
					 " WHERE u.part = y.tableoid AND u.place = y.ctid)) r) r"
					 " WINDOW pair AS (PARTITION BY r.n%s ORDER BY r.of_source)) p,"
					 " %s s, %s t WHERE p.of_source AND s.ctid = p.place AND s.tableoid = p.part"
					 " AND t.ctid = p.its_place AND t.tableoid = p.its_part"
					 " FOR UPDATE OF s FOR KEY SHARE OF t",
					 moving->nargs + 1, moving->nargs + 2, columns.data,
					 reference->table->from, reference->table->from);

	idv_table_statement(&collision->statement, reference->table, sql.data,
						moving->nargs + 2, types);
	collision->of_pairs = true;
	return collision;
}

/* Add what would collide in the indexes of home. */
static List *
add_indexes(List *collisions, IdvMovedRow *row, bool *only_by_others)
{
	List	   *indexes = RelationGetIndexList(row->home);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		IdvCollision *collision = NULL;

		/* That of a partition may be part of one of the whole. */
		if (row->home == row->root ||
			!index->rd_rel->relispartition)
			collision = collision_in_index(row, index, only_by_others);
		if (collision != NULL)
			collisions = lappend(collisions, collision);
		index_close(index, NoLock);
	}
	return collisions;
}

/*
 * idv_collisions
 *		The statements that find what would collide by a move, in the order in
 *		which they are to be run: IdvCollisions.
 *
 * relation			the reference's table
 * only_by_others	output: can only a row that another transaction writes
 *					meanwhile still break a unique index of the table, if no
 *					trigger writes to it?
 */
List *
idv_collisions(IdvMoveSql *moving, Relation relation, bool *only_by_others)
{
	IdvMovedRow row = {
		.moving = moving,
		.root = relation,
		.home = relation
	};
	List	   *collisions;

	*only_by_others = true;
	collisions = add_indexes(NIL, &row, only_by_others);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		List	   *parts = find_all_inheritors(RelationGetRelid(relation),
												RowExclusiveLock, NULL);
		ListCell   *lc;

		foreach(lc, parts)
		{
			if (lfirst_oid(lc) == RelationGetRelid(relation))
				continue;
			row.home = relation_open(lfirst_oid(lc), NoLock);
			collisions = add_indexes(collisions, &row, only_by_others);
			relation_close(row.home, NoLock);
		}
		row.home = relation;
	}
	if (moving->reference->ndistinct > 0)
		collisions = lappend(collisions, collision_of_pairs(&row));
	return collisions;
}
