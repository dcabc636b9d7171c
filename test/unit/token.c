/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Is a token taken apart as the standards say, and in one way only?
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64url.h"
#include "core/hmac.h"
#include "core/json_text.h"
#include "core/jws.h"
#include "core/token_time.h"

#include "check.h"
#include "jws_hs256.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * Base64url
 */

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

/*
 * The compact serialization
 */

static IdvJws jws;

/* Split a copy that ends where it ends; the copy is gone then. */
static bool
splits(const char *text, size_t len)
{
	char	   *exact = exact_copy(text, len);
	bool		valid = idv_jws_split(&jws, exact, len);

	free(exact);
	return valid;
}

static void
test_splits_three_parts(void)
{
	CHECK(splits(TEXT("Zg.Zm8.Zm9v")));
	CHECK(jws.signed_len == strlen("Zg.Zm8"));
	CHECK(jws.header_len == 1 && memcmp(jws.header, "f", 1) == 0);
	CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
	CHECK(jws.signature_len == 3 && memcmp(jws.signature, "foo", 3) == 0);
}

/* The usual headers are not decoded, and come to the same as if they were. */
static void
test_knows_the_usual_headers(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", "{\"alg\":\"HS256\",\"typ\":\"JWS\"}",
	};

	for (size_t i = 0; i < LENGTH_OF(headers); i++)
	{
		char		token[100];
		size_t		len = IDV_BASE64URL_ENCODED(strlen(headers[i]));

		idv_base64url_encode(token, (const uint8_t *) headers[i], strlen(headers[i]));
		memcpy(token + len, ".Zm8.Zm9v", strlen(".Zm8.Zm9v"));
		CHECK(splits(token, len + strlen(".Zm8.Zm9v")));
		CHECK(jws.header_len == strlen(headers[i]));
		CHECK(memcmp(jws.header, headers[i], jws.header_len) == 0);
		CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
		CHECK(jws.signature_len == 3 && memcmp(jws.signature, "foo", 3) == 0);
	}
}

/* No secret has made it: that is seen where the signature is looked at. */
static void
test_splits_a_token_without_signature(void)
{
	CHECK(splits(TEXT("Zg.Zm8.")));
	CHECK(jws.signature_len == 0);
}

#define USUAL_HEADER	"eyJhbGciOiJIUzI1NiJ9"

/* 43 digits, as 32 bytes are encoded */
#define HS256_SIGNATURE	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
test_splits_what_hs256_signs(void)
{
	CHECK(splits(TEXT(USUAL_HEADER ".Zm8." HS256_SIGNATURE)));
	CHECK(jws.signed_len == strlen(USUAL_HEADER ".Zm8"));
	CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
	CHECK(jws.signature_len == 32);
	CHECK(splits(TEXT("Zg.Zm8." HS256_SIGNATURE)));
	CHECK(jws.header_len == 1 && jws.payload_len == 2 && jws.signature_len == 32);
}

static void
test_refuses_other_shapes(void)
{
	static const char *const shapes[] = {
		"", ".", "..", "...", "Zg", "Zg.", "Zg.Zm8", ".Zm8.Zm9v", "Zg..Zm9v",
		"Zg.Zm8.Zm9v.", "Zg.Zm8.Zm9v.Zg", ".Zg.Zm8.Zm9v", "Zg.Zm8..Zm9v",
		"Zg=.Zm8.Zm9v", "Zg==.Zm8.Zm9v", "Zg.Zm8=.Zm9v", "Zg.Zm8.Zg==",
		" Zg.Zm8.Zm9v", "Zg.Zm8.Zm9v ", "Zg.Zm8.Zm9v\n", "Zg. Zm8.Zm9v",
		"Zh.Zm8.Zm9v", "Zg.Zm9.Zm9v", "Zg.Zm8.Zm9vZ", "Zg.Zm8.Zh",
		USUAL_HEADER, USUAL_HEADER ".", USUAL_HEADER ".Zm8", USUAL_HEADER "..Zm9v",
		USUAL_HEADER "AZm8.Zm9v", USUAL_HEADER " .Zm8.Zm9v",
		/* the dots of a token that HS256 signed, and others */
		HS256_SIGNATURE, "." HS256_SIGNATURE, "Zg." HS256_SIGNATURE,
		".Zm8." HS256_SIGNATURE, "Zg.." HS256_SIGNATURE, "Zg.Zm8.." HS256_SIGNATURE,
		"Zg.Zm8.Zm9v." HS256_SIGNATURE, "Zg.Zm8." HS256_SIGNATURE ".",
		"Zg.Zm8." HS256_SIGNATURE "=", "Zg.Zm8.A" HS256_SIGNATURE "A",
	};

	for (size_t i = 0; i < LENGTH_OF(shapes); i++)
		CHECK(!splits(shapes[i], strlen(shapes[i])));
	CHECK(!splits(TEXT("Zg.Zm8.Zm9\0")));
}

