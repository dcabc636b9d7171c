/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  Is JSON made ready for its reader without a change to what it says?
 *
 *-------------------------------------------------------------------------
 */
#include "core/json_text.h"

#include "check.h"

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

int
main(void)
{
	RUN(test_replaces_escapes_that_are_not_of_ascii);
	RUN(test_leaves_all_other_escapes_to_the_reader);
	RUN(test_takes_eight_levels_and_no_more);
	return report();
}
