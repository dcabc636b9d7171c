/*-------------------------------------------------------------------------
 *
 * trusted_code.c
 *	  Whose code a statement on a table would run, and may it?
 *
 * The caller holds a lock on the table, as its statement takes it, or a
 * statement takes it before it runs and then asks once more.  So nobody can hang
 * anything there between question and execution.  What can be replaced without
 * that lock, the body of a function or the checks of a domain, only its owner
 * can replace, who is trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "server/trusted_code.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/planner.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "server/code_author.h"
#include "server/type_code.h"

/* The session's temporary schema, or InvalidOid. */
static Oid
temporary_schema(void)
{
	Oid			schema;
	Oid			toast;

	GetTempNamespaceState(&schema, &toast);
	return schema;
}

/* Whose a relation or a type is, and what it is called; InvalidOid: another kind. */
static Oid
owner_of(const ObjectAddress *object, char **name)
{
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	if (object->classId == RelationRelationId)
	{
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(object->objectId));
		if (HeapTupleIsValid(tuple))
		{
			owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
			*name = psprintf("temporary relation \"%s\"",
							 NameStr(((Form_pg_class) GETSTRUCT(tuple))->relname));
			ReleaseSysCache(tuple);
		}
	}
	else if (object->classId == TypeRelationId)
	{
		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(object->objectId));
		if (HeapTupleIsValid(tuple))
		{
			owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
			*name = psprintf("temporary type \"%s\"",
							 NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
			ReleaseSysCache(tuple);
		}
	}
	return owner;
}

/*
 * What a table runs, even if its author is trusted, may name things without a
 * schema.  Object to what it would find in the session's temporary schema, if
 * that is of a role that is not trusted.
 *
 * Functions and operators are never looked for there.
 */
static const IdvObjection *
temporary_objection(IdvTableCode *code)
{
	Oid			schema = temporary_schema();
	IdvObjection *objection = NULL;
	Relation	depend;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	if (!OidIsValid(schema) || code->runs == NULL)
		return NULL;
	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object = {form->classid, form->objid, form->objsubid};
		char	   *name = NULL;
		Oid			owner = owner_of(&object, &name);

		if (!OidIsValid(owner) || idv_role_may_run_as(owner, code->role))
			continue;
		objection = palloc(sizeof(IdvObjection));
		objection->reason = psprintf("%s belongs to role \"%s\"", name,
									 GetUserNameFromId(owner, false));
		objection->detail = psprintf("What %s names without a schema could be that, with the rights of role \"%s\".",
									 code->runs, GetUserNameFromId(code->role, false));
		objection->remedy = NULL;
		objection->hint = pstrdup("Drop it (DISCARD TEMP does), or fold in another session.");
		break;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return objection;
}

static const IdvObjection *
objection_to(IdvTableCode *code)
{
	return code->objection != NULL ? code->objection : temporary_objection(code);
}

/*
 * idv_code_objection
 *		What of a table's code may not run as a role?
 *
 * role			InvalidOid: the owner of the table
 * with_parts	partitions and children, too
 * lock			what the statement takes, on the parts too; below
 *				RowExclusiveLock it writes nothing and no trigger counts
 *
 * Returns NULL if all of it may.  What is returned is good until the next
 * question.
 */
const IdvObjection *
idv_code_objection(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	return objection_to(idv_table_code(relation, role, false, with_parts, lock));
}

/*
 * idv_code_objection_of_key
 *		The same of a table that a foreign key queries, as its owner, in the middle
 *		of a statement of role: it may be of another owner if nothing that role
 *		does not trust hangs there.
 */
const IdvObjection *
idv_code_objection_of_key(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	return objection_to(idv_table_code(relation, role, true, with_parts, lock));
}

/*
 * idv_code_runs
 *		A function, as text for a message, that a table to which nobody objects
 *		can run, and that could be lured: it is neither built in nor of this
 *		extension.  NULL if there is none.
 */
const char *
idv_code_runs(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	return idv_table_code(relation, role, false, with_parts, lock)->runs;
}

/*
 * idv_report_objection
 *		Raise the error that a table's code may not run.  42501.
 */
void
idv_report_objection(Oid relation, const IdvObjection *objection)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot use table %s, because %s",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
											   get_rel_name(relation)),
					objection->reason),
			 errdetail("%s", objection->detail),
			 errhint("%s", objection->hint)));
}

/* The code of a table, which is trusted: 42501. */
static const IdvTableCode *
checked_code(Oid relation, Oid role, bool with_parts, LOCKMODE lock)
{
	IdvTableCode *code = idv_table_code(relation, role, false, with_parts, lock);
	const IdvObjection *objection = objection_to(code);

	if (objection != NULL)
		idv_report_objection(relation, objection);
	return code;
}

