/*-------------------------------------------------------------------------
 *
 * contact_rows.c
 *	  Rows of a table of contacts, ours or somebody's own: their ids, and how they
 *	  are found, locked and written.
 *
 * Every statement on idverify.contacts names app_id = $n, so that the table
 * can be distributed by it.  The one exception is the question to which app an
 * id belongs.
 *
 *-------------------------------------------------------------------------
 */
#include "references/contact_rows.h"

#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "server/canonical_text.h"
#include "server/cast.h"
#include "server/exec_triggers.h"
#include "server/index_lookup.h"
#include "server/relation.h"
#include "server/table_owner.h"
#include "server/text.h"
#include "tables/our_tables.h"

/* So much of a text is shown in a message. */
#define IDV_SHOWN_MAX	128

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

/*
 * idv_contact_row_app_id
 *		The app that a contact of ours belongs to, or 0: there is no contact.
 *
 * is_verified		output: is it verified, as long as it is not locked
 *
 * 0, and false, for every contact of a table that is not ours.
 */
int32
idv_contact_row_app_id(IdvContactTable *contacts, Datum id, bool *is_verified)
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
		*is_verified = idv_contact_row_is_verified(contacts, row);
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

/* An id from text.  22P02 if it is none, whatever the type's own function says. */
static Datum
id_from_text(const IdvContactTable *contacts, Datum given, bool *fits)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum id = (Datum) 0;

	PG_TRY();
	{
		id = idv_read_text(given, contacts->id_type, fits);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("\"%s\" cannot be an id of a contact in \"%s\"",
						idv_text_shown(idv_text(given), IDV_SHOWN_MAX),
						contacts->table->label),
				 errhint("Contacts there have ids of type %s.",
						 format_type_be(contacts->id_type))));
	}
	PG_END_TRY();
	return id;
}

/*
 * idv_contact_row_id
 *		An id of any type, or as text, as one of the contacts' own.
 *
 * 22023 if its type cannot be assigned, or if it would be rounded; 22P02 for a text
 * that is none of the contacts' type.
 */
Datum
idv_contact_row_id(const IdvContactTable *contacts, Datum given, Oid type)
{
	bool		fits;
	Datum		id = idv_cast(given, type, contacts->id_type, &fits);

	if (!fits && type == TEXTOID)
		id = id_from_text(contacts, given, &fits);
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
 * idv_contact_row_id_from_text
 *		An id as the journal has it.
 */
Datum
idv_contact_row_id_from_text(const IdvContactTable *contacts, char *text)
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
 * idv_contact_row_id_compare
 *		The order of two ids, in which their rows are locked.
 */
int
idv_contact_row_id_compare(const IdvContactTable *contacts, Datum left, Datum right)
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
 * idv_contact_row_lock
 *		Lock and read the row of a contact.
 *
 * A source is locked against being referenced; a target is not, so that its
 * visitor's next message does not wait.  Returns false if there is no row.
 */
bool
idv_contact_row_lock(IdvRow *row, IdvContactTable *contacts, int32 app_id, Datum id,
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
 * idv_contact_row_is_verified
 *		Is this contact verified?
 */
bool
idv_contact_row_is_verified(const IdvContactTable *contacts, IdvRow row)
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
 * idv_contact_row_write
 *		Write the row of one contact.
 *
 * A trigger that swallows it is an error (55000).
 */
void
idv_contact_row_write(IdvContactTable *contacts, const IdvStatement *statement,
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
 * idv_contact_row_fires
 *		Asked by a trigger on a table: is it idv_contact_row_write() whose
 *		statement has fired it?
 *
 * A statement of another trigger that this one has fired is not.
 */
bool
idv_contact_row_fires(Oid relation)
{
	return OidIsValid(written_relation) &&
		idv_root_relation(relation) == written_relation &&
		idv_trigger_depth() == written_depth + 1;
}
