/*-------------------------------------------------------------------------
 *
 * cast.h
 *	  A value as one of another type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CAST_H
#define IDV_CAST_H

#include "postgres.h"

extern Datum idv_cast(Datum value, Oid from, Oid to, bool *fits);
extern Datum idv_read_text(Datum value, Oid to, bool *fits);

#endif							/* IDV_CAST_H */
