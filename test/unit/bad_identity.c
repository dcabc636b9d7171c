/*-------------------------------------------------------------------------
 *
 * bad_identity.c
 *	  Is a value that stands for nobody told from one that only looks so?
 *
 *-------------------------------------------------------------------------
 */
#include "core/bad_identity.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Unicode's White_Space, and two more characters that nobody can see. */
static const char *const blanks[] = {
	"\t", "\n", "\v", "\f", "\r", " ",
	"\xC2\x85",					/* U+0085 next line */
	"\xC2\xA0",					/* U+00A0 no-break space */
	"\xE1\x9A\x80",				/* U+1680 Ogham space mark */
	"\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
	"\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87",
	"\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", /* U+2000 to U+200A */
	"\xE2\x80\x8B",				/* U+200B zero-width space */
	"\xE2\x80\xA8",				/* U+2028 line separator */
	"\xE2\x80\xA9",				/* U+2029 paragraph separator */
	"\xE2\x80\xAF",				/* U+202F narrow no-break space */
	"\xE2\x81\x9F",				/* U+205F medium mathematical space */
	"\xE3\x80\x80",				/* U+3000 ideographic space */
	"\xEF\xBB\xBF",				/* U+FEFF byte order mark */
};

static const size_t nblanks = sizeof(blanks) / sizeof(blanks[0]);

/* Is before, value and after in a row a bad identity? */
static bool
is_bad(const char *before, const char *value, const char *after)
{
	char		text[2048];
	size_t		len;
	char	   *exact;
	bool		result;

	len = (size_t) snprintf(text, sizeof(text), "%s%s%s",
							before, value, after);
	exact = exact_copy(text, len);
	result = idv_identity_is_bad(exact, len);
	free(exact);
	return result;
}

/* Is the answer the same whatever blanks are around the value? */
static bool
is_so_among_blanks(bool answer, const char *value)
{
	if (is_bad("", value, "") != answer)
		return false;
	for (size_t i = 0; i < nblanks; i++)
	{
		const char *one = blanks[i];
		const char *another = blanks[(i + 1) % nblanks];

		if (is_bad(one, value, "") != answer ||
			is_bad("", value, one) != answer ||
			is_bad(one, value, another) != answer)
			return false;
	}
	return is_bad(" \t\xC2\xA0", value, "\xE2\x80\x8B\r\n") == answer;
}

/* And in whatever case its letters are? */
static bool
is_always(bool answer, const char *value)
{
	char		lower[256];
	char		upper[256];
	char		mixed[256];
	size_t		len = strlen(value);

	for (size_t i = 0; i <= len; i++)
	{
		lower[i] = (char) tolower((unsigned char) value[i]);
		upper[i] = (char) toupper((unsigned char) value[i]);
		mixed[i] = i % 2 == 0 ? upper[i] : lower[i];
	}
	return is_so_among_blanks(answer, value) &&
		is_so_among_blanks(answer, lower) &&
		is_so_among_blanks(answer, upper) &&
		is_so_among_blanks(answer, mixed);
}

static bool
bad(const char *value)
{
	return is_always(true, value);
}

static bool
good(const char *value)
{
	return is_always(false, value);
}

static bool
blank(const char *text, size_t len)
{
	char	   *exact = exact_copy(text, len);
	bool		result = idv_is_blank(exact, len);

	free(exact);
	return result;
}

static void
test_knows_the_words_for_nobody(void)
{
	CHECK(bad("undefined"));
	CHECK(bad("null"));
	CHECK(bad("(null)"));
	CHECK(bad("<null>"));
	CHECK(bad("nil"));
	CHECK(bad("<nil>"));
	CHECK(bad("none"));
	CHECK(bad("nan"));
	CHECK(bad("true"));
	CHECK(bad("false"));
	CHECK(bad("-1"));
	CHECK(bad("anonymous"));
	CHECK(bad("guest"));
	CHECK(bad("{}"));
	CHECK(bad("[]"));
	CHECK(bad("\"\""));
	CHECK(bad("''"));
}

