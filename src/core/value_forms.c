/*-------------------------------------------------------------------------
 *
 * value_forms.c
 *	  What a site may have signed in place of a value.
 *
 * Normal forms of Unicode are the server's to add.
 *
 *-------------------------------------------------------------------------
 */
#include "core/value_forms.h"

#include <string.h>

#include "core/around.h"
#include "core/bad_identity.h"
#include "core/escaped_forms.h"
#include "core/number_forms.h"
#include "core/utf8.h"

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

/* Blanks or quotes around the value, or not those that it has. */
static void
add_around(IdvForms *forms, const char *value, size_t len, bool quotes)
{
	const char *inner = value;
	size_t		inner_len = len;

	for (const IdvAround *around = idv_around; around->what != NULL; around++)
	{
		if (around->quotes != quotes)
			continue;
		idv_forms_put_text(forms, around->before);
		idv_forms_put(forms, value, len);
		idv_forms_put_text(forms, around->after);
		idv_forms_finish(forms, quotes ? IDV_FOUND_VALUE_QUOTED : IDV_FOUND_VALUE_NOT_TRIMMED,
						 around->what);
	}

	if (quotes)
	{
		if (len > 2 && value[0] == value[len - 1] && strchr("\"'`", value[0]) != NULL)
			idv_forms_add(forms, IDV_FOUND_VALUE_QUOTED,
						  "without the quotes that the claim has", value + 1, len - 2);
		return;
	}
	idv_trim(&inner, &inner_len);
	if (inner_len == 0)
		return;
	idv_forms_add(forms, IDV_FOUND_VALUE_NOT_TRIMMED,
				  "without the blanks that the claim has around it", inner, inner_len);
	idv_forms_add(forms, IDV_FOUND_VALUE_NOT_TRIMMED,
				  "without the blanks that the claim has before it",
				  inner, len - (size_t) (inner - value));
	idv_forms_add(forms, IDV_FOUND_VALUE_NOT_TRIMMED,
				  "without the blanks that the claim has behind it",
				  value, (size_t) (inner - value) + inner_len);
}

/*
 * Capital letters, from one to another in steps, and how far behind each the
 * small one is: Latin, Greek, Cyrillic and Armenian, as far as there is a rule.
 * What no locale changes, that is.
 */
static const struct
{
	uint32_t	first;
	uint32_t	last;
	uint32_t	step;
	uint32_t	distance;
}			capitals[] = {
	{'A', 'Z', 1, 32}, {0xC0, 0xD6, 1, 32}, {0xD8, 0xDE, 1, 32},
	{0x100, 0x12E, 2, 1}, {0x132, 0x136, 2, 1}, {0x139, 0x147, 2, 1},
	{0x14A, 0x176, 2, 1}, {0x179, 0x17D, 2, 1}, {0x1E00, 0x1E94, 2, 1},
	{0x1EA0, 0x1EFE, 2, 1},
	{0x386, 0x386, 1, 38}, {0x388, 0x38A, 1, 37}, {0x38C, 0x38C, 1, 64},
	{0x38E, 0x38F, 1, 63}, {0x391, 0x3A1, 1, 32}, {0x3A3, 0x3AB, 1, 32},
	{0x400, 0x40F, 1, 80}, {0x410, 0x42F, 1, 32}, {0x460, 0x480, 2, 1},
	{0x48A, 0x4BE, 2, 1}, {0x531, 0x556, 1, 48},
};

/* The letter in the case wanted; what is no letter, as it is. */
static uint32_t
change_case(uint32_t letter, bool upper)
{
	for (size_t i = 0; i < LENGTHOF(capitals); i++)
	{
		uint32_t	distance = capitals[i].distance;
		uint32_t	capital = upper ? letter - distance : letter;

		if (capital >= capitals[i].first && capital <= capitals[i].last &&
			(capital - capitals[i].first) % capitals[i].step == 0)
			return upper ? capital : letter + distance;
	}
	return letter;
}

/* What is done to the letters of a value. */
typedef enum CaseChange
{
	CASE_LOWER,
	CASE_UPPER,
	CASE_CAPITAL,				/* the first one large, the others small */
	CASE_CAPITALS,				/* of each word */
	CASE_FIRST_UPPER,			/* the others as they are */
	CASE_FIRST_LOWER,
	CASE_LOCAL_LOWER,			/* those before the @ small */
	CASE_DOMAIN_LOWER			/* those behind it */
} CaseChange;

