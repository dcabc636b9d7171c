/*-------------------------------------------------------------------------
 *
 * contact_table.h
 *	  A table as one of contacts, ours or somebody's own: which column is what.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_TABLE_H
#define IDV_CONTACT_TABLE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "references/table_description.h"

/* A table as one of contacts.  A column that it does not have is 0. */
typedef struct IdvContactTable
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
	AttrNumber	created_at;
	Bitmapset  *identity;		/* what a signature stands for */
	Bitmapset  *never_filled;
	IdvStatement lock_source;
	IdvStatement lock_target;
	IdvStatement look;
	IdvStatement remove;
	bool		knows_pointing; /* of fold/lock_order.c */
	List	   *self_references;
	IdvStatement pointing;		/* contacts that point to one; without plan:
								 * they do not */
	struct IdvContactOptions *options;	/* of references/contact_options.c;
										 * NULL: not asked */
	bool		knows_fillable; /* of fold/fill.c, as what follows */
	Bitmapset  *fillable;
	List	   *fills;
} IdvContactTable;

extern IdvContactTable *idv_contact_table(Oid relation);
extern char *idv_contact_table_where(const IdvContactTable *contacts);

#endif							/* IDV_CONTACT_TABLE_H */
