/*-------------------------------------------------------------------------
 *
 * jws.h
 *	  A JSON Web Signature in its compact serialization (RFC 7515, section
 *	  7.1), taken apart.
 *
 * Pure C.  Lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JWS_H
#define IDV_JWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base64url.h"

#define IDV_TOKEN_MAX	8192	/* bytes in the longest token */

/* Stand for what is too long to be kept, and are as malformed. */
#define IDV_MALFORMED_TOKEN	"eyJ.too.long"
#define IDV_MALFORMED_HASH	"too long"

/* A token's parts, decoded.  Most are in bytes: it cannot be copied. */
typedef struct IdvJws
{
	const char *text;			/* the token itself, which is the caller's */
	size_t		signed_len;		/* so many of its bytes are what is signed */
	const uint8_t *header;
	size_t		header_len;
	const uint8_t *payload;
	size_t		payload_len;
	const uint8_t *signature;
	size_t		signature_len;
	uint8_t		bytes[IDV_BASE64URL_DECODED(IDV_TOKEN_MAX)];
} IdvJws;

extern bool idv_jws_split(IdvJws *jws, const char *text, size_t len);

#endif							/* IDV_JWS_H */
