/*-------------------------------------------------------------------------
 *
 * contacts.c
 *	  Rows of idverify.contacts: find them, make them, change them.
 *
 * All of this runs inside of SECURITY DEFINER functions, connected to SPI.
 *
 * Every statement names the app_id, and takes the time as a parameter, so that
 * the table can be distributed by app_id.  Each runs under a snapshot of its
 * own, the latest one (src/server/statement.c), so that a REPEATABLE READ transaction
 * finds what it would otherwise collide with.  Where the table is here, and not
 * distributed, its indexes answer without a statement (src/server/index_lookup.c).
 *
 *-------------------------------------------------------------------------
 */
#include "tables/contacts.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "server/index_lookup.h"
#include "tables/apps.h"

#define MAX_PARAMETERS	19

/* A statement, prepared when it is first run. */
typedef struct Statement
{
	const char *sql;
	int			nargs;
	Oid			types[MAX_PARAMETERS];
	const Oid  *returned;		/* what we read of its result */
	int			nreturned;
	IdvStatement prepared;
	IdvIndexLookup probe;		/* the same question, if an index can answer */
} Statement;

/*
 * What read_contact() reads: every column, in the table's own order.  Then the
 * executor hands on the row as it is, instead of making one of its columns.
 */
enum
{
	APP_ID, ID, EXTERNAL_ID, EMAIL, EMAIL_VERIFIED, NAME, COMPANY, PHONE,
	AVATAR_URL, CUSTOM_DATA, SHOP, IS_VERIFIED, VERIFIED_AT, VISITOR,
	LAST_CLAIM, CREATED_AT, UPDATED_AT, LAST_SEEN_AT
};

#define CONTACT \
	"SELECT app_id, id, external_id, email, email_verified, name, company," \
	" phone, avatar_url, custom_data, shop, is_verified, verified_at, visitor," \
	" last_claim, created_at, updated_at, last_seen_at" \
	" FROM idverify.contacts WHERE app_id = $1"

#define SAME_EMAIL "lower(email COLLATE \"C\") = lower($2 COLLATE \"C\")"

static const Oid contact_types[] = {
	[APP_ID] = INT4OID,[ID] = INT8OID,[EXTERNAL_ID] = TEXTOID,
	[EMAIL] = TEXTOID,[EMAIL_VERIFIED] = BOOLOID,[NAME] = TEXTOID,
	[COMPANY] = TEXTOID,[PHONE] = TEXTOID,[AVATAR_URL] = TEXTOID,
	[CUSTOM_DATA] = JSONBOID,[SHOP] = TEXTOID,[IS_VERIFIED] = BOOLOID,
	[VERIFIED_AT] = TIMESTAMPTZOID,[VISITOR] = UUIDOID,
	[LAST_CLAIM] = JSONBOID,[CREATED_AT] = TIMESTAMPTZOID,
	[UPDATED_AT] = TIMESTAMPTZOID,[LAST_SEEN_AT] = TIMESTAMPTZOID
};

#define A_CONTACT	.returned = contact_types,.nreturned = lengthof(contact_types)
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
			.columns = "app_id, lower((email COLLATE \"C\"))",
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
	.sql = "INSERT INTO idverify.contacts (app_id, external_id, email, name," \
	" company, phone, avatar_url, shop, email_verified, is_verified," \
	" verified_at, custom_data, last_claim, visitor, created_at, updated_at," \
	" last_seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11," \
	" $12, $13, $14, $15, $16, $16) ON CONFLICT " unique \
	" DO NOTHING RETURNING id, *", \
	.nargs = 16, \
	.types = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, \
		TEXTOID, BOOLOID, BOOLOID, TIMESTAMPTZOID, JSONBOID, JSONBOID, \
		UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}, \
	.returned = added_types, \
	.nreturned = lengthof(added_types) \
}

static Statement adders[] = {
	[IDV_BY_VISITOR] = ADD("(app_id, visitor) WHERE visitor IS NOT NULL"),
	[IDV_BY_EXTERNAL_ID] = ADD("(app_id, external_id) WHERE is_verified"),
	[IDV_BY_EMAIL_ALONE] = ADD("(app_id, lower(email COLLATE \"C\"))"
							   " WHERE is_verified AND external_id IS NULL"),
};

static Statement changing = {
	.sql = "UPDATE idverify.contacts SET external_id = $2, email = $3, name = $4,"
	" company = $5, phone = $6, avatar_url = $7, shop = $8,"
	" email_verified = $9, is_verified = $10, verified_at = $11,"
	" custom_data = $12, last_claim = $13, visitor = $14,"
	" last_seen_at = $15, updated_at = $16"
	" WHERE app_id = $1 AND id = $17",
	.nargs = 17,
	.types = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, BOOLOID, BOOLOID, TIMESTAMPTZOID, JSONBOID, JSONBOID,
	UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}
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
		idv_report_not_as_installed();
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
		idv_statement_prepare(&statement->prepared, InvalidOid, statement->sql,
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
		found = idv_index_lookup(&statement->probe, DatumGetInt32(values[0]),
								 values[1], first);
	return found >= 0 ? (uint64) found : run(statement, values, NULL, first);
}

