/*-------------------------------------------------------------------------
 *
 * guard_columns.c
 *	  The columns of somebody's contacts table that a guard looks after.
 *
 * Each has a role.  A column is known by the name of its role, unless an
 * argument of the trigger, 'role=column', says otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/guard_columns.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "server/text.h"
#include "verdict/verdict.h"

/* Is a column of this type fit for the role? */
static bool
is_fit(IdvRole role, Oid type, bool prefixed)
{
	Oid			base = getBaseType(type);

	/* A number becomes an app's key by what is put before it. */
	if (role == IDV_ROLE_APP_KEY && prefixed &&
		(base == INT4OID || base == INT8OID || base == UUIDOID))
		return true;
	if (role == IDV_ROLE_IS_VERIFIED)
		return base == BOOLOID;

	/* varchar and citext too, and domains over all of them */
	return base == BPCHAROID || IsBinaryCoercible(type, TEXTOID);
}

/* Find the column of that name, and see that it is fit for the role. */
static void
find_column(IdvColumn *column, IdvRole role, const char *name, bool prefixed,
			const Trigger *trigger, Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);
	Form_pg_attribute attribute = NULL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute candidate = TupleDescAttr(desc, i);

		if (!candidate->attisdropped &&
			strcmp(NameStr(candidate->attname), name) == 0)
			attribute = candidate;
	}

	if (attribute == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(table)),
				 errdetail("Trigger \"%s\" needs it as %s.",
						   trigger->tgname, idv_role_names[role]),
				 idv_role_is_optional(role) ?
				 errhint("Name the column in an argument of the trigger, '%s=column', or write '%s=' if there is none.",
						 idv_role_names[role], idv_role_names[role]) :
				 errhint("Name the column in an argument of the trigger, '%s=column'.",
						 idv_role_names[role]),
				 errtable(table)));
	if (!is_fit(role, attribute->atttypid, prefixed))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" is of type %s",
						name, RelationGetRelationName(table),
						format_type_be(attribute->atttypid)),
				 errdetail("Trigger \"%s\" needs a column of type %s as %s.",
						   trigger->tgname,
						   role == IDV_ROLE_IS_VERIFIED ? "boolean" : "text",
						   idv_role_names[role]),
				 role == IDV_ROLE_APP_KEY ?
				 errhint("With 'app_prefix=text' an app key is made of text and a column of type integer, bigint or uuid.") : 0,
				 errtablecol(table, attribute->attnum)));

	/* It is computed after us: we would judge something else. */
	if (attribute->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("column \"%s\" of relation \"%s\" is a generated column",
						name, RelationGetRelationName(table)),
				 errdetail("Trigger \"%s\" cannot use it as %s: it is computed after the trigger.",
						   trigger->tgname, idv_role_names[role]),
				 errhint("Create the trigger with an ordinary column: '%s=column'.",
						 idv_role_names[role]),
				 errtablecol(table, attribute->attnum)));

	column->number = attribute->attnum;
	column->by_value = attribute->attbyval;
	column->len = attribute->attlen;
	column->padded = getBaseType(attribute->atttypid) == BPCHAROID;
	column->type = attribute->atttypid;
	column->collation = attribute->attcollation;
	column->domain = get_typtype(attribute->atttypid) == TYPTYPE_DOMAIN ?
		attribute->atttypid : InvalidOid;
}

/*
 * See that no other guard reads the same user_hash.
 *
 * The first one empties it, and to the second one every claim is unsigned.
 */
static void
check_only_guard(const Trigger *trigger, const char *user_hash, Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *other = &triggers->triggers[i];
		const char *names[IDV_ROLES];

		if (other->tgoid == trigger->tgoid ||
			other->tgfoid != trigger->tgfoid ||
			other->tgenabled == TRIGGER_DISABLED)
			continue;
		(void) idv_guard_arguments(names, other);
		if (strcmp(names[IDV_ROLE_USER_HASH], user_hash) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("triggers \"%s\" and \"%s\" of relation \"%s\" both guard column \"%s\"",
							trigger->tgname, other->tgname,
							RelationGetRelationName(table), user_hash),
					 errdetail("The first one empties it, so that the second one would judge every claim as unsigned."),
					 errhint("Drop one of them."),
					 errtable(table)));
	}
}

