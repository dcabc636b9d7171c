/*-------------------------------------------------------------------------
 *
 * masked_identity.c
 *	  What is shown of an identity that was claimed, and not verified.
 *
 * It was sent by a stranger's browser.  What is shown of it tells whoever knows
 * the person, or the ticket, whom it is about; it is not a list of visitors.
 *
 *-------------------------------------------------------------------------
 */
#include "verdict/masked_identity.h"

#include "access/detoast.h"
#include "mb/pg_wchar.h"

#include "core/bad_identity.h"
#include "server/text.h"

/* At both ends of an identity, how many characters are shown. */
#define SHOWN_CHARACTERS	2

/* Shorter identities are not shown at all: little would be left to hide. */
#define SHORT_IDENTITY		(4 * SHOWN_CHARACTERS)

/*
 * idv_append_masked
 *		Append an identity, but for its middle, in ASCII.
 *
 * One too long is not even read.  At most 67 bytes: four for each byte of the
 * characters that are shown.
 */
void
idv_append_masked(StringInfo line, Datum identity)
{
	IdvText		shown = {"", 0};
	int			characters = 0;

	if (toast_raw_datum_size(identity) - VARHDRSZ <= IDV_IDENTITY_MAX)
	{
		shown = idv_text(identity);
		characters = pg_mbstrlen_with_len(shown.bytes, (int) shown.len);
	}

	if (characters < SHORT_IDENTITY)
		appendStringInfoString(line, "***");
	else
	{
		int			head = pg_mbcharcliplen(shown.bytes, (int) shown.len,
											SHOWN_CHARACTERS);
		int			tail = pg_mbcharcliplen(shown.bytes, (int) shown.len,
											characters - SHOWN_CHARACTERS);

		idv_append_escaped(line, shown.bytes, head);
		appendStringInfoString(line, "***");
		idv_append_escaped(line, shown.bytes + tail, shown.len - tail);
	}
}
