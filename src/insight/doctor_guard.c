/*-------------------------------------------------------------------------
 *
 * doctor_guard.c
 *	  Tables that a guard looks after, and what lets claims past it.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "insight/doctor_catalog.h"
#include "references/guard_arguments.h"
#include "server/relation.h"

/* A table that has a guard, opened. */
typedef struct Guarded
{
	Relation	table;
	const char *object;
	const char *name;			/* qualified and quoted */
	const TriggerDesc *triggers;
	const Trigger *guard;
	const char *columns[IDV_ROLES]; /* names; empty where there is none */
} Guarded;

/* Does any app drop claims? */
static bool
any_app_drops(void)
{
	return idv_doctor_any("SELECT FROM idverify.apps WHERE 'drop' IN (on_unverified, on_wrong_hash) LIMIT 1");
}

/* Is it a guard? */
static bool
is_guard(const IdvDoctor *doctor, const Trigger *trigger)
{
	return trigger->tgfoid == idv_doctor_guard_function(doctor);
}

/* A trigger that stays off when the application writes. */
static bool
is_off(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_DISABLED ||
		trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA;
}

/* Has a table, or one of its partitions, a trigger of that name? */
static bool
is_taken(const List *triggers, const char *name)
{
	const ListCell *lc;

	foreach(lc, triggers)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/*
 * A name for a guard: behind that of the last trigger, and no other trigger's.
 * NULL if there is none that is short enough.
 */
static const char *
name_behind(const char *last, const List *triggers)
{
	const char *name;

	for (name = "zz_guard"; strlen(name) < NAMEDATALEN; name = psprintf("z%s", name))
	{
		if (strcmp(name, last) > 0 && !is_taken(triggers, name))
			return name;
	}
	for (name = psprintf("%sz", last); strlen(name) < NAMEDATALEN; name = psprintf("%sz", name))
	{
		if (!is_taken(triggers, name))
			return name;
	}
	return NULL;
}

/* The names of a table's triggers. */
static List *
trigger_names(const TriggerDesc *triggers)
{
	List	   *names = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		names = lappend(names, pstrdup(triggers->triggers[i].tgname));
	return names;
}

/* The statement that hangs a guard like this one on another table. */
static char *
create_guard(const IdvDoctor *doctor, const Guarded *guarded, const char *table,
			 const List *triggers)
{
	const Trigger *guard = guarded->guard;
	const char *name = is_taken(triggers, guard->tgname) ?
	name_behind(guard->tgname, triggers) : guard->tgname;
	StringInfoData statement;

	if (name == NULL)
		return NULL;
	initStringInfo(&statement);
	appendStringInfo(&statement, "CREATE TRIGGER %s BEFORE", quote_identifier(name));
	if (TRIGGER_FOR_INSERT(guard->tgtype))
		appendStringInfo(&statement, " INSERT%s", TRIGGER_FOR_UPDATE(guard->tgtype) ? " OR" : "");
	if (TRIGGER_FOR_UPDATE(guard->tgtype))
		appendStringInfoString(&statement, " UPDATE");
	for (int i = 0; i < guard->tgnattr; i++)
		appendStringInfo(&statement, "%s%s", i == 0 ? " OF " : ", ",
						 quote_identifier(get_attname(RelationGetRelid(guarded->table),
													  guard->tgattr[i], false)));
	appendStringInfo(&statement, " ON %s FOR EACH ROW EXECUTE FUNCTION %s.idverify_guard(",
					 table, doctor->schema);
	for (int i = 0; i < guard->tgnargs; i++)
		appendStringInfo(&statement, "%s%s", i == 0 ? "" : ", ",
						 quote_literal_cstr(guard->tgargs[i]));
	appendStringInfoString(&statement, ");");
	return statement.data;
}

/* Children by inheritance, which have triggers of their own. */
static void
look_at_children(IdvDoctor *doctor, const Guarded *guarded)
{
	ListCell   *lc;

	if (guarded->table->rd_rel->relkind != RELKIND_RELATION)
		return;
	foreach(lc, find_inheritance_children(RelationGetRelid(guarded->table), AccessShareLock))
	{
		Relation	child = relation_open(lfirst_oid(lc), NoLock);
		bool		has = false;

		for (int i = 0; child->trigdesc != NULL && i < child->trigdesc->numtriggers; i++)
			has = has || is_guard(doctor, &child->trigdesc->triggers[i]);
		if (!has && child->rd_rel->relkind == RELKIND_RELATION)
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_MISSING_ON_CHILD,
							idv_relation_label(lfirst_oid(lc)),
							create_guard(doctor, guarded, idv_relation_name(lfirst_oid(lc)),
										 trigger_names(child->trigdesc)),
							"Its rows are rows of %s, too, and what is written to it directly passes the guard there.",
							guarded->object);
		relation_close(child, NoLock);
	}
}

