/*-------------------------------------------------------------------------
 *
 * escaped_forms.c
 *	  A value as JSON, as part of a URL, as HTML; and back.
 *
 * Libraries differ in what they escape, and in how.  Each row of the tables
 * below is one or several of them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/escaped_forms.h"

#include <stdio.h>
#include <string.h>

#include "core/hex.h"
#include "core/utf8.h"

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

/* Does a list of characters have this one? */
static bool
has(const char *list, uint32_t character)
{
	return character != 0 && character < 0x80 &&
		strchr(list, (int) character) != NULL;
}

static bool
is_alphanumeric(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/*
 * JSON
 */

typedef struct JsonStyle
{
	const char *by_number;		/* ASCII that is written as \u00xx */
	const char *by_backslash;	/* and with a backslash before it */
	bool		ascii;			/* all that is not ASCII, by number */
	bool		separators;		/* U+2028 and U+2029, by number */
	bool		upper;			/* hex digits in upper case */
} JsonStyle;

static const JsonStyle json_styles[] = {
	{"", "\"\\", false, false, false},	/* JavaScript, Ruby */
	{"", "\"\\", true, false, false},	/* Python */
	{"", "\"\\/", true, false, false},	/* PHP */
	{"", "\"\\/", false, true, false},	/* PHP, JSON_UNESCAPED_UNICODE */
	{"<>&", "\"\\", false, true, false},	/* Go, Rails */
	{"\"&'+<>`", "\\", true, false, true},	/* .NET */
	{"=<>&'", "\"\\", false, true, false},	/* Gson */
};

/* Append \u and four hex digits; two of them for what has no 16 bits. */
static void
put_json_number(IdvForms *forms, uint32_t character, bool upper)
{
	char		text[16];
	uint32_t	units[2] = {character, 0};

	if (character > 0xFFFF)
	{
		units[0] = 0xD800 + ((character - 0x10000) >> 10 & 0x3FF);
		units[1] = 0xDC00 + (character & 0x3FF);
	}
	for (int i = 0; i < 2 && (i == 0 || units[1] != 0); i++)
	{
		(void) snprintf(text, sizeof(text), upper ? "\\u%04X" : "\\u%04x",
						(unsigned) units[i] & 0xFFFF);
		idv_forms_put_text(forms, text);
	}
}

static void
put_json(IdvForms *forms, const JsonStyle *style, const char *value, size_t len)
{
	static const char controls[] = "\b\f\n\r\t";
	static const char letters[] = "bfnrt";

	for (size_t at = 0; at < len;)
	{
		size_t		begin = at;
		uint32_t	c = idv_utf8_next(value, len, &at);
		char		escape[2] = {'\\', (char) c};

		if (has(controls, c))
			escape[1] = letters[strchr(controls, (int) c) - controls];
		else if (c < ' ' || has(style->by_number, c) ||
				 (c >= 0x7F && style->ascii) ||
				 ((c == 0x2028 || c == 0x2029) && style->separators))
		{
			put_json_number(forms, c, style->upper);
			continue;
		}
		else if (!has(style->by_backslash, c))
		{
			idv_forms_put(forms, value + begin, at - begin);
			continue;
		}
		idv_forms_put(forms, escape, sizeof(escape));
	}
}

/*
 * idv_json_forms
 *		Add the value as a JSON string, with its quotes and without.
 */
void
idv_json_forms(IdvForms *forms, const char *value, size_t len)
{
	for (size_t i = 0; i < LENGTHOF(json_styles); i++)
	{
		idv_forms_put_text(forms, "\"");
		put_json(forms, &json_styles[i], value, len);
		idv_forms_put_text(forms, "\"");
		idv_forms_finish(forms, IDV_FOUND_VALUE_QUOTED, "as a JSON string");

		put_json(forms, &json_styles[i], value, len);
		idv_forms_finish(forms, IDV_FOUND_VALUE_QUOTED,
						 "with the escapes of a JSON string");
	}
}

/*
 * URLs
 */

/* What is not escaped, beside letters and digits; and is a blank a plus? */
static const struct
{
	const char *safe;
	bool		plus;
}			url_styles[] = {
	{"-_.!~*'()", false},		/* JavaScript's encodeURIComponent */
	{"-_.~", false},			/* RFC 3986 */
	{"-_.~", true},				/* Python's quote_plus, Go's QueryEscape */
	{"-_.*", true},				/* Java, forms in a browser */
	{"-_.", true},				/* PHP's urlencode */
	{"-_.", false},
	{"-_.~/", false},			/* Python's quote */
	{"-_.!*()", true},			/* .NET */
	{"-_.!~*'();/?:@&=+$,#", false},	/* JavaScript's encodeURI */
};

static void
put_url(IdvForms *forms, const char *safe, bool plus, bool upper,
		const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		uint8_t		c = (uint8_t) value[i];
		char		text[4];

		if (is_alphanumeric(c) || has(safe, c))
			idv_forms_put(forms, &value[i], 1);
		else if (c == ' ' && plus)
			idv_forms_put_text(forms, "+");
		else
		{
			(void) snprintf(text, sizeof(text), upper ? "%%%02X" : "%%%02x", c);
			idv_forms_put_text(forms, text);
		}
	}
}

