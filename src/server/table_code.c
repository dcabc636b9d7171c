/*-------------------------------------------------------------------------
 *
 * table_code.c
 *	  What code a statement on a table can run, and whose it is.
 *
 * Looked at is all that an INSERT, UPDATE, DELETE or SELECT of ours can run, and
 * what its planning computes: triggers and their conditions; expressions of
 * indexes, constraints, generated columns, defaults, statistics, partition keys
 * and rules; the functions of operator classes; types of columns, and what
 * these are made of; casts between them; and the same of partitions.  Policies
 * are not, since they are not applied to a table's owner.
 *
 * Indexes, constraints, defaults and the like can be made by the table's owner
 * alone, so what counts is whose functions they call.  A trigger is another
 * matter: it has no owner, and whoever once held TRIGGER may have hung it.  So
 * what it says itself, its condition and its arguments, is text of a stranger,
 * even if each function in it is trusted.
 *
 * To look runs nobody's code: expressions are read from the catalog as they are
 * stored.  (RelationGetIndexExpressions() and RelationGetPartitionKey() would
 * compute the constants in them.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "server/trusted_code.h"

/* A place where code is used, while it is looked at. */
typedef struct Place
{
	IdvTableCode *code;
	const char *use;			/* a sentence for the error's detail */
	const char *hint;
	Oid			trigger_on;		/* it is the condition of a trigger on this
								 * table; InvalidOid: it is not */
	const char *trigger;		/* and its name */
} Place;

static void look_at_type(const Place *place, Oid type);
static bool look_at_expression(Node *node, void *context);

/* Object by the first objection, which is the one that is told. */
static void
object(const Place *place, char *reason)
{
	IdvObjection *objection;

	if (place->code->objection != NULL)
		return;
	objection = palloc(sizeof(IdvObjection));
	objection->reason = reason;
	objection->detail = pstrdup(place->use);
	objection->hint = pstrdup(place->hint);
	place->code->objection = objection;
}

/*
 * May code of this role run as the role that the statement runs as?
 *
 * It may if its author could become that role, or has its rights, anyway.
 */
static bool
is_trusted(IdvTableCode *code, Oid author)
{
	bool		trusted;

	if (list_member_oid(code->trusted, author))
		return true;
	idv_code_watch(AUTHOID, author);
	trusted = author == code->role || superuser_arg(author) ||
#if PG_VERSION_NUM >= 160000
		member_can_set_role(author, code->role) ||
		has_privs_of_role(author, code->role);
#else
		is_member_of_role_nosuper(author, code->role);
#endif
	if (trusted)
		code->trusted = lappend_oid(code->trusted, author);
	return trusted;
}

/* Object to an object that belongs to a third role. */
static void
object_to_owner(const Place *place, const char *what, Oid owner)
{
	object(place, psprintf("%s belongs to role \"%s\"", what,
						   GetUserNameFromId(owner, false)));
}

static Form_pg_proc
function_form(Oid function, HeapTuple *tuple)
{
	*tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(*tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	return (Form_pg_proc) GETSTRUCT(*tuple);
}

/* Look at whose function this is. */
static void
look_at_function(const Place *place, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;

	if (function < FirstUnpinnedObjectId ||
		list_member_oid(place->code->functions, function))
		return;
	idv_code_watch(PROCOID, function);
	owner = function_form(function, &tuple)->proowner;
	ReleaseSysCache(tuple);
	if (is_trusted(place->code, owner))
		place->code->functions = lappend_oid(place->code->functions, function);
	else
		object_to_owner(place, psprintf("function %s", format_procedure_qualified(function)),
						owner);
}

/*
 * Look at all functions of an operator class's family that take its type.
 */
static void
look_at_opclass(const Place *place, Oid opclass)
{
	CatCList   *functions;

	if (opclass < FirstUnpinnedObjectId)
		return;
	functions = SearchSysCacheList1(AMPROCNUM,
									ObjectIdGetDatum(get_opclass_family(opclass)));
	for (int i = 0; i < functions->n_members; i++)
		look_at_function(place,
						 ((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple))->amproc);
	ReleaseCatCacheList(functions);
}

/* Expressions as a catalog stores them, or none. */
static void
look_at_stored(const Place *place, int cache, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		stored = SysCacheGetAttr(cache, tuple, column, &isnull);

	if (!isnull)
		(void) look_at_expression(stringToNode(TextDatumGetCString(stored)),
								  (void *) place);
}

/* The checks of a domain. */
static void
look_at_domain(const Place *place, Oid domain)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		look_at_stored(place, CONSTROID, tuple, Anum_pg_constraint_conbin);
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

/* The columns of a composite type. */
static void
look_at_columns(const Place *place, Oid relid)
{
	Relation	relation;

	idv_code_watch_relation(relid);
	relation = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), i);

		if (!att->attisdropped)
			look_at_type(place, att->atttypid);
	}
	relation_close(relation, AccessShareLock);
}

