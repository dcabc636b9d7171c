/*-------------------------------------------------------------------------
 *
 * contact_options.c
 *	  What was said of a table of contacts: which of its columns two contacts
 *	  have to agree in, and which are never taken over.
 *
 * Most applications keep several tenants in one table, and few would list a
 * column for it before the first fold has gone across.  So the names that such
 * columns have are known, and count where nothing else was said.  Likewise what
 * is named like a credential is never taken over: a target without a password
 * would let in whoever knows the source's.
 *
 * Names are found wherever they may be: to take a column for a credential or a
 * tenant that is none refuses a fold, or leaves a blank, and says so; to miss one
 * lets somebody in.
 *
 *-------------------------------------------------------------------------
 */
#include "references/contact_options.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "references/description_cache.h"
#include "server/as_installed.h"
#include "server/text.h"

/* What columns that tell tenants apart are called, without their underscores. */
static const char *const tenants[] = {
	"accountid", "tenantid", "organizationid", "orgid", "workspaceid"
};

/* What names of columns that hold credentials have in them. */
static const char *const credentials[] = {
	"password", "token", "secret", "otp", "digest", "api_key", "apikey"
};

/* Reads idverify.contact_options. */
static IdvStatement read_options;

/* A column's name with A to Z lowered, as "accountId" is account_id to many. */
static char *
lowered(const char *name, bool with_underscores)
{
	char	   *result = palloc(strlen(name) + 1);
	char	   *end = result;

	for (; *name != '\0'; name++)
	{
		if (*name != '_' || with_underscores)
			*end++ = pg_ascii_tolower((unsigned char) *name);
	}
	*end = '\0';
	return result;
}

static bool
is_tenant(const char *name)
{
	char	   *plain = lowered(name, false);

	for (int i = 0; i < (int) lengthof(tenants); i++)
	{
		if (strcmp(plain, tenants[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_credential(const char *name)
{
	char	   *plain = lowered(name, true);

	for (int i = 0; i < (int) lengthof(credentials); i++)
	{
		if (strstr(plain, credentials[i]) != NULL)
			return true;
	}
	return false;
}

/* The columns that an array of names lists.  42703 if one is gone. */
static Bitmapset *
listed_columns(const IdvTable *table, Datum names)
{
	List	   *listed = idv_names(names);
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, listed)
	{
		const char *name = lfirst(lc);
		AttrNumber	column;

		if (name == NULL)
			idv_report_not_as_installed("a row of table idverify.contact_options lists a NULL");
		column = get_attnum(table->relation, name);
		if (column <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\", which is listed in idverify.contact_options, does not exist",
							name, table->label),
					 errhint("If it was renamed or dropped, call idverify_set_contacts with the columns that there are.")));
		columns = bms_add_member(columns, column);
	}
	return columns;
}

/* Read what was said of a table, if anything was. */
static void
read_listed(IdvContactOptions *options, const IdvTable *table)
{
	static const Oid types[] = {REGCLASSOID};
	Datum		values[1];
	IdvResult  *result;
	MemoryContext caller;

	values[0] = ObjectIdGetDatum(table->relation);
	result = idv_statement_ask(&read_options,
							   "SELECT same, never_filled FROM idverify.contact_options"
							   " WHERE contacts = $1",
							   lengthof(types), types, values);
	if (idv_result_next(result))
	{
		caller = MemoryContextSwitchTo(idv_table_context(table));
		options->same_is_set = !result->nulls[0];
		if (options->same_is_set)
			options->same = listed_columns(table, result->values[0]);
		if (!result->nulls[1])
			options->listed = listed_columns(table, result->values[1]);
		MemoryContextSwitchTo(caller);
	}
	idv_result_end(result);
}

/*
 * idv_contact_options
 *		What was said of a table of contacts, or goes without saying.
 *
 * Kept with the table's description, which is thrown away when a row of
 * idverify.contact_options changes.  42703 if a column that is listed there is
 * gone: it may have been renamed, and then it is the one meant.
 */
const IdvContactOptions *
idv_contact_options(IdvContactTable *contacts)
{
	const IdvTable *table = contacts->table;
	IdvContactOptions *options;
	MemoryContext caller;

	if (contacts->options != NULL)
		return contacts->options;
	options = MemoryContextAllocZero(idv_table_context(table),
									 sizeof(IdvContactOptions));
	read_listed(options, table);

	caller = MemoryContextSwitchTo(idv_table_context(table));
	options->never_filled = bms_copy(options->listed);
	for (int i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);

		if (att->attisdropped)
			continue;
		if (is_credential(NameStr(att->attname)))
			options->never_filled = bms_add_member(options->never_filled, i + 1);

		/* No two contacts agree in their id, whatever it is called. */
		if (!options->same_is_set && i + 1 != contacts->id &&
			is_tenant(NameStr(att->attname)))
			options->same = bms_add_member(options->same, i + 1);
	}
	MemoryContextSwitchTo(caller);
	contacts->options = options;
	return options;
}

/* Append columns as an array of SQL. */
static void
append_array(StringInfo sql, const IdvTable *table, const Bitmapset *columns,
			 AttrNumber without)
{
	int			column = -1;
	bool		first = true;

	appendStringInfoString(sql, "ARRAY[");
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		if (column == without)
			continue;
		appendStringInfo(sql, "%s%s", first ? "" : ", ",
						 quote_literal_cstr(NameStr(TupleDescAttr(table->desc, column - 1)->attname)));
		first = false;
	}
	appendStringInfoString(sql, "]::name[]");
}

/*
 * idv_contact_options_without
 *		The call that leaves all as it is said, but that contacts have to agree
 *		in a column.
 */
char *
idv_contact_options_without(IdvContactTable *contacts, AttrNumber column)
{
	const IdvContactOptions *options = idv_contact_options(contacts);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT idverify_set_contacts(%s, same => ",
					 quote_literal_cstr(contacts->table->name));
	append_array(&sql, contacts->table, options->same, column);
	if (!bms_is_empty(options->listed))
	{
		appendStringInfoString(&sql, ", never_filled => ");
		append_array(&sql, contacts->table, options->listed, 0);
	}
	appendStringInfoString(&sql, ");");
	return sql.data;
}
