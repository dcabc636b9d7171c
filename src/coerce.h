/*-------------------------------------------------------------------------
 *
 * coerce.h
 *	  A value as one of another type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COERCE_H
#define IDV_COERCE_H

#include "postgres.h"

extern Datum idv_coerce(Datum value, Oid from, Oid to, bool *fits);

#endif							/* IDV_COERCE_H */
