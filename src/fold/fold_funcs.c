/*-------------------------------------------------------------------------
 *
 * fold_funcs.c
 *	  What SQL can call to fold contacts.
 *
 * These functions are SECURITY DEFINER with a search_path of their own, so
 * their queries run as the extension's owner; those on somebody's table run as
 * its owner (src/server/table_owner.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "fold/fold.h"
#include "fold/fold_result.h"
#include "fold/resolve.h"
#include "fold/unfold.h"
#include "references/contact_table.h"
#include "references/description_cache.h"
#include "references/reference_condition.h"
#include "references/references.h"
#include "server/query.h"
#include "server/relation.h"
#include "server/canonical_text.h"
#include "server/comparison_sql.h"
#include "server/sqlfunc.h"
#include "tables/our_tables.h"

/* 15.0 has it by its first name alone, which all of 15 have kept. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

/* What to do about a null argument. */
#define FOLD_HINT		"Pass the id of the contact to fold, and that of the one to fold it into."
#define CONTACTS_HINT	"Leave it out for idverify.contacts, or name a table of contacts of your own."
#define FLAG_HINT		"Pass true or false, or leave it out."
#define REFERENCE_HINT	"Name the table of contacts, the table that points to it, and its column that does."

IDV_ENTRY(idverify_fold);
IDV_ENTRY(idverify_unfold);
IDV_ENTRY(idverify_resolve);
IDV_ENTRY(idverify_add_reference);

/*
 * idverify_fold(source anycompatible, target anycompatible, contacts regclass,
 *		dry_run boolean, force boolean)
 *		returns table (fold_id bigint, relation regclass, column_name name,
 *		moved bigint, dropped bigint)
 *
 * A row for each column that pointed to the source, and one for the table of
 * contacts itself, from which the source is dropped.  fold_id is null in a dry
 * run.  No row if source and target are the same: then there is no fold.
 *
 * The same function is there for ids as text.
 */
Datum
idverify_fold(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		source = idv_argument(fcinfo->args[0], "source", FOLD_HINT);
	Datum		target = idv_argument(fcinfo->args[1], "target", FOLD_HINT);
	Oid			contacts = DatumGetObjectId(idv_argument(fcinfo->args[2], "contacts", CONTACTS_HINT));
	int			how = 0;
	int64		fold_id;
	List	   *lines;
	ListCell   *lc;

	if (DatumGetBool(idv_argument(fcinfo->args[3], "dry_run", FLAG_HINT)))
		how |= IDV_FOLD_DRY_RUN;
	if (DatumGetBool(idv_argument(fcinfo->args[4], "force", FLAG_HINT)))
		how |= IDV_FOLD_FORCE;
	InitMaterializedSRF(fcinfo, 0);
	idv_our_tables_check();

	fold_id = idv_fold(&lines, contacts, get_fn_expr_argtype(fcinfo->flinfo, 0),
					   source, target, how);
	foreach(lc, lines)
	{
		IdvFoldLine *line = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {(how & IDV_FOLD_DRY_RUN) != 0};

		values[0] = Int64GetDatum(fold_id);
		values[1] = ObjectIdGetDatum(line->relation);
		values[2] = NameGetDatum(&line->column_name);
		values[3] = Int64GetDatum(line->moved);
		values[4] = Int64GetDatum(line->dropped);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * idverify_unfold(fold_id bigint, force boolean)
 *		returns table (relation regclass, moved bigint, restored bigint,
 *		skipped bigint)
 *
 * Of each table how many rows were moved back, how many put back, and how many
 * that the fold had moved were left alone.
 */
Datum
idverify_unfold(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		fold_id = DatumGetInt64(idv_argument(fcinfo->args[0], "fold_id",
													 "Pass the fold_id that idverify_fold has returned, an id of idverify.folds."));
	bool		force;
	List	   *lines;
	ListCell   *lc;

	idv_expect_arguments(fcinfo, 2);
	force = DatumGetBool(idv_argument(fcinfo->args[1], "force", FLAG_HINT));
	InitMaterializedSRF(fcinfo, 0);
	idv_our_tables_check();
	idv_unfold(&lines, fold_id, force);
	foreach(lc, lines)
	{
		IdvFoldLine *line = lfirst(lc);
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = ObjectIdGetDatum(line->relation);
		values[1] = Int64GetDatum(line->moved);
		values[2] = Int64GetDatum(line->dropped);
		values[3] = Int64GetDatum(line->skipped);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * idverify_resolve(id anyelement, contacts regclass) returns anyelement
 *
 * The contact that an old id has become; the id itself where it still is one.
 * The same function is there for an id as text, and then returns text.
 */
Datum
idverify_resolve(PG_FUNCTION_ARGS)
{
	Datum		id = idv_argument(fcinfo->args[0], "id",
								  "Pass the id that a contact has, or had before it was folded.");
	Oid			contacts = DatumGetObjectId(idv_argument(fcinfo->args[1], "contacts", CONTACTS_HINT));
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

	idv_our_tables_check();
	PG_RETURN_DATUM(idv_resolve(contacts, type, id));
}

static void refuse_reference(Oid relation, const char *what) __attribute__((noreturn));

static void
refuse_reference(Oid relation, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 get_rel_name(relation) == NULL ?
			 errmsg("table with OID %u %s", relation, what) :
			 errmsg("\"%s\" %s", idv_relation_label(relation), what),
			 errhint("Name an ordinary or partitioned table, and its column that holds ids of contacts.")));
}

/* Is it a column that no UPDATE can write? */
static bool
is_generated(Oid relation, AttrNumber column)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
										Int16GetDatum(column));
	Form_pg_attribute att;
	bool		generated;

	if (!HeapTupleIsValid(tuple))
		return false;
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	generated = att->attgenerated != '\0' ||
		att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
	ReleaseSysCache(tuple);
	return generated;
}

