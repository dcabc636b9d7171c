/*-------------------------------------------------------------------------
 *
 * value_forms.c
 *	  Is what careless code makes of a value among its forms, by its name?
 *
 * The comments name the program that has made the bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "core/value_forms.h"

#include "core/bad_identity.h"

#include "check.h"

static IdvForms forms;

/* The form with these bytes, or NULL. */
static const IdvForm *
find(const char *bytes, size_t len)
{
	for (size_t i = 0; i < forms.n; i++)
		if (forms.forms[i].len == len &&
			memcmp(forms.bytes + forms.forms[i].offset, bytes, len) == 0)
			return &forms.forms[i];
	return NULL;
}

static void
make(const char *value)
{
	size_t		len = strlen(value);
	char	   *exact = exact_copy(value, len);

	idv_forms_init(&forms);
	idv_value_forms(&forms, exact, len);
	free(exact);
}

/* Is one of the value's forms this, by that mistake? */
static bool
becomes(const char *value, IdvFinding finding, const char *bytes, size_t len)
{
	const IdvForm *form;

	make(value);
	form = find(bytes, len);
	return form != NULL && form->finding == finding;
}

static void
test_the_value_comes_first(void)
{
	make("user_4711");
	CHECK(forms.n > 20);
	CHECK(forms.forms[0].finding == IDV_FOUND_NOTHING);
	CHECK(find(TEXT("user_4711")) == &forms.forms[0]);
	for (size_t i = 1; i < forms.n; i++)
		CHECK(forms.forms[i].finding != IDV_FOUND_NOTHING && forms.forms[i].what != NULL);
}

static void
test_an_empty_value_has_no_forms(void)
{
	make("");
	CHECK(forms.n == 0 && !forms.full);
}

static void
test_no_form_is_there_twice(void)
{
	make("Jos\xC3\xA9 & \"42\"");
	for (size_t i = 0; i < forms.n; i++)
		CHECK(find((char *) forms.bytes + forms.forms[i].offset, forms.forms[i].len) == &forms.forms[i]);
}

static void
test_blanks_come_and_go(void)
{
	CHECK(becomes("a", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT("a\n")));
	CHECK(becomes("a", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT("a\r\n")));
	CHECK(becomes("a", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT(" a")));
	CHECK(becomes(" a\n", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT("a")));
	CHECK(becomes(" a\n", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT(" a")));
	CHECK(becomes(" a\n", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT("a\n")));
	CHECK(becomes("\xC2\xA0" "a", IDV_FOUND_VALUE_NOT_TRIMMED, TEXT("a")));
	make(" \n");
	CHECK(find(TEXT("")) == NULL);
}

static void
test_quotes_come_and_go(void)
{
	CHECK(becomes("a", IDV_FOUND_VALUE_QUOTED, TEXT("\"a\"")));
	CHECK(becomes("a", IDV_FOUND_VALUE_QUOTED, TEXT("'a'")));
	CHECK(becomes("\"a\"", IDV_FOUND_VALUE_QUOTED, TEXT("a")));
	make("\"\"");
	CHECK(find(TEXT("")) == NULL);
}

