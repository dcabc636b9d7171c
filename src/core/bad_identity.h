/*-------------------------------------------------------------------------
 *
 * bad_identity.h
 *	  What can and what cannot be somebody's identity.
 *
 * Pure C.  Text is UTF-8, without a terminating zero; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_BAD_IDENTITY_H
#define IDV_BAD_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#define IDV_IDENTITY_MAX	1024	/* bytes in the longest identity */

extern void idv_trim(const char **text, size_t *len);
extern bool idv_is_blank(const char *text, size_t len);
extern bool idv_identity_is_bad(const char *identity, size_t len);

#endif							/* IDV_BAD_IDENTITY_H */
