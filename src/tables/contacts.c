/*-------------------------------------------------------------------------
 *
 * contacts.c
 *	  Rows of idverify.contacts: find them, make them, change them.
 *
 * All of this runs inside of SECURITY DEFINER functions, connected to SPI.
 *
 * Every statement names the app_id, and takes the time as a parameter, so that
 * the table can be distributed by app_id.  Each runs under a snapshot of its
 * own, the latest one (server/statement.c), so that a REPEATABLE READ transaction
 * finds what it would otherwise collide with.  Where the table is here, and not
 * distributed, its indexes answer without a statement (server/index_lookup.c).
 *
 *-------------------------------------------------------------------------
 */
#include "tables/contacts.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "server/as_installed.h"
#include "server/index_lookup.h"
#include "tables/our_tables.h"

/* The types of the columns, as they are read and passed. */
#define COLUMN_TYPE(constant, name, type, nullable, writer) type,
#define CONTACT_TYPES	{IDV_CONTACT_COLUMN_LIST(COLUMN_TYPE)}

static const Oid contact_types[IDV_CONTACT_COLUMNS] = CONTACT_TYPES;

/* A statement, prepared when it is first run. */
typedef struct Statement
{
	const char *sql;			/* with one %s where there is a list: */
	void		(*list) (StringInfo sql);
	int			nargs;
	Oid			types[IDV_CONTACT_COLUMNS];
	const Oid  *returned;		/* what we read of its result */
	int			nreturned;
	IdvStatement prepared;
	IdvIndexLookup probe;		/* the same question, if an index can answer */
} Statement;

/*
 * What read_contact() reads: every column, in the table's own order.  Then the
 * executor hands on the row as it is, instead of making one of its columns.
 */
static void
list_columns(StringInfo sql)
{
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
		appendStringInfo(sql, "%s%s", i > 0 ? ", " : "",
						 idv_contact_columns[i].name);
}

/* What an INSERT writes.  Parameter n is column n. */
static void
list_inserted(StringInfo sql)
{
	StringInfoData values;

	initStringInfo(&values);
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
	{
		/* The table numbers its rows. */
		if (i == IDV_CONTACT_ID)
			continue;
		appendStringInfo(sql, "%s%s", i > 0 ? ", " : "(",
						 idv_contact_columns[i].name);
		appendStringInfo(&values, "%s$%d", i > 0 ? ", " : "", i + 1);
	}
	appendStringInfo(sql, ") VALUES (%s)", values.data);
}

/* What an UPDATE writes.  Parameter n is column n. */
static void
list_updated(StringInfo sql)
{
	const char *separator = "";

	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
	{
		if (idv_contact_columns[i].writer == IDV_WRITTEN_BY_KEY ||
			idv_contact_columns[i].writer == IDV_WRITTEN_BY_FIRST)
			continue;
		appendStringInfo(sql, "%s%s = $%d", separator,
						 idv_contact_columns[i].name, i + 1);
		separator = ", ";
	}
}

#define CONTACT "SELECT %s FROM idverify.contacts WHERE app_id = $1"

#define SAME_EMAIL "lower(email) = lower($2 COLLATE \"C\")"

#define A_CONTACT \
	.list = list_columns, \
	.returned = contact_types, \
	.nreturned = lengthof(contact_types)
#define OF_CONTACTS	.types = contact_types,.ntypes = lengthof(contact_types)

/* What is read of a contact that was added; its columns are the fold's. */
static const Oid added_types[] = {INT8OID};

