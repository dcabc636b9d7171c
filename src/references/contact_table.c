/*-------------------------------------------------------------------------
 *
 * contact_table.c
 *	  Rows of a table of contacts, ours or somebody's own.
 *
 * Every statement on idverify.contacts names app_id = $n, so that the table
 * can be distributed by it.  The one exception is the question to which app an
 * id belongs.
 *
 *-------------------------------------------------------------------------
 */
#include "references/contact_table.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "references/description_cache.h"
#include "references/guard_arguments.h"
#include "server/canonical_text.h"
#include "server/cast.h"
#include "server/exec_triggers.h"
#include "server/index_lookup.h"
#include "server/as_installed.h"
#include "server/table_owner.h"
#include "tables/our_tables.h"

/* The table of contacts that a statement of ours writes just now, and how
 * many triggers that statement is inside of. */
static Oid	written_relation = InvalidOid;
static int	written_depth;

/* Read the app of a contact of ours. */
static IdvStatement read_app;
static IdvIndexLookup probe_app =
{
	.table = "contacts",.index = "contacts_id_key",.columns = "id",.equal = F_INT8EQ,
	.alone = true
};

/* Lock contacts of ours. */
static IdvIndexLookup probe_source =
{
	.table = "contacts",.index = "contacts_pkey",.columns = "app_id, id",.equal = F_INT8EQ,
	.lock = true,.mode = LockTupleExclusive
};
static IdvIndexLookup probe_target =
{
	.table = "contacts",.index = "contacts_pkey",.columns = "app_id, id",.equal = F_INT8EQ,
	.lock = true,.mode = LockTupleNoKeyExclusive
};

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
	else if (idv_is_own_table(relid) && relid != idv_own_contacts())
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
	bool		own = table->relation == idv_own_contacts();

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

/* Prepare the statements by which contacts are found. */
static void
prepare_lookups(IdvContactTable *contacts)
{
	IdvTable   *table = contacts->table;
	Oid			types[] = {contacts->id_type, INT4OID};
	int			nargs = contacts->own ? 2 : 1;
	Oid			declared = get_atttype(table->relation, contacts->id);
	char	   *sql;

	sql = psprintf("SELECT %s FROM %s x WHERE %s%s",
				   idv_table_columns(table, "x"), table->from,
				   contacts->own ? "x.app_id = $2 AND " : "",
				   idv_comparison(psprintf("x.%s", idv_column_name(table, contacts->id)),
								  idv_equal_operator(declared, contacts->id_type),
								  "$1"));
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
	contacts->own = relid == idv_own_contacts();
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

/*
 * idv_contact_table_app_id
 *		The app that a contact of ours belongs to, or 0: there is no contact.
 *
 * is_verified		output: is it verified, as long as it is not locked
 *
 * 0, and false, for every contact of a table that is not ours.
 */
int32
idv_contact_table_app_id(IdvContactTable *contacts, Datum id, bool *is_verified)
{
	Oid			types[] = {INT8OID};
	IdvRow		row;
	int			found;

	*is_verified = false;
	if (!contacts->own)
		return 0;
	found = idv_index_lookup(&probe_app, idv_our_table(probe_app.table), 0, id, &row);
	if (found == 1)
	{
		*is_verified = idv_contact_table_is_verified(contacts, row);
		return DatumGetInt32(row.values[contacts->app - 1]);
	}
	if (found == 0)
		return 0;
	if (read_app.plan == NULL)
		idv_statement_prepare(&read_app, InvalidOid,
							  "SELECT app_id, is_verified FROM idverify.contacts"
							  " WHERE id = $1",
							  1, types);
	if (idv_statement_first(&read_app, &id, NULL, &row) == 0)
		return 0;
	*is_verified = DatumGetBool(row.values[1]);
	return DatumGetInt32(row.values[0]);
}

/* Is a value another one now that it has been cast? */
static bool
is_rounded(Datum given, Oid from, Datum value, Oid to)
{
	TypeCacheEntry *type = lookup_type_cache(getBaseType(from),
											 TYPECACHE_EQ_OPR_FINFO);
	bool		fits;
	Datum		back;

	if (getBaseType(from) == to || !OidIsValid(type->eq_opr_finfo.fn_oid))
		return false;
	back = idv_cast(value, to, from, &fits);
	return fits &&
		!DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo,
										type->typcollation, given, back));
}

/*
 * idv_contact_table_id
 *		An id of any type, or as text, as one of the contacts' own.
 *
 * 22023 if its type cannot be assigned, or if it would be rounded.
 */
