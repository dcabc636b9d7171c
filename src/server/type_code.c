/*-------------------------------------------------------------------------
 *
 * type_code.c
 *	  What code types, casts and expressions can run, and whose it is.
 *
 * Looked at are functions and operators of expressions, and of the operator
 * classes of indexes; types, and what these are made of; casts between them.
 * Conditions of triggers are expressions, too, but such that nobody owns, so
 * that less is allowed there (table_code.c says why).
 *
 * To look runs nobody's code: expressions are read from the catalog as they are
 * stored.
 *
 *-------------------------------------------------------------------------
 */
#include "server/type_code.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_language.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "server/builtin_code.h"

/*
 * idv_look_at_function
 *		Look at whose function this is, and whether it could be lured.
 */
void
idv_look_at_function(const IdvCodePlace *place, Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	Oid			owner;
	bool		lured;

	if (!OidIsValid(function) ||
		(function < FirstUnpinnedObjectId && place->code->runs != NULL) ||
		list_member_oid(place->code->functions, function))
		return;
	if (function >= FirstUnpinnedObjectId)
		idv_code_watch(PROCOID, function);
	form = idv_function_form(function, &tuple);
	owner = form->proowner;
	if ((form->prolang == INTERNALlanguageId || form->prolang == ClanguageId) &&
		(function < FirstUnpinnedObjectId || form->prorettype != TRIGGEROID))
		lured = idv_could_be_lured(form);
	else
		lured = true;
	lured = lured && !idv_function_is_ours(function);
	ReleaseSysCache(tuple);
	if (place->code->runs == NULL && lured)
		place->code->runs = psprintf("function %s", format_procedure_qualified(function));
	if (function < FirstUnpinnedObjectId)
		return;
	if (idv_role_is_trusted(place->code, owner))
		place->code->functions = lappend_oid(place->code->functions, function);
	else
		idv_object_to_owner(place, psprintf("function %s", format_procedure_qualified(function)),
							owner);
}

/*
 * idv_look_at_opclass
 *		Look at all functions of an operator class's family that take its type.
 */
void
idv_look_at_opclass(const IdvCodePlace *place, Oid opclass)
{
	CatCList   *functions;

	if (opclass < FirstUnpinnedObjectId)
		return;
	functions = SearchSysCacheList1(AMPROCNUM,
									ObjectIdGetDatum(get_opclass_family(opclass)));
	for (int i = 0; i < functions->n_members; i++)
		idv_look_at_function(place,
							 ((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple))->amproc);
	ReleaseCatCacheList(functions);
}

/*
 * idv_look_at_stored
 *		Look at expressions as a column of a catalog's row stores them, if any.
 *
 * cache		the syscache that tuple is, or could be, from
 */
void
idv_look_at_stored(const IdvCodePlace *place, int cache, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		stored = SysCacheGetAttr(cache, tuple, column, &isnull);

	if (!isnull)
		(void) idv_look_at_expression(stringToNode(TextDatumGetCString(stored)),
									  (void *) place);
}

/* The checks of a domain. */
static void
look_at_domain(const IdvCodePlace *place, Oid domain)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		idv_look_at_stored(place, CONSTROID, tuple, Anum_pg_constraint_conbin);
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

/* The columns of a composite type. */
static void
look_at_columns(const IdvCodePlace *place, Oid relid)
{
	Relation	relation;

	idv_code_watch_relation(relid);
	relation = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), i);

		if (!att->attisdropped)
			idv_look_at_type(place, att->atttypid);
	}
	relation_close(relation, AccessShareLock);
}

static void
look_at_range(const IdvCodePlace *place, Oid range)
{
	HeapTuple	tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(range));
	Form_pg_range form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for range type %u", range);
	form = (Form_pg_range) GETSTRUCT(tuple);
	idv_look_at_type(place, form->rngsubtype);
	idv_look_at_function(place, form->rngcanonical);
	idv_look_at_function(place, form->rngsubdiff);
	idv_look_at_opclass(place, form->rngsubopc);
	ReleaseSysCache(tuple);
}

