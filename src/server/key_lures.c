/*-------------------------------------------------------------------------
 *
 * key_lures.c
 *	  Queries that foreign keys run on other tables, and whom these could lure.
 *
 * A foreign key queries a table as its owner, in the middle of somebody's
 * statement.  Both that owner and the role as which the statement runs have to
 * trust what hangs there.  For AFTER triggers wait for the end of the statement, and
 * then run as that role, up to PostgreSQL 17.  A rule would write to yet other
 * tables, so there must be none.
 *
 * And code can lure code that follows it in the same statement: it sets the
 * search_path, or makes a temporary table, and the other finds there what it
 * names without a schema.  What the owner of a table can run in a query on it is
 * never known in advance: he can create a statistics object, whose expressions are
 * computed when the query is planned, at any moment.  So where a statement runs
 * any code that could be lured, no foreign key may run a query as a role that
 * this code's role does not trust, whatever hangs on that table just now.
 *
 *-------------------------------------------------------------------------
 */
#include "server/key_lures.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server/code_author.h"
#include "server/relation.h"
#include "server/table_owner.h"

/* A query that a foreign key can run in a statement, on one table. */
typedef struct KeyQuery
{
	Oid			relation;
	LOCKMODE	lock;			/* what it takes there */
	Oid			owner;			/* as whom it runs */
	const char *runs;			/* a function of that table that could be
								 * lured, or NULL */
	Trigger    *trigger;		/* of a key that need not look; else NULL */
} KeyQuery;

/*
 * idv_deferred_objection
 *		What is in the way of firing a table's triggers as a role: one that can be
 *		deferred, where that role is none that the caller may be.
 *
 * Since PostgreSQL 18 such a trigger runs at the commit with the rights of the role
 * that fired it, and with the settings and temporary tables of who commits.  Before,
 * it runs as who commits.  Foreign keys' own do as they always do.
 */
const IdvObjection *
idv_deferred_objection(const TriggerDesc *triggers, Oid role)
{
#if PG_VERSION_NUM >= 180000
	static IdvObjection objection;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!trigger->tgdeferrable || trigger->tgisinternal ||
			trigger->tgenabled == TRIGGER_DISABLED ||
			idv_role_may_run_as(GetOuterUserId(), role))
			continue;
		objection.reason = psprintf("its trigger \"%s\" is deferrable", trigger->tgname);
		objection.detail = psprintf("When the transaction is committed it would run with the rights of role \"%s\", and with the settings of role \"%s\".",
									GetUserNameFromId(role, false),
									GetUserNameFromId(GetOuterUserId(), false));
		objection.hint = "Make the trigger again, without DEFERRABLE.";
		return &objection;
	}
#else
	(void) triggers;
	(void) role;
#endif
	return NULL;
}

/* Object to what hangs on a table that a foreign key writes, as no role may have it. */
static const IdvObjection *
written_objection(Oid relation)
{
	static IdvObjection rules = {
		.reason = "it has rules",
		.detail = "What a rule writes instead of, or beside, what a foreign key does runs code of yet other tables.",
		.hint = "Use triggers instead of rules."
	};
	Relation	table = table_open(relation, NoLock);
	const IdvObjection *objection = idv_deferred_objection(table->trigdesc,
														   table->rd_rel->relowner);

	if (table->rd_rules != NULL)
		objection = &rules;
	table_close(table, NoLock);
	return objection;
}

/*
 * idv_key_objection
 *		What is in the way of a foreign key's query on a table, which the current
 *		user's statement makes it run?
 *
 * lock		what the query takes: it writes from RowExclusiveLock on
 */
const IdvObjection *
idv_key_objection(Oid relation, LOCKMODE lock)
{
	bool		with_parts = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
	const IdvObjection *objection = idv_code_objection(relation, InvalidOid,
													   with_parts, lock);

	if (objection == NULL && idv_relation_owner(relation) != GetUserId())
		objection = idv_code_objection_of_key(relation, GetUserId(), with_parts, lock);
	if (objection == NULL && lock >= RowExclusiveLock)
		objection = written_objection(relation);
	return objection;
}

/*
 * A foreign key runs a query on a table as its owner.
 *
 * If that owner could want to be who has called, all that the statement runs is
 * a security-restricted operation (see server/table_owner.c), which the queries of
 * foreign keys stay in.  idv_become_caller() ends it.
 */
