/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  What a contact takes over from one that is folded into it.
 *
 * Its blanks are filled, what it has stays.  With one thing care is taken:
 * what a signature stands for is never filled into a verified contact, because
 * then whoever once typed somebody's external_id would become them.  And what
 * is known of a browser, its visitor token above all, stays behind with the
 * source: used again it must not lead to a verified contact.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/fill.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "references/contact_options.h"
#include "references/contact_rows.h"
#include "references/description_cache.h"
#include "references/source_rows.h"
#include "server/canonical_text.h"
#include "server/json_merge.h"
#include "server/text.h"
#include "tables/contact_columns.h"

/* How many statements, for one set of columns each, are kept per table. */
#define FILLS_KEPT			32

/* Facts about a browser, a claim or a row, not about the person. */
static const char *const never_filled[] = {
	"is_verified", "verified_at", "email_verified", "user_hash", "visitor",
	"last_claim", "last_seen_at", "updated_at"
};

/* Writes a set of columns. */
typedef struct FillStatement
{
	Bitmapset  *columns;
	IdvStatement update;
} FillStatement;

/* Is a value null, text that is blank, or JSON that is? */
static bool
is_blank(Form_pg_attribute att, Datum value, bool isnull)
{
	Oid			type;
	char		category;
	bool		preferred;
	IdvText		written;

	if (isnull)
		return true;
	type = getBaseType(att->atttypid);
	if (type == JSONBOID)
		return idv_json_is_blank(DatumGetJsonbP(value));
	if (type == JSONOID)
		return idv_json_text_is_blank(idv_text(value));
	get_type_category_preferred(type, &category, &preferred);
	if (category != TYPCATEGORY_STRING)
		return false;
	written.bytes = idv_value_text(att->atttypid, value);
	written.len = strlen(written.bytes);
	return idv_text_is_blank(written);
}

/*
 * Merge jsonb member by member.  Returns false if there is nothing to take, or
 * one of the two is no object.
 *
 * A column of type json stays as it is once it has something: its text may
 * have members twice, or in an order that matters to somebody.
 */
static bool
merge_objects(Datum *merged, Datum target, Datum source)
{
	Jsonb	   *before = DatumGetJsonbP(target);
	Jsonb	   *other = DatumGetJsonbP(source);
	Jsonb	   *after;

	if (!JB_ROOT_IS_OBJECT(before) || !JB_ROOT_IS_OBJECT(other) ||
		JB_ROOT_COUNT(other) == 0)
		return false;
	after = idv_json_fill(before, other);
	*merged = JsonbPGetDatum(after);
	return compareJsonbContainers(&before->root, &after->root) != 0;
}

/*
 * Would custom_data of one of our contacts become larger than a claim may make it?
 *
 * A visitor who logs in cannot help that, and then keeps what the contact has; the
 * rest is in the journal.  54000 for a fold by hand.
 */
static bool
is_too_large(const IdvContactTable *contacts, Form_pg_attribute att,
			 Datum merged, Datum target, bool by_claim)
{
	if (!contacts->own ||
		strcmp(NameStr(att->attname),
			   idv_contact_columns[IDV_CONTACT_CUSTOM_DATA].name) != 0 ||
		!idv_json_outgrows(&DatumGetJsonbP(merged)->root, &DatumGetJsonbP(target)->root,
						   IDV_CUSTOM_DATA_MAX))
		return false;
	if (!by_claim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"custom_data\" of the target would become too large"),
				 errdetail("It may have at most %d bytes.", IDV_CUSTOM_DATA_MAX),
				 errhint("Remove members of either contact's, or have idverify_set_contacts say that custom_data is never_filled.")));
	return true;
}

/* May a column ever be filled? */
static bool
is_fillable(IdvContactTable *contacts, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(contacts->table->desc, column - 1);

	if (att->attisdropped || att->attgenerated != '\0' ||
		att->attidentity != '\0' ||
		column == contacts->id || bms_is_member(column, contacts->apps) ||
		bms_is_member(column, contacts->flags) ||
		bms_is_member(column, idv_contact_options(contacts)->never_filled) ||
		bms_is_member(column - FirstLowInvalidHeapAttributeNumber,
					  contacts->never_filled))
		return false;
	for (int i = 0; i < (int) lengthof(never_filled); i++)
	{
		if (strcmp(NameStr(att->attname), never_filled[i]) == 0)
			return false;
	}
	return true;
}

