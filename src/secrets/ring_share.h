/*-------------------------------------------------------------------------
 *
 * ring_share.h
 *	  The key ring of a session, for its parallel workers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_RING_SHARE_H
#define IDV_RING_SHARE_H

#include "postgres.h"

#include "core/ring_text.h"

extern void idv_ring_offer(const IdvRing *ring);
extern bool idv_ring_of_leader(IdvRing *ring);

#endif							/* IDV_RING_SHARE_H */