static void
test_writes_json_as_libraries_do(void)
{
	static const char *const value = "\"Jos\xC3\xA9\"/<\xF0\x9F\x98\x80>\n\x01";

	/* node: JSON.stringify(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_QUOTED,
				  TEXT("\"\\\"Jos\xC3\xA9\\\"/<\xF0\x9F\x98\x80>\\n\\u0001\"")));
	/* python3: json.dumps(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_QUOTED,
				  TEXT("\"\\\"Jos\\u00e9\\\"/<\\ud83d\\ude00>\\n\\u0001\"")));
	/* php: json_encode($value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_QUOTED,
				  TEXT("\"\\\"Jos\\u00e9\\\"\\/<\\ud83d\\ude00>\\n\\u0001\"")));
	/* go: json.Marshal(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_QUOTED,
				  TEXT("\"\\\"Jos\xC3\xA9\\\"/\\u003c\xF0\x9F\x98\x80\\u003e\\n\\u0001\"")));
	/* .NET: JsonSerializer.Serialize(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_QUOTED,
				  TEXT("\"\\u0022Jos\\u00E9\\u0022/\\u003C\\uD83D\\uDE00\\u003E\\n\\u0001\"")));
}

static void
test_letters_change_their_case(void)
{
	CHECK(becomes("Jane@Example.com", IDV_FOUND_VALUE_CASE, TEXT("jane@example.com")));
	CHECK(becomes("Jane@Example.com", IDV_FOUND_VALUE_CASE, TEXT("JANE@EXAMPLE.COM")));
	CHECK(becomes("Jane@Example.com", IDV_FOUND_VALUE_CASE, TEXT("Jane@example.com")));
	CHECK(becomes("Jane@Example.com", IDV_FOUND_VALUE_CASE, TEXT("jane@Example.com")));
	CHECK(becomes("jane", IDV_FOUND_VALUE_CASE, TEXT("Jane")));
	CHECK(becomes("JANE", IDV_FOUND_VALUE_CASE, TEXT("Jane")));
	CHECK(becomes("jane doe-roe", IDV_FOUND_VALUE_CASE, TEXT("Jane Doe-Roe")));
	CHECK(becomes("@", IDV_FOUND_NOTHING, TEXT("@")));
}

/* python3: value.lower(), value.upper(), in which no letter changes twice */
static void
test_letters_beyond_ascii_do_too(void)
{
	static const char *const cases[][2] = {
		{"\xC3\x85SA \xC3\x9E\xC3\x93R", "\xC3\xA5sa \xC3\xBE\xC3\xB3r"},	/* ÅSA ÞÓR */
		{"\xC5\xBD" "EL\xC4\xBD" "EZO", "\xC5\xBE" "el\xC4\xBE" "ezo"}, /* ŽELĽEZO */
		{"\xCE\x86\xCE\x9D\xCE\x9D\xCE\x91", "\xCE\xAC\xCE\xBD\xCE\xBD\xCE\xB1"},	/* ΆΝΝΑ */
		{"\xD0\x81\xD0\x96", "\xD1\x91\xD0\xB6"},	/* ЁЖ */
		{"NGUY\xE1\xBB\x84N", "nguy\xE1\xBB\x85n"}, /* NGUYỄN */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CHECK(becomes(cases[i][0], IDV_FOUND_VALUE_CASE, cases[i][1], strlen(cases[i][1])));
		CHECK(becomes(cases[i][1], IDV_FOUND_VALUE_CASE, cases[i][0], strlen(cases[i][0])));
	}
	make("\xC3\x97\xC3\xB7\xE6\x97\xA5");	/* ×÷日 */
	for (size_t i = 0; i < forms.n; i++)
		CHECK(forms.forms[i].finding != IDV_FOUND_VALUE_CASE);
}

static void
test_escapes_urls_as_libraries_do(void)
{
	static const char *const value = "a b~(c)+d@e.f/\xC3\xA9";

	/* node: encodeURIComponent(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a%20b~(c)%2Bd%40e.f%2F%C3%A9")));
	/* php: rawurlencode($value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a%20b~%28c%29%2Bd%40e.f%2F%C3%A9")));
	/* php: urlencode($value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a+b%7E%28c%29%2Bd%40e.f%2F%C3%A9")));
	/* python3: urllib.parse.quote(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a%20b~%28c%29%2Bd%40e.f/%C3%A9")));
	/* node: encodeURI(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a%20b~(c)+d@e.f/%C3%A9")));
	/* .NET: HttpUtility.UrlEncode(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("a+b%7e(c)%2bd%40e.f%2f%c3%a9")));
	/* and back */
	CHECK(becomes("a%20b%40c", IDV_FOUND_VALUE_ESCAPED, TEXT("a b@c")));
	CHECK(becomes("a+b%40c%", IDV_FOUND_VALUE_ESCAPED, TEXT("a b@c%")));
	CHECK(becomes("a%zz%4", IDV_FOUND_VALUE_ESCAPED, TEXT("a%25zz%254")));
}

static void
test_escapes_html_as_libraries_do(void)
{
	static const char *const value = "o'neil & \"\xC3\xA9\"";

	/* php: htmlspecialchars($value, ENT_QUOTES) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("o&#039;neil &amp; &quot;\xC3\xA9&quot;")));
	/* python3: html.escape(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("o&#x27;neil &amp; &quot;\xC3\xA9&quot;")));
	/* go: html.EscapeString(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("o&#39;neil &amp; &#34;\xC3\xA9&#34;")));
	/* ruby: CGI.escapeHTML(value) */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("o&#39;neil &amp; &quot;\xC3\xA9&quot;")));
	/* an ASCII page: xmlcharrefreplace */
	CHECK(becomes(value, IDV_FOUND_VALUE_ESCAPED, TEXT("o&#39;neil &amp; &quot;&#233;&quot;")));
	/* and back */
	CHECK(becomes("o&#39;neil &amp;amp; &lt;x&gt;", IDV_FOUND_VALUE_ESCAPED, TEXT("o'neil &amp; <x>")));
}