static void
look_at_range(const Place *place, Oid range)
{
	HeapTuple	tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(range));
	Form_pg_range form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for range type %u", range);
	form = (Form_pg_range) GETSTRUCT(tuple);
	look_at_type(place, form->rngsubtype);
	look_at_function(place, form->rngcanonical);
	look_at_function(place, form->rngsubdiff);
	look_at_opclass(place, form->rngsubopc);
	ReleaseSysCache(tuple);
}

/*
 * Look at a function that compares values.
 *
 * A fold also calls it itself, to lock contacts in the order of their ids: so it
 * has to be a superuser's, as the operator class is that it belongs to.
 */
static void
look_at_comparison(const Place *place, Oid function)
{
	HeapTuple	tuple;
	Oid			owner;

	look_at_function(place, function);
	if (function < FirstUnpinnedObjectId || place->code->objection != NULL)
		return;
	owner = function_form(function, &tuple)->proowner;
	ReleaseSysCache(tuple);
	if (!superuser_arg(owner))
		object_to_owner(place, psprintf("function %s", format_procedure_qualified(function)),
						owner);
}

/* What compares values of a type. */
static void
look_at_comparisons(const Place *place, Oid type)
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
 * Look at a type: whose it is, and what reading, writing and comparing its
 * values runs.
 */
static void
look_at_type(const Place *where, Oid type)
{
	Place		inside = *where;
	const Place *place = &inside;
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
	if (!is_trusted(place->code, form->typowner))
	{
		object_to_owner(place, psprintf("%s %s", form->typtype == TYPTYPE_DOMAIN ?
										"domain" : "type",
										format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY)),
						form->typowner);
		ReleaseSysCache(tuple);
		return;
	}

	look_at_function(place, form->typinput);
	look_at_function(place, form->typoutput);
	look_at_function(place, form->typreceive);
	look_at_function(place, form->typsend);
	look_at_function(place, form->typmodin);
	look_at_function(place, form->typmodout);
	look_at_function(place, form->typsubscript);
	if (OidIsValid(form->typelem))
		look_at_type(place, form->typelem);
	if (form->typtype == TYPTYPE_DOMAIN)
	{
		look_at_type(place, form->typbasetype);
		look_at_stored(place, TYPEOID, tuple, Anum_pg_type_typdefaultbin);
		look_at_domain(place, type);
	}
	else if (form->typtype == TYPTYPE_COMPOSITE)
		look_at_columns(place, form->typrelid);
	else if (form->typtype == TYPTYPE_RANGE)
		look_at_range(place, type);
	else if (form->typtype == TYPTYPE_MULTIRANGE)
		look_at_type(place, get_multirange_range(type));
	else
		look_at_comparisons(place, type);
	ReleaseSysCache(tuple);
}

/*
 * Look at the casts that somebody made between the types that there are, and
 * those that are built in.
 *
 * A foreign key uses them, and text that is read at an undo could.
 */
static void
look_at_casts(const Place *place)
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
			look_at_function(place, form->castfunc);
	}
	systable_endscan(scan);
	table_close(casts, AccessShareLock);
}

/*
 * Stable or volatile functions that a condition of a trigger may use.  They
 * tell something, or make text of values whose types are looked at.
 */
static const Oid harmless_functions[] = {
	F_PG_TRIGGER_DEPTH, F_CURRENT_SETTING_TEXT, F_CURRENT_SETTING_TEXT_BOOL,
	F_NOW, F_TRANSACTION_TIMESTAMP, F_STATEMENT_TIMESTAMP, F_CLOCK_TIMESTAMP,
	F_CURRENT_USER, F_SESSION_USER, F_CURRENT_DATABASE, F_CURRENT_SCHEMA,
	F_TO_JSON, F_TO_JSONB, F_ROW_TO_JSON_RECORD, F_CONCAT, F_CONCAT_WS,
	F_FORMAT_TEXT, F_FORMAT_TEXT_ANY, F_ARRAY_TO_STRING_ANYARRAY_TEXT,
	F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT
};

