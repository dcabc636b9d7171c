/*-------------------------------------------------------------------------
 *
 * key_forms.c
 *	  Is what careless code makes of a secret among its forms, by its name?
 *
 *-------------------------------------------------------------------------
 */
#include "core/key_forms.h"

#include "check.h"

static IdvKeyForms keys;

static void
make(const char *secret, const char *hint)
{
	size_t		len = strlen(secret);
	uint8_t    *exact = exact_copy(secret, len);

	memset(&keys, 0xAA, sizeof(keys));
	idv_key_forms(&keys, exact, len, hint, strlen(hint));
	free(exact);
}

/* Is one of the forms this, by that mistake? */
static bool
becomes(const char *secret, IdvFinding finding, const char *bytes, size_t len)
{
	make(secret, "cdef");
	for (size_t i = 0; i < keys.n; i++)
		if (keys.forms[i].len == len && memcmp(keys.forms[i].bytes, bytes, len) == 0)
			return keys.forms[i].finding == finding;
	return false;
}

static void
test_the_secret_comes_first(void)
{
	make("0123456789abcdef", "cdef");
	CHECK(keys.n > 10);
	CHECK(keys.forms[0].finding == IDV_FOUND_NOTHING);
	CHECK(keys.forms[0].len == 16 && memcmp(keys.forms[0].bytes, "0123456789abcdef", 16) == 0);
	for (size_t i = 1; i < keys.n; i++)
		CHECK(keys.forms[i].finding != IDV_FOUND_NOTHING && keys.forms[i].what != NULL);
}

static void
test_is_decoded(void)
{
	CHECK(becomes("0123456789abCDEF", IDV_FOUND_SECRET_DECODED_HEX,
				  TEXT("\x01\x23\x45\x67\x89\xAB\xCD\xEF")));
	/* python3: base64.b64decode("0123456789abCDEF") */
	CHECK(becomes("0123456789abCDEF", IDV_FOUND_SECRET_DECODED_BASE64,
				  TEXT("\xD3\x5D\xB7\xE3\x9E\xBB\xF3\xD6\x9B\x08\x31\x05")));
	/* python3: base64.b64encode(b"a secret in base64") */
	CHECK(becomes("YSBzZWNyZXQgaW4gYmFzZTY0", IDV_FOUND_SECRET_DECODED_BASE64,
				  TEXT("a secret in base64")));
	make("no digits at all", "");
	for (size_t i = 0; i < keys.n; i++)
		CHECK(keys.forms[i].finding != IDV_FOUND_SECRET_DECODED_HEX);
}

static void
test_blanks_and_quotes_come_and_go(void)
{
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_NOT_TRIMMED, TEXT("sixteen bytes ok\n")));
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_NOT_TRIMMED, TEXT("sixteen bytes ok\r\n")));
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_NOT_TRIMMED, TEXT(" sixteen bytes ok")));
	CHECK(becomes(" sixteen bytes \n", IDV_FOUND_SECRET_NOT_TRIMMED, TEXT("sixteen bytes")));
	CHECK(becomes(" sixteen bytes \n", IDV_FOUND_SECRET_NOT_TRIMMED, TEXT(" sixteen bytes")));
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_QUOTED, TEXT("\"sixteen bytes ok\"")));
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_QUOTED, TEXT("'sixteen bytes ok'")));
	CHECK(becomes("\"sixteen bytes \"", IDV_FOUND_SECRET_QUOTED, TEXT("sixteen bytes ")));
}

static void
test_is_what_the_mask_shows(void)
{
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_MASKED,
				  TEXT("\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 "
					   "\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 cdef")));
	CHECK(becomes("sixteen bytes ok", IDV_FOUND_SECRET_MASKED, TEXT("**** **** cdef")));
	make("sixteen bytes ok", "");
	for (size_t i = 0; i < keys.n; i++)
		CHECK(keys.forms[i].finding != IDV_FOUND_SECRET_MASKED);
}

/* What a row that was altered by hand may have as a hint. */
static void
test_a_hint_that_is_too_long_is_left_out(void)
{
	static char hint[1024];

	memset(hint, 'x', sizeof(hint) - 1);
	make("sixteen bytes ok", hint);
	for (size_t i = 0; i < keys.n; i++)
		CHECK(keys.forms[i].finding != IDV_FOUND_SECRET_MASKED);
}

static void
test_has_room_for_the_longest_secret(void)
{
	static const char *const most[] = {"a", "\"", " ", "0"};

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
	{
		char		secret[IDV_SECRET_MAX + 1];

		memset(secret, most[i][0], IDV_SECRET_MAX);
		secret[IDV_SECRET_MAX / 2] = '0';
		secret[IDV_SECRET_MAX] = '\0';
		make(secret, "cdef");
		CHECK(keys.n > 10 && keys.n < IDV_KEY_FORMS_MAX);
	}
}

int
main(void)
{
	RUN(test_the_secret_comes_first);
	RUN(test_is_decoded);
	RUN(test_blanks_and_quotes_come_and_go);
	RUN(test_is_what_the_mask_shows);
	RUN(test_a_hint_that_is_too_long_is_left_out);
	RUN(test_has_room_for_the_longest_secret);
	return report();
}