/* Refuse a column that could not be moved along. */
static void
check_reference(const IdvContactTable *contacts, Oid relation, const char *column)
{
	char		relkind = get_rel_relkind(relation);
	AttrNumber	attnum;
	Oid			type;

	if (relkind == '\0')
		refuse_reference(relation, "does not exist");
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		refuse_reference(relation, "is not a table");
	if (IsCatalogRelationOid(relation))
		refuse_reference(relation, "is a system catalog");
	if (idv_is_own_table(relation))
		refuse_reference(relation, "is a table of this extension's own");
	if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP)
		refuse_reference(relation, "is a temporary table");
	attnum = get_attnum(relation, column);
	if (attnum <= 0)
		refuse_reference(relation, psprintf("has no column \"%s\"", column));
	if (is_generated(relation, attnum))
		refuse_reference(relation, psprintf("generates the column \"%s\" by itself", column));

	type = getBaseType(get_atttype(relation, attnum));
	if (!OidIsValid(idv_equal_operator(contacts->id_type, type)))
		refuse_reference(relation,
						 psprintf("has a column \"%s\" of type %s, but contacts in \"%s\" have ids of type %s",
								  column, format_type_be(type),
								  contacts->table->label,
								  format_type_be(contacts->id_type)));
}

/*
 * Refuse what rows cannot be told apart by.  22023; 22004 for a NULL among the
 * names, 42703 for a column that there is not.
 */
static void
check_distinct(Oid relation, AttrNumber pointer, ArrayType *distinct_by)
{
	List	   *names = idv_names(PointerGetDatum(distinct_by));
	ListCell   *lc;

	if (names == NIL || ARR_NDIM(distinct_by) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("distinct_by must be an array of one dimension that names a column"),
				 errhint("Leave it out if no two rows are one.")));
	foreach(lc, names)
	{
		const char *name = lfirst(lc);
		AttrNumber	column = name == NULL ? 0 : get_attnum(relation, name);
		const char *objection = NULL;

		if (name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("distinct_by must not contain NULL"),
					 errhint("Name columns of \"%s\".", idv_relation_label(relation))));
		if (column == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of \"%s\", which is in distinct_by, does not exist",
							name, idv_relation_label(relation)),
					 errhint("Name columns of that table.")));
		if (column < 0)
			objection = "is a system column";
		else if (column == pointer)
			objection = "is the one that points to contacts";
		else if (!idv_is_ordered(get_atttype(relation, column)))
			objection = psprintf("is of type %s, whose values cannot be sorted",
								 format_type_be(get_atttype(relation, column)));
		if (objection != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("distinct_by cannot name column \"%s\" of \"%s\", because it %s",
							name, idv_relation_label(relation), objection),
					 errhint("Name the columns in which rows of two contacts have to agree to be one row.")));
	}
}

/*
 * idverify_add_reference(contacts regclass, relation regclass,
 *		column_name name, condition text, distinct_by name[]) returns void
 *
 * Lists a column that points to contacts without a foreign key.  Once listed
 * it stays so; listing it again says anew what it is distinct by.
 */
Datum
idverify_add_reference(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {OIDOID, OIDOID, NAMEOID, TEXTOID, NAMEARRAYOID};
	Oid			contacts_oid = DatumGetObjectId(idv_argument(fcinfo->args[0], "contacts", REFERENCE_HINT));
	Oid			relation = DatumGetObjectId(idv_argument(fcinfo->args[1], "relation", REFERENCE_HINT));
	Name		column = DatumGetName(idv_argument(fcinfo->args[2], "column_name", REFERENCE_HINT));
	IdvContactTable *contacts;
	Datum		values[lengthof(types)];
	char		nulls[] = "     ";

	PreventCommandIfReadOnly("idverify_add_reference()");
	idv_our_tables_check();
	SPI_connect();
	contacts = idv_contact_table(contacts_oid);
	if (get_rel_relispartition(relation))
		relation = idv_root_relation(relation);
	check_reference(contacts, relation, NameStr(*column));
	idv_table_check_code(idv_table(relation));

	values[0] = ObjectIdGetDatum(contacts->table->relation);
	values[1] = ObjectIdGetDatum(relation);
	values[2] = NameGetDatum(column);
	if (PG_ARGISNULL(3))
		nulls[3] = 'n';
	else
	{
		Relation	opened = relation_open(relation, AccessShareLock);
		Expr	   *condition;
		int			level;

		condition = idv_condition_parse(opened,
										text_to_cstring(PG_GETARG_TEXT_PP(3)));
		idv_condition_check_constants(condition);
		level = idv_canonical_sql_begin();
		values[3] = CStringGetTextDatum(idv_condition_text(condition, relation,
														   NULL));
		idv_canonical_text_end(level);
		relation_close(opened, AccessShareLock);
	}

	if (PG_ARGISNULL(4))
		nulls[4] = 'n';
	else
	{
		values[4] = PG_GETARG_DATUM(4);
		check_distinct(relation, get_attnum(relation, NameStr(*column)),
					   DatumGetArrayTypeP(values[4]));
	}

	idv_query("INSERT INTO idverify.contact_references AS r"
			  " (contacts, relation, column_name, condition, distinct_by)"
			  " VALUES ($1, $2, $3, $4, $5)"
			  " ON CONFLICT (contacts, relation, column_name, condition)"
			  " DO UPDATE SET distinct_by = EXCLUDED.distinct_by"
			  " WHERE r.distinct_by IS DISTINCT FROM EXCLUDED.distinct_by",
			  lengthof(types), types, values, nulls);
	SPI_finish();
	PG_RETURN_VOID();
}
