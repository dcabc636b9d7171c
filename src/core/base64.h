/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Read base64 as leniently as careless code writes it.
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

extern bool idv_base64_decode(uint8_t *dst, size_t *dst_len,
							  const uint8_t *src, size_t src_len);

#endif							/* IDV_BASE64_H */
