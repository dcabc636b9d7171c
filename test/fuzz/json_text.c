/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  Fuzz what makes JSON ready to be read: it grows no text, does all of its
 *	  work the first time, and counts levels as a plain loop does.
 *
 *-------------------------------------------------------------------------
 */
#include "core/json_text.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The levels of nesting, of a text without escapes. */
static int
levels(const uint8_t *text, size_t len)
{
	int			depth = 0;
	int			deepest = 0;
	int			quotes = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '"')
			quotes++;
		if (quotes % 2 == 1)
			continue;
		depth += (text[i] == '{') + (text[i] == '[');
		depth -= (text[i] == '}') + (text[i] == ']');
		if (depth > deepest)
			deepest = depth;
	}
	return deepest;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *once = malloc(size + 1);
	char	   *twice = malloc(size + 1);
	size_t		once_len;
	size_t		twice_len;
	bool		plain;
	bool		shallow;

	if (once == NULL || twice == NULL)
		abort();
	shallow = idv_json_text(once, &once_len, &plain, data, size);
	if (memchr(data, '\\', size) == NULL &&
		shallow != (levels(data, size) <= IDV_JSON_DEPTH_MAX))
		abort();
	if (shallow)
	{
		if (plain != (memchr(data, '\\', size) == NULL))
			abort();
		if (once_len > size ||
			!idv_json_text(twice, &twice_len, &plain, (const uint8_t *) once, once_len) ||
			twice_len != once_len || memcmp(twice, once, once_len) != 0)
			abort();
		if (memchr(data, '\\', size) == NULL &&
			(once_len != size || memcmp(once, data, size) != 0))
			abort();
	}
	free(twice);
	free(once);
	return 0;
}
