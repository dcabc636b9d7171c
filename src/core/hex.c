/*-------------------------------------------------------------------------
 *
 * hex.c
 *	  Bytes to hex digits and back.
 *
 * The server has functions of its own for this.  They raise errors, accept
 * white space, and need a server: this is the strict and quiet version, fit
 * for input that a stranger sends.  It decodes without branches or table
 * look-ups that depend on the digits, since the master keys pass through here
 * too; and in loops that compilers turn into vector instructions, since each
 * user_hash does.
 *
 *-------------------------------------------------------------------------
 */
#include "core/hex.h"

/* Bytes that are decoded at a time. */
#define BLOCK	16

/*
 * Decode a number of digit pairs; false if one character is no hex digit.
 *
 * Inlined with a number that is constant, this has no loop that compilers
 * cannot turn into vector instructions.
 */
static inline bool
decode_pairs(uint8_t *dst, const char *src, size_t pairs)
{
	uint8_t		valid = 1;

	for (size_t i = 0; i < 2 * pairs; i++)
	{
		uint8_t		digit = (uint8_t) ((uint8_t) src[i] - '0');
		uint8_t		letter = (uint8_t) (((uint8_t) src[i] | 0x20) - 'a');

		valid &= (uint8_t) ((digit < 10) | (letter < 6));
	}

	/* In ASCII, letters have bit 6 set, digits have not; 'a' & 0xF is 1. */
	for (size_t i = 0; i < pairs; i++)
	{
		uint8_t		high = (uint8_t) src[2 * i];
		uint8_t		low = (uint8_t) src[2 * i + 1];

		high = (uint8_t) ((high & 0xF) + 9 * (high >> 6));
		low = (uint8_t) ((low & 0xF) + 9 * (low >> 6));
		dst[i] = (uint8_t) (high << 4 | (low & 0xF));
	}

	return valid != 0;
}

/*
 * idv_hex_decode
 *		Decode src, which must be exactly 2 * dst_len hex digits, into dst.
 *
 * Either letter case will do.  Nothing else will: no 0x, no spaces, no
 * trailing newline.
 *
 * Returns false if src is anything else; dst is then unspecified.
 */
bool
idv_hex_decode(uint8_t *dst, size_t dst_len, const char *src, size_t src_len)
{
	bool		valid = true;

	if (src_len % 2 != 0 || src_len / 2 != dst_len)
		return false;

	for (; dst_len >= BLOCK; dst_len -= BLOCK, dst += BLOCK, src += 2 * BLOCK)
		valid &= decode_pairs(dst, src, BLOCK);
	for (; dst_len > 0; dst_len--, dst++, src += 2)
		valid &= decode_pairs(dst, src, 1);

	return valid;
}

/*
 * idv_hex_encode
 *		Write src as 2 * src_len lower-case hex digits to dst.
 *
 * No terminating zero is written.
 */
void
idv_hex_encode(char *dst, const uint8_t *src, size_t src_len)
{
	for (size_t i = 0; i < src_len; i++)
	{
		const uint32_t nibbles[2] = {src[i] >> 4, src[i] & 0xF};

		/* 'a' - '0' - 10 is 39: added where the nibble is above 9 */
		for (size_t j = 0; j < 2; j++)
			dst[2 * i + j] = (char) ('0' + nibbles[j] +
									 (39 & -((9 - nibbles[j]) >> 31)));
	}
}