Datum
idv_contact_table_id(const IdvContactTable *contacts, Datum given, Oid type)
{
	bool		fits;
	Datum		id = idv_cast(given, type, contacts->id_type, &fits);

	if (!fits && type == TEXTOID)
		id = idv_read_text(given, contacts->id_type, &fits);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contacts in \"%s\" have ids of type %s, not %s",
						contacts->table->label,
						format_type_be(contacts->id_type),
						format_type_be(type)),
				 errhint("Cast the id to type %s.",
						 format_type_be(contacts->id_type))));
	if (type != TEXTOID && is_rounded(given, type, id, contacts->id_type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("id \"%s\" cannot be one of type %s",
						idv_value_text(type, given),
						format_type_be(contacts->id_type)),
				 errhint("Contacts in \"%s\" have ids of type %s.",
						 contacts->table->label,
						 format_type_be(contacts->id_type))));
	return id;
}

/*
 * idv_contact_table_id_from_text
 *		An id as the journal has it.
 */
Datum
idv_contact_table_id_from_text(const IdvContactTable *contacts, char *text)
{
	Oid			input;
	Oid			ioparam;
	Datum		id;
	IdvCaller	before;

	/* In a composite type there may be a domain, which may check anything. */
	idv_become_owner(&before, contacts->table->owner);
	getTypeInputInfo(contacts->id_type, &input, &ioparam);
	id = OidInputFunctionCall(input, text, ioparam, -1);
	idv_become_caller(&before);
	return id;
}

/*
 * idv_contact_table_compare
 *		The order of two ids, in which their rows are locked.
 */
int
idv_contact_table_compare(const IdvContactTable *contacts, Datum left, Datum right)
{
	TypeCacheEntry *type = lookup_type_cache(contacts->id_type,
											 TYPECACHE_CMP_PROC_FINFO);
	Form_pg_attribute att = TupleDescAttr(contacts->table->desc,
										  contacts->id - 1);

	if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
		elog(ERROR, "type %u of a primary key cannot be compared",
			 contacts->id_type);
	return DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo,
										   att->attcollation, left, right));
}

/*
 * idv_contact_table_lock
 *		Lock and read the row of a contact.
 *
 * A source is locked against being referenced; a target is not, so that its
 * visitor's next message does not wait.  Returns false if there is no row.
 */
bool
idv_contact_table_lock(IdvRow *row, IdvContactTable *contacts, int32 app_id, Datum id,
					   bool as_source)
{
	Datum		values[2] = {id, Int32GetDatum(app_id)};
	IdvRow		columns;
	uint64		found;

	if (contacts->own)
	{
		int			probed = idv_index_lookup(as_source ? &probe_source : &probe_target, idv_our_table("contacts"),
											  app_id, id, row);

		if (probed >= 0)
			return probed > 0;
	}
	found = idv_statement_first(as_source ? &contacts->lock_source :
								&contacts->lock_target, values, NULL, &columns);
	if (found > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("several contacts in \"%s\" have the same id",
						contacts->table->label),
				 errhint("Column \"id\" alone has to tell contacts apart.")));
	if (found == 1)
		*row = idv_table_numbered(contacts->table, columns);
	return found == 1;
}

/*
 * idv_contact_table_is_verified
 *		Is this contact verified?
 */
bool
idv_contact_table_is_verified(const IdvContactTable *contacts, IdvRow row)
{
	int			column = -1;

	while ((column = bms_next_member(contacts->flags, column)) >= 0)
	{
		if (getBaseType(TupleDescAttr(contacts->table->desc,
									  column - 1)->atttypid) == BOOLOID &&
			!row.nulls[column - 1] && DatumGetBool(row.values[column - 1]))
			return true;
	}
	return false;
}

/*
 * idv_contact_table_write
 *		Write the row of one contact.
 *
 * A trigger that swallows it is an error (55000).
 */
void
idv_contact_table_write(IdvContactTable *contacts, const IdvStatement *statement,
						const Datum *values, const bool *nulls)
{
	Oid			outer_relation = written_relation;
	int			outer_depth = written_depth;
	uint64		written;

	PG_TRY();
	{
		written_relation = contacts->table->relation;
		written_depth = idv_trigger_depth();
		written = idv_statement_run(statement, values, nulls);
	}
	PG_FINALLY();
	{
		written_relation = outer_relation;
		written_depth = outer_depth;
	}
	PG_END_TRY();

	if (written != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not write contact in \"%s\"",
						contacts->table->label),
				 errhint("Look for a trigger on the table that returns NULL.")));
}

/*
 * idv_contact_table_fires
 *		Asked by a trigger on a table: is it idv_contact_table_write() whose
 *		statement has fired it?
 *
 * A statement of another trigger that this one has fired is not.
 */
bool
idv_contact_table_fires(Oid relation)
{
	return OidIsValid(written_relation) &&
		idv_root_relation(relation) == written_relation &&
		idv_trigger_depth() == written_depth + 1;
}
