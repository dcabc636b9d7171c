/*-------------------------------------------------------------------------
 *
 * moved_row_sql.c
 *	  What an expression over a row will be once the row has moved, in SQL.
 *
 * The parameters of the move stand in the place of the columns that change.  A
 * generated column that depends on these is what it will be generated from.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/moved_row_sql.h"

#include "catalog/partition.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* Which of the reference's columns, if it changes, is this of home?  Else -1. */
static int
changed_column(const IdvMovedRow *row, AttrNumber column)
{
	if (column > 0 && row->home != row->root)
		column = get_attnum(RelationGetRelid(row->root),
							NameStr(TupleDescAttr(RelationGetDescr(row->home),
												  column - 1)->attname));
	return idv_where_changed_column(row->moving, column);
}

static Node *parameters_for(Node *node, void *context);

/* What a generated column will be, if it depends on one that changes.  Or NULL. */
static Node *
generated_anew(IdvMovedRow *row, AttrNumber column)
{
	TupleDesc	desc = RelationGetDescr(row->home);
	IdvMovedRow within = *row;
	Node	   *expression;

	if (column <= 0 || TupleDescAttr(desc, column - 1)->attgenerated == '\0')
		return NULL;
	within.changes = false;
	expression = build_column_default(row->home, column);
	if (expression == NULL)
		elog(ERROR, "no generation expression found for column \"%s\"",
			 NameStr(TupleDescAttr(desc, column - 1)->attname));
	expression = parameters_for(expression, &within);
	if (!within.changes)
		return NULL;
	row->changes = row->generated = true;
	return expression;
}

/* Columns that change become the parameters that hold their new values. */
static Node *
parameters_for(Node *node, void *context)
{
	IdvMovedRow *row = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		int			i = changed_column(row, var->varattno);
		Node	   *expression = i >= 0 ? NULL :
		generated_anew(row, var->varattno);

		if (expression != NULL)
			return expression;
		if (i >= 0)
		{
			IdvMoveSql *moving = row->moving;
			Param	   *param = makeNode(Param);

			param->paramkind = PARAM_EXTERN;
			param->paramid = moving->reference->ncolumns + i + 1;
			param->paramtype = moving->types[moving->reference->ncolumns + i];
			param->paramtypmod = var->vartypmod;
			param->paramcollid = var->varcollid;
			param->location = -1;
			row->changes = true;
			return (Node *) param;
		}
	}
	return expression_tree_mutator(node, parameters_for, context);
}

/*
 * idv_row_sql
 *		An expression over a relation, of the row of alias.
 */
char *
idv_row_sql(Node *node, Oid relation, const char *alias)
{
	return deparse_expression(node, deparse_context_for(alias, relation),
							  true, false);
}

/*
 * idv_row_there_sql
 *		An expression over home, of the row t that is there.
 */
char *
idv_row_there_sql(const IdvMovedRow *row, Node *node)
{
	return idv_row_sql(node, RelationGetRelid(row->home), "t");
}

/*
 * idv_row_moved_sql
 *		The same of the row of alias, once it has moved.
 */
char *
idv_row_moved_sql(IdvMovedRow *row, Node *node, const char *alias)
{
	node = parameters_for(copyObject(node), row);
	if (row->home != row->root)
		node = linitial(map_partition_varattnos(list_make1(node), 1,
												row->root,
												row->home));
	return idv_row_sql(node, RelationGetRelid(row->root), alias);
}

/*
 * idv_row_column
 *		A column as such an expression.
 */
Node *
idv_row_column(Relation relation, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), column - 1);

	return (Node *) makeVar(1, column, att->atttypid, att->atttypmod,
							att->attcollation, 0);
}
