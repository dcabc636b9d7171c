/*-------------------------------------------------------------------------
 *
 * hash_readings.c
 *	  Is what was presented read as what it was made of?
 *
 *-------------------------------------------------------------------------
 */
#include "core/hash_readings.h"

#include "check.h"

#define HASH	"306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739"

static IdvReadings readings;

static void
read_text(const char *text, size_t len)
{
	char	   *exact = exact_copy(text, len);

	idv_hash_readings(&readings, exact, len);
	free(exact);
}

/* Is it read as that, by these mistakes and no others? */
static bool
is_read_as(const char *text, const char *as, IdvFinding first, IdvFinding second)
{
	read_text(text, strlen(text));
	for (size_t i = 0; i < readings.n; i++)
	{
		const IdvReading *reading = &readings.readings[i];
		int			expected = (first != IDV_FOUND_NOTHING) + (second != IDV_FOUND_NOTHING);

		if (reading->len != strlen(as) || memcmp(reading->text, as, reading->len) != 0)
			continue;
		return reading->nmistakes == expected &&
			(expected < 1 || reading->mistakes[0].finding == first) &&
			(expected < 2 || reading->mistakes[1].finding == second);
	}
	return false;
}

/* Is it read as HASH? */
static bool
is_hash(const char *text, IdvFinding first, IdvFinding second)
{
	return is_read_as(text, HASH, first, second);
}

static void
test_what_is_right_is_read_as_it_is(void)
{
	CHECK(is_hash(HASH, IDV_FOUND_NOTHING, IDV_FOUND_NOTHING));
	CHECK(readings.n == 1 && readings.readings[0].is_hex);
	CHECK(is_hash("306C60E7CB3682EE6B90E82F7588F6D264000846F7AA339F1A960092DED50739",
				  IDV_FOUND_NOTHING, IDV_FOUND_NOTHING));
}

