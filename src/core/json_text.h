/*-------------------------------------------------------------------------
 *
 * json_text.h
 *	  JSON text, made ready for a reader that knows one encoding.
 *
 * Pure C.  Callers own every buffer; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JSON_TEXT_H
#define IDV_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDV_JSON_DEPTH_MAX	8	/* objects and arrays in each other, at most */

extern bool idv_json_text(char *dst, size_t *dst_len, bool *plain,
						  const uint8_t *src, size_t src_len);

#endif							/* IDV_JSON_TEXT_H */