static void
test_splits_8192_bytes_and_no_more(void)
{
	static char text[IDV_TOKEN_MAX + 4];

	memset(text, 'A', sizeof(text));
	text[3] = text[IDV_TOKEN_MAX - 44] = '.';
	CHECK(splits(text, IDV_TOKEN_MAX));
	CHECK(jws.header_len + jws.payload_len + jws.signature_len <= sizeof(jws.bytes));
	CHECK(!splits(text, IDV_TOKEN_MAX + 1));
	CHECK(!splits(text, IDV_TOKEN_MAX + 4));
}

/*
 * The vectors of others
 */

/* Is a JWS one that was signed with this key? */
static bool
verifies(const JwsVector *vector)
{
	uint8_t		key[64];
	size_t		key_digits = strlen(vector->key);
	size_t		len = strlen(vector->jws);
	char	   *exact = exact_copy(vector->jws, len);
	uint8_t		hmac[IDV_HMAC_LEN];
	IdvHmac		ready;
	bool		right;

	if (!idv_base64url_decode(key, vector->key, key_digits) ||
		!idv_hmac_init(&ready, key, IDV_BASE64URL_DECODED(key_digits)))
		abort();
	right = idv_jws_split(&jws, exact, len) &&
		idv_hmac_make(hmac, &ready, (const uint8_t *) exact, jws.signed_len) &&
		jws.signature_len == IDV_HMAC_LEN &&
		idv_hmac_equal(hmac, jws.signature);
	free(exact);
	return right;
}

/*
 * Which labels are not those of a strict reader: NULL for the others.
 *
 * Two are called valid although a character stands in the token that is none of
 * base64url.  Their label is that of a reader who passes over it, which RFC 7515,
 * section 2, does not allow; and the signature is that of the text without it.
 *
 * Two are called invalid for padding that is not in them: they are, to the byte,
 * the token of "ValidMac".
 */
static const char *
other_reading(const JwsVector *vector)
{
	static const char *const comments[] = {
		"InvalidCharacterInsertedInHeader", "InvalidCharacterInsertedInPayload",
		"invalidBase64Padding", "invalidBase64PaddingInPayload"
	};

	for (size_t i = 0; i < LENGTH_OF(comments); i++)
		if (strcmp(vector->comment, comments[i]) == 0)
			return comments[i];
	return NULL;
}

static void
test_reads_published_vectors_as_they_are_labelled_but_four(void)
{
	int			others = 0;

	for (size_t i = 0; i < LENGTH_OF(jws_hs256); i++)
	{
		const JwsVector *vector = &jws_hs256[i];
		bool		as_labelled = verifies(vector) == vector->valid;

		others += other_reading(vector) != NULL;
		check(as_labelled == (other_reading(vector) == NULL), vector->comment,
			  __FILE__, __LINE__);
	}
	CHECK(LENGTH_OF(jws_hs256) == 40);
	CHECK(others == 4);
}

static const JwsVector *
vector_of(const char *comment)
{
	for (size_t i = 0; i < LENGTH_OF(jws_hs256); i++)
		if (strcmp(jws_hs256[i].comment, comment) == 0)
			return &jws_hs256[i];
	abort();
}

