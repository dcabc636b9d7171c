/*-------------------------------------------------------------------------
 *
 * jws.c
 *	  Fuzz the reader of tokens: what it takes apart is, put together again,
 *	  the same text, so that no token has two spellings.
 *
 * The input is taken for a token, for digits of base64url, and for bytes to
 * encode.
 *
 *-------------------------------------------------------------------------
 */
#include "core/jws.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
encode(const uint8_t *bytes, size_t len)
{
	size_t		digits_len = IDV_BASE64URL_ENCODED(len);
	char	   *digits = malloc(digits_len + 1);
	uint8_t    *back = malloc(len + 1);

	if (digits == NULL || back == NULL ||
		IDV_BASE64URL_DECODED(digits_len) != len)
		abort();
	idv_base64url_encode(digits, bytes, len);
	if (!idv_base64url_decode(back, digits, digits_len) ||
		memcmp(back, bytes, len) != 0)
		abort();
	free(back);
	free(digits);
}

/* Digits are what their bytes are encoded to. */
static void
decode(const char *digits, size_t len)
{
	uint8_t    *bytes = malloc(IDV_BASE64URL_DECODED(len) + 1);
	char	   *again = malloc(len + 1);

	if (bytes == NULL || again == NULL)
		abort();
	if (idv_base64url_decode(bytes, digits, len))
	{
		if (IDV_BASE64URL_ENCODED(IDV_BASE64URL_DECODED(len)) != len)
			abort();
		idv_base64url_encode(again, bytes, IDV_BASE64URL_DECODED(len));
		if (memcmp(again, digits, len) != 0)
			abort();
	}
	free(again);
	free(bytes);
}

/* Write a part at the end of a token that is put together again. */
static size_t
append_part(char *text, size_t len, const uint8_t *part, size_t part_len)
{
	if (len > 0)
		text[len++] = '.';
	idv_base64url_encode(text + len, part, part_len);
	return len + IDV_BASE64URL_ENCODED(part_len);
}

static void
split(const char *text, size_t len)
{
	static IdvJws jws;
	static char again[IDV_TOKEN_MAX + 4];
	size_t		again_len = 0;

	if (!idv_jws_split(&jws, text, len))
		return;
	if (len > IDV_TOKEN_MAX || jws.header_len == 0 || jws.payload_len == 0 ||
		jws.signature + jws.signature_len > jws.bytes + sizeof(jws.bytes))
		abort();
	again_len = append_part(again, again_len, jws.header, jws.header_len);
	again_len = append_part(again, again_len, jws.payload, jws.payload_len);
	if (again_len != jws.signed_len)
		abort();
	again_len = append_part(again, again_len, jws.signature, jws.signature_len);
	if (again_len != len || memcmp(again, text, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	split((const char *) data, size);
	decode((const char *) data, size);
	encode(data, size);
	return 0;
}
