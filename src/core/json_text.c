/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  JSON text, made ready for a reader that knows one encoding.
 *
 * PostgreSQL's reader of JSON has two habits that do not suit what a stranger
 * sends.  It calls itself for each level of nesting, until the stack is full.
 * And it turns \u00e9 into a character of the server encoding, which may have
 * none, and not into UTF-8, which the text around it is in.  So before it reads,
 * the levels are counted, and such escapes are replaced.
 *
 * What is no JSON stays as it is: the reader refuses it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/json_text.h"

#include <string.h>

#include "core/hex.h"
#include "core/utf8.h"

#define ESCAPE_LEN	6			/* as in \u00e9 */

/* The 16 bits that an escape stands for.  False if there is none. */
static bool
read_escape(uint32_t *bits, const uint8_t *src, size_t left)
{
	uint8_t		bytes[2];

	if (left < ESCAPE_LEN || src[0] != '\\' || src[1] != 'u' ||
		!idv_hex_decode(bytes, sizeof(bytes), (const char *) src + 2, 4))
		return false;
	*bits = (uint32_t) bytes[0] << 8 | bytes[1];
	return true;
}

/*
 * Write what begins with a backslash.  Returns how many bytes were read.
 *
 * Escapes of ASCII stay, \u0022 and \u0000 among them; and so does half of a
 * surrogate pair, of which the other half is missing.
 */
static size_t
copy_escape(char *dst, size_t *dst_len, const uint8_t *src, size_t left)
{
	uint32_t	character;
	uint32_t	low;
	size_t		read = ESCAPE_LEN;
	uint8_t		utf8[IDV_UTF8_MAX];

	if (read_escape(&character, src, left) && character >= 0x80)
	{
		if (character >= 0xD800 && character <= 0xDBFF &&
			read_escape(&low, src + ESCAPE_LEN, left - ESCAPE_LEN) &&
			low >= 0xDC00 && low <= 0xDFFF)
		{
			character = 0x10000 + ((character & 0x3FF) << 10 | (low & 0x3FF));
			read = 2 * ESCAPE_LEN;
		}
		if (character < 0xD800 || character > 0xDFFF)
		{
			size_t		len = idv_utf8_make(utf8, character);

			memcpy(dst + *dst_len, utf8, len);
			*dst_len += len;
			return read;
		}
	}

	/* The character that is escaped goes along: it may be a quote. */
	read = left > 1 ? 2 : 1;
	memcpy(dst + *dst_len, src, read);
	*dst_len += read;
	return read;
}

/* How often is a character in there? */
static int
count_of(int c, const uint8_t *src, size_t src_len)
{
	const uint8_t *end = src + src_len;
	int			n = 0;

	while ((src = memchr(src, c, (size_t) (end - src))) != NULL)
	{
		n++;
		src++;
	}
	return n;
}

/*
 * idv_json_text
 *		Copy JSON from src to dst, with all escapes that are not of ASCII
 *		replaced by what they stand for.
 *
 * dst		has room for src_len bytes
 * plain	output: there are no escapes
 *
 * Returns false, with the outputs unspecified, if objects and arrays are
 * nested deeper than IDV_JSON_DEPTH_MAX; the outermost one counts.
 */
bool
idv_json_text(char *dst, size_t *dst_len, bool *plain,
			  const uint8_t *src, size_t src_len)
{
	bool		in_string = false;
	int			depth = 0;
	size_t		at = 0;
	size_t		len = 0;

	/*
	 * No escapes, and no more brackets than levels: so it is with nearly all
	 * tokens, and this is soon seen.  The first byte counts as a bracket.
	 */
	*plain = memchr(src, '\\', src_len) == NULL;
	if (*plain && src_len > 0 &&
		count_of('{', src + 1, src_len - 1) +
		count_of('[', src + 1, src_len - 1) < IDV_JSON_DEPTH_MAX)
	{
		memcpy(dst, src, src_len);
		*dst_len = src_len;
		return true;
	}
	while (at < src_len)
	{
		uint8_t		c = src[at];

		if (in_string && c == '\\')
		{
			at += copy_escape(dst, &len, src + at, src_len - at);
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
		{
			if (++depth > IDV_JSON_DEPTH_MAX)
				return false;
		}
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
		dst[len++] = (char) c;
		at++;
	}
	*dst_len = len;
	return true;
}
