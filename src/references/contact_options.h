/*-------------------------------------------------------------------------
 *
 * contact_options.h
 *	  What was said of a table of contacts: which of its columns two contacts
 *	  have to agree in, and which are never taken over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_OPTIONS_H
#define IDV_CONTACT_OPTIONS_H

#include "postgres.h"

#include "references/contact_table.h"

/* idverify.contact_options, and what goes without saying. */
typedef struct IdvContactOptions
{
	bool		same_is_set;	/* else it is what tenants are called */
	Bitmapset  *same;			/* beside the columns of the app */
	Bitmapset  *listed;			/* as never to be filled */
	Bitmapset  *never_filled;	/* those, and what is named like a credential */
} IdvContactOptions;

extern const IdvContactOptions *idv_contact_options(IdvContactTable *contacts);
extern char *idv_contact_options_without(IdvContactTable *contacts,
										 AttrNumber column);

#endif							/* IDV_CONTACT_OPTIONS_H */