static void
put_url_decoded(IdvForms *forms, bool plus, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		uint8_t		byte;

		if (value[i] == '%' && len - i > 2 &&
			idv_hex_decode(&byte, 1, &value[i + 1], 2))
		{
			idv_forms_put(forms, &byte, 1);
			i += 2;
		}
		else if (value[i] == '+' && plus)
			idv_forms_put_text(forms, " ");
		else
			idv_forms_put(forms, &value[i], 1);
	}
}

/*
 * idv_url_forms
 *		Add the value as part of a URL, and what it is part of a URL for.
 */
void
idv_url_forms(IdvForms *forms, const char *value, size_t len)
{
	for (size_t i = 0; i < LENGTHOF(url_styles); i++)
		for (int upper = 1; upper >= 0; upper--)
		{
			put_url(forms, url_styles[i].safe, url_styles[i].plus, upper, value, len);
			idv_forms_finish(forms, IDV_FOUND_VALUE_ESCAPED, "escaped for a URL");
		}
	for (int plus = 0; plus <= 1; plus++)
	{
		put_url_decoded(forms, plus, value, len);
		idv_forms_finish(forms, IDV_FOUND_VALUE_ESCAPED,
						 "without the escapes for a URL that the claim has");
	}
}

/*
 * HTML
 */

/* How quotes are escaped, if they are; &, < and > always are. */
static const struct
{
	const char *quote;
	const char *apostrophe;
}			html_styles[] = {
	{"&quot;", "&#39;"},		/* Ruby, Go's html/template and others */
	{"&quot;", "&#039;"},		/* PHP */
	{"&quot;", "&#x27;"},		/* Python */
	{"&quot;", "&apos;"},		/* XML */
	{"&#34;", "&#39;"},			/* Go, Jinja */
	{"&quot;", "'"},
	{"\"", "'"},
};

/* How characters beyond ASCII are, if they are. */
typedef enum HtmlNumber
{
	HTML_AS_IS,
	HTML_DECIMAL,
	HTML_HEX,
	HTML_HEX_LOWER
} HtmlNumber;

static const struct
{
	const char *entity;
	const char *character;
}			entities[] = {
	{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#34;", "\""},
	{"&#x22;", "\""}, {"&apos;", "'"}, {"&#39;", "'"}, {"&#039;", "'"},
	{"&#x27;", "'"}, {"&amp;", "&"}, {"&#38;", "&"},
};

static void
put_html(IdvForms *forms, const char *quote, const char *apostrophe,
		 HtmlNumber number, const char *value, size_t len)
{
	for (size_t at = 0; at < len;)
	{
		size_t		begin = at;
		uint32_t	c = idv_utf8_next(value, len, &at);
		const char *escape = c == '&' ? "&amp;" : c == '<' ? "&lt;" :
		c == '>' ? "&gt;" : c == '"' ? quote : c == '\'' ? apostrophe : NULL;
		char		text[16];

		if (escape == NULL && c >= 0x80 && number != HTML_AS_IS)
		{
			(void) snprintf(text, sizeof(text), number == HTML_DECIMAL ? "&#%u;" :
							number == HTML_HEX ? "&#x%X;" : "&#x%x;", (unsigned) c);
			escape = text;
		}
		if (escape != NULL)
			idv_forms_put_text(forms, escape);
		else
			idv_forms_put(forms, value + begin, at - begin);
	}
}

static void
put_html_decoded(IdvForms *forms, const char *value, size_t len)
{
	for (size_t at = 0; at < len;)
	{
		size_t		i;

		for (i = 0; i < LENGTHOF(entities); i++)
		{
			size_t		size = strlen(entities[i].entity);

			if (len - at >= size && memcmp(value + at, entities[i].entity, size) == 0)
			{
				idv_forms_put_text(forms, entities[i].character);
				at += size;
				break;
			}
		}
		if (i == LENGTHOF(entities))
			idv_forms_put(forms, &value[at++], 1);
	}
}

/*
 * idv_html_forms
 *		Add the value as HTML, and what it is the HTML of.
 */
void
idv_html_forms(IdvForms *forms, const char *value, size_t len)
{
	for (size_t i = 0; i < LENGTHOF(html_styles); i++)
		for (int number = HTML_AS_IS; number <= HTML_HEX_LOWER; number++)
		{
			put_html(forms, html_styles[i].quote, html_styles[i].apostrophe,
					 (HtmlNumber) number, value, len);
			idv_forms_finish(forms, IDV_FOUND_VALUE_ESCAPED, "escaped for HTML");
		}
	put_html_decoded(forms, value, len);
	idv_forms_finish(forms, IDV_FOUND_VALUE_ESCAPED,
					 "without the escapes for HTML that the claim has");
}
