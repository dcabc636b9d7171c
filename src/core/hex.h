/*-------------------------------------------------------------------------
 *
 * hex.h
 *	  Bytes to hex digits and back.
 *
 * Pure C.  Callers own every buffer; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_HEX_H
#define IDV_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool idv_hex_decode(uint8_t *dst, size_t dst_len,
						   const char *src, size_t src_len);
extern void idv_hex_encode(char *dst, const uint8_t *src, size_t src_len);

#endif							/* IDV_HEX_H */