static void
test_the_four_are_what_is_said_of_them(void)
{
	CHECK(strchr(vector_of("InvalidCharacterInsertedInHeader")->jws, '?') != NULL);
	CHECK(strchr(vector_of("InvalidCharacterInsertedInPayload")->jws, '?') != NULL);
	CHECK(strcmp(vector_of("invalidBase64Padding")->jws,
				 vector_of("ValidMac")->jws) == 0);
	CHECK(strcmp(vector_of("invalidBase64PaddingInPayload")->jws,
				 vector_of("ValidMac")->jws) == 0);
}

/*
 * The text of JSON
 */

static bool
text_becomes(const char *json, const char *expected)
{
	size_t		len = strlen(json);
	uint8_t    *exact = exact_copy(json, len);
	char	   *text = malloc(len + 1);
	size_t		text_len;
	bool		plain;
	bool		same;

	same = idv_json_text(text, &text_len, &plain, exact, len) &&
		plain == (strchr(json, '\\') == NULL) &&
		text_len == strlen(expected) && memcmp(text, expected, text_len) == 0;
	free(text);
	free(exact);
	return same;
}

static void
test_replaces_escapes_that_are_not_of_ascii(void)
{
	CHECK(text_becomes("{\"a\":\"\\u00e9\"}", "{\"a\":\"\xC3\xA9\"}"));
	CHECK(text_becomes("\"\\u00E9\\u20AC\"", "\"\xC3\xA9\xE2\x82\xAC\""));
	CHECK(text_becomes("\"\\u0080\\uffff\"", "\"\xC2\x80\xEF\xBF\xBF\""));
	CHECK(text_becomes("\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""));
	CHECK(text_becomes("\"\\uD800\\uDC00\"", "\"\xF0\x90\x80\x80\""));
	CHECK(text_becomes("\"\\udbff\\udfff\"", "\"\xF4\x8F\xBF\xBF\""));
	CHECK(text_becomes("\"\\\\\\u00e9\"", "\"\\\\\xC3\xA9\""));
}

static void
test_leaves_all_other_escapes_to_the_reader(void)
{
	static const char *const same[] = {
		"", "{}", "\"\xC3\xA9\"", "\"\\\"\\\\\\/\\b\\n\"", "\"\\u0000\"",
		"\"\\u0022\\u005c\\u007f\"", "\"\\\\u00e9\"", "\"\\u00\"",
		"\"\\u00g9\"", "\"\\", "\"\\u", "\"\\u00e", "\"\\ud83d\"",
		"\"\\ude00\"", "\"\\ude00\\ud83d\"", "\"\\ud83d\\u0041\"",
		"\"\\ud83d\\ude0\"", "\"\\ud83d", "\"\\U00e9\"", "\\u00e9",
	};

	for (size_t i = 0; i < LENGTH_OF(same); i++)
		check(text_becomes(same[i], same[i]), same[i], __FILE__, __LINE__);

	/* the second half of a pair is missing, and another character is there */
	CHECK(text_becomes("\"\\ud83d\\u00e9\"", "\"\\ud83d\xC3\xA9\""));
}

static void
test_takes_eight_levels_and_no_more(void)
{
	CHECK(text_becomes("[[[[[[[[]]]]]]]]", "[[[[[[[[]]]]]]]]"));
	CHECK(!text_becomes("[[[[[[[[[]]]]]]]]]", "[[[[[[[[[]]]]]]]]]"));
	CHECK(text_becomes("{\"a\":[{\"a\":[{\"a\":[{\"a\":[]}]}]}]}",
					   "{\"a\":[{\"a\":[{\"a\":[{\"a\":[]}]}]}]}"));
	CHECK(!text_becomes("{\"a\":[{\"a\":[{\"a\":[{\"a\":[{}]}]}]}]}",
						"{\"a\":[{\"a\":[{\"a\":[{\"a\":[{}]}]}]}]}"));

	/* one beside the other, and in strings, they are no levels */
	CHECK(text_becomes("[[],[],[],[],[],[],[],[],[]]",
					   "[[],[],[],[],[],[],[],[],[]]"));
	CHECK(text_becomes("[\"[[[[[[[[[\\\"[{{{{{{{{{{\"]",
					   "[\"[[[[[[[[[\\\"[{{{{{{{{{{\"]"));
}

/*
 * Times
 */

#define NOW	1700000000.0
#define DAY	86400.0

static const double a_day = DAY;

static IdvTokenTime
of_exp(double exp, const double *lifetime)
{
	IdvTokenTimes times = {.has_exp = true,.exp = exp};

	return idv_token_time(&times, NOW, lifetime);
}

static void
test_counts_until_30_seconds_after_exp(void)
{
	CHECK(of_exp(NOW + 1, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW - 29.999, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW - 30, &a_day) == IDV_TOKEN_OVER);
	CHECK(of_exp(NOW - 31, NULL) == IDV_TOKEN_OVER);
	CHECK(of_exp(0, &a_day) == IDV_TOKEN_OVER);
	CHECK(of_exp(-1e300, &a_day) == IDV_TOKEN_OVER);
}

static void
test_refuses_what_ends_later_than_its_lifetime(void)
{
	CHECK(of_exp(NOW + DAY, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + DAY + 30, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + DAY + 30.001, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	CHECK(of_exp((NOW + 300) * 1000, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	CHECK(of_exp(1e300, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
}

static void
test_asks_for_exp_where_there_is_a_lifetime(void)
{
	IdvTokenTimes none = {.has_exp = false};

	CHECK(idv_token_time(&none, NOW, &a_day) == IDV_TOKEN_WITHOUT_EXP);
	CHECK(idv_token_time(&none, NOW, NULL) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + 10000 * DAY, NULL) == IDV_TOKEN_NOW);
	CHECK(of_exp((NOW + 300) * 1000, NULL) == IDV_TOKEN_NOW);
}

static void
test_counts_from_30_seconds_before_nbf_and_iat(void)
{
	static const struct
	{
		double		ahead;
		IdvTokenTime expected;
	}			cases[] = {
		{-DAY, IDV_TOKEN_NOW},
		{0, IDV_TOKEN_NOW},
		{30, IDV_TOKEN_NOW},
		{30.001, IDV_TOKEN_NOT_YET},
		{1000 * NOW, IDV_TOKEN_NOT_YET},
	};

	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		IdvTokenTimes nbf = {.has_nbf = true,.nbf = NOW + cases[i].ahead};
		IdvTokenTimes iat = {.has_iat = true,.iat = NOW + cases[i].ahead};

		CHECK(idv_token_time(&nbf, NOW, NULL) == cases[i].expected);
		CHECK(idv_token_time(&iat, NOW, NULL) == cases[i].expected);
	}
}

/* What is never right comes before what is not right now. */
static void
test_names_the_first_that_applies(void)
{
	IdvTokenTimes all = {true, true, true, 1e12, NOW + DAY, NOW + DAY};

	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	all.exp = NOW - DAY;
	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_OVER);
	all.has_exp = false;
	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_WITHOUT_EXP);
	CHECK(idv_token_time(&all, NOW, NULL) == IDV_TOKEN_NOT_YET);
}

int
main(void)
{
	RUN(test_decodes_the_vectors_of_the_standards);
	RUN(test_decodes_what_it_encodes_and_back);
	RUN(test_takes_each_digit_of_the_alphabet_and_no_other_character);
	RUN(test_refuses_padding_blanks_and_a_lone_digit);
	RUN(test_refuses_stray_bits_in_the_last_digit);
	RUN(test_splits_three_parts);
	RUN(test_knows_the_usual_headers);
	RUN(test_splits_a_token_without_signature);
	RUN(test_splits_what_hs256_signs);
	RUN(test_refuses_other_shapes);
	RUN(test_splits_8192_bytes_and_no_more);
	RUN(test_reads_published_vectors_as_they_are_labelled_but_four);
	RUN(test_the_four_are_what_is_said_of_them);
	RUN(test_replaces_escapes_that_are_not_of_ascii);
	RUN(test_leaves_all_other_escapes_to_the_reader);
	RUN(test_takes_eight_levels_and_no_more);
	RUN(test_counts_until_30_seconds_after_exp);
	RUN(test_refuses_what_ends_later_than_its_lifetime);
	RUN(test_asks_for_exp_where_there_is_a_lifetime);
	RUN(test_counts_from_30_seconds_before_nbf_and_iat);
	RUN(test_names_the_first_that_applies);
	return report();
}
