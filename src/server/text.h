/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Text as UTF-8, whatever the server encoding.
 *
 * Sites sign the UTF-8 bytes of a value.  These functions never raise an
 * error over the text they are given: a value that cannot be UTF-8 is one that
 * nobody signed, and what follows from that is for the caller to say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TEXT_H
#define IDV_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* A run of bytes, not terminated, in the memory context of its maker. */
typedef struct IdvText
{
	const char *bytes;
	size_t		len;
} IdvText;

typedef enum IdvTextStatus
{
	IDV_TEXT_OK = 0,
	IDV_TEXT_TOO_LONG,			/* longer than the caller allows */
	IDV_TEXT_NOT_UTF8			/* has no UTF-8 form */
} IdvTextStatus;

extern IdvText idv_text(Datum value);
extern Datum idv_text_datum(IdvText text);
extern List *idv_names(Datum array);
extern IdvTextStatus idv_text_utf8(IdvText *utf8, Datum value, size_t max_len);
extern bool idv_text_is_blank(IdvText text);
extern text *idv_text_from_utf8(const char *utf8, size_t len);
extern text *idv_text_mask(const text *hint);
extern text *idv_text_hint(const text *secret);
extern bool idv_text_is_printable(IdvText text);
extern char *idv_text_shown(IdvText name, int max_characters);
extern bool idv_text_is_same(IdvText a, IdvText b);
extern void idv_append_escaped(StringInfo line, const char *bytes, size_t len);

#endif							/* IDV_TEXT_H */