static Statement finders[] = {
	[IDV_BY_ID] = {
		.sql = CONTACT " AND id = $2",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, INT8OID},
		.probe = {.table = "contacts",.index = "contacts_pkey",
			.columns = "app_id, id",
			.equal = F_INT8EQ,
		OF_CONTACTS}
	},
	[IDV_BY_ID_TO_CHANGE] = {
		.sql = CONTACT " AND id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, INT8OID}
	},
	[IDV_BY_VISITOR] = {
		.sql = CONTACT " AND visitor = $2",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, UUIDOID},
		.probe = {.table = "contacts",.index = "contacts_visitor",
			.columns = "app_id, visitor",
			.predicate = "(visitor IS NOT NULL)",
			.equal = F_UUID_EQ,
		OF_CONTACTS}
	},
	[IDV_BY_EXTERNAL_ID] = {
		.sql = CONTACT " AND external_id = $2 AND is_verified",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, TEXTOID},
		.probe = {.table = "contacts",.index = "contacts_verified_external_id",
			.columns = "app_id, external_id",
			.predicate = "is_verified",
			.equal = F_TEXTEQ,
		OF_CONTACTS}
	},
	[IDV_BY_EMAIL_ALONE] = {
		.sql = CONTACT " AND " SAME_EMAIL
		" AND is_verified AND external_id IS NULL",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, TEXTOID},
		.probe = {.table = "contacts",.index = "contacts_verified_email_alone",
			.columns = "app_id, lower(email)",
			.predicate = "(is_verified AND (external_id IS NULL))",
			.equal = F_TEXTEQ,.lowered = true,
		OF_CONTACTS}
	},
	[IDV_BY_VERIFIED_EMAIL] = {
		.sql = CONTACT " AND " SAME_EMAIL
		" AND is_verified AND email_verified LIMIT 2",
		.nargs = 2,
		A_CONTACT,
		.types = {INT4OID, TEXTOID}
	},
};

/*
 * By what makes a contact unique: named, so that no other index is asked.  The
 * others cannot object to a contact that is new in this respect.
 */
#define ADD(unique) { \
	.sql = "INSERT INTO idverify.contacts %s ON CONFLICT " unique \
	" DO NOTHING RETURNING id, *", \
	.list = list_inserted, \
	.nargs = IDV_CONTACT_COLUMNS, \
	.types = CONTACT_TYPES, \
	.returned = added_types, \
	.nreturned = lengthof(added_types) \
}

static Statement adders[] = {
	[IDV_BY_VISITOR] = ADD("(app_id, visitor) WHERE visitor IS NOT NULL"),
	[IDV_BY_EXTERNAL_ID] = ADD("(app_id, external_id) WHERE is_verified"),
	[IDV_BY_EMAIL_ALONE] = ADD("(app_id, lower(email))"
							   " WHERE is_verified AND external_id IS NULL"),
};

static Statement changing = {
	.sql = "UPDATE idverify.contacts SET %s WHERE app_id = $1 AND id = $2",
	.list = list_updated,
	.nargs = IDV_CONTACT_COLUMNS,
	.types = CONTACT_TYPES
};

static Statement seeing = {
	.sql = "UPDATE idverify.contacts SET last_seen_at = $3"
	" WHERE app_id = $1 AND id = $2",
	.nargs = 3,
	.types = {INT4OID, INT8OID, TIMESTAMPTZOID}
};

static Statement spent_visitor = {
	.sql = "SELECT FROM idverify.folds WHERE app_id = $1 AND visitor = $2 LIMIT 1",
	.nargs = 2,
	.types = {INT4OID, UUIDOID},
	.probe = {.table = "folds",.index = "folds_visitor",
		.columns = "app_id, visitor",
		.predicate = "(visitor IS NOT NULL)",
	.equal = F_UUID_EQ}
};

/*
 * See that a statement returns what we are going to read, now and whenever it is
 * run: a DBA may have altered the table before this session began.
 *
 * What follows the columns that are read may come and go.
 */
static void
expect_as_installed(Statement *statement)
{
	IdvStatement *prepared = &statement->prepared;
	int			n = statement->nreturned;

	if (n == 0)
		return;
	if (prepared->nreturned < n ||
		memcmp(prepared->returned, statement->returned, sizeof(Oid) * n) != 0)
	{
		idv_statement_free(prepared);
		idv_report_not_as_installed("table idverify.contacts is not as it was installed");
	}
	prepared->nreturned = n;
}

/* Run a statement.  Returns how many rows it touched or returned. */
static uint64
run(Statement *statement, const Datum *values, const bool *nulls,
	IdvRow *first)
{
	if (statement->prepared.plan == NULL)
	{
		StringInfoData list;

		initStringInfo(&list);
		if (statement->list != NULL)
			statement->list(&list);
		idv_statement_prepare(&statement->prepared, InvalidOid,
							  psprintf(statement->sql, list.data),
							  statement->nargs, statement->types);
		expect_as_installed(statement);
	}
	return idv_statement_first(&statement->prepared, values, nulls, first);
}

