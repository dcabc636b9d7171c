/*-------------------------------------------------------------------------
 *
 * utf8.c
 *	  UTF-8, character by character.
 *
 *-------------------------------------------------------------------------
 */
#include "core/utf8.h"

/*
 * idv_utf8_next
 *		Read the character at text[*at], and step over it.
 *
 * text			valid UTF-8; of anything else, too, no more than len bytes are
 *				read: a byte that begins no character is one of its own
 */
uint32_t
idv_utf8_next(const char *text, size_t len, size_t *at)
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
 * idv_utf8_make
 *		Write a character, of at most 21 bits, in UTF-8; returns how many bytes.
 */
size_t
idv_utf8_make(uint8_t bytes[IDV_UTF8_MAX], uint32_t character)
{
	size_t		size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

	if (size == 1)
	{
		bytes[0] = (uint8_t) character;
		return 1;
	}
	for (size_t i = size - 1; i > 0; i--)
	{
		bytes[i] = (uint8_t) (0x80 | (character & 0x3F));
		character >>= 6;
	}
	bytes[0] = (uint8_t) ((0xF00 >> size) | character);
	return size;
}