/* The columns that may be. */
static const Bitmapset *
fillable_columns(IdvContactTable *contacts)
{
	Bitmapset  *columns = NULL;
	MemoryContext caller;

	if (contacts->knows_fillable)
		return contacts->fillable;
	caller = MemoryContextSwitchTo(idv_table_context(contacts->table));
	for (int i = 0; i < contacts->table->desc->natts; i++)
	{
		if (is_fillable(contacts, i + 1))
			columns = bms_add_member(columns, i + 1);
	}
	MemoryContextSwitchTo(caller);
	contacts->fillable = columns;
	contacts->knows_fillable = true;
	return columns;
}

/* May a verified contact, or any, be given this value? */
static bool
may_fill(const IdvContactTable *contacts, AttrNumber column, IdvRow source,
		 IdvRow target, bool by_claim)
{
	bool		verified = idv_contact_row_is_verified(contacts, target);

	if (by_claim && column == contacts->shop)
		return false;

	/* Beside a signed external_id our own email is profile text. */
	if (contacts->own && column == contacts->email)
	{
		if (by_claim && DatumGetBool(source.values[contacts->email_verified - 1]))
			return false;
		return !verified || !target.nulls[contacts->external_id - 1];
	}
	if (bms_is_member(column, contacts->identity))
		return !verified && !by_claim;
	return true;
}

/*
 * Does a value of a reference's column point to a row that holds another?  True
 * if only somebody's own code could tell: it would run with our rights.
 */
static bool
points_to(const IdvContactTable *contacts, const IdvReference *reference, int i,
		  Datum value, Datum referenced)
{
	IdvPointee	pointee;

	return !idv_pointee(&pointee, reference, i, contacts->table, referenced) ||
		idv_pointee_is(&pointee, value);
}

/* Would filling in this value make the target point to either of the two? */
static bool
is_pointer_to_either(IdvContactTable *contacts, AttrNumber column, Datum value,
					 IdvRow source, IdvRow target)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(contacts->table))
	{
		IdvReference *reference = lfirst(lc);

		if (!reference->self)
			continue;
		for (int i = 0; i < reference->ncolumns; i++)
		{
			int			r = reference->referenced[i] - 1;

			if (reference->columns[i] != column)
				continue;
			if ((!source.nulls[r] && points_to(contacts, reference, i, value,
											   source.values[r])) ||
				(!target.nulls[r] && points_to(contacts, reference, i, value,
											   target.values[r])))
				return true;
		}
	}
	return false;
}

static void
set(IdvFill *fill, AttrNumber column, Datum value)
{
	fill->columns = bms_add_member(fill->columns, column);
	fill->after.values[column - 1] = value;
	fill->after.nulls[column - 1] = false;
}

/*
 * idv_fill_choose
 *		Decide what the target takes over.
 *
 * source, target	as the moves have left them
 * before			the target before that: a pointer to the source has become null,
 *					but was not blank
 */
IdvFill
idv_fill_choose(IdvContactTable *contacts, IdvRow source, IdvRow target,
				IdvRow before, bool by_claim, TimestampTz now)
{
	TupleDesc	desc = contacts->table->desc;
	IdvFill		fill = {.columns = NULL};
	const Bitmapset *fillable = fillable_columns(contacts);
	int			column = -1;

	fill.after.values = palloc0(sizeof(Datum) * desc->natts);
	fill.after.nulls = palloc0(sizeof(bool) * desc->natts);

	while ((column = bms_next_member(fillable, column)) >= 0)
	{
		int			i = column - 1;
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (source.nulls[i] ||
			!may_fill(contacts, column, source, target, by_claim))
			continue;
		if (is_blank(att, target.values[i], target.nulls[i]))
		{
			if (!is_blank(att, source.values[i], false) &&
				is_blank(att, before.values[i], before.nulls[i]) &&
				!is_pointer_to_either(contacts, column, source.values[i],
									  source, target))
				set(&fill, column, source.values[i]);
		}
		else if (getBaseType(att->atttypid) == JSONBOID)
		{
			Datum		merged;

			if (merge_objects(&merged, target.values[i], source.values[i]) &&
				!is_too_large(contacts, att, merged, target.values[i], by_claim))
				set(&fill, column, merged);
		}
		else if (column == contacts->created_at &&
				 idv_column_precedes(contacts->table, column, source.values[i],
									 target.values[i]))
			set(&fill, column, source.values[i]);
	}

	/* An email that was signed for the one is signed for the other. */
	if (contacts->own && !by_claim &&
		bms_is_member(contacts->email, fill.columns) &&
		DatumGetBool(source.values[contacts->email_verified - 1]) &&
		idv_contact_row_is_verified(contacts, target))
		set(&fill, contacts->email_verified, BoolGetDatum(true));

	if (contacts->own && !bms_is_empty(fill.columns))
		set(&fill, contacts->updated_at, TimestampTzGetDatum(now));
	return fill;
}

