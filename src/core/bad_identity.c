/*-------------------------------------------------------------------------
 *
 * bad_identity.c
 *	  What can and what cannot be somebody's identity.
 *
 * Careless code signs the same value for everybody: a variable that was never
 * set, a null turned into text, a template that was not rendered, a promise
 * that was not awaited.  The signature is right, the identity is nobody's,
 * and every visitor of the site would be folded into one contact.
 *
 *-------------------------------------------------------------------------
 */
#include "core/bad_identity.h"

#include <string.h>

/* Values that stand for "nobody", in lower case. */
static const char *const nobodies[] = {
	"undefined", "null", "(null)", "<null>", "nil", "<nil>", "none", "nan",
	"true", "false", "-1", "anonymous", "guest", "{}", "[]", "\"\"", "''",
};

/* What a value that careless code produced begins and ends with. */
static const struct
{
	const char *start;
	const char *end;
}			wrappers[] =

{
	{"[object ", "]"},			/* JavaScript: an object as text */
	{"{{", "}}"},				/* templates that were not rendered */
	{"${", "}"},
	{"#{", "}"},
	{"<%", "%>"},
};

/* The character c in lower case, if it is an ASCII letter. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Does text, of which at least n bytes exist, equal word but for its case? */
static bool
same_word(const char *text, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(text[i]) != word[i])
			return false;
	return true;
}

/*
 * Bytes of the blank that text, which is not empty, begins with, or 0.
 *
 * Blanks are the ASCII ones and what Unicode calls White_Space, plus the
 * zero-width space and the byte order mark, which look like nothing at all.
 */
static size_t
blank_length(const char *text, size_t len)
{
	static const char *const wide[] = {
		"\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\xA8",
		"\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
		"\xEF\xBB\xBF",
	};

	if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
		return 1;
	/* All others begin with a byte that is not ASCII: be quick about that. */
	if ((unsigned char) text[0] < 0x80)
		return 0;

	/* U+2000 to U+200B: the spaces of a given width, down to zero */
	if (len >= 3 && memcmp(text, "\xE2\x80", 2) == 0 &&
		(unsigned char) text[2] >= 0x80 && (unsigned char) text[2] <= 0x8B)
		return 3;

	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
	{
		size_t		n = strlen(wide[i]);

		if (len >= n && memcmp(text, wide[i], n) == 0)
			return n;
	}
	return 0;
}

/*
 * idv_trim
 *		Narrow text to what lies between its leading and its trailing blanks.
 *
 * A blank is found from the front only, so the end is where the last
 * character that is no blank was seen.
 */
void
idv_trim(const char **text, size_t *len)
{
	const char *end = *text + *len;
	const char *first = NULL;
	const char *last = *text;

	for (const char *at = *text; at < end;)
	{
		size_t		blank = blank_length(at, (size_t) (end - at));

		if (blank == 0)
		{
			if (first == NULL)
				first = at;
			last = ++at;
		}
		else
			at += blank;
	}

	*text = first ? first : end;
	*len = first ? (size_t) (last - first) : 0;
}

/*
 * idv_is_blank
 *		Is there nothing to see in text?
 */
bool
idv_is_blank(const char *text, size_t len)
{
	idv_trim(&text, &len);
	return len == 0;
}

/*
 * idv_identity_is_bad
 *		Is identity one that careless code signs for everybody?
 *
 * Letter case and blanks around the value make no difference.  Only zeros and
 * dashes (0, -0, the nil UUID) are nobody, and so are only blanks.
 */
bool
idv_identity_is_bad(const char *identity, size_t len)
{
	size_t		i;

	idv_trim(&identity, &len);

	for (i = 0; i < len; i++)
		if (identity[i] != '0' && identity[i] != '-')
			break;
	if (i == len)
		return true;

	for (i = 0; i < sizeof(nobodies) / sizeof(nobodies[0]); i++)
		if (len == strlen(nobodies[i]) &&
			same_word(identity, nobodies[i], len))
			return true;

	for (i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
	{
		size_t		start = strlen(wrappers[i].start);
		size_t		end = strlen(wrappers[i].end);

		if (len >= start + end &&
			same_word(identity, wrappers[i].start, start) &&
			same_word(identity + len - end, wrappers[i].end, end))
			return true;
	}

	return false;
}