/* Numbers and times: nothing that could be a name, or a query. */
static bool
is_number_or_time(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
			return true;
		default:
			return false;
	}
}

/*
 * Can a function that is built in do nothing but answer?
 *
 * Immutable ones can.  Of the others those that reckon with numbers and times,
 * which depend on the time zone; text may be the name of a field, beside a time.
 */
static bool
only_answers(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form = function_form(function, &tuple);
	bool		harmless = form->provolatile == PROVOLATILE_IMMUTABLE;
	int			plain = 0;

	for (int i = 0; i < (int) lengthof(harmless_functions); i++)
		harmless = harmless || harmless_functions[i] == function;
	if (form->provolatile == PROVOLATILE_STABLE && !form->proretset)
	{
		for (int i = 0; i < form->pronargs; i++)
		{
			Oid			type = form->proargtypes.values[i];

			if (is_number_or_time(type))
				plain++;
			else if (type != TEXTOID || form->pronargs != 2)
				plain = -FUNC_MAX_ARGS;
		}
		harmless = harmless || plain > 0;
	}
	ReleaseSysCache(tuple);
	return harmless;
}

/*
 * The first role that is not trusted and may hang triggers on a table, as text
 * for a message; or NULL.
 */
static char *
holder_of_trigger(IdvTableCode *code, Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool		isnull;
	Datum		datum;
	char	   *holder = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
	{
		Acl		   *acl = DatumGetAclPCopy(datum);
		AclItem    *items = ACL_DAT(acl);

		for (int i = 0; holder == NULL && i < ACL_NUM(acl); i++)
		{
			if ((items[i].ai_privs & ACL_TRIGGER) == 0)
				continue;
			if (items[i].ai_grantee == ACL_ID_PUBLIC)
				holder = pstrdup("PUBLIC");
			else if (!is_trusted(code, items[i].ai_grantee))
				holder = pstrdup(quote_identifier(GetUserNameFromId(items[i].ai_grantee, false)));
		}
	}
	ReleaseSysCache(tuple);
	return holder;
}

/* Look at a function in the condition of a trigger. */
static void
look_at_condition_function(const Place *place, Oid function)
{
	HeapTuple	tuple;
	bool		immutable;

	if (function < FirstUnpinnedObjectId)
	{
		if (!only_answers(function))
			object(place, psprintf("the condition of trigger \"%s\" calls function %s",
								   place->trigger, format_procedure_qualified(function)));
		return;
	}
	look_at_function(place, function);
	if (place->code->objection != NULL)
		return;

	/* A trusted author did not choose these arguments. */
	immutable = function_form(function, &tuple)->provolatile == PROVOLATILE_IMMUTABLE;
	ReleaseSysCache(tuple);
	if (!immutable && holder_of_trigger(place->code, place->trigger_on) != NULL)
		object(place, psprintf("the condition of trigger \"%s\" calls function %s",
							   place->trigger, format_procedure_qualified(function)));
}

static bool
look_at_called(Oid function, void *context)
{
	const Place *place = context;

	if (OidIsValid(place->trigger_on))
		look_at_condition_function(place, function);
	else
		look_at_function(place, function);
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
 * Look at an expression: its functions and operators, and the types that it
 * makes values of.  Returns true to stop.
 */
static bool
look_at_expression(Node *node, void *context)
{
	const Place *place = context;

	if (node == NULL)
		return false;
	if (place->code->objection != NULL)
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, look_at_expression, context, 0);
	if (is_typed(node))
		look_at_type(place, exprType(node));
	else if (OidIsValid(place->trigger_on) && !IsA(node, List) &&
			 !IsA(node, CaseWhen))
		object(place, psprintf("the condition of trigger \"%s\" is not a plain one",
							   place->trigger));

	/* To read and write text is a matter of the types. */
	if (!IsA(node, CoerceViaIO))
		(void) check_functions_in_node(node, look_at_called, context);
	if (IsA(node, SubscriptingRef))
		look_at_type(place, ((SubscriptingRef *) node)->refcontainertype);
	if (place->code->objection != NULL)
		return true;
	return expression_tree_walker(node, look_at_expression, context);
}

/* The same of one that is stored as text. */
static void
look_at_text(const Place *place, const char *expression)
{
	if (expression != NULL)
		(void) look_at_expression(stringToNode(expression), (void *) place);
}

