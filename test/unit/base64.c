/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Is base64 read as leniently as it is written, and nothing else?
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64.h"

#include "check.h"

static uint8_t decoded[IDV_BASE64_DECODED(IDV_BASE64_MAX)];
static size_t decoded_len;

static bool
decode(const char *text)
{
	size_t		len = strlen(text);
	uint8_t    *exact = exact_copy(text, len);
	bool		valid = idv_base64_decode(decoded, &decoded_len, exact, len);

	free(exact);
	return valid;
}

static bool
becomes(const char *text, const char *bytes)
{
	return decode(text) && decoded_len == strlen(bytes) &&
		memcmp(decoded, bytes, decoded_len) == 0;
}

/* RFC 4648, section 10 */
static void
test_decodes_the_vectors_of_the_standard(void)
{
	CHECK(becomes("Zg==", "f"));
	CHECK(becomes("Zm8=", "fo"));
	CHECK(becomes("Zm9v", "foo"));
	CHECK(becomes("Zm9vYg==", "foob"));
	CHECK(becomes("Zm9vYmE=", "fooba"));
	CHECK(becomes("Zm9vYmFy", "foobar"));
}

static void
test_needs_no_padding(void)
{
	CHECK(becomes("Zg", "f"));
	CHECK(becomes("Zm8", "fo"));
	CHECK(becomes("Zm9vYmE", "fooba"));
}

static void
test_takes_either_alphabet(void)
{
	CHECK(becomes("+/+/", "\xFB\xFF\xBF"));
	CHECK(becomes("-_-_", "\xFB\xFF\xBF"));
	CHECK(becomes(" / /", "\xFB\xFF\xBF"));
}

static void
test_refuses_anything_else(void)
{
	CHECK(!decode(""));
	CHECK(!decode("="));
	CHECK(!decode("Z"));
	CHECK(!decode("Zm9vY"));
	CHECK(!decode("Zg==="));
	CHECK(!decode("Zm9v\n"));
	CHECK(!decode("Zm=v"));
	CHECK(!decode("Zm9v!"));
	CHECK(!decode("Zm9v\xC3\xA9\xC3\xA9"));
	CHECK(decoded_len == 0);
}

static void
test_refuses_what_is_too_long(void)
{
	static uint8_t text[IDV_BASE64_MAX + 4];

	memset(text, 'A', sizeof(text));
	CHECK(idv_base64_decode(decoded, &decoded_len, text, IDV_BASE64_MAX));
	CHECK(decoded_len == IDV_BASE64_MAX / 4 * 3);
	CHECK(!idv_base64_decode(decoded, &decoded_len, text, IDV_BASE64_MAX + 4));
}

/* Is this what text is written as, and nothing behind it? */
static bool
is_written(const char *text, const char *base64)
{
	char		written[IDV_BASE64_ENCODED(16)];

	memset(written, '!', sizeof(written));
	return idv_base64_encode(written, (const uint8_t *) text, strlen(text)) == strlen(base64) &&
		strcmp(written, base64) == 0;
}

/* RFC 4648, section 10. */
static void
test_encodes_the_vectors_of_the_standard(void)
{
	CHECK(is_written("", ""));
	CHECK(is_written("f", "Zg=="));
	CHECK(is_written("fo", "Zm8="));
	CHECK(is_written("foo", "Zm9v"));
	CHECK(is_written("foob", "Zm9vYg=="));
	CHECK(is_written("fooba", "Zm9vYmE="));
	CHECK(is_written("foobar", "Zm9vYmFy"));
	CHECK(is_written("\xFB\xFF\xBF", "+/+/"));
	CHECK(IDV_BASE64_ENCODED(6) == 9);
	CHECK(IDV_BASE64_ENCODED(7) == 13);
}

int
main(void)
{
	RUN(test_decodes_the_vectors_of_the_standard);
	RUN(test_needs_no_padding);
	RUN(test_takes_either_alphabet);
	RUN(test_refuses_anything_else);
	RUN(test_refuses_what_is_too_long);
	RUN(test_encodes_the_vectors_of_the_standard);
	return report();
}