/*
 * idv_columns
 *		The columns that have the roles in the table of a trigger.
 *
 * They are looked up once per statement, which is how long flinfo lives.  The
 * statement holds a lock on the table, so its columns stay what they are.
 *
 * 42703 for a column that does not exist, 42804 for one of the wrong type,
 * 42P17 for a generated one, 42701 for one that has two roles, 22023 for
 * arguments that make no sense, 39P01 for two guards of one user_hash.
 */
IdvColumns *
idv_columns(FmgrInfo *flinfo, TriggerData *trigger)
{
	IdvColumns *columns = flinfo->fn_extra;
	const char *names[IDV_ROLES];

	if (columns != NULL && columns->trigger == trigger->tg_trigger->tgoid)
		return columns;

	columns = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(IdvColumns));
	columns->trigger = trigger->tg_trigger->tgoid;
	columns->context = flinfo->fn_mcxt;

	columns->app_prefix = idv_guard_arguments(names, trigger->tg_trigger);
	for (int i = 0; i < IDV_ROLES; i++)
	{
		if (*names[i] == '\0')
			continue;
		for (int earlier = 0; earlier < i; earlier++)
			if (strcmp(names[earlier], names[i]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" of relation \"%s\" cannot be both %s and %s",
								names[i],
								RelationGetRelationName(trigger->tg_relation),
								idv_role_names[earlier], idv_role_names[i]),
						 errhint("Create the trigger with another column for one of them: '%s=column'.",
								 idv_role_names[i])));
		find_column(&columns->of[i], i, names[i],
					columns->app_prefix != NULL, trigger->tg_trigger,
					trigger->tg_relation);
	}

	check_only_guard(trigger->tg_trigger, names[IDV_ROLE_USER_HASH],
					 trigger->tg_relation);

	flinfo->fn_extra = columns;
	return columns;
}

/*
 * idv_columns_read
 *		Read a row.  It is good for as long as the slot is.
 */
void
idv_columns_read(IdvGuardedRow *row, const IdvColumns *columns, TupleTableSlot *slot)
{
	for (int i = 0; i < IDV_ROLES; i++)
	{
		NullableDatum *value = &row->of[i];

		value->value = (Datum) 0;
		value->isnull = true;
		if (columns->of[i].number != InvalidAttrNumber)
			value->value = slot_getattr(slot, columns->of[i].number,
										&value->isnull);
	}
}

/*
 * idv_columns_store
 *		Make a tuple out of one that holds the row given and what is wanted.
 *
 * Returns the tuple itself if nothing else is wanted.  Values that differ are
 * held against their domain's constraints, as nobody else will.
 */
HeapTuple
idv_columns_store(HeapTuple tuple, IdvColumns *columns, TupleDesc desc,
				  const IdvGuardedRow *given, const IdvGuardedRow *wanted)
{
	int			n = 0;
	int			numbers[IDV_ROLES];
	Datum		values[IDV_ROLES];
	bool		nulls[IDV_ROLES];

	for (int i = 0; i < IDV_ROLES; i++)
	{
		IdvColumn  *column = &columns->of[i];
		NullableDatum before = given->of[i];
		NullableDatum after = wanted->of[i];

		if (column->number == InvalidAttrNumber ||
			(after.isnull ? before.isnull :
			 !before.isnull && before.value == after.value))
			continue;
		if (OidIsValid(column->domain))
			domain_check(after.value, after.isnull, column->domain,
						 &column->domain_cache, columns->context);
		numbers[n] = column->number;
		values[n] = after.value;
		nulls[n] = after.isnull;
		n++;
	}

	return n == 0 ? tuple :
		heap_modify_tuple_by_cols(tuple, desc, n, numbers, values, nulls);
}

/*
 * idv_columns_same
 *		Do two rows hold the same, to the byte, in the column of that role?
 */
bool
idv_columns_same(const IdvColumns *columns, IdvRole role,
				 const IdvGuardedRow *a, const IdvGuardedRow *b)
{
	const IdvColumn *column = &columns->of[role];

	if (a->of[role].isnull || b->of[role].isnull)
		return a->of[role].isnull == b->of[role].isnull;
	return datum_image_eq(a->of[role].value, b->of[role].value,
						  column->by_value, column->len);
}

