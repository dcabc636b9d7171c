/*-------------------------------------------------------------------------
 *
 * ring_text.h
 *	  Read the text of a key ring.
 *
 * A key ring holds the master keys, one on a line:
 *
 *		# comment
 *		2:6b1f...	(64 hex digits)
 *		1:09ce...
 *
 * The first key seals, all of them open.  An id is a decimal number from 1 to
 * 2147483647 without leading zeros.  Lines end in LF or CRLF; the last one may
 * lack its end.  Lines that are empty or hold only blanks are skipped, as are
 * those that begin with "#".
 *
 * Pure C and libcrypto.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_RING_TEXT_H
#define IDV_RING_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/seal.h"

#define IDV_RING_MAX_KEYS	64

typedef struct IdvRing
{
	size_t		nkeys;
	IdvMasterKey keys[IDV_RING_MAX_KEYS];	/* keys[0] seals */
} IdvRing;

typedef enum IdvRingStatus
{
	IDV_RING_OK = 0,
	IDV_RING_BAD_LINE,			/* neither a key, nor a comment, nor blank */
	IDV_RING_REPEATED_ID,		/* an id that an earlier line has */
	IDV_RING_WEAK_KEY,			/* a key of one byte, repeated */
	IDV_RING_TOO_MANY,			/* more than IDV_RING_MAX_KEYS keys */
	IDV_RING_EMPTY,				/* not one key */
	IDV_RING_LIBRARY			/* libcrypto refused */
} IdvRingStatus;

extern IdvRingStatus idv_ring_parse(IdvRing *ring, int *bad_line,
									const char *text, size_t text_len);
extern const IdvMasterKey *idv_ring_find(const IdvRing *ring, uint32_t id);

#endif							/* IDV_RING_TEXT_H */