static const char *const case_words[] = {
	[CASE_LOWER] = "in lower case",
	[CASE_UPPER] = "in upper case",
	[CASE_CAPITAL] = "with a capital letter first, and small ones",
	[CASE_CAPITALS] = "with a capital letter first in each word",
	[CASE_FIRST_UPPER] = "with a capital letter first",
	[CASE_FIRST_LOWER] = "with a small letter first",
	[CASE_LOCAL_LOWER] = "in lower case before the @",
	[CASE_DOMAIN_LOWER] = "in lower case behind the @",
};

/* The letter as that change has it; first is the value's, begins a word's. */
static uint32_t
changed_letter(CaseChange change, uint32_t letter, bool first, bool begins, bool domain)
{
	switch (change)
	{
		case CASE_LOWER:
			return change_case(letter, false);
		case CASE_UPPER:
			return change_case(letter, true);
		case CASE_CAPITAL:
			return change_case(letter, first);
		case CASE_CAPITALS:
			return change_case(letter, begins);
		case CASE_FIRST_UPPER:
			return first ? change_case(letter, true) : letter;
		case CASE_FIRST_LOWER:
			return first ? change_case(letter, false) : letter;
		case CASE_LOCAL_LOWER:
			return domain ? letter : change_case(letter, false);
		case CASE_DOMAIN_LOWER:
			return domain ? change_case(letter, false) : letter;
	}
	return letter;
}

static void
add_cases(IdvForms *forms, const char *value, size_t len)
{
	for (size_t change = 0; change < LENGTHOF(case_words); change++)
	{
		bool		begins = true;
		bool		domain = false;

		for (size_t at = 0; at < len;)
		{
			bool		first = at == 0;
			uint32_t	c = idv_utf8_next(value, len, &at);
			uint8_t		bytes[IDV_UTF8_MAX];

			domain = domain || c == '@';
			idv_forms_put(forms, bytes,
						  idv_utf8_make(bytes, changed_letter((CaseChange) change, c, first, begins, domain)));
			begins = c == ' ' || c == '-' || c == '.' || c == '_' || c == '\'';
		}
		idv_forms_finish(forms, IDV_FOUND_VALUE_CASE, case_words[change]);
	}
}

/* Append 16 bits, in one order of bytes or the other. */
static void
put_unit(IdvForms *forms, uint32_t unit, bool big)
{
	uint8_t		bytes[2] = {(uint8_t) unit, (uint8_t) (unit >> 8)};
	uint8_t		swapped[2] = {bytes[1], bytes[0]};

	idv_forms_put(forms, big ? swapped : bytes, 2);
}

static void
add_utf16(IdvForms *forms, const char *value, size_t len,
		  bool big, bool mark, const char *what)
{
	if (mark)
		put_unit(forms, 0xFEFF, big);
	for (size_t at = 0; at < len;)
	{
		uint32_t	c = idv_utf8_next(value, len, &at);

		if (c > 0xFFFF)
		{
			put_unit(forms, 0xD800 + ((c - 0x10000) >> 10 & 0x3FF), big);
			c = 0xDC00 + (c & 0x3FF);
		}
		put_unit(forms, c, big);
	}
	idv_forms_finish(forms, IDV_FOUND_VALUE_ENCODING, what);
}

/* In Latin-1, if it has the characters. */
static void
add_latin1(IdvForms *forms, const char *value, size_t len)
{
	for (size_t at = 0; at < len;)
		if (idv_utf8_next(value, len, &at) > 0xFF)
			return;
	for (size_t at = 0; at < len;)
	{
		uint8_t		byte = (uint8_t) idv_utf8_next(value, len, &at);

		idv_forms_put(forms, &byte, 1);
	}
	idv_forms_finish(forms, IDV_FOUND_VALUE_ENCODING, "in Latin-1");
}

