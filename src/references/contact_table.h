/*-------------------------------------------------------------------------
 *
 * contact_table.h
 *	  Rows of a table of contacts, ours or somebody's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_TABLE_H
#define IDV_CONTACT_TABLE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "references/table_description.h"

/* A table as one of contacts.  A column that it does not have is 0. */
typedef struct IdvContacts
{
	IdvTable   *table;
	bool		own;			/* idverify.contacts */
	AttrNumber	id;
	Oid			id_type;		/* below domains */
	Bitmapset  *apps;			/* app_id, app_key: the guard's, too */
	Bitmapset  *flags;			/* is_verified: likewise */
	AttrNumber	app;			/* this and the rest: of our own alone */
	AttrNumber	external_id;
	AttrNumber	email;
	AttrNumber	email_verified;
	AttrNumber	visitor;
	AttrNumber	shop;
	AttrNumber	updated_at;
	AttrNumber	custom_data;	/* jsonb */
	AttrNumber	created_at;
	Bitmapset  *identity;		/* what a signature stands for */
	Bitmapset  *never_filled;
	IdvStatement lock_source;
	IdvStatement lock_target;
	IdvStatement look;
	IdvStatement remove;
	List	   *fills;			/* of fold/fill.c */
} IdvContacts;

extern IdvContacts *idv_contacts(Oid relation);
extern int32 idv_contacts_app_id(IdvContacts *contacts, Datum id,
								 bool *is_verified);
extern Datum idv_contacts_id(const IdvContacts *contacts, Datum id, Oid type);
extern Datum idv_contacts_id_from_text(const IdvContacts *contacts,
									   char *text);
extern int	idv_contacts_compare(const IdvContacts *contacts,
								 Datum left, Datum right);
extern bool idv_contacts_lock(IdvRow *row, IdvContacts *contacts,
							  int32 app_id, Datum id, bool as_source);
extern bool idv_contacts_is_verified(const IdvContacts *contacts, IdvRow row);
extern void idv_contacts_write(IdvContacts *contacts,
							   const IdvStatement *statement,
							   const Datum *values, const bool *nulls);
extern bool idv_contacts_fires(Oid relation);

#endif							/* IDV_CONTACT_TABLE_H */
