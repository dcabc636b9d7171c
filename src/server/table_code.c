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
 * what it says itself, its condition, is text of a stranger, even if each function
 * in it is trusted; and while such a role holds TRIGGER, so are its arguments and
 * the choice of its function.  A function of the table's owner, without arguments,
 * is accepted nevertheless: that is how owners' triggers are.  After a REVOKE of
 * TRIGGER the catalog does not tell who made the triggers that stay.
 *
 * The owner of a table that a foreign key queries in somebody else's statement
 * needs no grant to hang triggers there: so there is none but PostgreSQL's own and
 * this extension's.
 *
 * To look runs nobody's code: expressions are read from the catalog as they are
 * stored.  (RelationGetIndexExpressions() and RelationGetPartitionKey() would
 * compute the constants in them.)
 *
 *-------------------------------------------------------------------------
 */
#include "server/type_code.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "server/builtin_code.h"
#include "server/distribution.h"

static void
look_at_trigger(IdvTableCode *code, Relation relation, const Trigger *trigger)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												   RelationGetRelationName(relation));
	char	   *name = pstrdup(trigger->tgname);
	IdvCodePlace place = {
		.code = code,
		.trigger = name,
		.use = psprintf("Trigger \"%s\" on table %s would run it with the rights of the table's owner.",
						name, table),
		.hint = "Drop the trigger, or have its function owned by the table's owner. Grant TRIGGER to nobody: it is part of GRANT ALL.",
		.remedy = psprintf("DROP TRIGGER %s ON %s;", quote_identifier(name), table)
	};
	HeapTuple	tuple;
	char	   *holder;
	Oid			owner;

	if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED)
		return;
	idv_look_at_function(&place, trigger->tgfoid);

	place.trigger_on = RelationGetRelid(relation);
	place.use = psprintf("Trigger \"%s\" is on table %s, and would run with the rights of its owner. Nobody owns a trigger: whoever held TRIGGER may have written its condition.",
						 name, table);
	place.hint = "Drop the trigger. If it is the owner's, do in its function what its condition does; and grant TRIGGER to nobody: it is part of GRANT ALL.";
	idv_look_at_text(&place, trigger->tgqual);

	/*
	 * It is computed of rows that whoever wrote it may not see; its error
	 * tells.
	 */
	if (trigger->tgqual != NULL && relation->rd_rel->relrowsecurity &&
		idv_trigger_holder(code, RelationGetRelid(relation)) != NULL)
		idv_object_to_code(&place, psprintf("trigger \"%s\" has a condition, and the table has row level security",
											name));

	if (code->objection != NULL ||
		trigger->tgfoid < FirstUnpinnedObjectId || idv_function_is_ours(trigger->tgfoid))
		return;

	/* Which table it is can be an argument, too. */
	if (code->any_owner && !idv_role_is_trusted(code, relation->rd_rel->relowner))
	{
		place.use = psprintf("Trigger \"%s\" on table %s would run in the middle of a statement with the rights of role \"%s\".",
							 name, table, GetUserNameFromId(code->role, false));
		place.hint = "Let one role own the tables that foreign keys join, or drop the trigger.";
		idv_object_to_code(&place, psprintf("trigger \"%s\" is on a table of role \"%s\"", name,
											GetUserNameFromId(relation->rd_rel->relowner, false)));
		return;
	}

	/*
	 * Who may not execute the function now may have been allowed to when the
	 * trigger was made.
	 */
	holder = idv_trigger_holder(code, RelationGetRelid(relation));
	if (holder == NULL)
		return;
	owner = idv_function_form(trigger->tgfoid, &tuple)->proowner;
	ReleaseSysCache(tuple);
	place.use = psprintf("Trigger \"%s\" is on table %s, and would run with the rights of its owner. Nobody owns a trigger: %s is granted TRIGGER, and may have made it.",
						 name, table, holder);
	if (trigger->tgnargs > 0)
	{
		place.hint = psprintf("Drop the trigger. If it is the owner's, REVOKE TRIGGER ON %s FROM %s, and make the trigger again.",
							  table, holder);
		idv_object_to_code(&place, psprintf("trigger \"%s\" has arguments", name));
	}
	else if (owner != relation->rd_rel->relowner)
	{
		place.hint = psprintf("Drop the trigger. If it is the owner's, REVOKE TRIGGER ON %s FROM %s, and make the trigger again.",
							  table, holder);
		idv_object_to_code(&place,
						   psprintf("trigger \"%s\" calls function %s, which belongs to role \"%s\"",
									name, format_procedure_qualified(trigger->tgfoid),
									GetUserNameFromId(owner, false)));
	}
}