/* Find rows by app_id and one more value.  Returns how many there are. */
static uint64
find(Statement *statement, const Datum values[2], IdvRow *first)
{
	int			found = -1;

	if (statement->probe.table != NULL)
		found = idv_index_lookup(&statement->probe, idv_our_table(statement->probe.table),
								 DatumGetInt32(values[0]),
								 values[1], first);
	return found >= 0 ? (uint64) found : run(statement, values, NULL, first);
}

/*
 * Read a row that a finder returned.
 *
 * A column that is NULL against its constraint, which somebody has dropped by
 * hand, is an error here, and never read as a pointer.
 */
static void
read_contact(IdvContactRow *contact, IdvRow row)
{
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
	{
		if (row.nulls[i] && !idv_contact_columns[i].nullable)
			idv_report_not_as_installed("column \"%s\" of a row of idverify.contacts is NULL",
										idv_contact_columns[i].name);
		contact->column[i].value = row.values[i];
		contact->column[i].isnull = row.nulls[i];
	}
}

/* The parameters that add and change a contact: its columns. */
static void
set_parameters(Datum values[IDV_CONTACT_COLUMNS],
			   bool nulls[IDV_CONTACT_COLUMNS], const IdvContactRow *contact)
{
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
	{
		values[i] = contact->column[i].value;
		nulls[i] = contact->column[i].isnull;
	}
}

/*
 * idv_contact_find
 *		Find a contact of an app.
 *
 * Returns false if there is none, or, by verified email, if there are several:
 * who is meant is never guessed.
 */
bool
idv_contact_find(IdvContactRow *contact, int32 app_id, IdvFind how, Datum what)
{
	Datum		values[] = {Int32GetDatum(app_id), what};
	IdvRow		row;

	if (find(&finders[how], values, &row) != 1)
		return false;
	read_contact(contact, row);
	return true;
}

/*
 * idv_contact_add
 *		Add a contact, last seen now, and let it know its id and whole row.
 *
 * by		IDV_BY_VISITOR, IDV_BY_EXTERNAL_ID or IDV_BY_EMAIL_ALONE
 *
 * Returns false if there is one of that visitor token or identity already; it
 * may have been made this instant by somebody else.
 */
bool
idv_contact_add(IdvContactRow *contact, int32 app_id, IdvFind by)
{
	Datum		values[IDV_CONTACT_COLUMNS];
	bool		nulls[IDV_CONTACT_COLUMNS];
	IdvRow		row;

	idv_contact_set(contact, IDV_CONTACT_APP_ID, Int32GetDatum(app_id));
	contact->column[IDV_CONTACT_UPDATED_AT] =
		contact->column[IDV_CONTACT_LAST_SEEN_AT];
	set_parameters(values, nulls, contact);

	if (run(&adders[by], values, nulls, &row) == 0)
		return false;
	idv_contact_set(contact, IDV_CONTACT_ID, row.values[0]);
	contact->row.values = row.values + 1;
	contact->row.nulls = row.nulls + 1;
	return true;
}

/*
 * idv_contact_change
 *		Write a contact back, or, unless it changed, that it was seen.
 *
 * A contact that changed has been read with IDV_BY_ID_TO_CHANGE.
 */
void
idv_contact_change(IdvContactRow *contact, int32 app_id, bool changed,
				   TimestampTz now)
{
	Datum		values[IDV_CONTACT_COLUMNS];
	bool		nulls[IDV_CONTACT_COLUMNS];
	IdvRow		row;

	if (!changed)
	{
		values[0] = Int32GetDatum(app_id);
		values[1] = contact->column[IDV_CONTACT_ID].value;
		values[2] = TimestampTzGetDatum(now);
		(void) run(&seeing, values, NULL, &row);
		return;
	}

	idv_contact_set(contact, IDV_CONTACT_UPDATED_AT, TimestampTzGetDatum(now));
	set_parameters(values, nulls, contact);
	(void) run(&changing, values, nulls, &row);
}

/*
 * idv_visitor_was_issued
 *		Did this visitor token belong to a contact that has been folded?
 *
 * Then it was issued here, and may be used again for a new contact.
 */
bool
idv_visitor_was_issued(int32 app_id, Datum visitor)
{
	Datum		values[] = {Int32GetDatum(app_id), visitor};
	IdvRow		row;

	return find(&spent_visitor, values, &row) > 0;
}
