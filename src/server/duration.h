/*-------------------------------------------------------------------------
 *
 * duration.h
 *	  Intervals as lengths of time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DURATION_H
#define IDV_DURATION_H

#include "postgres.h"

#include "datatype/timestamp.h"

extern bool idv_duration(int64 *usecs, const Interval *interval);

#endif							/* IDV_DURATION_H */
