/*-------------------------------------------------------------------------
 *
 * contact_table.c
 *	  A table as one of contacts, ours or somebody's own: which column is what.
 *
 *-------------------------------------------------------------------------
 */
#include "references/contact_table.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "references/description_cache.h"
#include "references/guard_arguments.h"
#include "server/comparison_sql.h"
#include "server/relation.h"
#include "server/as_installed.h"
#include "tables/our_tables.h"

/* A column by its name, if it has the type (or any, for InvalidOid). */
static AttrNumber
column_of_type(Oid relation, const char *name, Oid type)
{
	AttrNumber	column = get_attnum(relation, name);

	if (column <= 0 ||
		(OidIsValid(type) && getBaseType(get_atttype(relation, column)) != type))
		return 0;
	return column;
}

/* A column of our own contacts, of the type that we have given it. */
static AttrNumber
own_column(Oid relation, const char *name, Oid type)
{
	AttrNumber	column = column_of_type(relation, name, type);

	if (column == 0)
		idv_report_not_as_installed("table idverify.contacts has no column \"%s\" of type %s",
									name, format_type_be(type));
	return column;
}

/* The column that holds a contact's id. */
static AttrNumber
id_column(Relation relation)
{
	Oid			constraint;
	Bitmapset  *key = get_primary_key_attnos(RelationGetRelid(relation), true,
											 &constraint);
	AttrNumber	id;

	if (bms_is_empty(key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has no primary key",
						idv_relation_label(RelationGetRelid(relation))),
				 errhint("Give it one, so that each contact has an id.")));
	if (bms_membership(key) == BMS_SINGLETON)
		return bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber;

	id = get_attnum(RelationGetRelid(relation), "id");
	if (id <= 0 || !bms_is_member(id - FirstLowInvalidHeapAttributeNumber, key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("primary key of table \"%s\" has several columns, and none is \"id\"",
						idv_relation_label(RelationGetRelid(relation))),
				 errhint("Name the column that tells its contacts apart \"id\".")));
	return id;
}

/*
 * Add the columns that the arguments of a guard trigger name for a role.
 *
 * An argument that makes no sense is left to the guard to refuse.
 */
static Bitmapset *
add_mapped(Bitmapset *columns, Oid relid, const Trigger *trigger, IdvRole wanted)
{
	char	   *function = get_func_name(trigger->tgfoid);

	if (function == NULL || strcmp(function, "idverify_guard") != 0)
		return columns;
	for (int a = 0; a < trigger->tgnargs; a++)
	{
		IdvRole		role;
		const char *name = idv_guard_argument(&role, trigger->tgargs[a]);
		AttrNumber	column;

		if (name == NULL || role != wanted)
			continue;
		column = get_attnum(relid, name);
		if (column > 0)
			columns = bms_add_member(columns, column);
	}
	return columns;
}

/*
 * Add the columns of a role: the one that is named for it, and whatever
 * columns the arguments of guard triggers put in its place.
 */
static Bitmapset *
add_role(Bitmapset *columns, Relation relation, IdvRole role)
{
	Oid			relid = RelationGetRelid(relation);
	AttrNumber	column = get_attnum(relid, idv_role_names[role]);
	TriggerDesc *triggers;

	if (column > 0)
		columns = bms_add_member(columns, column);

	/* A copy: the relation's own is freed when its cache entry is made anew. */
	triggers = CopyTriggerDesc(relation->trigdesc);
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		columns = add_mapped(columns, relid, &triggers->triggers[i], role);
	return columns;
}

/* Whose contact it is. */
static Bitmapset *
app_columns(Relation relation)
{
	AttrNumber	app_id = get_attnum(RelationGetRelid(relation), "app_id");
	Bitmapset  *columns = add_role(NULL, relation, IDV_ROLE_APP_KEY);

	return app_id > 0 ? bms_add_member(columns, app_id) : columns;
}

/* What a signature stands for. */
static Bitmapset *
identity_columns(Relation relation)
{
	Bitmapset  *columns = add_role(NULL, relation, IDV_ROLE_EXTERNAL_ID);

	columns = add_role(columns, relation, IDV_ROLE_EMAIL);
	return add_role(columns, relation, IDV_ROLE_USER_HASH);
}

/* Refuse what cannot be a table of contacts. */
static void
check_kind(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	char	   *what = NULL;

	if (relkind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		what = "is not a table";
	else if (IsCatalogRelationOid(relid))
		what = "is a system catalog";
	else if (idv_is_own_table(relid) && relid != idv_our_table("contacts"))
		what = "is a table of this extension's own";
	else if (isOtherTempNamespace(get_rel_namespace(relid)))
		what = "is a temporary table of another session";
	if (what != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" %s", idv_relation_label(relid), what),
				 errhint("Name an ordinary or partitioned table of contacts.")));
}