/* Triggers that see the row after the guard, and may change it. */
static void
look_at_order(IdvDoctor *doctor, const Guarded *guarded)
{
	const Trigger *guard = guarded->guard;
	Oid			relid = RelationGetRelid(guarded->table);
	List	   *tables = list_make1_oid(relid);
	List	   *names = NIL;
	StringInfoData after;
	const char *last = guard->tgname;
	const char *name;
	ListCell   *lc;

	/* A partition has the guard under the same name, and triggers of its own. */
	if (guarded->table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(relid, AccessShareLock, NULL);
	initStringInfo(&after);
	foreach(lc, tables)
	{
		Relation	table = relation_open(lfirst_oid(lc), NoLock);

		names = list_concat(names, trigger_names(table->trigdesc));
		for (int i = 0; table->trigdesc != NULL && i < table->trigdesc->numtriggers; i++)
		{
			const Trigger *other = &table->trigdesc->triggers[i];

			if (!TRIGGER_FOR_ROW(other->tgtype) || !TRIGGER_FOR_BEFORE(other->tgtype) ||
				!(TRIGGER_FOR_INSERT(other->tgtype) || TRIGGER_FOR_UPDATE(other->tgtype)) ||
				other->tgenabled == TRIGGER_DISABLED || is_guard(doctor, other) ||
				strcmp(other->tgname, guard->tgname) < 0 ||
				(lfirst_oid(lc) != relid && other->tgisclone))
				continue;
			appendStringInfo(&after, "%s\"%s\"%s%s", after.len == 0 ? "" : ", ", other->tgname,
							 lfirst_oid(lc) == relid ? "" : " of ",
							 lfirst_oid(lc) == relid ? "" : idv_relation_label(lfirst_oid(lc)));
			if (strcmp(other->tgname, last) > 0)
				last = pstrdup(other->tgname);
		}
		relation_close(table, NoLock);
	}
	if (after.len == 0)
		return;
	name = name_behind(last, names);
	idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_NOT_LAST, guarded->object,
					name == NULL ? NULL :
					psprintf("ALTER TRIGGER %s ON %s RENAME TO %s;",
							 quote_identifier(guard->tgname), guarded->name, quote_identifier(name)),
					"Triggers fire in the order of their names, and behind the guard \"%s\" there is %s: what it changes is judged by nobody.",
					guard->tgname, after.data);
}

/* The key columns of an index, also those in expressions. */
static Bitmapset *
index_columns(Relation index)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		if (index->rd_index->indkey.values[i] != 0)
			columns = bms_add_member(columns, index->rd_index->indkey.values[i] -
									 FirstLowInvalidHeapAttributeNumber);
	}
	return bms_add_members(columns, idv_doctor_index_expressions(index));
}

/* Are the partitions of a table, if it has any, by these columns alone? */
static bool
is_partitioned_by(Relation table, AttrNumber one, AttrNumber other)
{
	PartitionKey key = RelationGetPartitionKey(table);

	for (int i = 0; key != NULL && i < key->partnatts; i++)
	{
		if (key->partattrs[i] == 0 || (key->partattrs[i] != one && key->partattrs[i] != other))
			return false;
	}
	return true;
}

