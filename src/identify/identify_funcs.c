/*-------------------------------------------------------------------------
 *
 * identify_funcs.c
 *	  Who is this visitor?  idverify_identify()
 *
 * A verified claim leads to the one contact of the signed identity, and what
 * the visitor did before logging in is folded into it.  Any other claim leads
 * at most to the visitor's own contact, which the browser's visitor token
 * names; never to a verified one.
 *
 * Nothing is written that is there already.  What has to be written is first
 * locked and looked at once more, because a hundred requests for one person
 * may be under way.  Contacts are locked in one order everywhere, that of
 * fold/fold.c, before any other change (identify/login.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/bad_identity.h"
#include "core/hex.h"
#include "tables/contacts.h"
#include "server/sqlfunc.h"
#include "fold/resolve.h"
#include "identify/login.h"
#include "verdict/claim_count.h"
#include "verdict/unverified_log.h"
#include "identify/profile.h"
#include "secrets/app_cache.h"
#include "tables/our_tables.h"
#include "verdict/verdict.h"

/* last_seen_at moves at most this often, in microseconds. */
#define SEEN_EVERY		USECS_PER_MINUTE

/* How often to look for a contact that is said to exist. */
#define MAX_TRIES		1000

IDV_ENTRY(idverify_identify);
IDV_ENTRY(idverify_identify_text);

/*
 * Random bytes are drawn for several visitor tokens at a time: a draw takes
 * longer than finding a contact.  It is correct to draw for one at a time, as
 * with IDV_WITHOUT_TOKEN_BATCH.  A batch is as good because a token is wiped
 * when it is issued, the batch is never written anywhere, and a backend is
 * never a fork of one that has drawn.
 */
#ifdef IDV_WITHOUT_TOKEN_BATCH
#define TOKENS_DRAWN	1
#else
#define TOKENS_DRAWN	16
#endif

