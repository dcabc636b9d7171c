/*-------------------------------------------------------------------------
 *
 * moves.c
 *	  The statements that make rows point to another row.
 *
 * Where a moved row would be equal, by some unique index, to a row that is
 * there already, the two have collided.  What an index compares is deparsed
 * twice: for the row that is there, as it is, and for the row to be moved,
 * with the parameters in the place of the columns that change.
 *
 * Exclusion constraints are not analysed: their error surfaces, and nothing is
 * lost.
 *
 *-------------------------------------------------------------------------
 */
#include "moves.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "condition.h"

/* The reference along which statements are being written. */
typedef struct Writing
{
	IdvTable   *target_table;	/* what is pointed to */
	IdvReference *reference;
	uint32		changed;
	int			nargs;
	Oid			types[2 * INDEX_MAX_KEYS];
} Writing;

/*
 * idv_move_column_type
 *		The type that a column's new value has: below domains.
 */
Oid
idv_move_column_type(const IdvReference *reference, int i)
{
	TupleDesc	desc = reference->table->desc;

	return getBaseType(TupleDescAttr(desc, reference->columns[i] - 1)->atttypid);
}

/* Which column of the reference is this, if it changes?  Else -1. */
static int
changed_column(const Writing *writing, AttrNumber column)
{
	for (int i = 0; i < writing->reference->ncolumns; i++)
	{
		if (writing->reference->columns[i] == column &&
			(writing->changed & (1U << i)) != 0)
			return i;
	}
	return -1;
}

/* The rows of alias that point to the source. */
static void
append_pointing(StringInfo sql, const Writing *writing, const char *alias)
{
	const IdvReference *reference = writing->reference;

	for (int i = 0; i < reference->ncolumns; i++)
		appendStringInfo(sql, "%s$%d %s %s.%s", i == 0 ? "" : " AND ",
						 i + 1, idv_operator_name(reference->equal[i]), alias,
						 idv_column_name(reference->table,
										 reference->columns[i]));
	if (reference->condition != NULL)
		appendStringInfo(sql, " AND (%s)",
						 idv_condition_text(reference->condition,
											reference->table->relation,
											alias));
}

/* The row of alias is the one whose pointers are parameters first ... */
static void
append_is_row(StringInfo sql, const Writing *writing, const char *alias,
			  int first)
{
	const IdvReference *reference = writing->reference;

	for (int i = 0; i < reference->ncolumns; i++)
	{
		Oid			type = get_atttype(writing->target_table->relation,
									   reference->referenced[i]);
		const char *name = get_attname(writing->target_table->relation,
									   reference->referenced[i], false);

		appendStringInfo(sql, "%s%s.%s %s $%d", i == 0 ? "" : " AND ",
						 alias, quote_identifier(name),
						 idv_operator_name(idv_equal_operator(type,
															  writing->types[first + i])),
						 first + i + 1);
	}
}

/* Which rows move: those that point to the source, but not the source. */
static void
append_moving(StringInfo sql, const Writing *writing, const char *alias)
{
	append_pointing(sql, writing, alias);
	if (writing->reference->self)
	{
		appendStringInfoString(sql, " AND (");
		append_is_row(sql, writing, alias, 0);
		appendStringInfoString(sql, ") IS NOT TRUE");
	}
}

/* Columns that change become the parameters that hold their new values. */
static Node *
as_moved(Node *node, void *context)
{
	Writing    *writing = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		int			i = changed_column(writing, ((Var *) node)->varattno);

		if (i >= 0)
		{
			Var		   *var = (Var *) node;
			Param	   *param = makeNode(Param);

			param->paramkind = PARAM_EXTERN;
			param->paramid = writing->reference->ncolumns + i + 1;
			param->paramtype = writing->types[writing->reference->ncolumns + i];
			param->paramtypmod = var->vartypmod;
			param->paramcollid = var->varcollid;
			param->location = -1;
			return (Node *) param;
		}
	}
	return expression_tree_mutator(node, as_moved, context);
}

static char *
deparse(Node *node, Oid relation, const char *alias)
{
	return deparse_expression(node, deparse_context_for(alias, relation),
							  true, false);
}

/*
 * The expressions of an index, and its predicate.
 *
 * Asked for these, the relation cache computes what is constant in them: by
 * functions of the table's owner, so as the owner.
 */
static List *
expressions_of(const IdvTable *table, Relation index)
{
	IdvCaller	caller;
	List	   *expressions;

	idv_become_owner(&caller, table->owner);
	expressions = RelationGetIndexExpressions(index);
	idv_become_caller(&caller);
	return expressions;
}

static List *
predicate_of(const IdvTable *table, Relation index)
{
	IdvCaller	caller;
	List	   *predicate;

	idv_become_owner(&caller, table->owner);
	predicate = RelationGetIndexPredicate(index);
	idv_become_caller(&caller);
	return predicate;
}

