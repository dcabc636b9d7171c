/*-------------------------------------------------------------------------
 *
 * utf8.h
 *	  UTF-8, character by character.
 *
 * Pure C.  Lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UTF8_H
#define IDV_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define IDV_UTF8_MAX	4		/* bytes in the longest character */

extern uint32_t idv_utf8_next(const char *text, size_t len, size_t *at);
extern size_t idv_utf8_make(uint8_t bytes[IDV_UTF8_MAX], uint32_t character);

#endif							/* IDV_UTF8_H */
