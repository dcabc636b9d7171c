/*-------------------------------------------------------------------------
 *
 * hex.c
 *	  Bytes to hex digits and back.
 *
 * The server has functions of its own for this.  They raise errors, accept
 * white space, and need a server: this is the strict and quiet version, fit
 * for input that a stranger sends.  It decodes without branches or table
 * look-ups that depend on the digits, since the master keys pass through here
 * too.
 *
 *-------------------------------------------------------------------------
 */
#include "hex.h"

/*
 * Value of one hex digit, with all higher bits set if it is none.
 *
 * Each difference is negative, and so has its upper bits set, exactly where
 * the character lies outside of the range.
 */
static uint32_t
digit_value(unsigned char c)
{
	uint32_t	digit = (uint32_t) c - '0';
	uint32_t	letter = ((uint32_t) c | 0x20) - 'a';
	uint32_t	is_digit = (digit - 10) >> 31 & ~digit >> 31;
	uint32_t	is_letter = (letter - 6) >> 31 & ~letter >> 31;

	return (digit & -is_digit) | ((letter + 10) & -is_letter) |
		-(1 - (is_digit | is_letter));
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
	uint32_t	seen = 0;

	if (src_len % 2 != 0 || src_len / 2 != dst_len)
		return false;

	for (size_t i = 0; i < dst_len; i++)
	{
		uint32_t	high = digit_value((unsigned char) src[2 * i]);
		uint32_t	low = digit_value((unsigned char) src[2 * i + 1]);

		seen |= high | low;
		dst[i] = (uint8_t) (high << 4 | low);
	}

	return seen <= 0xF;
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
		uint32_t	nibbles[2] = {src[i] >> 4, src[i] & 0xF};

		/* 'a' - '0' - 10 is 39: added where the nibble is above 9 */
		for (size_t j = 0; j < 2; j++)
			dst[2 * i + j] = (char) ('0' + nibbles[j] +
									 (39 & -((9 - nibbles[j]) >> 31)));
	}
}
