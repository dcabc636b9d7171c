/*-------------------------------------------------------------------------
 *
 * fill.h
 *	  What a contact takes over from one that is folded into it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FILL_H
#define IDV_FILL_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "references/contact_table.h"

/* The target's columns that get another value. */
typedef struct IdvFilling
{
	Bitmapset  *columns;
	IdvRow		after;			/* of these columns */
} IdvFilling;

extern IdvFilling idv_filling(IdvContacts *contacts, IdvRow source,
							  IdvRow target, bool by_claim, TimestampTz now);
extern char *idv_filling_json(const IdvContacts *contacts, IdvRow before,
							  const IdvFilling *filling);
extern void idv_filling_write(IdvContacts *contacts, int32 app_id, Datum id,
							  const IdvFilling *filling);

#endif							/* IDV_FILL_H */
