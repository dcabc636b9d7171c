/*-------------------------------------------------------------------------
 *
 * privacy_funcs.c
 *	  What SQL can call to export, erase and forget a person's data.
 *
 * These functions are SECURITY DEFINER with a search_path of their own, so
 * their queries run as the extension's owner; those on somebody's table run as
 * its owner (src/server/table_owner.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "privacy/erase.h"
#include "privacy/export.h"
#include "privacy/person_journal.h"
#include "server/sqlfunc.h"
#include "tables/our_tables.h"

/* 15.0 has it by its first name alone, which all of 15 have kept. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

/* What to do about a null argument. */
#define ID_HINT			"Pass the id of the contact."
#define CONTACTS_HINT	"Leave it out for idverify.contacts, or name a table of contacts of your own."
#define FLAG_HINT		"Pass true or false, or leave it out."
#define OTHERS_HINT		"It is 'refuse', 'delete' or 'clear'."

IDV_ENTRY(idverify_export);
IDV_ENTRY(idverify_erase);
IDV_ENTRY(idverify_forget);

/*
 * idverify_export(id anyelement, contacts regclass)
 *		returns table (relation regclass, column_name name, record jsonb)
 *
 * The contact, each row that points to it, with the column that does, what is
 * deleted with these, and the contacts that were folded into it.
 *
 * The same function is there for an id as text.
 */
Datum
idverify_export(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		id = idv_argument(fcinfo->args[0], "id", ID_HINT);
	Oid			contacts = DatumGetObjectId(idv_argument(fcinfo->args[1], "contacts", CONTACTS_HINT));

	idv_expect_arguments(fcinfo, 2);
	InitMaterializedSRF(fcinfo, 0);
	idv_our_tables_check();
	idv_export(result->setResult, result->setDesc, contacts,
			   get_fn_expr_argtype(fcinfo->flinfo, 0), id);
	return (Datum) 0;
}

/* What is to become of rows that no foreign key would take along.  22023. */
static IdvOthers
others_argument(NullableDatum argument)
{
	char	   *others = TextDatumGetCString(idv_argument(argument, "others", OTHERS_HINT));

	if (strcmp(others, "refuse") == 0)
		return IDV_OTHERS_REFUSE;
	if (strcmp(others, "delete") == 0)
		return IDV_OTHERS_DELETE;
	if (strcmp(others, "clear") == 0)
		return IDV_OTHERS_CLEAR;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("others cannot be \"%s\"", others),
			 errhint(OTHERS_HINT)));
}

/*
 * idverify_erase(id anyelement, contacts regclass, others text, dry_run boolean)
 *		returns table (relation regclass, column_name name, action text, rows bigint)
 *
 * A row for each column by which rows were deleted or cleared, and how many they
 * were.  In a dry run those, too, that are refused, which else is an error.
 *
 * The same function is there for an id as text.
 */
Datum
idverify_erase(PG_FUNCTION_ARGS)
{
	static const char *const actions[] = {"deleted", "cleared", "refused"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		id = idv_argument(fcinfo->args[0], "id", ID_HINT);
	Oid			contacts = DatumGetObjectId(idv_argument(fcinfo->args[1], "contacts", CONTACTS_HINT));
	IdvOthers	others = others_argument(fcinfo->args[2]);
	bool		dry_run = DatumGetBool(idv_argument(fcinfo->args[3], "dry_run", FLAG_HINT));
	List	   *lines;
	ListCell   *lc;

	idv_expect_arguments(fcinfo, 4);
	InitMaterializedSRF(fcinfo, 0);
	idv_our_tables_check();
	lines = idv_erase(contacts, get_fn_expr_argtype(fcinfo->flinfo, 0), id, others, dry_run);
	foreach(lc, lines)
	{
		IdvErasedLine *line = lfirst(lc);
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = ObjectIdGetDatum(line->relation);
		values[1] = NameGetDatum(&line->column_name);
		values[2] = CStringGetTextDatum(actions[line->action]);
		values[3] = Int64GetDatum(line->rows);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * idverify_forget(older_than interval) returns bigint
 *
 * Deletes the journal of folds that were made longer ago; how many.  22023 for a
 * negative interval.
 */
Datum
idverify_forget(PG_FUNCTION_ARGS)
{
	Datum		older_than = idv_argument(fcinfo->args[0], "older_than",
										  "Pass how long the journal is kept: '90 days', say.");
	Interval	none = {0};
	TimestampTz before;
	int64		forgotten;

	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, older_than,
										  IntervalPGetDatum(&none))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("older_than must not be negative"),
				 errhint("Pass how long the journal is kept: '90 days', say.")));
	PreventCommandIfReadOnly("idverify_forget()");
	idv_our_tables_check();
	before = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													 TimestampTzGetDatum(GetCurrentTimestamp()),
													 older_than));
	SPI_connect();
	forgotten = idv_journal_forget(before);
	SPI_finish();
	PG_RETURN_INT64(forgotten);
}