/* Issue a visitor token: a random UUID, of 122 random bits. */
static void
issue_visitor(IdvIdentification *call)
{
	static pg_uuid_t drawn[TOKENS_DRAWN];
	static int	left = 0;
	pg_uuid_t  *fresh;

	if (left == 0)
	{
		if (!pg_strong_random(drawn, sizeof(drawn)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		left = lengthof(drawn);
	}
	fresh = &drawn[--left];
	call->visitor = *fresh;
	memset(fresh, 0, sizeof(*fresh));

	/* Version 4, of the variant of RFC 4122. */
	call->visitor.data[6] = (call->visitor.data[6] & 0x0f) | 0x40;
	call->visitor.data[8] = (call->visitor.data[8] & 0x3f) | 0x80;
	call->has_visitor = true;
}

/*
 * Find the contact that the visitor's own token names.
 *
 * A token that was not issued here is replaced by one that is, so that nobody
 * can have another use a token of their choice.  So is one that a verified
 * contact bears, which only a DBA can have given it: a token proves nothing.
 */
static bool
find_own_contact(IdvContactRow *own, IdvIdentification *call)
{
	Datum		visitor = UUIDPGetDatum(&call->visitor);

	if (call->has_visitor)
	{
		if (!idv_contact_find(own, call->app.id, IDV_BY_VISITOR, visitor))
		{
			if (!idv_visitor_was_issued(call->app.id, visitor))
				issue_visitor(call);
			return false;
		}
		if (!idv_contact_is_verified(own))
			return true;
	}

	issue_visitor(call);
	return false;
}

typedef bool (*SetClaim) (IdvContactRow *contact, const IdvIdentification *call);

/*
 * Bring a contact up to date with the claim.
 *
 * Looks first without a lock, since most often nothing has changed, and looks
 * again with one, since somebody else may be merging something at this moment.
 *
 * Returns false if the contact is gone: folded into another one, most likely.
 */
static bool
update_contact(IdvContactRow *contact, const IdvIdentification *call, SetClaim set)
{
	int64		id = idv_contact_id(contact);

	if (set(contact, call))
	{
		if (!idv_contact_find(contact, call->app.id, IDV_BY_ID_TO_CHANGE,
							  Int64GetDatum(id)))
			return false;
		if (set(contact, call))
		{
			idv_contact_set(contact, IDV_CONTACT_LAST_SEEN_AT,
							TimestampTzGetDatum(call->now));
			idv_contact_change(contact, call->app.id, true, call->now);
			return true;
		}
	}
	if (idv_contact_last_seen_at(contact) + SEEN_EVERY <= call->now)
		idv_contact_change(contact, call->app.id, false, call->now);
	return true;
}

/*
 * Make sure that the app still exists, and goes on to exist until we commit.
 *
 * Only who makes a contact has to ask.  The INSERT needs the lock on contacts
 * anyway: before that on apps, like whoever empties first one, then the other.
 */
static void
hold_app(const IdvIdentification *call)
{
	const IdvApp *app;

	LockRelationOid(idv_our_table("contacts"), RowExclusiveLock);
	idv_app_lock(call->app.id, AccessShareLock);
	app = idv_app_get(call->app_key);
	if (!idv_app_is_known(app) || idv_app_row(app)->id != call->app.id)
		idv_report_unknown_app(call->app_key);
}

/*
 * Find the contact of a signed identity.
 *
 * If there is none, it may have been folded by hand into another verified one:
 * then its identity leads there.  Or into one that is not: then that one is to
 * be folded into the contact that has to be made: *has_heir says so.
 */
static bool
find_verified(IdvContactRow *contact, IdvContactRow *heir, bool *has_heir,
			  const IdvIdentification *call)
{
	int32		app_id = call->app.id;
	Datum		external_id = call->sent.field[IDV_CONTACT_EXTERNAL_ID].value;
	Datum		email = call->sent.field[IDV_CONTACT_EMAIL].value;
	int64		become;

	*has_heir = false;
	if (call->by_email ?
		idv_contact_find(contact, app_id, IDV_BY_EMAIL_ALONE, email) ||
		idv_contact_find(contact, app_id, IDV_BY_VERIFIED_EMAIL, email) :
		idv_contact_find(contact, app_id, IDV_BY_EXTERNAL_ID, external_id))
		return true;

	if (!(call->by_email ?
		  idv_resolve_email(app_id, email, &become) :
		  idv_resolve_external_id(app_id, external_id, &become)) ||
		!idv_contact_find(contact, app_id, IDV_BY_ID, Int64GetDatum(become)))
		return false;
	if (!idv_contact_is_verified(contact))
	{
		*heir = *contact;
		*has_heir = true;
	}
	return idv_contact_is_verified(contact);
}

/*
 * Make the contact of a signed identity.  False if somebody else just did.
 *
 * It is made as old as the visitor's own contact, which is going to be folded
 * into it: then the fold need not write that.  It stays so where the fold finds
 * that contact gone.  own is NULL if there is none.
 */
static bool
add_verified(IdvContactRow *contact, const IdvIdentification *call,
			 const IdvContactRow *own)
{
	hold_app(call);
	idv_blank_contact(contact, call->now);
	idv_contact_set(contact, IDV_CONTACT_IS_VERIFIED, BoolGetDatum(true));
	idv_contact_set(contact, IDV_CONTACT_VERIFIED_AT,
					TimestampTzGetDatum(call->now));
	if (!call->by_email)
		contact->column[IDV_CONTACT_EXTERNAL_ID] =
			call->sent.field[IDV_CONTACT_EXTERNAL_ID];
	if (own != NULL)
		idv_contact_set(contact, IDV_CONTACT_CREATED_AT,
						TimestampTzGetDatum(Min(idv_contact_created_at(own),
												call->now)));
	(void) idv_set_verified_claim(contact, call);
	return idv_contact_add(contact, call->app.id,
						   call->by_email ? IDV_BY_EMAIL_ALONE :
						   IDV_BY_EXTERNAL_ID);
}

/*
 * Begin another try to find a contact, or else to make it.
 *
 * Others make and fold contacts meanwhile, but not as often as this.
 */
static void
count_try(int *tries)
{
	CHECK_FOR_INTERRUPTS();
	if ((*tries)++ >= MAX_TRIES)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("could not find or create contact after %d attempts",
						MAX_TRIES),
				 errhint("Look at the indexes and the triggers of idverify.contacts: they have to be as they were installed.")));
}

/* Answer a claim that is verified. */
static void
identify_verified(IdvIdentification *call)
{
	IdvContactRow own;
	IdvContactRow heir;
	bool		has_heir;
	IdvContactRow contact;
	int			tries = 0;
	bool		has_own = find_own_contact(&own, call);

	for (;;)
	{
		count_try(&tries);

		if (!find_verified(&contact, &heir, &has_heir, call))
		{
			if (has_heir && !idv_login_lock(call, has_own ? &own : NULL, &heir))
				continue;
			call->created = add_verified(&contact, call, has_own ? &own : NULL);
			if (!call->created)
				continue;
		}

		if (!idv_login(call, &contact, has_own ? &own : NULL,
					   has_heir ? &heir : NULL))
			continue;

		/* A contact that was just made has all of it already. */
		if (call->created || update_contact(&contact, call, idv_set_verified_claim))
			break;
	}

	call->named = true;
	call->contact_id = idv_contact_id(&contact);
	call->is_verified = true;
}

/* Answer a claim that is not verified, or none at all. */
static void
identify_visitor(IdvIdentification *call)
{
	IdvContactRow own;
	int			tries = 0;

	for (;;)
	{
		count_try(&tries);

		if (!find_own_contact(&own, call))
		{
			hold_app(call);
			idv_blank_contact(&own, call->now);
			idv_contact_set(&own, IDV_CONTACT_VISITOR,
							UUIDPGetDatum(&call->visitor));
			(void) idv_set_visitor_claim(&own, call);
			call->created = idv_contact_add(&own, call->app.id,
											IDV_BY_VISITOR);
			if (call->created)
				break;
		}
		else if (update_contact(&own, call, idv_set_visitor_claim))
			break;
	}

	call->named = true;
	call->contact_id = idv_contact_id(&own);
}

