/*-------------------------------------------------------------------------
 *
 * identify.c
 *	  The contact that a visitor is, found or made.
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
#include "identify/identify.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "fold/resolve.h"
#include "identify/login.h"
#include "secrets/app_cache.h"
#include "server/sqlfunc.h"
#include "tables/contacts.h"
#include "tables/our_tables.h"

/* last_seen_at moves at most this often, in microseconds. */
#define SEEN_EVERY		USECS_PER_MINUTE

/* How often to look for a contact that is said to exist. */
#define MAX_TRIES		1000

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

/*
 * idv_identify_verified
 *		Lead a verified claim to its contact, and fold into that what the visitor
 *		did before logging in.
 *
 * Sets in call what is answered.  XX002 where the contact can neither be found nor
 * made; else the errors of idv_fold_by_claim().
 */
void
idv_identify_verified(IdvIdentification *call)
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

/*
 * idv_identify_visitor
 *		Lead a claim that is not verified, or none at all, to the visitor's own
 *		contact.
 *
 * Sets in call what is answered.  XX002 where the contact can neither be found nor
 * made.
 */
void
idv_identify_visitor(IdvIdentification *call)
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

/*
 * idv_identify_refused
 *		Refuse a claim: nothing is written.
 *
 * Sets in call whether the visitor's token is handed back.
 */
void
idv_identify_refused(IdvIdentification *call)
{
	IdvContactRow own;

	/* A token that would have been replaced is not handed back either. */
	if (call->has_visitor &&
		!idv_contact_find(&own, call->app.id, IDV_BY_VISITOR,
						  UUIDPGetDatum(&call->visitor)))
		call->has_visitor = idv_visitor_was_issued(call->app.id,
												   UUIDPGetDatum(&call->visitor));
}
