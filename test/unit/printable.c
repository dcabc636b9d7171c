/*-------------------------------------------------------------------------
 *
 * printable.c
 *	  Is text refused that could end a line of a log, or look like other text?
 *
 *-------------------------------------------------------------------------
 */
#include "core/printable.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Write a character in UTF-8; how many bytes. */
static size_t
utf8(char *dst, uint32_t c)
{
	if (c < 0x80)
	{
		dst[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		dst[0] = (char) (0xC0 | c >> 6);
		dst[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		dst[0] = (char) (0xE0 | c >> 12);
		dst[1] = (char) (0x80 | (c >> 6 & 0x3F));
		dst[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	dst[0] = (char) (0xF0 | c >> 18);
	dst[1] = (char) (0x80 | (c >> 12 & 0x3F));
	dst[2] = (char) (0x80 | (c >> 6 & 0x3F));
	dst[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

/* Is the character printable: alone, and between others? */
static bool
printable(uint32_t c)
{
	char		text[8] = "a";
	size_t		len = utf8(text + 1, c);
	char	   *alone = exact_copy(text + 1, len);
	char	   *amid;
	bool		result = idv_is_printable(alone, len);

	text[1 + len] = 'z';
	amid = exact_copy(text, len + 2);
	CHECK(idv_is_printable(amid, len + 2) == result);
	free(alone);
	free(amid);
	return result;
}

static void
test_refuses_what_hides(void)
{
	static const uint32_t hidden[] = {
		0, '\t', '\n', '\r', 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9B, 0x9F,
		0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069,
		0xFEFF
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		CHECK(!printable(hidden[i]));
}

static void
test_takes_what_is_seen(void)
{
	static const uint32_t seen[] = {
		' ', '~', '"', 0xA0, 0xE9, 0x200A, 0x2010, 0x2027, 0x202F, 0x2065,
		0x206A, 0x20AC, 0x4E00, 0xFEFE, 0xFF21, 0x1F600
	};

	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		CHECK(printable(seen[i]));
	CHECK(idv_is_printable("", 0));
}

/*
 * Callers pass valid UTF-8.  What is cut off is read byte by byte, and no further:
 * here the last one is a control.
 */
static void
test_reads_no_further(void)
{
	char	   *cut = exact_copy("a\xE2\x85", 3);

	CHECK(!idv_is_printable(cut, 3));
	free(cut);
}

int
main(void)
{
	RUN(test_refuses_what_hides);
	RUN(test_takes_what_is_seen);
	RUN(test_reads_no_further);
	return report();
}