/* Expressions, exclusions and support functions of an index. */
static void
look_at_index(IdvTableCode *code, Oid oid)
{
	Relation	index = index_open(oid, AccessShareLock);
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	IdvCodePlace place = {
		.code = code,
		.use = psprintf("Index \"%s\" would run it with the rights of the table's owner.",
						RelationGetRelationName(index)),
		.hint = "Have the function owned by the table's owner, or drop the index."
	};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", oid);
	idv_look_at_stored(&place, INDEXRELID, tuple, Anum_pg_index_indexprs);
	idv_look_at_stored(&place, INDEXRELID, tuple, Anum_pg_index_indpred);
	ReleaseSysCache(tuple);

	for (int i = 0; i < index->rd_index->indnkeyatts *
		 index->rd_indam->amsupport; i++)
		idv_look_at_function(&place, index->rd_support[i]);

	/* A fold compares keys by it, to find what cannot move beside another. */
	for (int i = 0; i < index->rd_index->indnkeyatts &&
		 index->rd_rel->relam == BTREE_AM_OID; i++)
		idv_look_at_function(&place,
							 get_opcode(get_opfamily_member(index->rd_opfamily[i],
															index->rd_opcintype[i],
															index->rd_opcintype[i],
															BTEqualStrategyNumber)));
	if (index->rd_index->indisexclusion)
	{
		Oid		   *operators;
		Oid		   *functions;
		uint16	   *strategies;

		RelationGetExclusionInfo(index, &operators, &functions, &strategies);
		for (int i = 0; i < index->rd_index->indnkeyatts; i++)
			idv_look_at_function(&place, functions[i]);
	}
	index_close(index, NoLock);
}

/* Checks, generated columns and defaults. */
static void
look_at_constraints(IdvTableCode *code, Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	IdvCodePlace place = {
		.code = code,
		.hint = "Have the function owned by the table's owner."
	};

	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
	{
		place.use = psprintf("Constraint \"%s\" would run it with the rights of the table's owner.",
							 constraints->check[i].ccname);
		idv_look_at_text(&place, constraints->check[i].ccbin);
	}
	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation),
											  constraints->defval[i].adnum - 1);

		place.use = psprintf("Column \"%s\" would run it with the rights of the table's owner.",
							 NameStr(att->attname));
		idv_look_at_text(&place, constraints->defval[i].adbin);
	}
}

static void
look_at_statistics(IdvTableCode *code, Relation relation)
{
	IdvCodePlace place = {
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
		idv_look_at_stored(&place, STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs);
		ReleaseSysCache(tuple);
	}
}

static void
look_at_partition_key(IdvTableCode *code, Oid relid)
{
	IdvCodePlace place = {
		.code = code,
		.use = "The partition key would run it with the rights of the table's owner.",
		.hint = "Have the function owned by the table's owner."
	};
	HeapTuple	tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	oidvector  *classes;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for partition key of %u", relid);
	idv_look_at_stored(&place, PARTRELID, tuple, Anum_pg_partitioned_table_partexprs);
	classes = (oidvector *) DatumGetPointer(SysCacheGetAttr(PARTRELID, tuple,
															Anum_pg_partitioned_table_partclass,
															&isnull));
	for (int i = 0; i < ((Form_pg_partitioned_table) GETSTRUCT(tuple))->partnatts; i++)
		idv_look_at_opclass(&place, classes->values[i]);
	ReleaseSysCache(tuple);
}

