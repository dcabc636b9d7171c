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

/* The statement that hangs a guard like this one on another table. */
static char *
create_guard(const IdvDoctor *doctor, const Guarded *guarded, const char *table)
{
	const Trigger *guard = guarded->guard;
	StringInfoData statement;

	initStringInfo(&statement);
	appendStringInfo(&statement, "CREATE TRIGGER %s BEFORE", quote_identifier(guard->tgname));
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
							create_guard(doctor, guarded, idv_relation_name(lfirst_oid(lc))),
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
	StringInfoData after;
	const char *last = guard->tgname;
	char	   *name;

	initStringInfo(&after);
	for (int i = 0; i < guarded->triggers->numtriggers; i++)
	{
		const Trigger *other = &guarded->triggers->triggers[i];

		if (!TRIGGER_FOR_ROW(other->tgtype) || !TRIGGER_FOR_BEFORE(other->tgtype) ||
			!(TRIGGER_FOR_INSERT(other->tgtype) || TRIGGER_FOR_UPDATE(other->tgtype)) ||
			other->tgenabled == TRIGGER_DISABLED || is_guard(doctor, other) ||
			strcmp(other->tgname, guard->tgname) < 0)
			continue;
		appendStringInfo(&after, "%s\"%s\"", after.len == 0 ? "" : ", ", other->tgname);
		if (strcmp(other->tgname, last) > 0)
			last = other->tgname;
	}
	if (after.len == 0)
		return;

	/* A name behind all of them. */
	name = pstrdup("zz_guard");
	while (strcmp(name, last) <= 0 && strlen(name) < NAMEDATALEN - 2)
		name = psprintf("z%s", name);
	idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_NOT_LAST, guarded->object,
					strcmp(name, last) <= 0 ? NULL :
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

/* May there be two contacts of one signed identity? */
static void
look_at_uniqueness(IdvDoctor *doctor, const Guarded *guarded)
{
	Oid			relid = RelationGetRelid(guarded->table);
	IdvRole		role = *guarded->columns[IDV_ROLE_EXTERNAL_ID] != '\0' ?
	IDV_ROLE_EXTERNAL_ID : IDV_ROLE_EMAIL;
	AttrNumber	identity = get_attnum(relid, guarded->columns[role]);
	AttrNumber	flag = get_attnum(relid, guarded->columns[IDV_ROLE_IS_VERIFIED]);
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
					flag <= 0 || get_attnum(relid, guarded->columns[IDV_ROLE_APP_KEY]) <= 0 ? NULL :
					psprintf("CREATE UNIQUE INDEX %sON %s (%s, %s) WHERE %s;",
							 guarded->table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : "CONCURRENTLY ",
							 guarded->name, quote_identifier(guarded->columns[IDV_ROLE_APP_KEY]),
							 quote_identifier(guarded->columns[role]),
							 quote_identifier(guarded->columns[IDV_ROLE_IS_VERIFIED])),
					"No unique index keeps one signed %s from becoming two contacts, when two requests come at the same time.",
					guarded->columns[role]);
}

/* Columns that the guard has to be able to empty. */
static void
look_at_not_null(IdvDoctor *doctor, const Guarded *guarded)
{
	static const IdvRole emptied[] = {IDV_ROLE_USER_HASH, IDV_ROLE_EXTERNAL_ID, IDV_ROLE_EMAIL};
	bool		drops = any_app_drops();
	TupleDesc	desc = RelationGetDescr(guarded->table);

	for (int r = 0; r < (int) lengthof(emptied); r++)
	{
		AttrNumber	column = get_attnum(RelationGetRelid(guarded->table),
										guarded->columns[emptied[r]]);

		if (column <= 0 || !TupleDescAttr(desc, column - 1)->attnotnull ||
			(emptied[r] != IDV_ROLE_USER_HASH && !drops))
			continue;
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_COLUMN_NOT_NULL,
						psprintf("%s.%s", guarded->object, guarded->columns[emptied[r]]),
						psprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL;", guarded->name,
								 quote_identifier(guarded->columns[emptied[r]])),
						emptied[r] == IDV_ROLE_USER_HASH ?
						"The guard empties it, so that no user_hash is stored: every row that has one is an error." :
						"The guard empties it where an app drops claims that do not verify: each of them is an error.");
	}
}

/* An owner can disable the guard, and so can whoever logs in as one. */
static void
look_at_owner(IdvDoctor *doctor, const Guarded *guarded)
{
	Oid			owner = guarded->table->rd_rel->relowner;
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
	bool		logs_in;
	char	   *name;
	char	   *role;

	if (!HeapTupleIsValid(tuple))
		return;
	logs_in = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin &&
		!((Form_pg_authid) GETSTRUCT(tuple))->rolsuper;
	name = pstrdup(NameStr(((Form_pg_authid) GETSTRUCT(tuple))->rolname));
	ReleaseSysCache(tuple);
	if (!logs_in || idv_doctor_has_told(doctor, IDV_DIAGNOSIS_GUARD_OWNER_LOGS_IN, name))
		return;
	role = pstrdup(quote_identifier(psprintf("%.*s_owner", NAMEDATALEN - 7, name)));
	idv_doctor_tell(doctor, IDV_DIAGNOSIS_GUARD_OWNER_LOGS_IN, name,
					psprintf("CREATE ROLE %s NOLOGIN;\nALTER TABLE %s OWNER TO %s;\nGRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;",
							 role, guarded->name, role, guarded->name, quote_identifier(name)),
					"The role owns %s, and can log in: as its owner it can disable the guard, and then set the flag of anybody. Let a role own the table that nobody logs in as.",
					guarded->object);
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
	if (guarded.guard != NULL && !guarded.table->rd_rel->relispartition)
	{
		(void) idv_guard_arguments(guarded.columns, guarded.guard);
		look_at_children(doctor, &guarded);
		look_at_order(doctor, &guarded);
		look_at_uniqueness(doctor, &guarded);
		look_at_not_null(doctor, &guarded);
		look_at_owner(doctor, &guarded);
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