/* Refuse a claim: nothing is written. */
static void
identify_refused(IdvIdentification *call)
{
	IdvContactRow own;

	/* A token that would have been replaced is not handed back either. */
	if (call->has_visitor &&
		!idv_contact_find(&own, call->app.id, IDV_BY_VISITOR,
						  UUIDPGetDatum(&call->visitor)))
		call->has_visitor = idv_visitor_was_issued(call->app.id,
												   UUIDPGetDatum(&call->visitor));
}

/* Put text of a token, where it has any, in the place of what was claimed. */
static void
take_text(NullableDatum *field, IdvText utf8)
{
	text	   *said;

	if (utf8.len == 0)
		return;
	said = idv_text_from_utf8(utf8.bytes, utf8.len);
	/* All that the token says has been converted before. */
	Assert(said != NULL);
	field->value = PointerGetDatum(said);
	field->isnull = false;
}

/* Is this a field that can be what somebody is known by? */
static bool
is_good(NullableDatum field)
{
	IdvText		utf8;

	return !idv_is_absent(field) &&
		idv_text_utf8(&utf8, field.value, IDV_IDENTITY_MAX) == IDV_TEXT_OK &&
		!idv_identity_is_bad(utf8.bytes, utf8.len);
}

/*
 * Take over what a token says, which the app has signed.
 *
 * Returns whether a shop is in it.
 */
static bool
take_token(IdvIdentification *call, const IdvToken *token)
{
	NullableDatum *field = call->sent.field;
	NullableDatum *shop = &field[IDV_CONTACT_SHOP];
	NullableDatum beside = *shop;
	bool		has_shop;

	shop->isnull = true;
	idv_claim_add_token(&call->sent, DatumGetJsonbP(idv_token_jsonb(token)));
	take_text(&field[IDV_CONTACT_EXTERNAL_ID], token->id);
	take_text(&field[IDV_CONTACT_EMAIL], token->email);
	has_shop = !shop->isnull;
	if (!has_shop)
		*shop = beside;
	return has_shop;
}

/*
 * Judge the claim: its identity, and what else is signed beside it.
 *
 * A token that the app has signed is the claim, also where it is over: the fields
 * are those of the token then.
 */
static void
judge(IdvIdentification *call, NullableDatum app_key)
{
	const NullableDatum *field = call->sent.field;
	IdvClaim	claim = {field[IDV_CONTACT_EXTERNAL_ID], field[IDV_CONTACT_EMAIL],
	field[IDV_FIELD_USER_HASH], true};
	IdvToken	token;
	bool		has_shop = false;
	const IdvApp *app = idv_app_get(call->app_key);
	int32		generation;

	if (!idv_app_is_known(app))
		idv_report_unknown_app(call->app_key);
	call->app = *idv_app_row(app);

	call->verdict = idv_judge(app, &claim, &generation, &token);
	if (token.payload.len > 0)
	{
		has_shop = take_token(call, &token);
		claim.external_id = field[IDV_CONTACT_EXTERNAL_ID];
		claim.email = field[IDV_CONTACT_EMAIL];
	}
	idv_count_claim(&call->app, IDV_WAY_IDENTIFY, call->verdict, generation, &claim);
	call->by_email = call->app.signed_field == IDV_SIGNED_EMAIL ||
		(call->app.signed_field == IDV_SIGNED_EITHER &&
		 (field[IDV_CONTACT_EXTERNAL_ID].isnull ||
		  idv_text(field[IDV_CONTACT_EXTERNAL_ID].value).len == 0));
	call->email_signed = call->verdict == IDV_VERIFIED &&
		(call->by_email ||
		 (token.payload.len > 0 && token.email_signed && is_good(field[IDV_CONTACT_EMAIL])) ||
		 idv_check_identity(app_key, field[IDV_CONTACT_EMAIL], field[IDV_FIELD_EMAIL_HASH]));
	call->shop_verified =
		(has_shop && call->verdict == IDV_VERIFIED && is_good(field[IDV_CONTACT_SHOP])) ||
		idv_check_identity(app_key, field[IDV_CONTACT_SHOP], field[IDV_FIELD_SHOP_HASH]);
}

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
	judge(&call, fcinfo->args[0]);

	idv_our_tables_check();
	SPI_connect();
	if (call.verdict == IDV_VERIFIED)
		identify_verified(&call);
	else if (call.verdict == IDV_ANONYMOUS ||
			 idv_policy(&call.app, call.verdict) != IDV_POLICY_REJECT)
		identify_visitor(&call);
	else
		identify_refused(&call);
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