/*
 * Look at a function that compares values.
 *
 * A fold also calls it itself, to lock contacts in the order of their ids: so it
 * has to be a superuser's, as the operator class is that it belongs to.
 */
static void
look_at_comparison(const IdvCodePlace *place, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;

	idv_look_at_function(place, function);
	if (function < FirstUnpinnedObjectId || place->code->objection != NULL)
		return;
	owner = idv_function_form(function, &tuple)->proowner;
	ReleaseSysCache(tuple);
	if (!superuser_arg(owner))
		idv_object_to_owner(place, psprintf("function %s", format_procedure_qualified(function)),
							owner);
}

/* What compares values of a type. */
static void
look_at_comparisons(const IdvCodePlace *place, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type,
											  TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR |
											  TYPECACHE_CMP_PROC | TYPECACHE_HASH_PROC);

	if (OidIsValid(entry->eq_opr))
		look_at_comparison(place, get_opcode(entry->eq_opr));
	if (OidIsValid(entry->lt_opr))
		look_at_comparison(place, get_opcode(entry->lt_opr));
	look_at_comparison(place, entry->cmp_proc);
	look_at_comparison(place, entry->hash_proc);
}

/*
 * idv_look_at_type
 *		Look at a type: whose it is, and what reading, writing and comparing its
 *		values runs.
 */
void
idv_look_at_type(const IdvCodePlace *where, Oid type)
{
	IdvCodePlace inside = *where;
	const IdvCodePlace *place = &inside;
	HeapTuple	tuple;
	Form_pg_type form;

	check_stack_depth();
	if (type < FirstUnpinnedObjectId || list_member_oid(place->code->types, type) ||
		place->code->objection != NULL)
		return;

	/* What a type calls is text of its owner, also in a trigger's condition. */
	inside.trigger_on = InvalidOid;
	place->code->types = lappend_oid(place->code->types, type);
	idv_code_watch(TYPEOID, type);

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (!idv_role_is_trusted(place->code, form->typowner))
	{
		idv_object_to_owner(place, psprintf("%s %s", form->typtype == TYPTYPE_DOMAIN ?
											"domain" : "type",
											format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY)),
							form->typowner);
		ReleaseSysCache(tuple);
		return;
	}

	idv_look_at_function(place, form->typinput);
	idv_look_at_function(place, form->typoutput);
	idv_look_at_function(place, form->typreceive);
	idv_look_at_function(place, form->typsend);
	idv_look_at_function(place, form->typmodin);
	idv_look_at_function(place, form->typmodout);
	idv_look_at_function(place, form->typsubscript);
	if (OidIsValid(form->typelem))
		idv_look_at_type(place, form->typelem);
	if (form->typtype == TYPTYPE_DOMAIN)
	{
		idv_look_at_type(place, form->typbasetype);
		idv_look_at_stored(place, TYPEOID, tuple, Anum_pg_type_typdefaultbin);
		look_at_domain(place, type);
	}
	else if (form->typtype == TYPTYPE_COMPOSITE)
		look_at_columns(place, form->typrelid);
	else if (form->typtype == TYPTYPE_RANGE)
		look_at_range(place, type);
	else if (form->typtype == TYPTYPE_MULTIRANGE)
		idv_look_at_type(place, get_multirange_range(type));
	else
		look_at_comparisons(place, type);
	ReleaseSysCache(tuple);
}

/*
 * idv_look_at_casts
 *		Look at the casts that somebody made between the types that were looked
 *		at, and between those and the ones that are built in.
 *
 * A foreign key uses them, and text that is read at an undo could.
 */