/*
 * Refuse distributed contacts that cannot be locked: ours have the app_id in every
 * statement, and that tells the shard.  Somebody's own are asked for by the id
 * alone, and no lock is taken in all shards.  0A000.
 */
static void
check_distribution(const IdvTable *table)
{
	bool		own = table->relation == idv_our_table("contacts");

	if (table->distribution.rows == IDV_ROWS_HERE ||
		(own && table->distribution.rows == IDV_ROWS_BY_COLUMN &&
		 table->distribution.column == get_attnum(table->relation, "app_id")))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 own ?
			 errmsg("table idverify.contacts is distributed, but not by \"app_id\" with one copy of each row") :
			 errmsg("contacts of distributed table \"%s\" cannot be folded", table->label),
			 own ?
			 errhint("Distribute it by \"app_id\" with a replication factor of 1.") :
			 errhint("Keep the table on one node, or keep the contacts in idverify.contacts, which can be distributed.")));
}

/*
 * idv_contact_table_where
 *		The condition that x is the contact whose id is $1; of ours, of the app $2.
 */
char *
idv_contact_table_where(const IdvContactTable *contacts)
{
	const IdvTable *table = contacts->table;
	Oid			declared = get_atttype(table->relation, contacts->id);

	return psprintf("%s%s", contacts->own ? "x.app_id = $2 AND " : "",
					idv_comparison(psprintf("x.%s", idv_column_name(table, contacts->id)),
								   idv_equal_operator(declared, contacts->id_type),
								   "$1"));
}

/* Prepare the statements by which contacts are found. */
static void
prepare_lookups(IdvContactTable *contacts)
{
	IdvTable   *table = contacts->table;
	Oid			types[] = {contacts->id_type, INT4OID};
	int			nargs = contacts->own ? 2 : 1;
	char	   *sql;

	sql = psprintf("SELECT %s FROM %s x WHERE %s", idv_table_columns(table, "x"),
				   table->from, idv_contact_table_where(contacts));
	idv_table_statement(&contacts->look, table, sql, nargs, types);
	idv_table_statement(&contacts->lock_source, table,
						psprintf("%s FOR UPDATE", sql), nargs, types);
	idv_table_statement(&contacts->lock_target, table,
						psprintf("%s FOR NO KEY UPDATE", sql), nargs, types);
}

/*
 * idv_contact_table
 *		Lock a table of contacts for writing and describe it.
 *
 * relid is an ordinary or partitioned table; a partition stands for its whole.
 */
IdvContactTable *
idv_contact_table(Oid relid)
{
	IdvTable   *table;
	IdvContactTable *contacts;
	Relation	relation;
	Oid			constraint;
	MemoryContext caller;

	if (OidIsValid(relid) && get_rel_relispartition(relid))
		relid = idv_root_relation(relid);
	check_kind(relid);
	table = idv_table(relid);
	idv_table_check_code(table);
	if (table->contacts != NULL)
		return table->contacts;
	check_distribution(table);

	caller = MemoryContextSwitchTo(idv_table_context(table));
	contacts = palloc0(sizeof(IdvContactTable));
	contacts->table = table;
	relation = relation_open(relid, NoLock);
	contacts->own = relid == idv_our_table("contacts");
	contacts->id = id_column(relation);
	contacts->id_type = getBaseType(get_atttype(relid, contacts->id));
	contacts->apps = app_columns(relation);
	contacts->flags = add_role(NULL, relation, IDV_ROLE_IS_VERIFIED);
	contacts->created_at = column_of_type(relid, "created_at", InvalidOid);
	contacts->identity = identity_columns(relation);
	contacts->never_filled = get_primary_key_attnos(relid, true, &constraint);
	if (contacts->own)
	{
		contacts->app = own_column(relid, "app_id", INT4OID);
		contacts->external_id = own_column(relid, "external_id", TEXTOID);
		contacts->email = own_column(relid, "email", TEXTOID);
		contacts->email_verified = own_column(relid, "email_verified", BOOLOID);
		contacts->visitor = own_column(relid, "visitor", UUIDOID);
		contacts->shop = own_column(relid, "shop", TEXTOID);
		contacts->created_at = own_column(relid, "created_at", TIMESTAMPTZOID);
		contacts->updated_at = own_column(relid, "updated_at", TIMESTAMPTZOID);
	}
	relation_close(relation, NoLock);
	prepare_lookups(contacts);
	MemoryContextSwitchTo(caller);

	table->contacts = contacts;
	return contacts;
}