static void
add_encodings(IdvForms *forms, const char *value, size_t len)
{
	add_latin1(forms, value, len);
	add_utf16(forms, value, len, false, false, "in UTF-16LE");
	add_utf16(forms, value, len, true, false, "in UTF-16BE");
	add_utf16(forms, value, len, false, true, "in UTF-16LE with a byte order mark");
	add_utf16(forms, value, len, true, true, "in UTF-16BE with a byte order mark");

	idv_forms_put_text(forms, "\xEF\xBB\xBF");
	idv_forms_put(forms, value, len);
	idv_forms_finish(forms, IDV_FOUND_VALUE_ENCODING, "with a byte order mark before it");

	for (size_t i = 0; i < len; i++)
	{
		uint8_t		bytes[IDV_UTF8_MAX];

		idv_forms_put(forms, bytes, idv_utf8_make(bytes, (uint8_t) value[i]));
	}
	idv_forms_finish(forms, IDV_FOUND_VALUE_ENCODING, "encoded in UTF-8 twice");
}

/*
 * idv_value_forms
 *		Add the value, and what careless code makes of it.
 *
 * value		at most IDV_IDENTITY_MAX bytes; if it is empty nothing is added
 */
void
idv_value_forms(IdvForms *forms, const char *value, size_t len)
{
	if (len == 0)
		return;
	idv_forms_add(forms, IDV_FOUND_NOTHING, NULL, value, len);
	add_around(forms, value, len, false);
	add_around(forms, value, len, true);
	add_cases(forms, value, len);
	idv_number_forms(forms, value, len);
	idv_json_forms(forms, value, len);
	idv_url_forms(forms, value, len);
	idv_html_forms(forms, value, len);
	add_encodings(forms, value, len);
}

/*
 * idv_joined_forms
 *		Add both fields of a claim, joined, if both are there.
 */
void
idv_joined_forms(IdvForms *forms, const char *external_id, size_t external_id_len,
				 const char *email, size_t email_len)
{
	static const struct
	{
		const char *separator;
		const char *what;
		const char *reversed;
	}			joints[] = {
		{"", "the external_id and, right behind it, the email", "the email and, right behind it, the external_id"},
		{":", "the external_id, a colon and the email", "the email, a colon and the external_id"},
		{"|", "the external_id, a vertical bar and the email", "the email, a vertical bar and the external_id"},
		{"-", "the external_id, a dash and the email", "the email, a dash and the external_id"},
		{"_", "the external_id, an underscore and the email", "the email, an underscore and the external_id"},
	};

	if (external_id_len == 0 || email_len == 0)
		return;
	for (size_t i = 0; i < LENGTHOF(joints); i++)
		for (int reversed = 0; reversed <= 1; reversed++)
		{
			idv_forms_put(forms, reversed ? email : external_id,
						  reversed ? email_len : external_id_len);
			idv_forms_put_text(forms, joints[i].separator);
			idv_forms_put(forms, reversed ? external_id : email,
						  reversed ? external_id_len : email_len);
			idv_forms_finish(forms, IDV_FOUND_VALUE_WITH_FIELD,
							 reversed ? joints[i].reversed : joints[i].what);
		}
}

/*
 * idv_placeholder_forms
 *		Add what is signed where the value was never set.
 */
void
idv_placeholder_forms(IdvForms *forms)
{
	static const char *const placeholders[] = {
		"undefined", "null", "NULL", "Null", "(null)", "<null>", "nil", "<nil>",
		"None", "none", "NaN", "nan", "true", "True", "false", "False", "0", "-1", "1",
		"anonymous", "Anonymous", "guest", "Guest", "{}", "[]", "\"\"", "''", " ", "\n",
		"[object Object]", "[object Promise]", "[object Undefined]", "[object Null]",
		"user_id", "userId", "USER_ID", "user.id", "external_id", "externalId",
		"email", "user.email", "id", "user", "your-user-id", "YOUR_USER_ID",
		"{{user.id}}", "{{ user.id }}", "${user.id}", "#{user.id}", "<%= user.id %>",
		"{{user.email}}", "{{ user.email }}", "${user.email}", "#{user.email}",
		"00000000-0000-0000-0000-000000000000",
	};

	idv_forms_add(forms, IDV_FOUND_VALUE_PLACEHOLDER, NULL, "", 0);
	for (size_t i = 0; i < LENGTHOF(placeholders); i++)
		idv_forms_add(forms, IDV_FOUND_VALUE_PLACEHOLDER, placeholders[i],
					  placeholders[i], strlen(placeholders[i]));
}
