/*-------------------------------------------------------------------------
 *
 * resolve.h
 *	  Follow folds to the contact that another has become.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_RESOLVE_H
#define IDV_RESOLVE_H

#include "postgres.h"

#include "references/contact_table.h"

extern bool idv_is_written_once(const IdvContactTable *contacts);
extern Datum idv_resolve(Oid contacts, Oid id_type, Datum id);
extern bool idv_resolve_external_id(int32 app_id, Datum external_id,
									int64 *contact);
extern bool idv_resolve_email(int32 app_id, Datum email, int64 *contact);

#endif							/* IDV_RESOLVE_H */
