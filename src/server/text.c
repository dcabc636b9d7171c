/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Text as UTF-8, whatever the server encoding.
 *
 *-------------------------------------------------------------------------
 */
#include "server/text.h"

#include "access/detoast.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/printable.h"

#include "core/bad_identity.h"
#include "server/hide_statement.h"

#define HINT_CHARACTERS 4

/* No character takes more bytes than this, in UTF-8 or a server encoding. */
#define CHARACTER_MAX	4

/* Are all of these bytes ASCII, and so the same in every server encoding? */
static bool
is_ascii(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(bytes[i]))
			return false;
	return true;
}

/*
 * Convert src from one encoding to another, into dst.
 *
 * Returns false if it has no equivalent there.
 */
static bool
convert(IdvText *dst, IdvText src, int from, int to)
{
	Oid			conversion;
	unsigned char *converted;

	if (from == to || is_ascii(src.bytes, src.len))
	{
		*dst = src;
		return true;
	}

	/* SQL_ASCII takes and gives any bytes; we cannot. */
	if (from == PG_SQL_ASCII || to == PG_SQL_ASCII)
	{
		*dst = src;
		return pg_verify_mbstr(PG_UTF8, src.bytes, (int) src.len, true);
	}

	conversion = FindDefaultConversionProc(from, to);
	if (!OidIsValid(conversion))
		return false;

	converted = palloc(src.len * MAX_CONVERSION_GROWTH + 1);
	if (pg_do_encoding_conversion_buf(conversion, from, to,
									  (unsigned char *) unconstify(char *, src.bytes),
									  (int) src.len, converted,
									  (int) src.len * MAX_CONVERSION_GROWTH + 1,
									  true) != (int) src.len)
		return false;

	dst->bytes = (char *) converted;
	dst->len = strlen(dst->bytes);
	return true;
}

/*
 * idv_text
 *		The bytes of a text value, as they are.
 */
IdvText
idv_text(Datum value)
{
	text	   *detoasted = DatumGetTextPP(value);
	IdvText		result = {VARDATA_ANY(detoasted),
	VARSIZE_ANY_EXHDR(detoasted)};

	return result;
}

/*
 * idv_text_datum
 *		The same the other way round: a text value of these bytes.
 */
Datum
idv_text_datum(IdvText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.bytes, (int) text.len));
}

/*
 * idv_names
 *		The elements of a name[], whatever its dimensions, as strings; NULL for a
 *		null.
 */
List *
idv_names(Datum array)
{
	List	   *names = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, nulls[i] ? NULL :
						pstrdup(NameStr(*DatumGetName(elements[i]))));
	return names;
}

/*
 * idv_text_utf8
 *		The bytes of a text value in UTF-8, at most max_len of them.
 *
 * A value that is much too long is not even read.
 */
IdvTextStatus
idv_text_utf8(IdvText *utf8, Datum value, size_t max_len)
{
	if (toast_raw_datum_size(value) - VARHDRSZ > max_len * CHARACTER_MAX)
		return IDV_TEXT_TOO_LONG;
	if (!convert(utf8, idv_text(value), GetDatabaseEncoding(), PG_UTF8))
		return IDV_TEXT_NOT_UTF8;
	return utf8->len <= max_len ? IDV_TEXT_OK : IDV_TEXT_TOO_LONG;
}

/*
 * idv_text_is_blank
 *		Is there nothing to see in a text of the server encoding?
 *
 * What all of idverify means by blank: empty, or nothing but blanks, those of
 * Unicode too (core/bad_identity.c).
 */
bool
idv_text_is_blank(IdvText text)
{
	IdvText		utf8;

	/* Most text shows by its first character that it is none. */
	if (text.len > 0 && text.bytes[0] > ' ' && !IS_HIGHBIT_SET(text.bytes[0]))
		return false;
	return convert(&utf8, text, GetDatabaseEncoding(), PG_UTF8) &&
		idv_is_blank(utf8.bytes, utf8.len);
}

/*
 * idv_text_from_utf8
 *		A text value from UTF-8 bytes, or NULL if the server encoding lacks
 *		one of its characters.
 *
 * Some encodings have one character for two of Unicode: EUC_JP for U+00A6 and
 * U+FFE4.  What would not come back as it was is lacking, too, or two people
 * could be one.
 */