static void
look_at_rules(IdvTableCode *code, Relation relation)
{
	RuleLock   *rules = relation->rd_rules;
	IdvCodePlace place = {
		.code = code,
		.use = "A rule on the table would run it with the rights of the table's owner.",
		.hint = "Drop the rule: a table with rules is not folded."
	};

	for (int i = 0; rules != NULL && i < rules->numLocks; i++)
	{
		(void) idv_look_at_expression(rules->rules[i]->qual, &place);
		(void) idv_look_at_expression((Node *) rules->rules[i]->actions, &place);
	}
}

static void
look_at_column_types(IdvTableCode *code, Relation relation)
{
	IdvCodePlace place = {
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
		idv_look_at_type(&place, att->atttypid);
	}
}

/* The partition keys of what a table is a partition of: writes compute them. */
static void
look_at_ancestors(IdvTableCode *code, Relation relation)
{
	ListCell   *lc;

	if (!relation->rd_rel->relispartition)
		return;
	foreach(lc, get_partition_ancestors(RelationGetRelid(relation)))
	{
		idv_code_watch_relation(lfirst_oid(lc));
		look_at_partition_key(code, lfirst_oid(lc));
	}
}

/*
 * A table whose rows are in shards, on other nodes.
 *
 * What hangs on a shard is not in this node's catalog.  Its owner, its grants and
 * what it was made with are those of the table; so it is triggers that somebody
 * may have hung there, who holds TRIGGER.
 */
static void
look_at_shards(IdvTableCode *code, Relation relation, bool written)
{
	IdvCodePlace place = {
		.code = code,
		.use = "The table's rows are in shards on other nodes. A trigger that such a role has hung on a shard is not seen here, and would run with the rights of the table's owner.",
		.hint = "Revoke TRIGGER on the table, and see on the other nodes that its shards have no trigger of such a role."
	};
	char	   *holder;

	if (idv_distribution(RelationGetRelid(relation)).rows == IDV_ROWS_HERE)
		return;
	code->distributed = true;
	holder = written ? idv_trigger_holder(code, RelationGetRelid(relation)) : NULL;
	if (holder != NULL)
		idv_object_to_code(&place, psprintf("%s is granted TRIGGER on it, and it is distributed",
											holder));
}

/* Look at one table, not at its parts. */
static void
look_at_relation(IdvTableCode *code, Relation relation, const char *kind,
				 bool written)
{
	IdvCodePlace place = {
		.code = code,
		.use = "What its owner hangs there would run with the rights of another role.",
		.hint = "Have the parts of a table, and tables of this extension, owned by one role."
	};
	TriggerDesc *triggers;
	ListCell   *lc;

	if (!code->any_owner && !idv_role_is_trusted(code, relation->rd_rel->relowner))
		idv_object_to_owner(&place,
							psprintf("%s %s", kind,
									 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
																RelationGetRelationName(relation))),
							relation->rd_rel->relowner);
	/* A copy: the relation's own is freed when its cache entry is made anew. */
	triggers = written ? CopyTriggerDesc(relation->trigdesc) : NULL;
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		look_at_trigger(code, relation, &triggers->triggers[i]);
	look_at_column_types(code, relation);
	look_at_constraints(code, relation);
	foreach(lc, RelationGetIndexList(relation))
		look_at_index(code, lfirst_oid(lc));
	look_at_statistics(code, relation);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		look_at_partition_key(code, RelationGetRelid(relation));
	look_at_ancestors(code, relation);
	look_at_rules(code, relation);
	look_at_shards(code, relation, written);

	/* When all types are known. */
	place.use = "It is a cast of a type that the table uses, and would run with the rights of the table's owner.";
	place.hint = "Drop the cast, or have its function owned by the table's owner.";
	idv_look_at_casts(&place);
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
