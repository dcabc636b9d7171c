/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Follow folds to the contact that another has become.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/resolve.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "fold/journal_owners.h"
#include "references/contact_rows.h"
#include "server/canonical_text.h"
#include "server/cast.h"
#include "server/index_lookup.h"
#include "tables/our_tables.h"

static IdvStatement read_hop;
static IdvStatement read_any_hop;
static IdvStatement read_external_id;
static IdvStatement read_email;

/*
 * idv_is_written_once
 *		Are two ids the same if, and only if, they are written the same?
 */
bool
idv_is_written_once(const IdvContactTable *contacts)
{
	Form_pg_attribute att = TupleDescAttr(contacts->table->desc,
										  contacts->id - 1);

	return idv_is_canonical(contacts->id_type) &&
		(!OidIsValid(att->attcollation) ||
		 get_collation_isdeterministic(att->attcollation));
}

/*
 * The folds of an id that came after another one, and stand.
 *
 * Columns are id, app_id, target_id, source_id and the owner of the contacts'
 * table at that time.  Where one id can be
 * written in several ways the journal may have it in another: then all folds of
 * these contacts are returned.
 */
static IdvResult *
later_folds(const IdvContactTable *contacts, int32 app_id, Datum id, int64 last)
{
	static const Oid types[] = {TEXTOID, INT8OID, INT4OID, TEXTOID};
	Datum		values[4];
	int			level;

	values[0] = CStringGetTextDatum(contacts->table->name);
	values[1] = Int64GetDatum(last);
	values[2] = Int32GetDatum(app_id);
	if (!idv_is_written_once(contacts))
		return idv_statement_ask(&read_any_hop,
								 "SELECT id, app_id, target_id, source_id,"
								 " owners ->> contacts"
								 " FROM idverify.folds"
								 " WHERE contacts = $1 AND id > $2"
								 " AND ($3 = 0 OR app_id = $3) AND undone_at IS NULL",
								 3, types, values);
	level = idv_canonical_text_begin();
	values[3] = CStringGetTextDatum(idv_value_text(contacts->id_type, id));
	idv_canonical_text_end(level);
	return idv_statement_ask(&read_hop,
							 "SELECT id, app_id, target_id, source_id,"
							 " owners ->> contacts"
							 " FROM idverify.folds"
							 " WHERE contacts = $1 AND source_id = $4 AND id > $2"
							 " AND ($3 = 0 OR app_id = $3) AND undone_at IS NULL",
							 lengthof(types), types, values);
}

/* Follow folds from an id until there is a contact.  Returns false if none. */
static bool
follow(IdvContactTable *contacts, int32 app_id, Datum *id)
{
	int64		last = 0;

	for (;;)
	{
		Datum		key[2] = {*id, Int32GetDatum(app_id)};
		IdvResult  *result;
		bool		found = false;
		Datum		next = *id;

		if ((app_id != 0 || !contacts->own) &&
			idv_statement_run(&contacts->look, key, NULL) > 0)
			return true;

		/*
		 * An id that is free can be given again.  So what counts is the
		 * latest fold of it, and after that only later ones: they never lead
		 * back. There are few of them.  All are read, since a query for the
		 * latest alone could be planned to walk through the journal
		 * backwards.
		 */
		result = later_folds(contacts, app_id, *id, last);
		while (idv_result_next(result))
		{
			if (DatumGetInt64(result->values[0]) <= last ||
				idv_contact_row_id_compare(contacts, *id,
										   idv_contact_row_id_from_text(contacts,
																		TextDatumGetCString(result->values[3]))) != 0)
				continue;
			idv_journal_check_owner(DatumGetInt64(result->values[0]),
									contacts->table->relation, contacts->table->name,
									result->nulls[4] ? NULL :
									TextDatumGetCString(result->values[4]));
			found = true;
			last = DatumGetInt64(result->values[0]);
			app_id = DatumGetInt32(result->values[1]);
			next = idv_contact_row_id_from_text(contacts,
												TextDatumGetCString(result->values[2]));
		}
		idv_result_end(result);
		if (!found)
			return false;
		*id = next;
	}
}

/*
 * idv_resolve
 *		The contact that an id has become.  42704 if there is none, 55000 where
 *		its table was another role's when it was folded.
 *
 * It is of the type that id is; in the caller's memory context.
 */
