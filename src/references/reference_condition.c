/*-------------------------------------------------------------------------
 *
 * reference_condition.c
 *	  The condition under which a row points to a contact.
 *
 * It is SQL that one role writes and that runs as another, the table's owner.
 * So it is let in only as an expression over the row's own columns, of
 * PostgreSQL's own immutable functions and operators: nothing in it can do
 * anything but answer.
 *
 *-------------------------------------------------------------------------
 */
#include "references/reference_condition.h"

#include "access/transam.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "parser/parse_type.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "server/builtin_code.h"
#include "server/statement.h"
#include "server/table_owner.h"

static void refuse(const char *why) __attribute__((noreturn));

static void
refuse(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("condition is not a plain condition on the row"),
			 errdetail("%s", why),
			 errhint("Compare the row's own columns with constants, for example: sender_type = 'Contact'.")));
}

/* Is this type made of a domain, which may check what it likes? */
static bool
may_hide_domain(Oid type)
{
	char		kind;

	while (OidIsValid(get_element_type(type)))
		type = get_element_type(type);
	kind = get_typtype(type);
	return type >= FirstUnpinnedObjectId &&
		kind != TYPTYPE_BASE && kind != TYPTYPE_ENUM;
}

/* Is this name PostgreSQL's own, or one that can mean nothing else? */
static bool
is_plain_name(List *name)
{
	return list_length(name) == 1 ||
		(list_length(name) == 2 && strcmp(strVal(linitial(name)), "pg_catalog") == 0);
}

/*
 * Constants become values while a condition is read, before it can be looked
 * at: what their types could run has to be refused by then.
 */
static bool
refuse_unsafe_text(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		refuse("It looks beyond the row.");
	if ((IsA(node, FuncCall) && !is_plain_name(((FuncCall *) node)->funcname)) ||
		(IsA(node, A_Expr) && !is_plain_name(((A_Expr *) node)->name)))
		refuse("It uses a function or an operator that is not PostgreSQL's own.");
	if (IsA(node, TypeName) &&
		may_hide_domain(typenameTypeId(NULL, (TypeName *) node)))
		refuse("It uses a domain, which may check what it likes.");
	return raw_expression_tree_walker(node, refuse_unsafe_text, context);
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
	(void) refuse_unsafe_text(target->val, NULL);
	return target->val;
}

/* Is this function somebody else's? */
static bool
is_foreign_function(Oid function, void *context pg_attribute_unused())
{
	return function >= FirstUnpinnedObjectId;
}

/* Does this function of PostgreSQL's do more than its arguments say? */
static bool
is_open_function(Oid function, void *context pg_attribute_unused())
{
	return !idv_builtin_is_closed(function);
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

	/* Such as citext for text, whose operators mean something else. */
	if (IsA(node, RelabelType) &&
		((RelabelType *) node)->relabelformat == COERCE_IMPLICIT_CAST &&
		getBaseType(exprType((Node *) ((RelabelType *) node)->arg)) >= FirstUnpinnedObjectId)
		refuse(psprintf("It takes a value of type %s for one of type %s, without a cast that says so.",
						format_type_be(exprType((Node *) ((RelabelType *) node)->arg)),
						format_type_be(((RelabelType *) node)->resulttype)));
	if (IsA(node, CoerceToDomain) ||
		(IsA(node, Const) && may_hide_domain(((Const *) node)->consttype)))
		refuse("It uses a domain, which may check what it likes.");
	if (check_functions_in_node(node, is_foreign_function, NULL))
		refuse("It uses a function or an operator that is not PostgreSQL's own.");
	if (check_functions_in_node(node, is_open_function, NULL))
		refuse("It uses a function that does not depend on its arguments alone.");
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
	IdvCaller	before;
	Node	   *expression = raw_expression(condition);

	/* A constant that is compared with a column is read as its type. */
	idv_become_owner(&before, relation->rd_rel->relowner);

	item = addRangeTableEntryForRelation(state, relation, AccessShareLock,
										 NULL, false, true);
	addNSItemToQuery(state, item, true, true, true);

	/* Of this kind there are no subqueries, aggregates or row sets. */
	expression = transformWhereClause(state, expression,
									  EXPR_KIND_CHECK_CONSTRAINT, "condition");
	assign_expr_collations(state, expression);
	idv_become_caller(&before);
	(void) refuse_unsafe_node(expression, NULL);
	if (contain_mutable_functions(expression))
		refuse("It uses a function that is not immutable.");
	free_parsestate(state);
	return (Expr *) expression;
}

/*
 * idv_condition_check_constants
 *		Refuse a condition that has a constant part which fails, such as 1/0.
 *		22023.
 */
void
idv_condition_check_constants(const Expr *condition)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		(void) eval_const_expressions(NULL, (Node *) copyObject(condition));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		refuse(psprintf("It can never be computed: %s.", error->message));
	}
	PG_END_TRY();
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
