/*-------------------------------------------------------------------------
 *
 * jws.c
 *	  A JSON Web Signature in its compact serialization, taken apart.
 *
 * This is all that is done with a token before its signature is known to be
 * right: nothing in it has been looked at yet, and no memory was taken.
 *
 *-------------------------------------------------------------------------
 */
#include "core/jws.h"

#include <string.h>

/* Digits of an HMAC-SHA256. */
#define HS256_DIGITS	IDV_BASE64URL_ENCODED(32)

/* A header, decoded and as a token begins with it. */
typedef struct UsualHeader
{
	const char *json;
	const char *digits;			/* and the dot behind them */
	size_t		digits_len;
} UsualHeader;

#define USUAL(json, digits) {json, digits ".", sizeof(digits) - 1}

/* Those that nearly all signers write: these need not be decoded. */
static const UsualHeader usual_headers[] = {
	USUAL("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
	USUAL("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"),
	USUAL("{\"alg\":\"HS256\"}", "eyJhbGciOiJIUzI1NiJ9"),
};

/* The one of these headers that a token begins with; NULL if it is another. */
static const UsualHeader *
find_usual_header(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(usual_headers) / sizeof(usual_headers[0]); i++)
	{
		const UsualHeader *usual = &usual_headers[i];

		if (len > usual->digits_len &&
			memcmp(usual->digits, text, usual->digits_len + 1) == 0)
			return usual;
	}
	return NULL;
}

/*
 * idv_jws_split
 *		Take a token apart: header, payload and signature, each in base64url,
 *		with a dot between them.
 *
 * text is referred to, not copied.  Returns false, with jws unspecified, if it
 * has no such shape: it is too long, there are more parts or fewer, one of them
 * is no base64url, or there is no header or no payload.  A signature of any
 * length will do, even none, as has a token that is not signed: it is the right
 * one of no secret.
 */
bool
idv_jws_split(IdvJws *jws, const char *text, size_t len)
{
	const char *first;
	const char *second;
	const char *signature;
	const UsualHeader *usual;
	size_t		header_digits;
	size_t		payload_digits;
	size_t		signature_digits;

	if (len > IDV_TOKEN_MAX)
		return false;
	usual = find_usual_header(text, len);
	first = usual != NULL ? text + usual->digits_len : memchr(text, '.', len);
	if (first == NULL)
		return false;
	header_digits = (size_t) (first - text);

	/* Where HS256 signed, the second dot is found from the end. */
	if (len - header_digits > HS256_DIGITS + 1 &&
		text[len - HS256_DIGITS - 1] == '.')
		second = text + len - HS256_DIGITS - 1;
	else
		second = memchr(first + 1, '.', len - header_digits - 1);
	if (second == NULL)
		return false;
	payload_digits = (size_t) (second - first) - 1;
	signature = second + 1;
	signature_digits = len - (size_t) (signature - text);
	if (header_digits == 0 || payload_digits == 0)
		return false;

	jws->text = text;
	jws->signed_len = (size_t) (second - text);
	jws->header_len = IDV_BASE64URL_DECODED(header_digits);
	jws->payload_len = IDV_BASE64URL_DECODED(payload_digits);
	jws->signature_len = IDV_BASE64URL_DECODED(signature_digits);
	jws->header = jws->bytes;
	jws->payload = jws->header + jws->header_len;
	jws->signature = jws->payload + jws->payload_len;
	if (usual != NULL)
		jws->header = (const uint8_t *) usual->json;
	else if (!idv_base64url_decode(jws->bytes, text, header_digits))
		return false;

	/* Any other dot is no digit. */
	return idv_base64url_decode(jws->bytes + jws->header_len, first + 1,
								payload_digits) &&
		idv_base64url_decode(jws->bytes + jws->header_len + jws->payload_len,
							 signature, signature_digits);
}
