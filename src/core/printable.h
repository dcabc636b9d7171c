/*-------------------------------------------------------------------------
 *
 * printable.h
 *	  Text that can be printed, on a line, and read as what it is.
 *
 * Pure C.  Text is UTF-8, without a terminating zero; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PRINTABLE_H
#define IDV_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

extern bool idv_is_printable(const char *text, size_t len);

#endif							/* IDV_PRINTABLE_H */