Datum
idv_resolve(Oid relation, Oid id_type, Datum id)
{
	MemoryContext context = CurrentMemoryContext;
	IdvContactTable *contacts;
	Datum		followed;
	Datum		become;
	bool		is_verified;
	bool		fits;
	int16		length;
	bool		by_value;

	SPI_connect();
	contacts = idv_contact_table(relation);
	followed = idv_contact_row_id(contacts, id, id_type);
	if (!follow(contacts,
				idv_contact_row_app_id(contacts, followed, &is_verified), &followed))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("neither contact \"%s\" nor one that it was folded into exists in \"%s\"",
						idv_value_text(id_type, id), contacts->table->label),
				 contacts->own ?
				 errhint("It never was one, or was deleted: look in idverify.contacts, and for a source_id in idverify.folds. A contact in a table of your own needs the table's name as second argument.") :
				 errhint("If the table was renamed, correct its name in idverify.folds.")));

	/* The caller may have said 5 where ids are bigint, or '5'. */
	become = idv_cast(followed, contacts->id_type, id_type, &fits);
	if (!fits && id_type == TEXTOID)
	{
		become = CStringGetTextDatum(idv_value_text(contacts->id_type, followed));
		fits = true;
	}
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contacts in \"%s\" have ids of type %s, which cannot be returned as %s",
						contacts->table->label,
						format_type_be(contacts->id_type),
						format_type_be(id_type)),
				 errhint("Cast the id to type %s.",
						 format_type_be(contacts->id_type))));
	get_typlenbyval(id_type, &length, &by_value);
	MemoryContextSwitchTo(context);
	become = datumCopy(become, by_value, length);
	SPI_finish();
	return become;
}

/*
 * The contact that has become of the one that a signed value led to.
 *
 * Most often there is none, since it takes a fold of a verified contact, which
 * is done by hand: an index says so at once.
 */
static bool
follow_signed(IdvStatement *statement, const char *sql, IdvIndexLookup *probe,
			  int32 app_id, Datum value, int64 *contact)
{
	static const Oid types[] = {INT4OID, TEXTOID};
	Datum		values[2];
	IdvRow		row;
	IdvResult  *result;
	int64		last = 0;
	char	   *source_id = NULL;
	bool		found = false;
	Datum		id;

	if (idv_index_lookup(probe, idv_our_table(probe->table), app_id, value, &row) == 0)
		return false;
	values[0] = Int32GetDatum(app_id);
	values[1] = value;
	SPI_connect();
	result = idv_statement_ask(statement, sql, lengthof(types), types, values);
	while (idv_result_next(result))
	{
		if (DatumGetInt64(result->values[0]) <= last)
			continue;
		last = DatumGetInt64(result->values[0]);
		source_id = TextDatumGetCString(result->values[1]);
	}
	idv_result_end(result);
	if (source_id != NULL)
	{
		IdvContactTable *contacts = idv_contact_table(idv_our_table("contacts"));

		id = idv_contact_row_id_from_text(contacts, source_id);
		found = follow(contacts, app_id, &id);
	}
	if (found)
		*contact = DatumGetInt64(id);
	SPI_finish();
	return found;
}

/*
 * idv_resolve_external_id
 *		The contact into which that with a signed external_id was folded.
 *
 * external_id is text.  Returns false, with *contact unset, if none was.
 */
bool
idv_resolve_external_id(int32 app_id, Datum external_id, int64 *contact)
{
	static IdvIndexLookup probe =
	{
		.table = "folds",.index = "folds_external_id",
		.columns = "app_id, external_id",
		.predicate = "((external_id IS NOT NULL) AND (undone_at IS NULL))",
		.equal = F_TEXTEQ
	};

	return follow_signed(&read_external_id,
						 "SELECT id, source_id FROM idverify.folds"
						 " WHERE app_id = $1 AND external_id = $2"
						 " AND undone_at IS NULL",
						 &probe, app_id, external_id, contact);
}

/*
 * idv_resolve_email
 *		The same for a signed email of a contact that had no external_id.
 */
bool
idv_resolve_email(int32 app_id, Datum email, int64 *contact)
{
	static IdvIndexLookup probe =
	{
		.table = "folds",.index = "folds_email",
		.columns = "app_id, lower(email)",
		.predicate = "((email IS NOT NULL) AND (undone_at IS NULL))",
		.equal = F_TEXTEQ,.lowered = true
	};

	return follow_signed(&read_email,
						 "SELECT id, source_id FROM idverify.folds"
						 " WHERE app_id = $1"
						 " AND lower(email) = lower($2 COLLATE \"C\")"
						 " AND external_id IS NULL AND email IS NOT NULL"
						 " AND undone_at IS NULL",
						 &probe, app_id, email, contact);
}
