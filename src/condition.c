/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  The condition under which a row points to a contact.
 *
 * It is SQL that one role writes and that runs as another, the table's owner.
 * So it is let in only as an expression over the row's own columns, of
 * PostgreSQL's own immutable functions and operators: nothing in it can do
 * anything but answer.
 *
 *-------------------------------------------------------------------------
 */
#include "condition.h"

#include "access/transam.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/lockdefs.h"
#include "utils/ruleutils.h"

static void refuse(const char *why) pg_attribute_noreturn();

static void
refuse(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("condition is not a plain condition on the row"),
			 errdetail("%s", why),
			 errhint("Compare the row's own columns with constants, for example: sender_type = 'Contact'.")));
}

static bool
refuse_subquery(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		refuse("It looks beyond the row.");
	return raw_expression_tree_walker(node, refuse_subquery, context);
}

/* The one expression that the text is. */
static Node *
raw_expression(const char *condition)
{
	List	   *parsed;
	SelectStmt *select;
	SelectStmt *plain = makeNode(SelectStmt);
	ResTarget  *target;

	/* The newline ends a comment that would swallow the parenthesis. */
	parsed = raw_parser(psprintf("SELECT (%s\n)", condition),
						RAW_PARSE_DEFAULT);
	if (list_length(parsed) != 1 ||
		!IsA(linitial_node(RawStmt, parsed)->stmt, SelectStmt))
		refuse("It is more than one expression.");

	/* Nothing but a list of results that has one member: no FROM, no WITH. */
	select = (SelectStmt *) linitial_node(RawStmt, parsed)->stmt;
	plain->targetList = select->targetList;
	if (list_length(select->targetList) != 1 || !equal(select, plain))
		refuse("It is more than one expression.");
	target = linitial_node(ResTarget, select->targetList);
	if (target->name != NULL || target->indirection != NIL)
		refuse("It is more than one expression.");
	(void) refuse_subquery(target->val, NULL);
	return target->val;
}

/* Is this function somebody else's? */
static bool
is_foreign_function(Oid function, void *context pg_attribute_unused())
{
	return function >= FirstUnpinnedObjectId;
}

static bool
refuse_unsafe_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		refuse("It uses the whole row, or a system column.");
	if (IsA(node, SubLink) || IsA(node, Query) || IsA(node, Param))
		refuse("It looks beyond the row.");
	if (IsA(node, CoerceToDomain))
		refuse("It uses a domain, which may check what it likes.");
	if (check_functions_in_node(node, is_foreign_function, NULL))
		refuse("It uses a function or an operator that is not PostgreSQL's own.");
	return expression_tree_walker(node, refuse_unsafe_node, context);
}

/*
 * idv_condition_parse
 *		Read a condition on the rows of a relation, or refuse it (22023).
 *
 * Its names are those of the search_path, which the caller has pinned.
 */
Expr *
idv_condition_parse(Relation relation, const char *condition)
{
	ParseState *state = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expression = raw_expression(condition);

	item = addRangeTableEntryForRelation(state, relation, AccessShareLock,
										 NULL, false, true);
	addNSItemToQuery(state, item, true, true, true);

	/* Of this kind there are no subqueries, aggregates or row sets. */
	expression = transformWhereClause(state, expression,
									  EXPR_KIND_CHECK_CONSTRAINT, "condition");
	assign_expr_collations(state, expression);
	(void) refuse_unsafe_node(expression, NULL);
	if (contain_mutable_functions(expression))
		refuse("It uses a function that is not immutable.");
	free_parsestate(state);
	return (Expr *) expression;
}

/*
 * idv_condition_text
 *		A condition as SQL, its columns qualified by alias unless that is NULL.
 */
char *
idv_condition_text(const Expr *condition, Oid relation, const char *alias)
{
	List	   *context = deparse_context_for(alias ? alias : "x", relation);

	return deparse_expression((Node *) condition, context,
							  alias != NULL, false);
}
