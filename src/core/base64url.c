/*-------------------------------------------------------------------------
 *
 * base64url.c
 *	  Base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
 *
 * As strict as base64.c is lenient: each value has one spelling, and no other
 * is read.  Otherwise one signature would have several, and a list of those
 * that are no longer welcome would miss all but one of them.
 *
 * What is decoded is public: a token, which a stranger has sent.  So it may be
 * looked up in a table.  What is encoded may be an HMAC that only the caller is
 * to know, and no address depends on that.
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64url.h"

/* The value of each digit, plus one: what is no digit has none. */
static const uint8_t values[256] = {
	['A'] = 1,['B'] = 2,['C'] = 3,['D'] = 4,['E'] = 5,['F'] = 6,
	['G'] = 7,['H'] = 8,['I'] = 9,['J'] = 10,['K'] = 11,['L'] = 12,
	['M'] = 13,['N'] = 14,['O'] = 15,['P'] = 16,['Q'] = 17,['R'] = 18,
	['S'] = 19,['T'] = 20,['U'] = 21,['V'] = 22,['W'] = 23,['X'] = 24,
	['Y'] = 25,['Z'] = 26,
	['a'] = 27,['b'] = 28,['c'] = 29,['d'] = 30,['e'] = 31,['f'] = 32,
	['g'] = 33,['h'] = 34,['i'] = 35,['j'] = 36,['k'] = 37,['l'] = 38,
	['m'] = 39,['n'] = 40,['o'] = 41,['p'] = 42,['q'] = 43,['r'] = 44,
	['s'] = 45,['t'] = 46,['u'] = 47,['v'] = 48,['w'] = 49,['x'] = 50,
	['y'] = 51,['z'] = 52,
	['0'] = 53,['1'] = 54,['2'] = 55,['3'] = 56,['4'] = 57,['5'] = 58,
	['6'] = 59,['7'] = 60,['8'] = 61,['9'] = 62,['-'] = 63,['_'] = 64,
};

/* The value of a digit.  All bits are set if it is none. */
static inline uint32_t
value_of(char digit)
{
	return (uint32_t) values[(uint8_t) digit] - 1;
}

/*
 * idv_base64url_decode
 *		Decode src into dst, which has room for IDV_BASE64URL_DECODED(src_len).
 *
 * Returns false, with dst unspecified, for anything but base64url: padding,
 * blanks and line feeds, the other alphabet, a single digit that is left over,
 * and bits that are left over and are not zero.
 */
bool
idv_base64url_decode(uint8_t *dst, const char *src, size_t src_len)
{
	uint32_t	wrong = 0;
	uint32_t	bits;

	/* Of what is no digit all bits are set, so the highest are. */
	for (; src_len >= 4; src_len -= 4, src += 4, dst += 3)
	{
		bits = value_of(src[0]) << 18 | value_of(src[1]) << 12 |
			value_of(src[2]) << 6 | value_of(src[3]);
		wrong |= bits >> 24;
		dst[0] = (uint8_t) (bits >> 16);
		dst[1] = (uint8_t) (bits >> 8);
		dst[2] = (uint8_t) bits;
	}
	switch (src_len)
	{
		case 1:
			return false;
		case 2:
			bits = value_of(src[0]) << 6 | value_of(src[1]);
			wrong |= bits >> 12 | (bits & 0xF);
			dst[0] = (uint8_t) (bits >> 4);
			break;
		case 3:
			bits = value_of(src[0]) << 12 | value_of(src[1]) << 6 |
				value_of(src[2]);
			wrong |= bits >> 18 | (bits & 0x3);
			dst[0] = (uint8_t) (bits >> 10);
			dst[1] = (uint8_t) (bits >> 2);
			break;
	}
	return wrong == 0;
}

/* All bits, if value is less than limit; else none.  Both are small. */
static inline uint32_t
less(uint32_t value, uint32_t limit)
{
	return -((value - limit) >> 31);
}

/*
 * The digit of a value of six bits, without looking it up.
 *
 * From one run of the alphabet to the next the characters jump: from 'Z' to
 * 'a', from 'z' to '0', from '9' to '-' and from there to '_'.
 */
static inline char
digit_of(uint32_t value)
{
	uint32_t	digit = value + 'A';

	digit += ~less(value, 26) & ('a' - 'Z' - 1);
	digit += ~less(value, 52) & (uint32_t) ('0' - 'z' - 1);
	digit += ~less(value, 62) & (uint32_t) ('-' - '9' - 1);
	digit += ~less(value, 63) & ('_' - '-' - 1);
	return (char) digit;
}

/*
 * idv_base64url_encode
 *		Write src to dst, as IDV_BASE64URL_ENCODED(src_len) digits.
 *
 * No terminating zero is written.
 */
void
idv_base64url_encode(char *dst, const uint8_t *src, size_t src_len)
{
	for (; src_len >= 3; src_len -= 3, src += 3, dst += 4)
	{
		dst[0] = digit_of(src[0] >> 2);
		dst[1] = digit_of((src[0] & 0x3) << 4 | src[1] >> 4);
		dst[2] = digit_of((src[1] & 0xF) << 2 | src[2] >> 6);
		dst[3] = digit_of(src[2] & 0x3F);
	}
	if (src_len == 0)
		return;
	dst[0] = digit_of(src[0] >> 2);
	if (src_len == 1)
		dst[1] = digit_of((src[0] & 0x3) << 4);
	else
	{
		dst[1] = digit_of((src[0] & 0x3) << 4 | src[1] >> 4);
		dst[2] = digit_of((src[1] & 0xF) << 2);
	}
}
