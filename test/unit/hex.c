/*-------------------------------------------------------------------------
 *
 * hex.c
 *	  Do hex digits mean what they say, and does nothing else pass for them?
 *
 *-------------------------------------------------------------------------
 */
#include "core/hex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define PROOF_LEN	32			/* bytes in what strangers send as hex */

/* Is this text the hex of dst_len bytes, up to four, whatever they are? */
static bool
decodes(const char *text, size_t len, size_t dst_len)
{
	static const uint8_t nothing[4];
	char	   *src = exact_copy(text, len);
	uint8_t    *dst = exact_copy(nothing, dst_len);
	bool		decoded = idv_hex_decode(dst, dst_len, src, len);

	free(dst);
	free(src);
	return decoded;
}

/* Every pair of characters there is, judged by the C library as well. */
static void
test_reads_all_hex_digits_and_nothing_else(void)
{
	for (int high = 0; high < 256; high++)
		for (int low = 0; low < 256; low++)
		{
			char		pair[3] = {(char) high, (char) low, '\0'};
			uint8_t		byte = 0;
			bool		decoded = idv_hex_decode(&byte, 1, pair, 2);

			CHECK(decoded == (isxdigit(high) && isxdigit(low)));
			if (decoded)
				CHECK(byte == strtoul(pair, NULL, 16));
		}
}

static void
test_notices_one_bad_character_wherever_it_is(void)
{
	uint8_t		bytes[PROOF_LEN];
	char		digits[2 * PROOF_LEN];

	for (size_t at = 0; at < sizeof(digits); at++)
	{
		memset(digits, 'f', sizeof(digits));
		CHECK(idv_hex_decode(bytes, PROOF_LEN, digits, sizeof(digits)));
		digits[at] = 'g';
		CHECK(!idv_hex_decode(bytes, PROOF_LEN, digits, sizeof(digits)));
	}
}

static void
test_wants_two_digits_for_each_byte(void)
{
	static const char digits[] = "0123456789";

	for (size_t dst_len = 0; dst_len <= 4; dst_len++)
		for (size_t len = 0; len <= 10; len++)
			CHECK(decodes(digits, len, dst_len) == (len == 2 * dst_len));

	/* lengths that overflow where they are doubled */
	CHECK(!idv_hex_decode(NULL, SIZE_MAX / 2 + 1, digits, 0));
	CHECK(!idv_hex_decode(NULL, SIZE_MAX / 2 + 2, digits, 2));
}

static void
test_takes_no_decoration(void)
{
	CHECK(decodes(TEXT("0aF9"), 2));
	CHECK(!decodes(TEXT("0x0a"), 2));
	CHECK(!decodes(TEXT("\\x0a"), 2));
	CHECK(!decodes(TEXT("0a:F9"), 2));
	CHECK(!decodes(TEXT("0a F9"), 2));
	CHECK(!decodes(TEXT(" 0aF9"), 2));
	CHECK(!decodes(TEXT("0aF9 "), 2));
	CHECK(!decodes(TEXT("0aF9\n"), 2));
	CHECK(!decodes(TEXT("0aF9\r\n"), 3));
	CHECK(!decodes(TEXT("0aF\n"), 2));
	CHECK(!decodes(TEXT("0aF\0"), 2));
	CHECK(!decodes(TEXT("-aF9"), 2));
	CHECK(!decodes(TEXT("+aF9"), 2));
	CHECK(!decodes(TEXT("\xEF\xBC\x91" "0"), 2));	/* a full-width 1 */
}

static void
test_writes_lower_case(void)
{
	static const uint8_t bytes[] = {0x00, 0x09, 0x9A, 0xAF, 0xFF};
	char		digits[2 * sizeof(bytes)];

	idv_hex_encode(digits, bytes, sizeof(bytes));
	CHECK(memcmp(digits, "00099aafff", sizeof(digits)) == 0);
}

static void
test_writes_no_more_than_the_digits(void)
{
	static const uint8_t byte = 0xAB;
	char		digits[4] = {'.', '.', '.', '.'};

	idv_hex_encode(digits, &byte, 0);
	CHECK(memcmp(digits, "....", 4) == 0);
	idv_hex_encode(digits, &byte, 1);
	CHECK(memcmp(digits, "ab..", 4) == 0);
}

static void
test_gets_every_byte_back_from_either_case(void)
{
	uint8_t		bytes[256];
	uint8_t		back[256];
	char		digits[2 * sizeof(bytes)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) i;
	idv_hex_encode(digits, bytes, sizeof(bytes));

	memset(back, 0, sizeof(back));
	CHECK(idv_hex_decode(back, sizeof(back), digits, sizeof(digits)));
	CHECK(memcmp(back, bytes, sizeof(bytes)) == 0);

	for (size_t i = 0; i < sizeof(digits); i++)
		digits[i] = (char) toupper((unsigned char) digits[i]);
	memset(back, 0, sizeof(back));
	CHECK(idv_hex_decode(back, sizeof(back), digits, sizeof(digits)));
	CHECK(memcmp(back, bytes, sizeof(bytes)) == 0);
}

int
main(void)
{
	RUN(test_reads_all_hex_digits_and_nothing_else);
	RUN(test_notices_one_bad_character_wherever_it_is);
	RUN(test_wants_two_digits_for_each_byte);
	RUN(test_takes_no_decoration);
	RUN(test_writes_lower_case);
	RUN(test_writes_no_more_than_the_digits);
	RUN(test_gets_every_byte_back_from_either_case);
	return report();
}
