/*-------------------------------------------------------------------------
 *
 * base64url.c
 *	  Is base64url decoded to what it was made of, and nothing else taken for it?
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64url.h"

#include "check.h"

static bool
decodes_to(const char *digits, const char *bytes, size_t len)
{
	size_t		digits_len = strlen(digits);
	char	   *exact = exact_copy(digits, digits_len);
	uint8_t    *decoded = calloc(1, IDV_BASE64URL_DECODED(digits_len) + 1);
	bool		valid;

	valid = idv_base64url_decode(decoded, exact, digits_len) &&
		IDV_BASE64URL_DECODED(digits_len) == len &&
		memcmp(decoded, bytes, len) == 0;
	free(decoded);
	free(exact);
	return valid;
}

static bool
is_refused(const char *digits)
{
	size_t		len = strlen(digits);
	char	   *exact = exact_copy(digits, len);
	uint8_t    *decoded = calloc(1, IDV_BASE64URL_DECODED(len) + 1);
	bool		valid = idv_base64url_decode(decoded, exact, len);

	free(decoded);
	free(exact);
	return !valid;
}

/* RFC 4648, section 10, without its padding; RFC 7515, appendix C */
static void
test_decodes_the_vectors_of_the_standards(void)
{
	CHECK(decodes_to("", TEXT("")));
	CHECK(decodes_to("Zg", TEXT("f")));
	CHECK(decodes_to("Zm8", TEXT("fo")));
	CHECK(decodes_to("Zm9v", TEXT("foo")));
	CHECK(decodes_to("Zm9vYg", TEXT("foob")));
	CHECK(decodes_to("Zm9vYmE", TEXT("fooba")));
	CHECK(decodes_to("Zm9vYmFy", TEXT("foobar")));
	CHECK(decodes_to("A-z_4ME", TEXT("\x03\xEC\xFF\xE0\xC1")));
}

static void
test_decodes_what_it_encodes_and_back(void)
{
	uint8_t		bytes[256];
	char		digits[IDV_BASE64URL_ENCODED(sizeof(bytes))];
	uint8_t		again[sizeof(bytes)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++)
	{
		idv_base64url_encode(digits, bytes, len);
		CHECK(IDV_BASE64URL_DECODED(IDV_BASE64URL_ENCODED(len)) == len);
		CHECK(idv_base64url_decode(again, digits, IDV_BASE64URL_ENCODED(len)));
		CHECK(memcmp(again, bytes, len) == 0);
	}
}

static void
test_takes_each_digit_of_the_alphabet_and_no_other_character(void)
{
	static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t		bytes[3];

	for (int c = 0; c < 256; c++)
	{
		const char *found = c == 0 ? NULL : strchr(alphabet, c);

		for (int at = 0; at < 4; at++)
		{
			char		group[] = {'A', 'A', 'A', 'A'};
			uint32_t	value;

			group[at] = (char) c;
			CHECK(idv_base64url_decode(bytes, group, 4) == (found != NULL));
			value = (uint32_t) bytes[0] << 16 | (uint32_t) bytes[1] << 8 | bytes[2];
			CHECK(found == NULL ||
				  value == (uint32_t) (found - alphabet) << (18 - 6 * at));
		}
	}
}

static void
test_refuses_padding_blanks_and_a_lone_digit(void)
{
	CHECK(is_refused("Zg=="));
	CHECK(is_refused("Zm8="));
	CHECK(is_refused("Zm9v===="));
	CHECK(is_refused("="));
	CHECK(is_refused(" Zm9v"));
	CHECK(is_refused("Zm9v "));
	CHECK(is_refused("Zm 9v"));
	CHECK(is_refused("Zm9v\n"));
	CHECK(is_refused("Zm9v\r\n"));
	CHECK(is_refused("Z"));
	CHECK(is_refused("Zm9vY"));
	CHECK(is_refused("+/+/"));
}

/* Of two digits four bits are left over, of three two. */
static void
test_refuses_stray_bits_in_the_last_digit(void)
{
	static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t		bytes[2];

	for (size_t i = 0; i < 64; i++)
	{
		char		digits[] = {'A', alphabet[i], alphabet[i]};

		CHECK(idv_base64url_decode(bytes, digits, 2) == (i % 16 == 0));
		CHECK(idv_base64url_decode(bytes, digits, 3) == (i % 4 == 0));
	}
}

int
main(void)
{
	RUN(test_decodes_the_vectors_of_the_standards);
	RUN(test_decodes_what_it_encodes_and_back);
	RUN(test_takes_each_digit_of_the_alphabet_and_no_other_character);
	RUN(test_refuses_padding_blanks_and_a_lone_digit);
	RUN(test_refuses_stray_bits_in_the_last_digit);
	return report();
}