/*
 * idv_columns_equal
 *		Are two values of the column of that role equal to its type?
 *
 * So an index on the column finds one where the other is: citext, and
 * collations that are not deterministic, do not compare bytes.
 */
bool
idv_columns_equal(const IdvColumns *columns, IdvRole role,
				  const IdvGuardedRow *a, const IdvGuardedRow *b)
{
	const IdvColumn *column = &columns->of[role];
	TypeCacheEntry *type = lookup_type_cache(column->type,
											 TYPECACHE_EQ_OPR_FINFO);

	if (a->of[role].isnull || b->of[role].isnull ||
		!OidIsValid(type->eq_opr_finfo.fn_oid))
		return false;
	return DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo,
										  column->collation,
										  a->of[role].value,
										  b->of[role].value));
}

/*
 * idv_columns_same_identity
 *		Is it the same identity in the column of that role?
 *
 * To the byte; of an email, letters A to Z in another case are no difference.
 */
bool
idv_columns_same_identity(const IdvColumns *columns, IdvRole role,
						  const IdvGuardedRow *a, const IdvGuardedRow *b)
{
	IdvText		left;
	IdvText		right;

	if (idv_columns_same(columns, role, a, b))
		return true;
	if (role != IDV_ROLE_EMAIL || a->of[role].isnull || b->of[role].isnull)
		return false;

	left = idv_text(a->of[role].value);
	right = idv_text(b->of[role].value);
	if (left.len != right.len)
		return false;
	for (size_t i = 0; i < left.len; i++)
		if (pg_ascii_tolower((unsigned char) left.bytes[i]) !=
			pg_ascii_tolower((unsigned char) right.bytes[i]))
			return false;
	return true;
}

/* The app key of prefix and value. */
static Datum
prefixed_app_key(const IdvColumns *columns, Datum value)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(columns->of[IDV_ROLE_APP_KEY].type, &output, &is_varlena);
	return CStringGetTextDatum(psprintf("%s%s", columns->app_prefix,
										OidOutputFunctionCall(output, value)));
}

/*
 * idv_columns_text
 *		What a row holds in the column of that role, as text.
 */
NullableDatum
idv_columns_text(const IdvColumns *columns, IdvRole role, const IdvGuardedRow *row)
{
	NullableDatum value = row->of[role];

	if (role == IDV_ROLE_APP_KEY && columns->app_prefix != NULL &&
		!value.isnull)
		value.value = prefixed_app_key(columns, value.value);
	else if (columns->of[role].padded && !value.isnull)
	{
		text	   *padded = DatumGetTextPP(value.value);
		int			len = VARSIZE_ANY_EXHDR(padded);
		int			true_len = bpchartruelen(VARDATA_ANY(padded), len);

		if (true_len < len)
			value.value = PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(padded),
																   true_len));
	}
	return value;
}

/*
 * idv_columns_blank
 *		Is there nothing in the column of that role?
 */
bool
idv_columns_blank(const IdvColumns *columns, IdvRole role,
				  const IdvGuardedRow *row)
{
	return idv_is_absent(idv_columns_text(columns, role, row));
}

/*
 * idv_columns_present_hash
 *		Does a row come with a user_hash, right or wrong?
 *
 * old		the row that it updates; NULL if none
 *
 * An empty one is presented, and wrong.  One that was stored before there was
 * a guard, and that the UPDATE leaves alone, is not presented.
 */
bool
idv_columns_present_hash(const IdvColumns *columns, const IdvGuardedRow *row,
						 const IdvGuardedRow *old)
{
	return !row->of[IDV_ROLE_USER_HASH].isnull &&
		(old == NULL ||
		 !idv_columns_same(columns, IDV_ROLE_USER_HASH, row, old));
}

/*
 * idv_columns_claim_nothing
 *		Is a row one of nobody in particular?
 */
bool
idv_columns_claim_nothing(const IdvColumns *columns, const IdvGuardedRow *row)
{
	return idv_columns_blank(columns, IDV_ROLE_EXTERNAL_ID, row) &&
		idv_columns_blank(columns, IDV_ROLE_EMAIL, row);
}
