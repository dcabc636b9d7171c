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
typedef struct IdvFill
{
	Bitmapset  *columns;
	IdvRow		after;			/* of these columns */
} IdvFill;

extern IdvFill idv_fill_choose(IdvContactTable *contacts, IdvRow source,
							   IdvRow target, IdvRow before, bool by_claim,
							   TimestampTz now);
extern char *idv_fill_json(const IdvContactTable *contacts, IdvRow before,
						   const IdvFill *fill);
extern void idv_fill_write(IdvContactTable *contacts, int32 app_id, Datum id,
						   const IdvFill *fill);

#endif							/* IDV_FILL_H */