static void
test_only_zeros_and_dashes_are_nobody(void)
{
	CHECK(bad("0"));
	CHECK(bad("-0"));
	CHECK(bad("-"));
	CHECK(bad("--"));
	CHECK(bad("000000"));
	CHECK(bad("00000000-0000-0000-0000-000000000000"));
	CHECK(bad("00000000000000000000000000000000"));
}

static void
test_knows_an_object_as_text(void)
{
	CHECK(bad("[object Object]"));
	CHECK(bad("[object Promise]"));
	CHECK(bad("[object Undefined]"));
	CHECK(bad("[object HTMLInputElement]"));
	CHECK(bad("[object ]"));
}

static void
test_knows_templates_that_were_not_rendered(void)
{
	CHECK(bad("{{ user.id }}"));
	CHECK(bad("{{user.id}}"));
	CHECK(bad("{{{ user.id }}}"));
	CHECK(bad("{{}}"));
	CHECK(bad("${id}"));
	CHECK(bad("${}"));
	CHECK(bad("#{user.id}"));
	CHECK(bad("#{}"));
	CHECK(bad("<%= id %>"));
	CHECK(bad("<%- id -%>"));
	CHECK(bad("<%%>"));
}

static void
test_only_blanks_are_nobody(void)
{
	CHECK(bad(""));
	for (size_t i = 0; i < nblanks; i++)
		CHECK(bad(blanks[i]));
}

static void
test_leaves_alone_what_only_looks_like_nobody(void)
{
	CHECK(good("nullable"));
	CHECK(good("nul"));
	CHECK(good("null0"));
	CHECK(good("null null"));
	CHECK(good("n ull"));
	CHECK(good("null\xC3\xA9"));
	CHECK(good("undefined1"));
	CHECK(good("an"));
	CHECK(good("nano"));
	CHECK(good("nones"));
	CHECK(good("true north"));
	CHECK(good("untrue"));
	CHECK(good("falsetto"));
	CHECK(good("guest1"));
	CHECK(good("guests"));
	CHECK(good("guest@example.com"));
	CHECK(good("anonymous@example.com"));
	CHECK(good("(nil"));
	CHECK(good("nil>"));
}

static void
test_leaves_numbers_alone(void)
{
	CHECK(good("1"));
	CHECK(good("10"));
	CHECK(good("-2"));
	CHECK(good("-10"));
	CHECK(good("-11"));
	CHECK(good("0x0"));
	CHECK(good("0.5"));
	CHECK(good("000123"));
	CHECK(good("000-000-1"));
	CHECK(good("00000000-0000-0000-0000-000000000001"));
	CHECK(good("00000000-0000-0000-a000-000000000000"));
	CHECK(good("9223372036854775807"));
}

static void
test_leaves_brackets_alone(void)
{
	CHECK(good("{"));
	CHECK(good("[1]"));
	CHECK(good("{\"id\":7}"));
	CHECK(good("{7}"));
	CHECK(good("\"alice\""));
	CHECK(good("'"));
	CHECK(good("[object]"));
	CHECK(good("[objects of desire]"));
	CHECK(good("[object Object"));
	CHECK(good("object Object]"));
	CHECK(good("{{"));
	CHECK(good("{{}"));
	CHECK(good("{{alice"));
	CHECK(good("alice}}"));
	CHECK(good("{{alice}"));
	CHECK(good("{alice}}"));
	CHECK(good("$alice"));
	CHECK(good("${alice"));
	CHECK(good("$alice}"));
	CHECK(good("#alice"));
	CHECK(good("#7"));
	CHECK(good("<%>"));
	CHECK(good("<alice>"));
	CHECK(good("<% alice"));
}

