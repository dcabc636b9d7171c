/*-------------------------------------------------------------------------
 *
 * utf8.c
 *	  Is UTF-8 read and written, and never beyond its end?
 *
 *-------------------------------------------------------------------------
 */
#include "core/utf8.h"

#include "check.h"

static void
test_reads_what_it_writes(void)
{
	for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x800 ? 1 : 97)
	{
		uint8_t		bytes[IDV_UTF8_MAX];
		size_t		len = idv_utf8_make(bytes, c);
		char	   *exact = exact_copy(bytes, len);
		size_t		at = 0;

		CHECK(idv_utf8_next(exact, len, &at) == c);
		CHECK(at == len);
		free(exact);
	}
}

static void
test_writes_the_bytes_of_the_standard(void)
{
	static const struct
	{
		uint32_t	character;
		const char *bytes;
	}			cases[] = {
		{0x24, "$"}, {0xA2, "\xC2\xA2"}, {0x20AC, "\xE2\x82\xAC"},
		{0x1F600, "\xF0\x9F\x98\x80"}, {0x7FF, "\xDF\xBF"}, {0xFFFF, "\xEF\xBF\xBF"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint8_t		bytes[IDV_UTF8_MAX];

		CHECK(idv_utf8_make(bytes, cases[i].character) == strlen(cases[i].bytes));
		CHECK(memcmp(bytes, cases[i].bytes, strlen(cases[i].bytes)) == 0);
	}
}

static void
test_stays_within_what_is_cut_off(void)
{
	static const char *const cut[] = {"\xC2", "\xE2\x82", "\xF0\x9F\x98", "\xF0", "\xFF", "\x80"};

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
	{
		size_t		len = strlen(cut[i]);
		char	   *exact = exact_copy(cut[i], len);
		size_t		at = 0;

		CHECK(idv_utf8_next(exact, len, &at) == (unsigned char) cut[i][0]);
		CHECK(at == 1);
		free(exact);
	}
}

int
main(void)
{
	RUN(test_reads_what_it_writes);
	RUN(test_writes_the_bytes_of_the_standard);
	RUN(test_stays_within_what_is_cut_off);
	return report();
}
