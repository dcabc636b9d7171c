/*-------------------------------------------------------------------------
 *
 * ring_file.h
 *	  Which file may be the key ring.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_RING_FILE_H
#define IDV_RING_FILE_H

#include "postgres.h"

/* More than any ring needs.  A larger file is some other file. */
#define IDV_RING_FILE_MAX_BYTES	(64 * 1024)

extern const char *idv_ring_file_objection(int fd, const char *file);

#endif							/* IDV_RING_FILE_H */