/*
 * idv_fill_json
 *		What was filled, for the journal: {"column": ["before", "after"], ...}.
 */
char *
idv_fill_json(const IdvContactTable *contacts, IdvRow before,
			  const IdvFill *fill)
{
	StringInfoData json;
	int			level = idv_canonical_text_begin();
	int			column = -1;

	initStringInfo(&json);
	while ((column = bms_next_member(fill->columns, column)) >= 0)
	{
		Form_pg_attribute att = TupleDescAttr(contacts->table->desc, column - 1);

		appendStringInfoChar(&json, json.len == 0 ? '{' : ',');
		escape_json(&json, NameStr(att->attname));
		appendStringInfoString(&json, ":[");
		if (before.nulls[column - 1])
			appendStringInfoString(&json, "null");
		else
			escape_json(&json, idv_value_text(att->atttypid,
											  before.values[column - 1]));
		appendStringInfoChar(&json, ',');
		escape_json(&json, idv_value_text(att->atttypid,
										  fill->after.values[column - 1]));
		appendStringInfoChar(&json, ']');
	}
	appendStringInfoString(&json, json.len == 0 ? "{}" : "}");
	idv_canonical_text_end(level);
	return json.data;
}

/*
 * Forget the statement that was prepared first.
 *
 * Which columns are filled is up to visitors, so there may be any number.
 */
static void
forget_fill(IdvContactTable *contacts)
{
	FillStatement *oldest = linitial(contacts->fills);

	contacts->fills = list_delete_first(contacts->fills);
	idv_table_forget(&oldest->update, contacts->table);
	bms_free(oldest->columns);
	pfree(oldest);
}

/* The statement that writes just these columns. */
static FillStatement *
prepare_fill(IdvContactTable *contacts, const Bitmapset *columns)
{
	IdvTable   *table = contacts->table;
	int			first = contacts->own ? 3 : 2;
	Oid		   *types = palloc(sizeof(Oid) * (table->desc->natts + 2));
	int			nargs = 0;
	int			column = -1;
	StringInfoData sql;
	FillStatement *prepared;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, contacts->fills)
	{
		prepared = lfirst(lc);
		if (bms_equal(prepared->columns, columns))
			return prepared;
	}

	initStringInfo(&sql);
	types[nargs++] = contacts->id_type;
	if (contacts->own)
		types[nargs++] = INT4OID;
	appendStringInfo(&sql, "UPDATE %s x SET ", table->from);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		types[nargs++] = getBaseType(TupleDescAttr(table->desc,
												   column - 1)->atttypid);
		appendStringInfo(&sql, "%s%s = $%d", nargs == first ? "" : ", ",
						 idv_column_name(table, column), nargs);
	}
	appendStringInfo(&sql, " WHERE %s", idv_contact_table_where(contacts));

	if (list_length(contacts->fills) >= FILLS_KEPT)
		forget_fill(contacts);
	caller = MemoryContextSwitchTo(idv_table_context(table));
	prepared = palloc0(sizeof(FillStatement));
	prepared->columns = bms_copy(columns);
	idv_table_statement(&prepared->update, table, sql.data, nargs, types);
	contacts->fills = lappend(contacts->fills, prepared);
	MemoryContextSwitchTo(caller);
	return prepared;
}

/*
 * idv_fill_write
 *		Write into a contact what it takes over.
 */
void
idv_fill_write(IdvContactTable *contacts, int32 app_id, Datum id,
			   const IdvFill *fill)
{
	int			natts = contacts->table->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * (natts + 2));
	bool	   *nulls = palloc0(sizeof(bool) * (natts + 2));
	int			n = 0;
	int			column = -1;

	if (bms_is_empty(fill->columns))
		return;
	values[n++] = id;
	if (contacts->own)
		values[n++] = Int32GetDatum(app_id);
	while ((column = bms_next_member(fill->columns, column)) >= 0)
	{
		nulls[n] = fill->after.nulls[column - 1];
		values[n++] = fill->after.values[column - 1];
	}
	idv_contact_row_write(contacts, &prepare_fill(contacts, fill->columns)->update,
						  values, nulls);
}