/* May there be two contacts of one signed identity? */
static void
look_at_uniqueness(IdvDoctor *doctor, const Guarded *guarded)
{
	Oid			relid = RelationGetRelid(guarded->table);
	IdvRole		role = get_attnum(relid, guarded->columns[IDV_ROLE_EXTERNAL_ID]) > 0 ?
	IDV_ROLE_EXTERNAL_ID : IDV_ROLE_EMAIL;
	AttrNumber	identity = get_attnum(relid, guarded->columns[role]);
	AttrNumber	app_key = get_attnum(relid, guarded->columns[IDV_ROLE_APP_KEY]);
	AttrNumber	flag = get_attnum(relid, guarded->columns[IDV_ROLE_IS_VERIFIED]);
	bool		spans = is_partitioned_by(guarded->table, app_key, identity);
	Bitmapset  *primary = RelationGetIndexAttrBitmap(guarded->table, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool		found = false;
	ListCell   *lc;

	if (identity <= 0)
		return;
	foreach(lc, RelationGetIndexList(guarded->table))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Bitmapset  *columns = index_columns(index);

		found = found ||
			(index->rd_index->indisunique && index->rd_index->indisvalid &&
			 bms_is_member(identity - FirstLowInvalidHeapAttributeNumber, columns) &&
			 (index->rd_index->indisprimary || !bms_overlap(columns, primary) ||
			  bms_is_member(identity - FirstLowInvalidHeapAttributeNumber, primary)));
		index_close(index, NoLock);
	}
	if (found)
		return;
	idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_WITHOUT_UNIQUE_INDEX, guarded->object,
					flag <= 0 || app_key <= 0 || !spans ? NULL :
					psprintf("CREATE UNIQUE INDEX %sON %s (%s, %s) WHERE %s;",
							 guarded->table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : "CONCURRENTLY ",
							 guarded->name, quote_identifier(guarded->columns[IDV_ROLE_APP_KEY]),
							 quote_identifier(guarded->columns[role]),
							 quote_identifier(guarded->columns[IDV_ROLE_IS_VERIFIED])),
					"No unique index keeps one signed %s from becoming two contacts, when two requests come at the same time.%s",
					guarded->columns[role],
					spans ? " Those that are two already have to be folded before." :
					" None can span its partitions, which are by other columns.");
}

/* Columns that the guard has to be able to empty. */
static void
look_at_not_null(IdvDoctor *doctor, const Guarded *guarded)
{
	static const IdvRole emptied[] = {IDV_ROLE_USER_HASH, IDV_ROLE_EXTERNAL_ID, IDV_ROLE_EMAIL};
	bool		drops = any_app_drops();
	Bitmapset  *primary = RelationGetIndexAttrBitmap(guarded->table, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	TupleDesc	desc = RelationGetDescr(guarded->table);

	for (int r = 0; r < (int) lengthof(emptied); r++)
	{
		AttrNumber	column = get_attnum(RelationGetRelid(guarded->table),
										guarded->columns[emptied[r]]);
		bool		in_key = column > 0 &&
		bms_is_member(column - FirstLowInvalidHeapAttributeNumber, primary);

		if (column <= 0 || !TupleDescAttr(desc, column - 1)->attnotnull ||
			(emptied[r] != IDV_ROLE_USER_HASH && !drops))
			continue;
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_COLUMN_NOT_NULL,
						psprintf("%s.%s", guarded->object, guarded->columns[emptied[r]]),
						in_key ? NULL :
						psprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL;", guarded->name,
								 quote_identifier(guarded->columns[emptied[r]])),
						"%s%s",
						emptied[r] == IDV_ROLE_USER_HASH ?
						"The guard empties it, so that no user_hash is stored: every row that has one is an error." :
						"The guard empties it where an app drops claims that do not verify: each of them is an error.",
						in_key ? " It is in the primary key: that has to be of other columns before it may be NULL." : "");
	}
}