/* Can a move along this reference break this unique index? */
static bool
index_is_concerned(const Writing *writing, Relation index)
{
	Bitmapset  *columns = NULL;
	Form_pg_index form = index->rd_index;
	const IdvTable *table = writing->reference->table;

	if (!form->indisunique || form->indisexclusion || !form->indislive ||
		index->rd_rel->relam != BTREE_AM_OID)
		return false;

	for (int k = 0; k < form->indnkeyatts; k++)
	{
		if (form->indkey.values[k] != 0)
			columns = bms_add_member(columns, form->indkey.values[k] -
									 FirstLowInvalidHeapAttributeNumber);
	}
	pull_varattnos((Node *) expressions_of(table, index), 1, &columns);
	pull_varattnos((Node *) predicate_of(table, index), 1, &columns);

	for (int i = 0; i < writing->reference->ncolumns; i++)
	{
		if ((writing->changed & (1U << i)) != 0 &&
			bms_is_member(writing->reference->columns[i] -
						  FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	}
	return false;
}

/* For each key of a unique index: t's is equal to that of s, when s is moved. */
static void
append_same_keys(StringInfo sql, Writing *writing, Relation index)
{
	Form_pg_index form = index->rd_index;
	IdvTable   *table = writing->reference->table;
	List	   *expressions = expressions_of(table, index);
	ListCell   *expression = list_head(expressions);

	for (int k = 0; k < form->indnkeyatts; k++)
	{
		AttrNumber	column = form->indkey.values[k];
		Oid			operator;
		Oid			collation = index->rd_indcollation[k];
		char	   *collate = "";
		char	   *there;
		char	   *moved;

		if (column != 0)
		{
			Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);
			Node	   *var = (Node *) makeVar(1, column, att->atttypid,
											   att->atttypmod,
											   att->attcollation, 0);

			there = deparse(var, table->relation, "t");
			moved = deparse(as_moved(var, writing), table->relation, "s");
		}
		else
		{
			Node	   *node = lfirst(expression);

			expression = lnext(expressions, expression);
			there = deparse(node, table->relation, "t");
			moved = deparse(as_moved(copyObject(node), writing),
							table->relation, "s");
		}

		if (OidIsValid(collation) && collation != DEFAULT_COLLATION_OID)
		{
			char	   *name = get_collation_name(collation);
			HeapTuple	tuple = SearchSysCache1(COLLOID,
												ObjectIdGetDatum(collation));
			Oid			schema;

			if (!HeapTupleIsValid(tuple))
				elog(ERROR, "cache lookup failed for collation %u", collation);
			schema = ((Form_pg_collation) GETSTRUCT(tuple))->collnamespace;
			ReleaseSysCache(tuple);
			collate = psprintf(" COLLATE %s",
							   quote_qualified_identifier(get_namespace_name(schema), name));
		}

		operator = get_opfamily_member(index->rd_opfamily[k],
									   index->rd_opcintype[k],
									   index->rd_opcintype[k],
									   BTEqualStrategyNumber);
		appendStringInfo(sql, " AND ((%s)%s %s (%s)%s", there, collate,
						 idv_operator_name(operator), moved, collate);
		if (form->indnullsnotdistinct)
			appendStringInfo(sql, " OR ((%s) IS NULL AND (%s) IS NULL)",
							 there, moved);
		appendStringInfoChar(sql, ')');
	}
}

/* Find what would collide in a unique index. */
static IdvStatement *
write_collision(Writing *writing, Relation index)
{
	IdvReference *reference = writing->reference;
	IdvTable   *table = reference->table;
	IdvStatement *statement = palloc0(sizeof(IdvStatement));
	StringInfoData sql;
	List	   *predicate = predicate_of(table, index);

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT s.ctid, s.tableoid, %s, %s",
					 idv_table_columns(table, "s"),
					 idv_table_columns(table, "t"));
	appendStringInfo(&sql, " FROM %s s, %s t WHERE (t.ctid <> s.ctid OR t.tableoid <> s.tableoid) AND ",
					 table->from, table->from);
	append_moving(&sql, writing, "s");
	append_same_keys(&sql, writing, index);
	if (predicate != NIL)
	{
		Node	   *node = (Node *) make_ands_explicit(predicate);

		appendStringInfo(&sql, " AND (%s)", deparse(node, table->relation, "t"));
		appendStringInfo(&sql, " AND (%s)",
						 deparse(as_moved(copyObject(node), writing),
								 table->relation, "s"));
	}

	/*
	 * One at a time if the dropped row's own followers have to be moved
	 * first: that can change what else collides.
	 */
	if (idv_table_references(table) != NIL)
		appendStringInfoString(&sql, " LIMIT 1");
	appendStringInfoString(&sql, " FOR UPDATE OF s FOR KEY SHARE OF t");

	idv_table_statement(statement, table, sql.data, writing->nargs,
						writing->types);
	return statement;
}

