/*-------------------------------------------------------------------------
 *
 * secret_text.c
 *	  Secrets as other products write them: text, hex, base64.
 *
 * Most products use the characters of a secret as the key, whatever they look
 * like; some decode them first.  Which one it is cannot be seen, so whoever
 * imports a secret says.
 *
 * Base64 is that of RFC 4648, section 4: padded, without a bit that is not used,
 * and with + and /.  Nothing else is taken, so what is shown later is what was
 * imported, to the character.  Hex is taken in either case and shown in small
 * letters.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/secret_text.h"

#include <openssl/crypto.h>

#include "utils/builtins.h"

#include "core/base64.h"
#include "core/hex.h"
#include "server/sqlfunc.h"
#include "server/text.h"

/* The longest is written in hex. */
#define WRITTEN_MAX		(2 * IDV_SECRET_MAX)

/*
 * idv_encoding_argument
 *		The encoding that a function was called with.  22004 if it is null, 22023
 *		if there is none of that name.
 */
IdvEncoding
idv_encoding_argument(NullableDatum encoding)
{
	IdvText		name = idv_text(idv_argument(encoding, "encoding",
											 "Leave it out to have the default."));
	IdvEncoding found;

	if (!idv_encoding_find(&found, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no such encoding of a secret"),
				 errhint("It is 'text' where the other product uses the characters of the secret as the key, 'hex' or 'base64' where it decodes them.")));
	return found;
}

/* Raise the error that a secret has too few bytes, or too many.  22023. */
static void
report_length(bool too_long, IdvEncoding encoding)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the secret is too %s", too_long ? "long" : "short"),
			 errdetail(encoding == IDV_ENCODING_TEXT ?
					   "A secret has %d to %d bytes in UTF-8." :
					   "A secret has %d to %d bytes when it is decoded.",
					   IDV_SECRET_MIN, IDV_SECRET_MAX),
			 errhint("Pass it as the other product shows it, or leave it out to have one generated.")));
}

/* Decode base64, if it is written in the one way that it is encoded in. */
static bool
decode_base64(uint8 *dst, size_t *dst_len, IdvText src)
{
	char		again[IDV_BASE64_ENCODED(WRITTEN_MAX)];
	bool		same;

	/* The decoder is lenient; what it took is compared with what is right. */
	if (!idv_base64_decode(dst, dst_len, (const uint8 *) src.bytes, src.len))
		return false;
	same = idv_base64_encode(again, dst, *dst_len) == src.len &&
		memcmp(again, src.bytes, src.len) == 0;
	OPENSSL_cleanse(again, sizeof(again));
	return same;
}

/*
 * idv_secret_read
 *		The bytes of a secret that another product wrote, to be used as the key.
 *
 * Returns how many they are.  22023 for a secret that cannot be; nothing of it
 * is quoted.  The caller wipes them.
 */
size_t
idv_secret_read(uint8 secret[IDV_SECRET_MAX], IdvEncoding encoding, Datum written)
{
	uint8		bytes[IDV_BASE64_DECODED(WRITTEN_MAX)];
	size_t		len = 0;
	IdvText		src;
	IdvTextStatus status;
	bool		read = true;
	bool		fits;

	status = idv_text_utf8(&src, written, encoding == IDV_ENCODING_TEXT ?
						   IDV_SECRET_MAX : WRITTEN_MAX);
	if (status == IDV_TEXT_NOT_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret has no equivalent in UTF-8"),
				 errhint("Leave it out to have one generated.")));
	if (status == IDV_TEXT_TOO_LONG)
		report_length(true, encoding);

	switch (encoding)
	{
		case IDV_ENCODING_TEXT:
			memcpy(bytes, src.bytes, src.len);
			len = src.len;
			break;
		case IDV_ENCODING_HEX:
			len = src.len / 2;
			read = idv_hex_decode(bytes, len, src.bytes, src.len);
			break;
		case IDV_ENCODING_BASE64:
			read = decode_base64(bytes, &len, src);
			break;
	}

	fits = len >= IDV_SECRET_MIN && len <= IDV_SECRET_MAX;
	if (read && fits)
		memcpy(secret, bytes, len);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (!read)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 encoding == IDV_ENCODING_HEX ?
				 errmsg("the secret is not hex") : errmsg("the secret is not base64"),
				 encoding == IDV_ENCODING_HEX ?
				 errhint("Pass two hex digits for each byte and nothing else, no blank and no line feed; or encoding => 'text' if the other product uses its characters as the key.") :
				 errhint("Pass it with + and / in place of - and _, filled up with = to a multiple of four characters, without a blank or line feed; or encoding => 'text' if the other product uses its characters as the key.")));
	if (!fits)
		report_length(len > IDV_SECRET_MAX, encoding);
	return len;
}

/*
 * idv_secret_write
 *		A secret as it was written where it came from, or NULL if the server
 *		encoding lacks one of its characters.
 */
text *
idv_secret_write(const uint8 *secret, size_t secret_len, IdvEncoding encoding)
{
	char		written[Max(WRITTEN_MAX, IDV_BASE64_ENCODED(IDV_SECRET_MAX))];
	size_t		len = 0;
	text	   *result;

	switch (encoding)
	{
		case IDV_ENCODING_TEXT:
			return idv_text_from_utf8((const char *) secret, secret_len);
		case IDV_ENCODING_HEX:
			idv_hex_encode(written, secret, secret_len);
			len = 2 * secret_len;
			break;
		case IDV_ENCODING_BASE64:
			len = idv_base64_encode(written, secret, secret_len);
			break;
	}
	result = cstring_to_text_with_len(written, (int) len);
	OPENSSL_cleanse(written, sizeof(written));
	return result;
}
