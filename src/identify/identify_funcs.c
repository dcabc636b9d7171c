/*-------------------------------------------------------------------------
 *
 * identify_funcs.c
 *	  Who is this visitor?  idverify_identify()
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/hex.h"
#include "identify/claim_verdict.h"
#include "identify/identify.h"
#include "server/sqlfunc.h"
#include "tables/our_tables.h"
#include "verdict/unverified_log.h"
#include "verdict/verdict.h"

IDV_ENTRY(idverify_identify);
IDV_ENTRY(idverify_identify_text);

/* Rows of answers; from the catalog, kept until a function is altered. */
static TupleDesc answer_desc = NULL;
static bool answer_desc_is_stale = false;

static void
note_function_change(Datum arg pg_attribute_unused(),
					 int cache pg_attribute_unused(),
					 uint32 hash pg_attribute_unused())
{
	answer_desc_is_stale = true;
}

static void
describe_answer(FunctionCallInfo fcinfo)
{
	static bool registered = false;
	TupleDesc	desc;
	MemoryContext caller;

	if (!registered)
		CacheRegisterSyscacheCallback(PROCOID, note_function_change, (Datum) 0);
	registered = true;
	if (answer_desc != NULL)
		FreeTupleDesc(answer_desc);
	answer_desc = NULL;

	/* Before it is read: what changes meanwhile counts. */
	answer_desc_is_stale = false;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	caller = MemoryContextSwitchTo(TopMemoryContext);
	desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(caller);
	answer_desc = BlessTupleDesc(desc);
}

/* Put the answer into a row. */
static Datum
answer(const IdvIdentification *call, FunctionCallInfo fcinfo)
{
	Datum		values[7];
	bool		nulls[7] = {false};

	if (answer_desc == NULL || answer_desc_is_stale)
		describe_answer(fcinfo);

	values[0] = Int64GetDatum(call->contact_id);
	nulls[0] = !call->named;
	values[1] = BoolGetDatum(call->is_verified);
	values[2] = ObjectIdGetDatum(idv_verdict_value(TupleDescAttr(answer_desc, 2)->atttypid,
												   call->verdict));
	values[3] = UUIDPGetDatum(&call->visitor);
	nulls[3] = !call->has_visitor;
	values[4] = BoolGetDatum(call->created);
	values[5] = Int64GetDatum(call->fold_id);
	nulls[5] = call->fold_id == 0;
	values[6] = BoolGetDatum(call->shop_verified);

	return HeapTupleGetDatum(heap_form_tuple(answer_desc, values, nulls));
}

/* Identify a visitor by the first two arguments, and this token unless NULL. */
static Datum
identify(FunctionCallInfo fcinfo, const pg_uuid_t *visitor)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvIdentification call = {.fold_id = 0};

	/* The statement holds a user_hash, which may be a right one. */
	error_context_stack = &hide;

	PreventCommandIfReadOnly("idverify_identify()");
	call.app_key = idv_app_key_argument(fcinfo->args[0]);
	idv_claim_read(&call.sent,
				   PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	call.has_visitor = visitor != NULL;
	if (call.has_visitor)
		call.visitor = *visitor;
	call.now = GetCurrentTimestamp();
	idv_claim_judge(&call, fcinfo->args[0]);

	idv_our_tables_check();
	SPI_connect();
	if (call.verdict == IDV_VERIFIED)
		idv_identify_verified(&call);
	else if (call.verdict == IDV_ANONYMOUS ||
			 idv_policy(&call.app, call.verdict) != IDV_POLICY_REJECT)
		idv_identify_visitor(&call);
	else
		idv_identify_refused(&call);
	SPI_finish();

	if (call.verdict != IDV_VERIFIED && call.verdict != IDV_ANONYMOUS)
		idv_log_unverified(call.app_key, call.verdict,
						   call.sent.field[IDV_CONTACT_EXTERNAL_ID],
						   call.sent.field[IDV_CONTACT_EMAIL]);

	error_context_stack = hide.previous;
	return answer(&call, fcinfo);
}

/*
 * idverify_identify(app_key text, claim jsonb, OUT contact_id bigint,
 *		OUT is_verified boolean, OUT verdict idverify.verdict,
 *		INOUT visitor uuid, OUT created boolean, OUT fold_id bigint,
 *		OUT shop_verified boolean)
 *
 * The contact that a visitor is, made or brought up to date if need be.
 * visitor is the browser's anonymous token, NULL if it has none yet; the one
 * that is returned is to be kept.  42704 for an unknown app, 22004 for a null
 * one, 22023 for a claim that is no object or has a field of a wrong type,
 * 54000 for one that is too large.  A claim that does not verify is no error.
 */
Datum
idverify_identify(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(identify(fcinfo, PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2)));
}

/*
 * Read a UUID: 32 hex digits, with hyphens in between or without.
 *
 * uuid_in() would raise an error for any other text, which a browser can send.
 */
static bool
read_uuid(pg_uuid_t *uuid, const text *sent)
{
	char		digits[2 * UUID_LEN];
	size_t		len = 0;

	for (int i = 0; i < (int) VARSIZE_ANY_EXHDR(sent); i++)
	{
		char		c = VARDATA_ANY(sent)[i];

		if (c == '-')
			continue;
		if (len == sizeof(digits))
			return false;
		digits[len++] = c;
	}
	return idv_hex_decode(uuid->data, UUID_LEN, digits, len);
}

/*
 * idverify_identify(app_key text, claim jsonb, visitor text) returns the same
 *
 * A visitor that is no UUID is as none: a browser can send anything, and a
 * driver that sends no types has this one called.
 */
Datum
idverify_identify_text(PG_FUNCTION_ARGS)
{
	pg_uuid_t	visitor;
	bool		has_visitor = !PG_ARGISNULL(2) &&
	read_uuid(&visitor, PG_GETARG_TEXT_PP(2));

	PG_RETURN_DATUM(identify(fcinfo, has_visitor ? &visitor : NULL));
}