void
idv_look_at_casts(const IdvCodePlace *place)
{
	Relation	casts;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (place->code->types == NIL)
		return;
	casts = table_open(CastRelationId, AccessShareLock);
	scan = systable_beginscan(casts, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_cast form = (Form_pg_cast) GETSTRUCT(tuple);
		bool		source = list_member_oid(place->code->types, form->castsource);
		bool		target = list_member_oid(place->code->types, form->casttarget);

		if (form->oid >= FirstUnpinnedObjectId &&
			((source && target) ||
			 (source && form->casttarget < FirstUnpinnedObjectId) ||
			 (target && form->castsource < FirstUnpinnedObjectId)))
			idv_look_at_function(place, form->castfunc);
	}
	systable_endscan(scan);
	table_close(casts, AccessShareLock);
}

/* Look at a function in the condition of a trigger. */
static void
look_at_condition_function(const IdvCodePlace *place, Oid function)
{
	HeapTuple	tuple;
	bool		immutable;

	if (function < FirstUnpinnedObjectId)
	{
		if (!idv_builtin_only_answers(function))
			idv_object_to_code(place, psprintf("the condition of trigger \"%s\" calls function %s",
											   place->trigger, format_procedure_qualified(function)));
		return;
	}
	idv_look_at_function(place, function);
	if (place->code->objection != NULL)
		return;

	/*
	 * A trusted author did not choose these arguments; and who may not call
	 * the function, and so may not know what it returns, can still write it
	 * here.
	 */
	immutable = idv_function_form(function, &tuple)->provolatile == PROVOLATILE_IMMUTABLE;
	ReleaseSysCache(tuple);
	if ((!immutable || !idv_function_is_open(place->code, function)) &&
		idv_trigger_holder(place->code, place->trigger_on) != NULL)
		idv_object_to_code(place, psprintf("the condition of trigger \"%s\" calls function %s",
										   place->trigger, format_procedure_qualified(function)));
}

static bool
look_at_called(Oid function, void *context)
{
	const IdvCodePlace *place = context;

	if (OidIsValid(place->trigger_on))
		look_at_condition_function(place, function);
	else
		idv_look_at_function(place, function);
	return place->code->objection != NULL;
}

/* Is this a part of an expression that has a type? */
static bool
is_typed(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_FieldSelect:
		case T_FieldStore:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CollateExpr:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_RowCompareExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_SQLValueFunction:
		case T_NullTest:
		case T_BooleanTest:
		case T_CoerceToDomain:
		case T_CoerceToDomainValue:
		case T_SubscriptingRef:
			return true;
		default:
			return false;
	}
}

/*
 * idv_look_at_expression
 *		Look at an expression: its functions and operators, and the types that it
 *		makes values of.
 *
 * context		the IdvCodePlace.  Walkers of expressions call this: it returns
 *				true to stop, which is when there is an objection.
 */
bool
idv_look_at_expression(Node *node, void *context)
{
	const IdvCodePlace *place = context;

	if (node == NULL)
		return false;
	if (place->code->objection != NULL)
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, idv_look_at_expression, context, 0);
	if (is_typed(node))
		idv_look_at_type(place, exprType(node));
	else if (OidIsValid(place->trigger_on) && !IsA(node, List) &&
			 !IsA(node, CaseWhen))
		idv_object_to_code(place, psprintf("the condition of trigger \"%s\" is not a plain one",
										   place->trigger));

	/* To read and write text is a matter of the types. */
	if (!IsA(node, CoerceViaIO) &&
		!(OidIsValid(place->trigger_on) && idv_reads_open_setting(node)))
		(void) check_functions_in_node(node, look_at_called, context);
	if (IsA(node, SubscriptingRef))
		idv_look_at_type(place, ((SubscriptingRef *) node)->refcontainertype);
	if (place->code->objection != NULL)
		return true;
	return expression_tree_walker(node, idv_look_at_expression, context);
}

/*
 * idv_look_at_text
 *		The same of an expression that is stored as text; NULL if there is none.
 */
void
idv_look_at_text(const IdvCodePlace *place, const char *expression)
{
	if (expression != NULL)
		(void) idv_look_at_expression(stringToNode(expression), (void *) place);
}