static void
test_takes_blanks_off(void)
{
	CHECK(is_hash(HASH "\n", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(is_hash(" " HASH "\r\n", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(is_hash("\xC2\xA0" HASH, IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(is_hash(HASH " *stdin\n", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(is_hash(HASH "  -", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
}

static void
test_takes_prefixes_off(void)
{
	static const char *const prefixes[] = {
		"sha256=", "sha256:", "hmac-sha256=", "0x", "(stdin)= ", "SHA2-256(stdin)= ",
		"SHA256=", "0X", "HMAC-SHA256:",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		char		text[128];

		snprintf(text, sizeof(text), "%s%s", prefixes[i], HASH);
		CHECK(is_hash(text, IDV_FOUND_HASH_PREFIXED, IDV_FOUND_NOTHING));
		snprintf(text, sizeof(text), "%s%s\n", prefixes[i], HASH);
		CHECK(is_hash(text, IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_HASH_PREFIXED));
	}
	CHECK(is_hash("sha256= " HASH, IDV_FOUND_HASH_PREFIXED, IDV_FOUND_HASH_NOT_TRIMMED));
	CHECK(!is_hash("md5=" HASH, IDV_FOUND_HASH_PREFIXED, IDV_FOUND_NOTHING));
}

static void
test_takes_out_what_stands_between(void)
{
	CHECK(is_read_as("30-6C-60", "306c60", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(is_read_as("30:6c:60", "306c60", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(!is_read_as("30-6c:60", "306c60", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
	CHECK(!is_read_as("306-c60", "306c60", IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_NOTHING));
}

static void
test_decodes_base64(void)
{
	/* openssl dgst -sha256 -hmac ... -binary | base64 */
	CHECK(is_hash("MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=",
				  IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING));
	CHECK(is_hash("MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk",
				  IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING));
	CHECK(is_hash("MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk%3D",
				  IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING));
	CHECK(is_hash("MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=\n",
				  IDV_FOUND_HASH_NOT_TRIMMED, IDV_FOUND_HASH_BASE64));
	/* node: btoa(hash) */
	CHECK(is_hash("MzA2YzYwZTdjYjM2ODJlZTZiOTBlODJmNzU4OGY2ZDI2NDAwMDg0NmY3YWEzMzlmMWE5NjAwOTJkZWQ1MDczOQ==",
				  IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING));
	CHECK(is_read_as("-_-_-_-_-_-_", "fbffbffbffbffbffbf", IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING));
}

static void
test_decodes_hex_of_hex(void)
{
	/* go: fmt.Sprintf("%x", hash) */
	CHECK(is_hash("3330366336306537636233363832656536623930653832663735383866366432"
				  "3634303030383436663761613333396631613936303039326465643530373339",
				  IDV_FOUND_HASH_HEX_TWICE, IDV_FOUND_NOTHING));
}

static void
test_reads_nothing_that_is_empty_or_long(void)
{
	static char text[IDV_PRESENTED_MAX + 1];

	read_text(TEXT(""));
	CHECK(readings.n == 0);
	memset(text, 'a', sizeof(text));
	read_text(text, IDV_PRESENTED_MAX);
	CHECK(readings.n == 1);
	read_text(text, IDV_PRESENTED_MAX + 1);
	CHECK(readings.n == 0);
}

static void
test_ends_whatever_is_packed_into_it(void)
{
	char		text[IDV_PRESENTED_MAX] = "";

	for (int i = 0; i < 60; i++)
		strcat(text, i % 2 == 0 ? "sha256= " : "0x\n");
	strcat(text, HASH);
	read_text(text, strlen(text));
	CHECK(readings.n > 3 && readings.n <= IDV_READINGS_MAX);
	for (size_t i = 0; i < readings.n; i++)
		CHECK(readings.readings[i].nmistakes <= IDV_READING_MISTAKES);
}

static void
test_tells_tokens_by_their_shape(void)
{
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9.e30.bm8gc2lnbmF0dXJl")));
	CHECK(idv_looks_like_token(TEXT("eyAiYWxnIjoiSFMyNTYifQ.e30.x")));
	/* meant as one, and wrong */
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJub25lIn0.e30.")));
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9..x")));
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9.e30")));
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9.e30.x.y")));
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9.e30=.x")));
	CHECK(idv_looks_like_token(TEXT("eyJhbGciOiAiSFMyNTYifQ==.e30=.x")));
	/* something else */
	/* { "alg", after a blank, and after two line feeds */
	CHECK(idv_looks_like_token(TEXT("IHsgImFsZyI6IkhTMjU2In0.e30.x")));
	CHECK(idv_looks_like_token(TEXT("Cgp7ImFsZyI6IkhTMjU2In0.e30.x")));
	CHECK(!idv_looks_like_token(TEXT("WyJIUzI1NiJd.e30.x")));
	CHECK(!idv_looks_like_token(TEXT("ICAg.e30.x")));
	/* what careless code puts in front of one */
	CHECK(idv_looks_like_token(TEXT("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x")));
	CHECK(idv_looks_like_token(TEXT(" \"bearer \t eyJhbGciOiJIUzI1NiJ9.e30.x\"\n")));
	CHECK(idv_token_offset(TEXT("eyJhbGciOiJIUzI1NiJ9.e30.x")) == 0);
	CHECK(idv_token_offset(TEXT("Bearer  eyJhbGciOiJIUzI1NiJ9.e30.x")) == 8);
	CHECK(idv_token_offset(TEXT("'eyJhbGciOiJIUzI1NiJ9.e30.x'")) == 1);
	CHECK(!idv_looks_like_token(TEXT("Bearer ")));
	CHECK(!idv_looks_like_token(TEXT("BearereyJhbGciOiJIUzI1NiJ9.e30.x")));
	CHECK(!idv_looks_like_token(TEXT("Bearer #/page.html")));
	CHECK(!idv_looks_like_token(TEXT("#/page.html")));

	CHECK(!idv_looks_like_token(TEXT("eyJhbGciOiJIUzI1NiJ9")));
	CHECK(!idv_looks_like_token(TEXT(".e30.x")));
	CHECK(!idv_looks_like_token(TEXT("ex@example.com")));
	CHECK(!idv_looks_like_token(TEXT("e.e30.x")));
	CHECK(!idv_looks_like_token(TEXT("a.b.c")));
	CHECK(!idv_looks_like_token(TEXT("e")));
	CHECK(!idv_looks_like_token(TEXT("")));
	CHECK(!idv_looks_like_token(TEXT(HASH)));
}

int
main(void)
{
	RUN(test_what_is_right_is_read_as_it_is);
	RUN(test_takes_blanks_off);
	RUN(test_takes_prefixes_off);
	RUN(test_takes_out_what_stands_between);
	RUN(test_decodes_base64);
	RUN(test_decodes_hex_of_hex);
	RUN(test_reads_nothing_that_is_empty_or_long);
	RUN(test_ends_whatever_is_packed_into_it);
	RUN(test_tells_tokens_by_their_shape);
	return report();
}
