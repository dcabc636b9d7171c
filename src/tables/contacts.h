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

#include "utils/timestamp.h"

#include "server/statement.h"
#include "tables/contact_columns.h"

/* A contact.  What it points to lives in the memory context of the reader. */
typedef struct IdvContactRow
{
	NullableDatum column[IDV_CONTACT_COLUMNS];
	IdvRow		row;			/* all columns, of one just added */
} IdvContactRow;

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

/* Columns that are never NULL: reading a row has seen to it. */
static inline int64
idv_contact_id(const IdvContactRow *contact)
{
	return DatumGetInt64(contact->column[IDV_CONTACT_ID].value);
}

static inline bool
idv_contact_is_verified(const IdvContactRow *contact)
{
	return DatumGetBool(contact->column[IDV_CONTACT_IS_VERIFIED].value);
}

static inline bool
idv_contact_email_is_verified(const IdvContactRow *contact)
{
	return DatumGetBool(contact->column[IDV_CONTACT_EMAIL_VERIFIED].value);
}

static inline TimestampTz
idv_contact_created_at(const IdvContactRow *contact)
{
	return DatumGetTimestampTz(contact->column[IDV_CONTACT_CREATED_AT].value);
}

static inline TimestampTz
idv_contact_last_seen_at(const IdvContactRow *contact)
{
	return DatumGetTimestampTz(contact->column[IDV_CONTACT_LAST_SEEN_AT].value);
}

static inline void
idv_contact_set(IdvContactRow *contact, IdvContactColumn column, Datum value)
{
	contact->column[column].value = value;
	contact->column[column].isnull = false;
}

extern bool idv_contact_find(IdvContactRow *contact, int32 app_id,
							 IdvFind how, Datum what);
extern bool idv_contact_add(IdvContactRow *contact, int32 app_id, IdvFind by);
extern void idv_contact_change(IdvContactRow *contact, int32 app_id,
							   bool changed, TimestampTz now);
extern bool idv_visitor_was_issued(int32 app_id, Datum visitor);

#endif							/* IDV_CONTACTS_H */
