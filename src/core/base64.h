/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Read base64 as leniently as careless code writes it; write it strictly.
 *
 * Pure C and libcrypto.  Callers own every buffer; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_BASE64_H
#define IDV_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDV_BASE64_MAX	1024	/* characters that are read */

/* Bytes that a text of so many characters is decoded into, at most. */
#define IDV_BASE64_DECODED(n)	(((n) + 3) / 4 * 3)

/* Characters that so many bytes are written in, and a terminating zero. */
#define IDV_BASE64_ENCODED(n)	(((n) + 2) / 3 * 4 + 1)

extern size_t idv_base64_encode(char *dst, const uint8_t *src, size_t src_len);
extern bool idv_base64_decode(uint8_t *dst, size_t *dst_len,
							  const uint8_t *src, size_t src_len);

#endif							/* IDV_BASE64_H */