/*
 * An owner can disable the guard, and so can whoever logs in as one.
 *
 * No statement to be pasted: with another owner a chat goes on only if the old one
 * is granted what it had as the owner, of sequences, schema and partitions, too, and
 * if foreign keys, functions and policies were made for that.
 */
static void
look_at_owner(IdvDoctor *doctor, const Guarded *guarded)
{
	Oid			owner = guarded->table->rd_rel->relowner;
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
	bool		logs_in;
	char	   *name;
	StringInfoData tables;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		return;
	logs_in = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin &&
		!((Form_pg_authid) GETSTRUCT(tuple))->rolsuper;
	name = pstrdup(NameStr(((Form_pg_authid) GETSTRUCT(tuple))->rolname));
	ReleaseSysCache(tuple);
	if (!logs_in || idv_doctor_has_told(doctor, IDV_DIAGNOSIS_GUARD_OWNER_LOGS_IN, name))
		return;
	initStringInfo(&tables);
	foreach(lc, idv_doctor_guarded(doctor))
	{
		if (get_rel_name(lfirst_oid(lc)) != NULL && idv_relation_owner(lfirst_oid(lc)) == owner)
			appendStringInfo(&tables, "%s%s", tables.len == 0 ? "" : ", ",
							 idv_relation_label(lfirst_oid(lc)));
	}
	idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_OWNER_LOGS_IN, name, NULL,
					"The role owns %s, and can log in: as the owner it can disable the guard, and then set the flag of anybody. Let a role own that which nobody logs in as, and grant this one what it needs; doc/insight.md says how, so that the application goes on working.",
					tables.data);
}

/* Look at one table that has a guard. */
static void
look_at_guarded(IdvDoctor *doctor, void *argument)
{
	Oid			relid = *(Oid *) argument;
	Guarded		guarded = {.table = relation_open(relid, AccessShareLock)};

	guarded.object = idv_relation_label(relid);
	guarded.name = idv_relation_name(relid);
	guarded.triggers = CopyTriggerDesc(guarded.table->trigdesc);
	for (int i = 0; guarded.triggers != NULL && i < guarded.triggers->numtriggers; i++)
	{
		const Trigger *trigger = &guarded.triggers->triggers[i];

		if (!is_guard(doctor, trigger))
			continue;
		if (is_off(trigger))
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_DISABLED, guarded.object,
							psprintf("ALTER TABLE %s ENABLE TRIGGER %s;",
									 guarded.name, quote_identifier(trigger->tgname)),
							"The guard \"%s\" is disabled: whoever writes to the table says who is verified.",
							trigger->tgname);
		if (guarded.guard == NULL || is_off(guarded.guard))
			guarded.guard = trigger;
	}
	if (guarded.guard != NULL)
		look_at_owner(doctor, &guarded);
	if (guarded.guard != NULL && !guarded.table->rd_rel->relispartition)
	{
		(void) idv_guard_arguments(guarded.columns, guarded.guard);
		look_at_children(doctor, &guarded);
		look_at_order(doctor, &guarded);
		look_at_uniqueness(doctor, &guarded);
		look_at_not_null(doctor, &guarded);
	}
	relation_close(guarded.table, NoLock);
}

/*
 * idv_doctor_guard
 *		Look at the tables that have a guard.
 */
void
idv_doctor_guard(IdvDoctor *doctor)
{
	ListCell   *lc;

	/* A guard whose arguments make no sense fails for every row. */
	doctor->of_error = IDV_DIAGNOSIS_GUARD_DISABLED;
	foreach(lc, idv_doctor_guarded(doctor))
	{
		Oid			relid = lfirst_oid(lc);

		if (get_rel_name(relid) != NULL)
			idv_doctor_look(doctor, idv_relation_label(relid), look_at_guarded, &relid);
	}
	doctor->of_error = IDV_DIAGNOSIS_LIBRARY_DIFFERS;
}