static void
test_is_encoded_otherwise(void)
{
	static const char *const value = "\xC3\xA9\xF0\x9F\x98\x80";

	/* node: Buffer.from(value, 'utf16le') */
	CHECK(becomes(value, IDV_FOUND_VALUE_ENCODING, TEXT("\xE9\x00\x3D\xD8\x00\xDE")));
	/* java: value.getBytes("UTF-16BE"), getBytes("UTF-16") */
	CHECK(becomes(value, IDV_FOUND_VALUE_ENCODING, TEXT("\x00\xE9\xD8\x3D\xDE\x00")));
	CHECK(becomes(value, IDV_FOUND_VALUE_ENCODING, TEXT("\xFE\xFF\x00\xE9\xD8\x3D\xDE\x00")));
	/* python3: value.encode('utf-16') */
	CHECK(becomes(value, IDV_FOUND_VALUE_ENCODING, TEXT("\xFF\xFE\xE9\x00\x3D\xD8\x00\xDE")));
	/* python3: value.encode('latin-1'), which a character too many prevents */
	CHECK(becomes("\xC3\xA9", IDV_FOUND_VALUE_ENCODING, TEXT("\xE9")));
	make("\xC3\xA9\xE2\x82\xAC");
	CHECK(find(TEXT("\xE9\xAC")) == NULL);
	/* php: utf8_encode($value), of what is UTF-8 already */
	CHECK(becomes("\xC3\xA9", IDV_FOUND_VALUE_ENCODING, TEXT("\xC3\x83\xC2\xA9")));
	CHECK(becomes("a", IDV_FOUND_VALUE_ENCODING, TEXT("\xEF\xBB\xBF" "a")));
}

static void
test_writes_numbers_as_types_do(void)
{
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("42.0")));
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("+42")));
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("042")));
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("4.2e1")));
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("4.2E+01")));
	CHECK(becomes("42", IDV_FOUND_VALUE_NUMBER, TEXT("4.200000e+01")));
	CHECK(becomes("7", IDV_FOUND_VALUE_NUMBER, TEXT("7e0")));
	CHECK(becomes("4711", IDV_FOUND_VALUE_NUMBER, TEXT("4,711")));
	CHECK(becomes("1234567", IDV_FOUND_VALUE_NUMBER, TEXT("1.234.567")));
	/* node: String(9007199254740993), String(12345678901234567890) */
	CHECK(becomes("9007199254740993", IDV_FOUND_VALUE_NUMBER, TEXT("9007199254740992")));
	CHECK(becomes("12345678901234567890", IDV_FOUND_VALUE_NUMBER, TEXT("12345678901234567000")));
	/* python3: '%d' % 12345678901234567890.0, str(12345678901234567890.0) */
	CHECK(becomes("12345678901234567890", IDV_FOUND_VALUE_NUMBER, TEXT("12345678901234567168")));
	CHECK(becomes("12345678901234567890", IDV_FOUND_VALUE_NUMBER, TEXT("1.2345678901234567e+19")));
	/* and back */
	CHECK(becomes("042", IDV_FOUND_VALUE_NUMBER, TEXT("42")));
	CHECK(becomes("+42", IDV_FOUND_VALUE_NUMBER, TEXT("42")));
	CHECK(becomes("42.0", IDV_FOUND_VALUE_NUMBER, TEXT("42")));
	CHECK(becomes("4,711", IDV_FOUND_VALUE_NUMBER, TEXT("4711")));
	CHECK(becomes("0", IDV_FOUND_VALUE_NUMBER, TEXT("0.0")));
}

static void
test_what_is_no_number_is_not_written_as_one(void)
{
	static const char *const others[] = {
		"a42", "42a", "4-2", "42.5", "", "+", ".", "1.2.3a", "-42", "42 ", "6ba7b810-9dad",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		make(others[i]);
		for (size_t j = 0; j < forms.n; j++)
			CHECK(forms.forms[j].finding != IDV_FOUND_VALUE_NUMBER);
	}
}

