/*-------------------------------------------------------------------------
 *
 * contact_rows.h
 *	  Rows of a table of contacts, ours or somebody's own: their ids, and how they
 *	  are found, locked and written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CONTACT_ROWS_H
#define IDV_CONTACT_ROWS_H

#include "postgres.h"

#include "references/contact_table.h"

extern int32 idv_contact_row_app_id(IdvContactTable *contacts, Datum id,
									bool *is_verified);
extern Datum idv_contact_row_id(const IdvContactTable *contacts, Datum given, Oid type);
extern Datum idv_contact_row_id_from_text(const IdvContactTable *contacts,
										  char *text);
extern int	idv_contact_row_id_compare(const IdvContactTable *contacts,
									   Datum left, Datum right);
extern bool idv_contact_row_lock(IdvRow *row, IdvContactTable *contacts,
								 int32 app_id, Datum id, bool as_source);
extern bool idv_contact_row_is_verified(const IdvContactTable *contacts, IdvRow row);
extern void idv_contact_row_write(IdvContactTable *contacts,
								  const IdvStatement *statement,
								  const Datum *values, const bool *nulls);
extern bool idv_contact_row_fires(Oid relation);

#endif							/* IDV_CONTACT_ROWS_H */
