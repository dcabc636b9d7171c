/*-------------------------------------------------------------------------
 *
 * made.h
 *	  A contact that was made a moment ago, to fold another one into it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MADE_H
#define IDV_MADE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "references/contact_table.h"
#include "fold/fill.h"

extern IdvFilling idv_made_rest(IdvFilling *filling,
								const IdvContacts *contacts,
								IdvRow stored, IdvRow before);
extern IdvRow idv_made_by_right(const IdvContacts *contacts, IdvRow stored,
								TimestampTz made_at);

#endif							/* IDV_MADE_H */