text *
idv_text_from_utf8(const char *utf8, size_t len)
{
	IdvText		src = {utf8, len};
	IdvText		dst;
	IdvText		back;

	if (!convert(&dst, src, PG_UTF8, GetDatabaseEncoding()) ||
		!convert(&back, dst, GetDatabaseEncoding(), PG_UTF8) ||
		back.len != len || memcmp(back.bytes, utf8, len) != 0)
		return NULL;
	return cstring_to_text_with_len(dst.bytes, (int) dst.len);
}

/*
 * idv_text_hint
 *		The last four characters of a secret: what is shown of it later.
 *
 * SQL_ASCII knows no characters, but a secret is UTF-8 there, and its clients
 * may be: so they are whole characters, as many as are four bytes at most, which
 * is what that server counts.
 */
text *
idv_text_hint(const text *secret)
{
	const char *bytes = VARDATA_ANY(secret);
	int			len = (int) VARSIZE_ANY_EXHDR(secret);
	int			skip = 0;

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
	{
		while (len - skip > HINT_CHARACTERS)
			skip += pg_encoding_mblen(PG_UTF8, bytes + skip);
		skip = Min(skip, len);
	}
	else
	{
		int			hidden = pg_mbstrlen_with_len(bytes, len) - HINT_CHARACTERS;

		if (hidden > 0)
			skip = pg_mbcharcliplen(bytes, len, hidden);
	}
	return cstring_to_text_with_len(bytes + skip, len - skip);
}

/*
 * idv_text_is_printable
 *		Has a text no control, format or line-separator character, and an
 *		equivalent in UTF-8?
 */
bool
idv_text_is_printable(IdvText text)
{
	IdvText		utf8;

	return convert(&utf8, text, GetDatabaseEncoding(), PG_UTF8) &&
		idv_is_printable(utf8.bytes, utf8.len);
}

/*
 * idv_append_escaped
 *		Append bytes so that they are one word of one line, whatever they are.
 *
 * Bytes that are not ASCII are written in hex as well: line separators, text
 * that runs right to left and control characters hide among them, elsewhere
 * in each encoding.
 */
void
idv_append_escaped(StringInfo line, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char byte = bytes[i];

		if (byte == '"' || byte == '\\')
			appendStringInfo(line, "\\%c", byte);
		else if (byte >= ' ' && byte <= '~')
			appendStringInfoChar(line, byte);
		else
			appendStringInfo(line, "\\x%02x", byte);
	}
}

/*
 * idv_text_shown
 *		A name as a message shows it: cut off after so many characters, and
 *		escaped if it has any that cannot be printed.
 *
 * What may be a user_hash in the wrong place is not shown.
 */
char *
idv_text_shown(IdvText name, int max_characters)
{
	IdvText		shown = {name.bytes, pg_mbcharcliplen(name.bytes, (int) name.len,
													  max_characters)};
	StringInfoData result;

	initStringInfo(&result);
	if (idv_has_hash(name.bytes, name.len))
		appendStringInfoString(&result, "***");
	else if (idv_text_is_printable(shown))
		appendBinaryStringInfo(&result, shown.bytes, (int) shown.len);
	else
		idv_append_escaped(&result, shown.bytes, shown.len);
	return result.data;
}

/*
 * idv_text_is_same
 *		Are these the same bytes?
 */
bool
idv_text_is_same(IdvText a, IdvText b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/*
 * idv_text_mask
 *		A masked secret: eight bullets and the hint, as in "•••• •••• 4f9c".
 *
 * Asterisks stand in where the server encoding has no bullet (U+2022).  The
 * view idverify.app_status draws the same mask.
 */
text *
idv_text_mask(const text *hint)
{
	static const char bullets[] =
	"\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 "
	"\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 ";
	IdvText		utf8 = {bullets, sizeof(bullets) - 1};
	IdvText		cover;

	if (GetDatabaseEncoding() == PG_SQL_ASCII ||
		!convert(&cover, utf8, PG_UTF8, GetDatabaseEncoding()))
	{
		cover.bytes = "**** **** ";
		cover.len = strlen(cover.bytes);
	}

	return cstring_to_text(psprintf("%.*s%.*s",
									(int) cover.len, cover.bytes,
									(int) VARSIZE_ANY_EXHDR(hint),
									VARDATA_ANY(hint)));
}