static void
restrict_for(Oid relation)
{
	Oid			owner;
	Oid			user;
	int			sec_context;

	GetUserIdAndSecContext(&user, &sec_context);
	if ((sec_context & SECURITY_RESTRICTED_OPERATION) != 0)
		return;
	owner = idv_relation_owner(relation);
	if (owner != user && idv_endangers_caller(owner))
		SetUserIdAndSecContext(user, sec_context | SECURITY_RESTRICTED_OPERATION);
}

/*
 * idv_note_key_query
 *		Note that a foreign key can run a query on a table, which nobody objects
 *		to.
 *
 * May make what runs a security-restricted operation, until idv_become_caller().
 *
 * queries		those that were noted before; NIL at first
 * lock			as for idv_key_objection()
 * trigger		of a key that need not look, and can be disabled; or NULL
 *
 * Returns the queries with this one.
 */
List *
idv_note_key_query(List *queries, Oid relation, LOCKMODE lock, Trigger *trigger)
{
	bool		with_parts = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
	KeyQuery   *query;
	ListCell   *lc;

	foreach(lc, queries)
	{
		query = lfirst(lc);
		if (query->relation == relation && query->lock == lock && query->trigger == trigger)
			return queries;
	}
	query = palloc(sizeof(KeyQuery));
	restrict_for(relation);
	query->relation = relation;
	query->lock = lock;
	query->owner = idv_relation_owner(relation);
	query->runs = idv_code_runs(relation, InvalidOid, with_parts, lock);
	query->trigger = trigger;
	return lappend(queries, query);
}

/*
 * Object to a query that a foreign key runs as a role that could lure code of
 * another; or do without the query, where that can be.
 *
 * query		NULL: it is the statement itself that could lure
 * lured		the query of whose table that code is; NULL: it is the statement's
 */
static void
avoid_lure(KeyQuery *query, KeyQuery *lured, const char *runs, Oid role)
{
	KeyQuery   *spared = query != NULL && query->trigger != NULL ? query :
	lured != NULL && lured->trigger != NULL ? lured : NULL;
	IdvObjection objection;

	if (spared != NULL)
	{
		spared->trigger->tgenabled = TRIGGER_DISABLED;
		return;
	}
	if (query != NULL)
		objection.reason = psprintf("a foreign key would look into it as role \"%s\"",
									GetUserNameFromId(query->owner, false));
	else
		objection.reason = psprintf("a foreign key would write it, or look into it, in a statement that runs as role \"%s\"",
									GetUserNameFromId(GetUserId(), false));
	objection.detail = psprintf("%s runs with the rights of role \"%s\" in the same statement, and what it names without a schema could become that role's.",
								runs, GetUserNameFromId(role, false));
	objection.detail = psprintf("%c%s", pg_toupper((unsigned char) objection.detail[0]),
								objection.detail + 1);
	objection.hint = "Let one role own the tables that foreign keys join, or drop the trigger or expression that calls the function.";
	idv_report_objection((query != NULL ? query : lured)->relation, &objection);
}

/*
 * idv_key_queries_run
 *		Does any of the tables that foreign keys query run code that could be
 *		lured?
 */
bool
idv_key_queries_run(List *queries)
{
	ListCell   *lc;

	foreach(lc, queries)
	{
		if (((KeyQuery *) lfirst(lc))->runs != NULL)
			return true;
	}
	return false;
}

/*
 * idv_check_lures
 *		See that no code of the current user's statement can be lured by what a
 *		foreign key runs as a role that it does not trust.  42501.
 *
 * queries		all that foreign keys can run in it
 * runs			a function of the table that it writes that could be lured, or NULL
 */
void
idv_check_lures(List *queries, const char *runs)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, queries)
	{
		KeyQuery   *query = lfirst(lc);

		/* The statement itself, whatever its owner has hung there just now. */
		if (query->runs != NULL &&
			!idv_role_may_run_as(GetUserId(), query->owner))
			avoid_lure(NULL, query, query->runs, query->owner);
		if (runs != NULL && !idv_role_may_run_as(query->owner, GetUserId()))
			avoid_lure(query, NULL, runs, GetUserId());
		foreach(lc2, queries)
		{
			KeyQuery   *other = lfirst(lc2);

			if (other->runs != NULL && !idv_role_may_run_as(query->owner, other->owner))
				avoid_lure(query, other, other->runs, other->owner);
		}
	}
}
