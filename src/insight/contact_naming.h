/*-------------------------------------------------------------------------
 *
 * contact_naming.h
 *	  How frameworks name tables of contacts, and columns that point to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_NAMING_H
#define IDV_CONTACT_NAMING_H

#include "postgres.h"

extern char *idv_plain_name(const char *name);
extern char *idv_singular(const char *plural);
extern bool idv_names_table(const char *value, const char *table);
extern bool idv_names_contact(const char *column);
extern bool idv_names_other_contact(const char *column);

#endif							/* IDV_CONTACT_NAMING_H */
