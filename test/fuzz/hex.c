/*-------------------------------------------------------------------------
 *
 * hex.c
 *	  Fuzz the hex decoder: it takes what encodes to the same text in lower
 *	  case, and only what holds another character may it refuse.
 *
 * The input is decoded, and is also taken for bytes to encode.
 *
 *-------------------------------------------------------------------------
 */
#include "core/hex.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The character c in lower case, or 0 if it is no hex digit. */
static char
lower_digit(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	if (c >= 'A' && c <= 'F')
		return (char) (c - 'A' + 'a');
	return '\0';
}

static void
decode(const char *text, size_t len)
{
	uint8_t    *bytes = malloc(len / 2 + 1);
	char	   *again = malloc(len + 1);
	bool		all_digits = true;

	if (bytes == NULL || again == NULL)
		abort();
	for (size_t i = 0; i < len; i++)
		if (lower_digit(text[i]) == '\0')
			all_digits = false;

	if (idv_hex_decode(bytes, len / 2, text, len) !=
		(all_digits && len % 2 == 0))
		abort();
	if (all_digits && len % 2 == 0)
	{
		idv_hex_encode(again, bytes, len / 2);
		for (size_t i = 0; i < len; i++)
			if (again[i] != lower_digit(text[i]))
				abort();
	}

	/* one byte more or less than there are digits for */
	if (idv_hex_decode(bytes, len / 2 + 1, text, len))
		abort();
	if (len >= 2 && idv_hex_decode(bytes, len / 2 - 1, text, len))
		abort();

	free(again);
	free(bytes);
}

static void
encode(const uint8_t *bytes, size_t len)
{
	char	   *text = malloc(2 * len + 1);
	uint8_t    *back = malloc(len + 1);

	if (text == NULL || back == NULL)
		abort();
	idv_hex_encode(text, bytes, len);
	if (!idv_hex_decode(back, len, text, 2 * len) ||
		memcmp(back, bytes, len) != 0)
		abort();
	free(back);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode((const char *) data, size);
	encode(data, size);
	return 0;
}
