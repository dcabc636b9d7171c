/*-------------------------------------------------------------------------
 *
 * ring_text.c
 *	  Fuzz the key ring parser: a ring is good in every part, or it is all
 *	  zeros.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ring_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hex.h"

/* "2147483647:", 64 digits and LF */
#define LINE_MAX_LEN	(11 + 2 * IDV_MASTER_KEY_LEN + 1)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines in text, counting a last one that lacks its end. */
static int
count_lines(const char *text, size_t len)
{
	int			lines = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || i == len - 1)
			lines++;
	return lines;
}

static void
check_keys(const IdvRing *ring)
{
	if (ring->nkeys < 1 || ring->nkeys > IDV_RING_MAX_KEYS)
		abort();
	for (size_t i = 0; i < ring->nkeys; i++)
	{
		IdvMasterKey key = ring->keys[i];

		if (key.id < 1 || key.id > 2147483647)
			abort();
		/* the first of an id is found, so another of that id is not */
		if (idv_ring_find(ring, key.id) != &ring->keys[i])
			abort();
		if (!idv_master_key_init(&key, key.id) ||
			memcmp(key.check, ring->keys[i].check, sizeof(key.check)) != 0)
			abort();
	}
	if (idv_ring_find(ring, 0) != NULL)
		abort();
}

/* Written down plainly, a ring reads as the same ring. */
static void
check_round_trip(const IdvRing *ring)
{
	static char text[IDV_RING_MAX_KEYS * LINE_MAX_LEN];
	static IdvRing again;
	size_t		len = 0;
	int			bad_line;

	for (size_t i = 0; i < ring->nkeys; i++)
	{
		len += (size_t) snprintf(text + len, sizeof(text) - len, "%u:",
								 (unsigned) ring->keys[i].id);
		idv_hex_encode(text + len, ring->keys[i].key, IDV_MASTER_KEY_LEN);
		len += 2 * IDV_MASTER_KEY_LEN;
		text[len++] = '\n';
	}
	if (idv_ring_parse(&again, &bad_line, text, len) != IDV_RING_OK ||
		again.nkeys != ring->nkeys ||
		memcmp(again.keys, ring->keys,
			   ring->nkeys * sizeof(ring->keys[0])) != 0)
		abort();
}

static void
check_nothing_left(const IdvRing *ring)
{
	static const IdvRing nothing;

	if (memcmp(ring, &nothing, sizeof(nothing)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static IdvRing ring;
	const char *text = (const char *) data;
	int			bad_line = -1;
	IdvRingStatus status;

	memset(&ring, 0x5A, sizeof(ring));
	status = idv_ring_parse(&ring, &bad_line, text, size);
	switch (status)
	{
		case IDV_RING_OK:
			if (bad_line != 0)
				abort();
			check_keys(&ring);
			check_round_trip(&ring);
			break;
		case IDV_RING_EMPTY:
			if (bad_line != 0)
				abort();
			check_nothing_left(&ring);
			break;
		case IDV_RING_BAD_LINE:
		case IDV_RING_REPEATED_ID:
		case IDV_RING_WEAK_KEY:
		case IDV_RING_TOO_MANY:
			if (bad_line < 1 || bad_line > count_lines(text, size))
				abort();
			check_nothing_left(&ring);
			break;
		case IDV_RING_LIBRARY:
			abort();
	}
	return 0;
}
