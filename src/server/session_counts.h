/*-------------------------------------------------------------------------
 *
 * session_counts.h
 *	  What this session has counted, and not yet added to what all have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SESSION_COUNTS_H
#define IDV_SESSION_COUNTS_H

#include "postgres.h"

#include "server/claim_counts.h"

extern void idv_session_count(const IdvCounterKey *key, int kind,
							  int32 generation, TimestampTz now);
extern IdvRefused *idv_session_refused(void);
extern void idv_session_counts_add(void);

#endif							/* IDV_SESSION_COUNTS_H */