/* Choose what will tell the moved rows apart. */
static void
choose_key(IdvMove *move, const Writing *writing, List *indexes)
{
	IdvTable   *table = writing->reference->table;
	Oid			chosen = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool		fits = form->indisunique && form->indisvalid &&
		!form->indisexclusion &&
		predicate_of(table, index) == NIL;

		for (int k = 0; fits && k < form->indnkeyatts; k++)
			fits = form->indkey.values[k] > 0 &&
				TupleDescAttr(table->desc, form->indkey.values[k] - 1)->attnotnull;
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

			if (changed_column(writing, column) < 0)
				move->keys[move->nkeys++] = column;
		}
		index_close(index, NoLock);
		return;
	}

	move->whole_row = true;
	for (int i = 0; i < table->desc->natts; i++)
	{
		if (!TupleDescAttr(table->desc, i)->attisdropped &&
			changed_column(writing, i + 1) < 0)
			move->keys[move->nkeys++] = i + 1;
	}
}

static void
append_returning(StringInfo sql, const IdvMove *move, const IdvTable *table)
{
	if (move->nkeys == 0 && !move->whole_row)
	{
		appendStringInfoString(sql, " RETURNING NULL");
		return;
	}
	appendStringInfoString(sql, move->whole_row ? " RETURNING ROW(" : " RETURNING ");
	for (int i = 0; i < move->nkeys; i++)
		appendStringInfo(sql, "%sx.%s", i == 0 ? "" : ", ",
						 idv_column_name(table, move->keys[i]));
	if (move->whole_row)
		appendStringInfoChar(sql, ')');
}

/* The move itself, and what goes with it. */
static void
write_updates(IdvMove *move, Writing *writing)
{
	IdvReference *reference = writing->reference;
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

		if ((writing->changed & (1U << i)) == 0)
			continue;
		appendStringInfo(&sql, "%s%s = $%d", n == 0 ? "" : ", ", column,
						 reference->ncolumns + i + 1);
		appendStringInfo(&loop, "%s%s = NULL", n == 0 ? "" : ", ", column);
		if (TupleDescAttr(table->desc, reference->columns[i] - 1)->attnotnull)
			nullable = false;
		n++;
	}
	appendStringInfoString(&sql, " WHERE ");
	append_moving(&sql, writing, "x");
	append_returning(&sql, move, table);
	idv_table_statement(&move->update, table, sql.data, writing->nargs,
						writing->types);

	if (reference->self && nullable)
	{
		appendStringInfoString(&loop, " WHERE ");
		append_pointing(&loop, writing, "x");
		appendStringInfoString(&loop, " AND ");
		append_is_row(&loop, writing, "x", reference->ncolumns);
		append_returning(&loop, move, table);
		idv_table_statement(&move->loop, table, loop.data, writing->nargs,
							writing->types);
	}

	resetStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM %s x WHERE ", table->from);
	append_moving(&sql, writing, "x");
	appendStringInfoString(&sql, " LIMIT 1");
	idv_table_statement(&move->left, table, sql.data, writing->nargs,
						writing->types);
}

/* Refuse a table that some trigger has altered since it was described. */
static void
check_described(const IdvTable *table, Relation relation)
{
	TupleDesc	now = RelationGetDescr(relation);
	bool		same = now->natts == table->desc->natts;

	for (int i = 0; same && i < now->natts; i++)
		same = TupleDescAttr(now, i)->atttypid ==
			TupleDescAttr(table->desc, i)->atttypid;
	if (!same)
		idv_report_altered();
}

/*
 * idv_move
 *		The statements that move along a reference to table.
 *
 * changed has a bit for each of its columns that gets another value: of a
 * composite key often only one does, and a column that stays is not written.
 */
IdvMove *
idv_move(IdvTable *table, IdvReference *reference, uint32 changed)
{
	Writing		writing = {
		.target_table = table,
		.reference = reference,
		.changed = changed,
	};
	IdvMove    *move;
	Relation	relation;
	List	   *indexes;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, reference->moves)
	{
		move = lfirst(lc);
		if (move->changed == changed)
			return move;
	}

	writing.nargs = 2 * reference->ncolumns;
	for (int i = 0; i < reference->ncolumns; i++)
	{
		writing.types[i] = TupleDescAttr(table->desc,
										 reference->referenced[i] - 1)->atttypid;
		writing.types[reference->ncolumns + i] =
			idv_move_column_type(reference, i);
	}

	caller = MemoryContextSwitchTo(idv_table_context(reference->table));
	move = palloc0(sizeof(IdvMove));
	move->changed = changed;

	relation = relation_open(reference->table->relation, NoLock);
	check_described(reference->table, relation);
	indexes = RelationGetIndexList(relation);
	choose_key(move, &writing, indexes);
	write_updates(move, &writing);
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index_is_concerned(&writing, index))
			move->collisions = lappend(move->collisions,
									   write_collision(&writing, index));
		index_close(index, NoLock);
	}
	relation_close(relation, NoLock);
	reference->moves = lappend(reference->moves, move);
	MemoryContextSwitchTo(caller);
	return move;
}
