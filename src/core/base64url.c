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

/*
 * What the digits of a group of four stand for, by their place in it: their bits
 * in three bytes, of which the first one is the lowest.  Each has a mark above
 * these, and what is no digit has nothing at all: the sum of four digits has four
 * marks.
 */
#define MARK			(1 << 24)
#define DIGITS(AT) \
	['A'] = AT(0),['B'] = AT(1),['C'] = AT(2),['D'] = AT(3),['E'] = AT(4),['F'] = AT(5),['G'] = AT(6),['H'] = AT(7), \
	['I'] = AT(8),['J'] = AT(9),['K'] = AT(10),['L'] = AT(11),['M'] = AT(12),['N'] = AT(13),['O'] = AT(14),['P'] = AT(15), \
	['Q'] = AT(16),['R'] = AT(17),['S'] = AT(18),['T'] = AT(19),['U'] = AT(20),['V'] = AT(21),['W'] = AT(22),['X'] = AT(23), \
	['Y'] = AT(24),['Z'] = AT(25),['a'] = AT(26),['b'] = AT(27),['c'] = AT(28),['d'] = AT(29),['e'] = AT(30),['f'] = AT(31), \
	['g'] = AT(32),['h'] = AT(33),['i'] = AT(34),['j'] = AT(35),['k'] = AT(36),['l'] = AT(37),['m'] = AT(38),['n'] = AT(39), \
	['o'] = AT(40),['p'] = AT(41),['q'] = AT(42),['r'] = AT(43),['s'] = AT(44),['t'] = AT(45),['u'] = AT(46),['v'] = AT(47), \
	['w'] = AT(48),['x'] = AT(49),['y'] = AT(50),['z'] = AT(51),['0'] = AT(52),['1'] = AT(53),['2'] = AT(54),['3'] = AT(55), \
	['4'] = AT(56),['5'] = AT(57),['6'] = AT(58),['7'] = AT(59),['8'] = AT(60),['9'] = AT(61),['-'] = AT(62),['_'] = AT(63)
#define FIRST(value)	(MARK | (value) << 2)
#define SECOND(value)	(MARK | (value) >> 4 | ((value) & 0xF) << 12)
#define THIRD(value)	(MARK | (value) >> 2 << 8 | ((value) & 0x3) << 22)
#define FOURTH(value)	(MARK | (value) << 16)

static const uint32_t digits[4][256] = {
	{DIGITS(FIRST)},
	{DIGITS(SECOND)},
	{DIGITS(THIRD)},
	{DIGITS(FOURTH)},
};

/* The digit at a place in a group, as above. */
static inline uint32_t
digit_at(int place, const char *group)
{
	return digits[place][(uint8_t) group[place]];
}

/* The bytes that two, three or four digits stand for, and their marks. */
static inline uint32_t
bytes_of_two(const char *group)
{
	return digit_at(0, group) + digit_at(1, group);
}

static inline uint32_t
bytes_of_three(const char *group)
{
	return bytes_of_two(group) + digit_at(2, group);
}

static inline uint32_t
bytes_of_four(const char *group)
{
	return bytes_of_three(group) + digit_at(3, group);
}

/*
 * Decode a group of four digits into three bytes; returns their marks.
 *
 * Four bytes are one store: there has to be room for another one.
 */
static inline uint32_t
decode_group(uint8_t *dst, const char *group)
{
	uint32_t	bytes = bytes_of_four(group);

	dst[0] = (uint8_t) bytes;
	dst[1] = (uint8_t) (bytes >> 8);
	dst[2] = (uint8_t) (bytes >> 16);
	dst[3] = (uint8_t) (bytes >> 24);
	return bytes;
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
	uint32_t	marks = 4 * MARK;	/* of all groups of four */
	uint32_t	wrong = 0;		/* no bit of its highest byte may be set */
	uint32_t	bytes;

	/* Two groups at a time, while there are two more digits: room for a byte. */
	for (; src_len >= 10; src_len -= 8, src += 8, dst += 6)
		marks &= decode_group(dst, src) & decode_group(dst + 3, src + 4);
	if (src_len >= 6)
	{
		marks &= decode_group(dst, src);
		src_len -= 4;
		src += 4;
		dst += 3;
	}
	if (src_len >= 4)
	{
		bytes = bytes_of_four(src);
		marks &= bytes;
		dst[0] = (uint8_t) bytes;
		dst[1] = (uint8_t) (bytes >> 8);
		dst[2] = (uint8_t) (bytes >> 16);
		src_len -= 4;
		src += 4;
		dst += 3;
	}
	switch (src_len)
	{
		case 1:
			return false;
		case 2:
			bytes = bytes_of_two(src);
			wrong = (bytes ^ 2 * MARK) | (bytes & 0xFF00) << 16;
			dst[0] = (uint8_t) bytes;
			break;
		case 3:
			bytes = bytes_of_three(src);
			wrong = (bytes ^ 3 * MARK) | (bytes & 0xFF0000) << 8;
			dst[0] = (uint8_t) bytes;
			dst[1] = (uint8_t) (bytes >> 8);
			break;
	}
	return marks == 4 * MARK && wrong >> 24 == 0;
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
