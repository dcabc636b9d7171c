/*-------------------------------------------------------------------------
 *
 * bad_identity.c
 *	  Fuzz the rules for identities: neither letter case nor blanks around a
 *	  value make a difference to them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/bad_identity.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Change the case of an ASCII letter. */
static char
swap_case(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return (char) (c ^ 0x20);
	return c;
}

/* Is the text between two blanks as bad, and as blank, as it is without? */
static void
check_between(const char *before, const char *text, size_t len,
			  const char *after)
{
	size_t		before_len = strlen(before);
	size_t		after_len = strlen(after);
	size_t		total = before_len + len + after_len;
	char	   *all = malloc(total);

	if (all == NULL)
		abort();
	memcpy(all, before, before_len);
	memcpy(all + before_len, text, len);
	memcpy(all + before_len + len, after, after_len);

	if (idv_identity_is_bad(all, total) != idv_identity_is_bad(text, len) ||
		idv_is_blank(all, total) != idv_is_blank(text, len))
		abort();
	free(all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	bool		bad = idv_identity_is_bad(text, size);
	char	   *swapped = malloc(size + 1);

	if (idv_is_blank(text, size) && !bad)
		abort();
	if (size == 0 && !bad)
		abort();

	if (swapped == NULL)
		abort();
	for (size_t i = 0; i < size; i++)
		swapped[i] = swap_case(text[i]);
	if (idv_identity_is_bad(swapped, size) != bad)
		abort();
	free(swapped);

	check_between(" ", text, size, "\r\n");
	check_between("\t", text, size, "\xC2\xA0");
	check_between("\xEF\xBB\xBF", text, size, "\xE2\x80\x8B");
	check_between("\xE3\x80\x80", text, size, "");
	return 0;
}
