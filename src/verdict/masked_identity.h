/*-------------------------------------------------------------------------
 *
 * masked_identity.h
 *	  What is shown of an identity that was claimed, and not verified.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MASKED_IDENTITY_H
#define IDV_MASKED_IDENTITY_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern void idv_append_masked(StringInfo line, Datum identity);

#endif							/* IDV_MASKED_IDENTITY_H */
