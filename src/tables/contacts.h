/*-------------------------------------------------------------------------
 *
 * contacts.h
 *	  Rows of idverify.contacts: find them, make them, change them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACTS_H
#define IDV_CONTACTS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "identify/claim_json.h"
#include "server/statement.h"

/* A contact.  What it points to lives in the memory context of the reader. */
typedef struct IdvContact
{
	int64		id;
	NullableDatum column[IDV_COLUMNS];	/* text; see IdvField */
	bool		email_verified;
	bool		is_verified;
	NullableDatum verified_at;
	Jsonb	   *custom_data;
	Jsonb	   *last_claim;		/* NULL if there is none */
	NullableDatum visitor;
	TimestampTz created_at;
	TimestampTz last_seen_at;
	IdvRow		row;			/* all columns, of one just added */
} IdvContact;

/* How a contact is found. */
typedef enum IdvFind
{
	IDV_BY_ID,					/* bigint */
	IDV_BY_ID_TO_CHANGE,		/* ... and lock it against other changes */
	IDV_BY_VISITOR,				/* uuid */
	IDV_BY_EXTERNAL_ID,			/* text, the signed one */
	IDV_BY_EMAIL_ALONE,			/* text, of one verified by email alone */
	IDV_BY_VERIFIED_EMAIL		/* text, the single one, whatever its id */
} IdvFind;

extern bool idv_contact_find(IdvContact *contact, int32 app_id,
							 IdvFind how, Datum what);
extern bool idv_contact_add(IdvContact *contact, int32 app_id, IdvFind by);
extern void idv_contact_change(const IdvContact *contact, int32 app_id,
							   bool changed, TimestampTz now);
extern bool idv_visitor_was_issued(int32 app_id, Datum visitor);

#endif							/* IDV_CONTACTS_H */