/* Is this function one of this extension? */
static bool
is_ours(Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);

	return OidIsValid(extension) &&
		extension == get_extension_oid("idverify", true);
}

static void
look_at_trigger(IdvTableCode *code, Relation relation, const Trigger *trigger)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												   RelationGetRelationName(relation));
	char	   *name = pstrdup(trigger->tgname);
	Place		place = {
		.code = code,
		.trigger = name,
		.use = psprintf("Trigger \"%s\" on table %s would run it with the rights of the table's owner.",
						name, table),
		.hint = "Drop the trigger, or have its function owned by the table's owner. Grant TRIGGER to nobody: it is part of GRANT ALL."
	};
	char	   *holder;

	if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED)
		return;
	look_at_function(&place, trigger->tgfoid);

	place.trigger_on = RelationGetRelid(relation);
	place.use = psprintf("Trigger \"%s\" is on table %s, and would run with the rights of its owner. Nobody owns a trigger: whoever held TRIGGER may have written its condition.",
						 name, table);
	place.hint = "Drop the trigger. If it is the owner's, do in its function what its condition does; and grant TRIGGER to nobody: it is part of GRANT ALL.";
	look_at_text(&place, trigger->tgqual);

	if (trigger->tgnargs == 0 || code->objection != NULL ||
		trigger->tgfoid < FirstUnpinnedObjectId || is_ours(trigger->tgfoid))
		return;
	holder = holder_of_trigger(code, RelationGetRelid(relation));
	if (holder == NULL)
		return;
	place.use = psprintf("Trigger \"%s\" is on table %s, and would run with the rights of its owner. Nobody owns a trigger: %s is granted TRIGGER, and may have written its arguments.",
						 name, table, holder);
	place.hint = psprintf("Drop the trigger. If it is the owner's, REVOKE TRIGGER ON %s FROM %s, and make the trigger again.",
						  table, holder);
	object(&place, psprintf("trigger \"%s\" has arguments", name));
}

/* Expressions, exclusions and support functions of an index. */
static void
look_at_index(IdvTableCode *code, Oid oid)
{
	Relation	index = index_open(oid, AccessShareLock);
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	Place		place = {
		.code = code,
		.use = psprintf("Index \"%s\" would run it with the rights of the table's owner.",
						RelationGetRelationName(index)),
		.hint = "Have the function owned by the table's owner, or drop the index."
	};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", oid);
	look_at_stored(&place, INDEXRELID, tuple, Anum_pg_index_indexprs);
	look_at_stored(&place, INDEXRELID, tuple, Anum_pg_index_indpred);
	ReleaseSysCache(tuple);

	for (int i = 0; i < index->rd_index->indnkeyatts *
		 index->rd_indam->amsupport; i++)
		look_at_function(&place, index->rd_support[i]);
	if (index->rd_index->indisexclusion)
	{
		Oid		   *operators;
		Oid		   *functions;
		uint16	   *strategies;

		RelationGetExclusionInfo(index, &operators, &functions, &strategies);
		for (int i = 0; i < index->rd_index->indnkeyatts; i++)
			look_at_function(&place, functions[i]);
	}
	index_close(index, NoLock);
}

/* Checks, generated columns and defaults. */
static void
look_at_constraints(IdvTableCode *code, Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	Place		place = {
		.code = code,
		.hint = "Have the function owned by the table's owner."
	};

	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
	{
		place.use = psprintf("Constraint \"%s\" would run it with the rights of the table's owner.",
							 constraints->check[i].ccname);
		look_at_text(&place, constraints->check[i].ccbin);
	}
	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation),
											  constraints->defval[i].adnum - 1);

		place.use = psprintf("Column \"%s\" would run it with the rights of the table's owner.",
							 NameStr(att->attname));
		look_at_text(&place, constraints->defval[i].adbin);
	}
}