static void
test_leaves_people_alone(void)
{
	CHECK(good("alice"));
	CHECK(good("a"));
	CHECK(good("alice@example.com"));
	CHECK(good("Alice Liddell"));
	CHECK(good("Mx. None Such"));
	CHECK(good("\xC3\x85sa"));
	CHECK(good("\xE5\xA4\xAA\xE9\x83\x8E"));
	CHECK(good("\xF0\x9F\x98\x80"));	/* an emoji */
	CHECK(good("\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80"));
	CHECK(good("a\xC2\xA0z"));
	CHECK(good("auth0|5f7c8ec7c33c6c004bbafe82"));
	CHECK(good("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
}

static void
test_judges_the_longest_identity_as_any_other(void)
{
	char		zeros[IDV_IDENTITY_MAX];
	char		spaces[IDV_IDENTITY_MAX];

	memset(zeros, '0', sizeof(zeros));
	CHECK(idv_identity_is_bad(zeros, sizeof(zeros)));
	zeros[sizeof(zeros) - 1] = '1';
	CHECK(!idv_identity_is_bad(zeros, sizeof(zeros)));

	memset(spaces, ' ', sizeof(spaces));
	CHECK(idv_identity_is_bad(spaces, sizeof(spaces)));
	spaces[sizeof(spaces) / 2] = 'x';
	CHECK(!idv_identity_is_bad(spaces, sizeof(spaces)));
}

static void
test_sees_nothing_in_blanks(void)
{
	char		all[128] = "";

	CHECK(blank(TEXT("")));
	for (size_t i = 0; i < nblanks; i++)
	{
		CHECK(blank(blanks[i], strlen(blanks[i])));
		strcat(all, blanks[i]);
	}
	CHECK(blank(all, strlen(all)));
	CHECK(!blank(all, strlen(all) - 1));	/* half a byte order mark */
}

static void
test_sees_anything_else(void)
{
	char		text[8];

	/* no other ASCII character is a blank, the zero byte not either */
	for (int c = 0; c < 128; c++)
	{
		text[0] = (char) c;
		CHECK(blank(text, 1) == (c == ' ' || (c >= '\t' && c <= '\r')));
	}

	CHECK(!blank(TEXT("null")));
	CHECK(!blank(TEXT("0")));
	CHECK(!blank(TEXT(" a ")));
	CHECK(!blank(TEXT(" \0 ")));

	/* the neighbours of blanks */
	CHECK(!blank(TEXT("\xC2\x84")));
	CHECK(!blank(TEXT("\xC2\x86")));
	CHECK(!blank(TEXT("\xC2\x9F")));
	CHECK(!blank(TEXT("\xC2\xA1")));
	CHECK(!blank(TEXT("\xE1\x9A\x81")));
	CHECK(!blank(TEXT("\xE1\xA0\x8E")));	/* a blank until Unicode 6.3 */
	CHECK(!blank(TEXT("\xE2\x80\x8C")));
	CHECK(!blank(TEXT("\xE2\x80\x90")));
	CHECK(!blank(TEXT("\xE2\x80\xA7")));
	CHECK(!blank(TEXT("\xE2\x80\xAA")));
	CHECK(!blank(TEXT("\xE2\x80\xAE")));
	CHECK(!blank(TEXT("\xE2\x80\xB0")));
	CHECK(!blank(TEXT("\xE2\x81\x9E")));
	CHECK(!blank(TEXT("\xE2\x81\xA0")));
	CHECK(!blank(TEXT("\xE3\x80\x81")));
	CHECK(!blank(TEXT("\xEF\xBB\xBE")));

	/* the last bytes of blanks behind other first ones */
	CHECK(!blank(TEXT("\xC3\x85")));
	CHECK(!blank(TEXT("\xC3\xA0")));
	CHECK(!blank(TEXT("\xE2\x81\x80")));
	CHECK(!blank(TEXT("\xE3\x80\x8A")));
	CHECK(!blank(TEXT("\xE1\x80\x80")));
}

int
main(void)
{
	RUN(test_knows_the_words_for_nobody);
	RUN(test_only_zeros_and_dashes_are_nobody);
	RUN(test_knows_an_object_as_text);
	RUN(test_knows_templates_that_were_not_rendered);
	RUN(test_only_blanks_are_nobody);
	RUN(test_leaves_alone_what_only_looks_like_nobody);
	RUN(test_leaves_numbers_alone);
	RUN(test_leaves_brackets_alone);
	RUN(test_leaves_people_alone);
	RUN(test_judges_the_longest_identity_as_any_other);
	RUN(test_sees_nothing_in_blanks);
	RUN(test_sees_anything_else);
	return report();
}
