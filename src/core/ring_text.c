/*-------------------------------------------------------------------------
 *
 * ring_text.c
 *	  Read the text of a key ring.
 *
 * Strict on purpose.  A line that is skipped because it was not understood is
 * a key that is missing on the day it is needed, so one bad line makes the
 * whole ring bad.  So does a key that nobody can have drawn at random, of one
 * byte repeated: it was put there to be replaced.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ring_text.h"

#include <string.h>

#include <openssl/crypto.h>

#include "core/hex.h"

#define MAX_ID_DIGITS	10
#define MAX_ID			2147483647

/* Is there nothing but blanks and tabs? */
static bool
is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t')
			return false;
	return true;
}

/* Read the decimal id of a key.  Returns 0, which no key has, if it is bad. */
static uint32_t
parse_id(const char *digits, size_t len)
{
	uint64_t	id = 0;

	if (len == 0 || len > MAX_ID_DIGITS || digits[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++)
	{
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
		id = id * 10 + (uint64_t) (digits[i] - '0');
	}
	return id <= MAX_ID ? (uint32_t) id : 0;
}

/* Read one line, which is not blank and no comment, into the ring. */
static IdvRingStatus
parse_key(IdvRing *ring, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	IdvMasterKey *key = &ring->keys[ring->nkeys];
	uint32_t	id;
	size_t		id_len;

	if (colon == NULL)
		return IDV_RING_BAD_LINE;

	id_len = (size_t) (colon - line);
	id = parse_id(line, id_len);
	if (id == 0)
		return IDV_RING_BAD_LINE;
	if (idv_ring_find(ring, id) != NULL)
		return IDV_RING_REPEATED_ID;
	if (ring->nkeys == IDV_RING_MAX_KEYS)
		return IDV_RING_TOO_MANY;
	if (!idv_hex_decode(key->key, IDV_MASTER_KEY_LEN,
						colon + 1, len - id_len - 1))
		return IDV_RING_BAD_LINE;
	if (memcmp(key->key, key->key + 1, IDV_MASTER_KEY_LEN - 1) == 0)
		return IDV_RING_WEAK_KEY;
	if (!idv_master_key_init(key, id))
		return IDV_RING_LIBRARY;

	ring->nkeys++;
	return IDV_RING_OK;
}

/*
 * idv_ring_parse
 *		Read a key ring from the text of its file.
 *
 * ring			output; all zeros unless IDV_RING_OK is returned
 * bad_line		output: the number of the line that is at fault, counted from
 *				1, or 0 where the fault is in no line
 *
 * The text may hold anything, zero bytes included.
 */
IdvRingStatus
idv_ring_parse(IdvRing *ring, int *bad_line, const char *text, size_t text_len)
{
	const char *end = text + text_len;
	IdvRingStatus status = IDV_RING_OK;
	int			number = 0;

	memset(ring, 0, sizeof(*ring));

	for (const char *line = text; line < end && status == IDV_RING_OK;)
	{
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *line_end = newline ? newline : end;
		size_t		len = (size_t) (line_end - line);

		number++;
		if (newline && len > 0 && line[len - 1] == '\r')
			len--;
		if (!is_blank(line, len) && line[0] != '#')
			status = parse_key(ring, line, len);
		line = newline ? newline + 1 : end;
	}

	*bad_line = status == IDV_RING_OK ? 0 : number;
	if (status == IDV_RING_OK && ring->nkeys == 0)
		status = IDV_RING_EMPTY;
	if (status != IDV_RING_OK)
		OPENSSL_cleanse(ring, sizeof(*ring));
	return status;
}

/*
 * idv_ring_find
 *		Find the key of that id, or NULL.
 */
const IdvMasterKey *
idv_ring_find(const IdvRing *ring, uint32_t id)
{
	for (size_t i = 0; i < ring->nkeys; i++)
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	return NULL;
}