static void
look_at_statistics(IdvTableCode *code, Relation relation)
{
	Place		place = {
		.code = code,
		.hint = "Have the function owned by the table's owner."
	};
	ListCell   *lc;

	foreach(lc, RelationGetStatExtList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		place.use = psprintf("Statistics object \"%s\" would run it with the rights of the table's owner.",
							 NameStr(((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxname));
		look_at_stored(&place, STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs);
		ReleaseSysCache(tuple);
	}
}

static void
look_at_partition_key(IdvTableCode *code, Oid relid)
{
	Place		place = {
		.code = code,
		.use = "The partition key would run it with the rights of the table's owner.",
		.hint = "Have the function owned by the table's owner."
	};
	HeapTuple	tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	oidvector  *classes;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for partition key of %u", relid);
	look_at_stored(&place, PARTRELID, tuple, Anum_pg_partitioned_table_partexprs);
	classes = (oidvector *) DatumGetPointer(SysCacheGetAttr(PARTRELID, tuple,
															Anum_pg_partitioned_table_partclass,
															&isnull));
	for (int i = 0; i < ((Form_pg_partitioned_table) GETSTRUCT(tuple))->partnatts; i++)
		look_at_opclass(&place, classes->values[i]);
	ReleaseSysCache(tuple);
}

static void
look_at_rules(IdvTableCode *code, Relation relation)
{
	RuleLock   *rules = relation->rd_rules;
	Place		place = {
		.code = code,
		.use = "A rule on the table would run it with the rights of the table's owner.",
		.hint = "Drop the rule: a table with rules is not folded."
	};

	for (int i = 0; rules != NULL && i < rules->numLocks; i++)
	{
		(void) look_at_expression(rules->rules[i]->qual, &place);
		(void) look_at_expression((Node *) rules->rules[i]->actions, &place);
	}
}

static void
look_at_column_types(IdvTableCode *code, Relation relation)
{
	Place		place = {
		.code = code,
		.hint = "Have the type, and what it calls, owned by the table's owner."
	};

	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), i);

		if (att->attisdropped || att->atttypid < FirstUnpinnedObjectId)
			continue;
		place.use = psprintf("Column \"%s\" of table %s is made of it, and would run its code with the rights of the table's owner.",
							 NameStr(att->attname), RelationGetRelationName(relation));
		look_at_type(&place, att->atttypid);
	}
	place.use = "It is a cast of a type that a column has, and would run with the rights of the table's owner.";
	place.hint = "Drop the cast, or have its function owned by the table's owner.";
	look_at_casts(&place);
}

/* Look at one table, not at its parts. */
static void
look_at_relation(IdvTableCode *code, Relation relation, const char *kind,
				 bool written)
{
	Place		place = {
		.code = code,
		.use = "What its owner hangs there would run with the rights of another role.",
		.hint = "Have the parts of a table, and tables of this extension, owned by one role."
	};
	ListCell   *lc;

	if (!is_trusted(code, relation->rd_rel->relowner))
		object_to_owner(&place,
						psprintf("%s %s", kind,
								 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
															RelationGetRelationName(relation))),
						relation->rd_rel->relowner);
	for (int i = 0; written && relation->trigdesc != NULL &&
		 i < relation->trigdesc->numtriggers; i++)
		look_at_trigger(code, relation, &relation->trigdesc->triggers[i]);
	look_at_column_types(code, relation);
	look_at_constraints(code, relation);
	foreach(lc, RelationGetIndexList(relation))
		look_at_index(code, lfirst_oid(lc));
	look_at_statistics(code, relation);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		look_at_partition_key(code, RelationGetRelid(relation));
	look_at_rules(code, relation);
}

/*
 * idv_look_at_table
 *		Find all code that a statement on a table can run, and object to the
 *		first that is not trusted.
 *
 * code		output, in the current memory context; code->role is as whom the
 *			statement runs, or InvalidOid for the table's owner
 */
void
idv_look_at_table(IdvTableCode *code, Oid relid, bool with_parts, LOCKMODE lock)
{
	Relation	relation;
	List	   *all;
	ListCell   *lc;

	idv_code_watch_relation(relid);
	relation = relation_open(relid, AccessShareLock);
	if (!OidIsValid(code->role))
		code->role = relation->rd_rel->relowner;
	idv_code_watch(AUTHOID, code->role);
	look_at_relation(code, relation, "table", lock >= RowExclusiveLock);
	relation_close(relation, NoLock);
	if (!with_parts)
		return;

	all = find_all_inheritors(relid, lock, NULL);
	foreach(lc, all)
	{
		Oid			part = lfirst_oid(lc);

		if (part == relid)
			continue;
		idv_code_watch_relation(part);
		code->parts = lappend_oid(code->parts, part);
		relation = relation_open(part, NoLock);
		look_at_relation(code, relation, relation->rd_rel->relispartition ?
						 "partition" : "child table",
						 lock >= RowExclusiveLock);
		relation_close(relation, NoLock);
	}
}
