/*-------------------------------------------------------------------------
 *
 * base64url.h
 *	  Base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
 *
 * Pure C.  Callers own every buffer; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_BASE64URL_H
#define IDV_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that n digits are decoded into, and digits that n bytes are encoded to. */
#define IDV_BASE64URL_DECODED(n)	((n) / 4 * 3 + (n) % 4 * 3 / 4)
#define IDV_BASE64URL_ENCODED(n)	((n) / 3 * 4 + ((n) % 3 * 4 + 2) / 3)

extern bool idv_base64url_decode(uint8_t *dst, const char *src, size_t src_len);
extern void idv_base64url_encode(char *dst, const uint8_t *src, size_t src_len);

#endif							/* IDV_BASE64URL_H */
