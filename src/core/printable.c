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

#include "core/utf8.h"

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
		uint32_t	character = idv_utf8_next(text, len, &at);

		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (character >= refused[i].first && character <= refused[i].last)
				return false;
	}
	return true;
}