/*
 * Check the code of each table in a query.
 *
 * context	an IdvChecked, where is noted what there is
 */
static bool
check_tables(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (entry->rtekind != RTE_RELATION)
			return false;

		/* A query that is going to be analyzed again may name what is gone. */
		LockRelationOid(entry->relid, AccessShareLock);
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->relid)))
		{
			const IdvTableCode *code = checked_code(entry->relid, GetUserId(),
													entry->inh, entry->rellockmode);
			IdvChecked *checked = context;

			/* Parts are not locked any more in the next transaction. */
			checked->has_parts = checked->has_parts || code->parts != NIL;
			checked->runs = checked->runs || code->runs != NULL;
			checked->distributed = checked->distributed || code->distributed;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_tables, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, check_tables, context);
}

/*
 * Check what a query itself calls.
 *
 * It was written as text, and a name in text means whatever it finds: somebody may
 * have made a function that fits better than the one that was meant.
 */
static void
check_expressions(Node *queries)
{
	IdvTableCode code = {.role = GetUserId()};
	IdvCodePlace place = {
		.code = &code,
		.use = "A statement of a fold would run it with the rights of the table's owner.",
		.hint = "Let nobody else create functions in the schemas that an index or a generated column uses."
	};

	(void) idv_look_at_expression(queries, &place);
	if (code.objection != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot fold, because %s", code.objection->reason),
				 errdetail("%s", code.objection->detail),
				 errhint("%s", code.objection->hint)));
}

/*
 * idv_check_plan
 *		See that the current user may run all that a plan can run, which SPI
 *		has prepared in this transaction.  42501.
 */
void
idv_check_plan(SPIPlanPtr plan)
{
	IdvChecked	checked = {0};
	ListCell   *lc;

	foreach(lc, SPI_plan_get_plan_sources(plan))
		(void) check_tables((Node *) ((CachedPlanSource *) lfirst(lc))->query_list,
							&checked);
}

/*
 * idv_check_source
 *		The same of a kept plan, unless nothing has changed since it was seen.
 *
 * checked		what was seen; all zeros at first
 * lock_parts	lock parts of tables again, since this may be another transaction
 */
void
idv_check_source(IdvChecked *checked, CachedPlanSource *source, bool lock_parts)
{
	/* A statement before may have waited for a row, which tells nothing. */
	if (lock_parts)
		AcceptInvalidationMessages();
	do
	{
		if (checked->generation == idv_code_generation() && checked->role == GetUserId() &&
			checked->queries == source->query_list &&
			checked->plans == source->generation &&
			!(lock_parts && checked->has_parts) &&
			!(checked->runs && OidIsValid(temporary_schema())))
			return;
		lock_parts = false;
		checked->generation = idv_code_generation();
		checked->role = GetUserId();
		checked->queries = NIL;
		checked->has_parts = false;
		checked->runs = false;
		checked->distributed = false;
		checked->plans = source->generation;
		(void) check_tables((Node *) source->query_list, checked);
		/* One that is going to be analyzed again may call what is gone. */
		if (source->is_valid)
			check_expressions((Node *) source->query_list);
		checked->queries = source->query_list;
	} while (checked->generation != idv_code_generation());
}

static planner_hook_type previous_planner = NULL;

/* Is what is planned next a statement of ours? */
static bool plans_ours = false;

/*
 * Look at a statement of ours before it is planned.
 *
 * The plan cache analyzes a statement anew, by its text, and plans it at once, and to
 * plan already computes constants of the tables that it names.  These may be others
 * than they were: to rename a schema locks no table.
 */
static PlannedStmt *
plan_checked(Query *query, const char *text, int options, ParamListInfo params)
{
	if (plans_ours)
	{
		IdvChecked	checked = {0};

		plans_ours = false;
		(void) check_tables((Node *) query, &checked);
		check_expressions((Node *) query);
	}
	return previous_planner != NULL ?
		previous_planner(query, text, options, params) :
		standard_planner(query, text, options, params);
}

/*
 * idv_trusted_code_init
 *		Module load: be asked before a statement is planned.
 */
void
idv_trusted_code_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_checked;
}

/*
 * idv_checked_plan
 *		The plan of a statement that SPI keeps.  If it has to be planned, all that
 *		this can run is looked at first.  42501.
 *
 * params	values to plan it for; NULL: for any
 */
CachedPlan *
idv_checked_plan(CachedPlanSource *source, ParamListInfo params)
{
	CachedPlan *planned;

	plans_ours = true;
	PG_TRY();
	{
		planned = GetCachedPlan(source, params, CurrentResourceOwner, NULL);
	}
	PG_FINALLY();
	{
		plans_ours = false;
	}
	PG_END_TRY();
	return planned;
}
