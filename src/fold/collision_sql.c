/*-------------------------------------------------------------------------
 *
 * collision_sql.c
 *	  The statements that find what a unique index would not let move.
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
#include "fold/collision_sql.h"

#include "access/nbtree.h"
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

/* Columns that change become the parameters that hold their new values. */
static Node *
as_moved(Node *node, void *context)
{
	IdvMoveSql *moving = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		int			i = idv_where_changed_column(moving, ((Var *) node)->varattno);

		if (i >= 0)
		{
			Var		   *var = (Var *) node;
			Param	   *param = makeNode(Param);

			param->paramkind = PARAM_EXTERN;
			param->paramid = moving->reference->ncolumns + i + 1;
			param->paramtype = moving->types[moving->reference->ncolumns + i];
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

/* Can a move along this reference break this unique index? */
static bool
index_is_concerned(const IdvMoveSql *moving, Relation index)
{
	Bitmapset  *columns = NULL;
	Form_pg_index form = index->rd_index;
	const IdvTable *table = moving->reference->table;

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
	pull_varattnos((Node *) idv_index_predicate(table, index), 1, &columns);

	for (int i = 0; i < moving->reference->ncolumns; i++)
	{
		if ((moving->changed & (1U << i)) != 0 &&
			bms_is_member(moving->reference->columns[i] -
						  FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	}
	return false;
}

/* For each key of a unique index: t's is equal to that of s, when s is moved. */
static void
append_same_keys(StringInfo sql, IdvMoveSql *moving, Relation index)
{
	Form_pg_index form = index->rd_index;
	IdvTable   *table = moving->reference->table;
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
			moved = deparse(as_moved(var, moving), table->relation, "s");
		}
		else
		{
			Node	   *node;

			if (expression == NULL)
				elog(ERROR, "wrong number of index expressions");
			node = lfirst(expression);
			expression = lnext(expressions, expression);
			there = deparse(node, table->relation, "t");
			moved = deparse(as_moved(copyObject(node), moving),
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
		appendStringInfo(sql, " AND (%s",
						 idv_comparison(psprintf("(%s)%s", there, collate), operator,
										psprintf("(%s)%s", moved, collate)));
		if (form->indnullsnotdistinct)
			appendStringInfo(sql, " OR ((%s) IS NULL AND (%s) IS NULL)",
							 there, moved);
		appendStringInfoChar(sql, ')');
	}
}

/*
 * idv_collision_statement
 *		The statement that finds what would collide in an index.
 *
 * Returns NULL if nothing can: the index is not unique, or the move does not
 * concern it.
 */
IdvStatement *
idv_collision_statement(IdvMoveSql *moving, Relation index)
{
	IdvReference *reference = moving->reference;
	IdvTable   *table = reference->table;
	IdvStatement *statement;
	StringInfoData sql;
	List	   *predicate;

	if (!index_is_concerned(moving, index))
		return NULL;

	statement = palloc0(sizeof(IdvStatement));
	predicate = idv_index_predicate(table, index);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT s.ctid, s.tableoid, t.ctid, t.tableoid, ");
	idv_where_points_to_target(&sql, moving, "t");
	appendStringInfo(&sql, ", CAST(s.* AS %s), CAST(t.* AS %s)", table->name,
					 table->name);
	appendStringInfo(&sql, " FROM %s s, %s t WHERE (t.ctid <> s.ctid OR t.tableoid <> s.tableoid) AND ",
					 table->from, table->from);
	idv_where_moves(&sql, moving, "s");
	append_same_keys(&sql, moving, index);
	if (predicate != NIL)
	{
		Node	   *node = (Node *) make_ands_explicit(predicate);

		appendStringInfo(&sql, " AND (%s)", deparse(node, table->relation, "t"));
		appendStringInfo(&sql, " AND (%s)",
						 deparse(as_moved(copyObject(node), moving),
								 table->relation, "s"));
	}

	appendStringInfoString(&sql, " FOR UPDATE OF s FOR KEY SHARE OF t");

	idv_table_statement(statement, table, sql.data, moving->nargs,
						moving->types);
	return statement;
}
