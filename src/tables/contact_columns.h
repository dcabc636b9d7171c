/*-------------------------------------------------------------------------
 *
 * contact_columns.h
 *	  The columns of idverify.contacts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_COLUMNS_H
#define IDV_CONTACT_COLUMNS_H

#include "postgres.h"

/*
 * The columns of idverify.contacts, in the table's order: this list and the
 * install script are all that a new column needs.
 *
 *		COLUMN(constant, name, type, may be NULL, what writes it)
 */
#define IDV_CONTACT_COLUMN_LIST(COLUMN) \
	COLUMN(APP_ID,			app_id,			INT4OID,		false,	KEY) \
	COLUMN(ID,				id,				INT8OID,		false,	KEY) \
	COLUMN(EXTERNAL_ID,		external_id,	TEXTOID,		true,	IDENTITY) \
	COLUMN(EMAIL,			email,			TEXTOID,		true,	IDENTITY) \
	COLUMN(EMAIL_VERIFIED,	email_verified,	BOOLOID,		false,	SERVER) \
	COLUMN(NAME,			name,			TEXTOID,		true,	PROFILE) \
	COLUMN(COMPANY,			company,		TEXTOID,		true,	PROFILE) \
	COLUMN(PHONE,			phone,			TEXTOID,		true,	PROFILE) \
	COLUMN(AVATAR_URL,		avatar_url,		TEXTOID,		true,	PROFILE) \
	COLUMN(CUSTOM_DATA,		custom_data,	JSONBOID,		false,	SERVER) \
	COLUMN(SHOP,			shop,			TEXTOID,		true,	SIGNATURE) \
	COLUMN(IS_VERIFIED,		is_verified,	BOOLOID,		false,	SERVER) \
	COLUMN(VERIFIED_AT,		verified_at,	TIMESTAMPTZOID,	true,	SERVER) \
	COLUMN(VISITOR,			visitor,		UUIDOID,		true,	SERVER) \
	COLUMN(LAST_CLAIM,		last_claim,		JSONBOID,		true,	SERVER) \
	COLUMN(CREATED_AT,		created_at,		TIMESTAMPTZOID,	false,	FIRST) \
	COLUMN(UPDATED_AT,		updated_at,		TIMESTAMPTZOID,	false,	SERVER) \
	COLUMN(LAST_SEEN_AT,	last_seen_at,	TIMESTAMPTZOID,	false,	SERVER)

#define IDV_CUSTOM_DATA_MAX	(64 * 1024) /* bytes of custom_data, as text */

typedef enum IdvContactColumn
{
#define IDV_CONTACT_CONSTANT(constant, name, type, nullable, writer) \
	IDV_CONTACT_##constant,
	IDV_CONTACT_COLUMN_LIST(IDV_CONTACT_CONSTANT)
#undef IDV_CONTACT_CONSTANT
	IDV_CONTACT_COLUMNS
} IdvContactColumn;

/* What writes a column. */
typedef enum IdvContactWriter
{
	IDV_WRITTEN_BY_KEY,			/* its INSERT alone: it is in the primary key */
	IDV_WRITTEN_BY_FIRST,		/* its INSERT alone */
	IDV_WRITTEN_BY_IDENTITY,	/* a claim's field of that name, by rules of
								 * its own: it says who somebody is */
	IDV_WRITTEN_BY_PROFILE,		/* a claim's field of that name */
	IDV_WRITTEN_BY_SIGNATURE,	/* a claim's field of that name that is signed
								 * itself */
	IDV_WRITTEN_BY_SERVER		/* code that names it */
} IdvContactWriter;

typedef struct IdvContactColumnInfo
{
	const char *name;
	Oid			type;
	bool		nullable;
	IdvContactWriter writer;
} IdvContactColumnInfo;

extern const IdvContactColumnInfo idv_contact_columns[IDV_CONTACT_COLUMNS];

#endif							/* IDV_CONTACT_COLUMNS_H */