/* Read a row that a finder returned. */
static void
read_contact(IdvContact *contact, IdvRow row)
{
	static const int columns[IDV_COLUMNS] = {
		[IDV_EXTERNAL_ID] = EXTERNAL_ID,
		[IDV_EMAIL] = EMAIL,
		[IDV_NAME] = NAME,
		[IDV_COMPANY] = COMPANY,
		[IDV_PHONE] = PHONE,
		[IDV_AVATAR_URL] = AVATAR_URL,
		[IDV_SHOP] = SHOP,
	};
	const Datum *value = row.values;
	const bool *isnull = row.nulls;

	contact->id = DatumGetInt64(value[ID]);
	for (int i = 0; i < IDV_COLUMNS; i++)
	{
		contact->column[i].value = value[columns[i]];
		contact->column[i].isnull = isnull[columns[i]];
	}
	contact->email_verified = DatumGetBool(value[EMAIL_VERIFIED]);
	contact->is_verified = DatumGetBool(value[IS_VERIFIED]);
	contact->verified_at.value = value[VERIFIED_AT];
	contact->verified_at.isnull = isnull[VERIFIED_AT];
	contact->custom_data = DatumGetJsonbP(value[CUSTOM_DATA]);
	contact->last_claim = isnull[LAST_CLAIM] ? NULL :
		DatumGetJsonbP(value[LAST_CLAIM]);
	contact->visitor.value = value[VISITOR];
	contact->visitor.isnull = isnull[VISITOR];
	contact->created_at = DatumGetTimestampTz(value[CREATED_AT]);
	contact->last_seen_at = DatumGetTimestampTz(value[LAST_SEEN_AT]);
}

/* The parameters that adding and changing a contact have in common. */
#define CONTACT_PARAMETERS	14

static void
set_parameters(Datum *values, bool *nulls, int32 app_id,
			   const IdvContact *contact)
{
	int			n = 0;

	values[n++] = Int32GetDatum(app_id);
	for (int i = 0; i < IDV_COLUMNS; i++)
	{
		nulls[n] = contact->column[i].isnull;
		values[n++] = contact->column[i].value;
	}
	values[n++] = BoolGetDatum(contact->email_verified);
	values[n++] = BoolGetDatum(contact->is_verified);
	nulls[n] = contact->verified_at.isnull;
	values[n++] = contact->verified_at.value;
	values[n++] = JsonbPGetDatum(contact->custom_data);
	nulls[n] = contact->last_claim == NULL;
	values[n++] = JsonbPGetDatum(contact->last_claim);
	nulls[n] = contact->visitor.isnull;
	values[n++] = contact->visitor.value;
	Assert(n == CONTACT_PARAMETERS);
}

/*
 * idv_contact_find
 *		Find a contact of an app.
 *
 * Returns false if there is none, or, by verified email, if there are several:
 * who is meant is never guessed.
 */
bool
idv_contact_find(IdvContact *contact, int32 app_id, IdvFind how, Datum what)
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
idv_contact_add(IdvContact *contact, int32 app_id, IdvFind by)
{
	Datum		values[CONTACT_PARAMETERS + 2];
	bool		nulls[lengthof(values)] = {false};
	IdvRow		row;

	set_parameters(values, nulls, app_id, contact);
	values[CONTACT_PARAMETERS] = TimestampTzGetDatum(contact->created_at);
	values[CONTACT_PARAMETERS + 1] = TimestampTzGetDatum(contact->last_seen_at);

	if (run(&adders[by], values, nulls, &row) == 0)
		return false;
	contact->id = DatumGetInt64(row.values[0]);
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
idv_contact_change(const IdvContact *contact, int32 app_id, bool changed,
				   TimestampTz now)
{
	Datum		values[CONTACT_PARAMETERS + 3];
	bool		nulls[lengthof(values)] = {false};
	IdvRow		row;

	if (!changed)
	{
		values[0] = Int32GetDatum(app_id);
		values[1] = Int64GetDatum(contact->id);
		values[2] = TimestampTzGetDatum(now);
		(void) run(&seeing, values, NULL, &row);
		return;
	}

	set_parameters(values, nulls, app_id, contact);
	values[CONTACT_PARAMETERS] = TimestampTzGetDatum(contact->last_seen_at);
	values[CONTACT_PARAMETERS + 1] = TimestampTzGetDatum(now);
	values[CONTACT_PARAMETERS + 2] = Int64GetDatum(contact->id);
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
