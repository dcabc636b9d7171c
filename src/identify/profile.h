/*-------------------------------------------------------------------------
 *
 * profile.h
 *	  What a claim makes of a contact.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PROFILE_H
#define IDV_PROFILE_H

#include "postgres.h"

#include "utils/uuid.h"

#include "identify/claim_json.h"
#include "tables/contacts.h"
#include "tables/apps.h"
#include "verdict/verdict.h"

/* One call: what is asked, and what is answered. */
typedef struct IdvIdentification
{
	IdvText		app_key;
	IdvAppRow	app;
	IdvClaimJson sent;
	IdvVerdict	verdict;
	bool		by_email;		/* is the email what counts as signed? */
	bool		email_signed;	/* is the email signed, itself or beside? */
	TimestampTz now;

	/* the answer */
	bool		named;			/* is there a contact_id? */
	int64		contact_id;
	bool		is_verified;
	bool		has_visitor;
	pg_uuid_t	visitor;
	bool		created;
	int64		fold_id;		/* 0 for none */
	bool		shop_verified;
} IdvIdentification;

extern void idv_blank_contact(IdvContactRow *contact, TimestampTz now);
extern bool idv_set_verified_claim(IdvContactRow *contact,
								   const IdvIdentification *call);
extern bool idv_set_visitor_claim(IdvContactRow *contact,
								  const IdvIdentification *call);

#endif							/* IDV_PROFILE_H */
