/*-------------------------------------------------------------------------
 *
 * printable.c
 *	  Text that can be printed, on a line, and read as what it is.
 *
 * A name that is shown in a log must not end the line, nor rewrite it, nor look
 * like another name.
 *
 *-------------------------------------------------------------------------
 */
#include "core/printable.h"

#include <stdint.h>

/* What is refused, by code points: first and last. */
static const struct
{
	uint32_t	first;
	uint32_t	last;
}			refused[] = {
	{0x00, 0x1F},				/* C0 controls */
	{0x7F, 0x9F},				/* DEL and C1 controls */
	{0x200B, 0x200F},			/* zero width, direction marks */
	{0x2028, 0x202E},			/* line and paragraph separators, embeddings,
								 * overrides */
	{0x2066, 0x2069},			/* isolates */
	{0xFEFF, 0xFEFF}			/* byte order mark */
};

/*
 * Read the character at text[*at], and step over it.
 *
 * A byte that begins no character is one of its own.
 */
static uint32_t
next_character(const char *text, size_t len, size_t *at)
{
	const unsigned char *bytes = (const unsigned char *) text + *at;
	size_t		left = len - *at;
	size_t		size = bytes[0] < 0xC0 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
	uint32_t	character;

	if (size > left)
		size = 1;
	character = size == 1 ? bytes[0] : bytes[0] & (0xFF >> (size + 1));
	for (size_t i = 1; i < size; i++)
		character = character << 6 | (bytes[i] & 0x3F);
	*at += size;
	return character;
}

/*
 * idv_is_printable
 *		Has text no control, format or line-separator character?
 *
 * text			valid UTF-8
 */
bool
idv_is_printable(const char *text, size_t len)
{
	for (size_t at = 0; at < len;)
	{
		uint32_t	character = next_character(text, len, &at);

		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (character >= refused[i].first && character <= refused[i].last)
				return false;
	}
	return true;
}