static void
test_joins_both_fields(void)
{
	static const char *const separators[] = {"", ":", "|", "-", "_"};

	idv_forms_init(&forms);
	idv_joined_forms(&forms, TEXT("7"), TEXT("j@x"));
	CHECK(forms.n == 10);
	for (size_t i = 0; i < sizeof(separators) / sizeof(separators[0]); i++)
	{
		char		text[16];

		snprintf(text, sizeof(text), "7%sj@x", separators[i]);
		CHECK(find(text, strlen(text))->finding == IDV_FOUND_VALUE_WITH_FIELD);
		snprintf(text, sizeof(text), "j@x%s7", separators[i]);
		CHECK(find(text, strlen(text))->finding == IDV_FOUND_VALUE_WITH_FIELD);
	}

	idv_forms_init(&forms);
	idv_joined_forms(&forms, TEXT("7"), TEXT(""));
	idv_joined_forms(&forms, TEXT(""), TEXT("j@x"));
	CHECK(forms.n == 0);
}

static void
test_knows_what_stands_for_nothing(void)
{
	static const char *const words[] = {"", "undefined", "null", "None", "nil", "NaN", "[object Object]", "0"};

	idv_forms_init(&forms);
	idv_placeholder_forms(&forms);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		CHECK(find(words[i], strlen(words[i])) != NULL);
	for (size_t i = 0; i < forms.n; i++)
		CHECK(forms.forms[i].finding == IDV_FOUND_VALUE_PLACEHOLDER);
}

/* Two fields of 1,024 bytes that grow the most fit, with room for the server's. */
static void
test_has_room_for_the_longest_values(void)
{
	static const char *const most[] = {"\x01", "\"", "&", "\xF0\x9F\x98\x80", "\xEF\xB7\xBA", " "};
	char		value[IDV_IDENTITY_MAX];

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
	{
		size_t		n = strlen(most[i]);
		size_t		len = 0;

		for (; len + n <= sizeof(value); len += n)
			memcpy(value + len, most[i], n);
		idv_forms_init(&forms);
		idv_value_forms(&forms, value, len);
		forms.other_field = true;
		value[0] = 'x';
		idv_value_forms(&forms, value, len);
		forms.other_field = false;
		idv_joined_forms(&forms, value, len, value, len);
		idv_placeholder_forms(&forms);
		CHECK(!forms.full);
		CHECK(forms.used < IDV_FORMS_BYTES / 2 && forms.n < IDV_FORMS_MAX / 2);
	}
}

static void
test_says_when_there_is_no_room(void)
{
	static uint8_t big[IDV_FORMS_BYTES];

	idv_forms_init(&forms);
	idv_forms_add(&forms, IDV_FOUND_VALUE_CASE, "big", big, sizeof(big));
	CHECK(forms.n == 1 && !forms.full);
	idv_forms_add(&forms, IDV_FOUND_VALUE_CASE, "more", "x", 1);
	CHECK(forms.n == 1 && forms.full);

	idv_forms_init(&forms);
	for (unsigned i = 0; i < IDV_FORMS_MAX; i++)
		idv_forms_add(&forms, IDV_FOUND_VALUE_CASE, "one", &i, sizeof(i));
	CHECK(forms.n == IDV_FORMS_MAX && !forms.full);
	idv_forms_add(&forms, IDV_FOUND_VALUE_CASE, "more", "x", 1);
	CHECK(forms.n == IDV_FORMS_MAX && forms.full);
}

int
main(void)
{
	RUN(test_the_value_comes_first);
	RUN(test_an_empty_value_has_no_forms);
	RUN(test_no_form_is_there_twice);
	RUN(test_blanks_come_and_go);
	RUN(test_quotes_come_and_go);
	RUN(test_writes_json_as_libraries_do);
	RUN(test_letters_change_their_case);
	RUN(test_letters_beyond_ascii_do_too);
	RUN(test_escapes_urls_as_libraries_do);
	RUN(test_escapes_html_as_libraries_do);
	RUN(test_is_encoded_otherwise);
	RUN(test_writes_numbers_as_types_do);
	RUN(test_what_is_no_number_is_not_written_as_one);
	RUN(test_joins_both_fields);
	RUN(test_knows_what_stands_for_nothing);
	RUN(test_has_room_for_the_longest_values);
	RUN(test_says_when_there_is_no_room);
	return report();
}
