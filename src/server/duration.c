/*-------------------------------------------------------------------------
 *
 * duration.c
 *	  Intervals as lengths of time.
 *
 *-------------------------------------------------------------------------
 */
#include "server/duration.h"

#include "common/int.h"

/*
 * idv_duration
 *		The length of an interval in microseconds; false if it has too many.
 *
 * Days have 24 hours and months 30 days here, as they have when intervals are
 * compared: a length of time is the same whatever the session's time zone does
 * meanwhile.  An infinite one has too many microseconds.
 */
bool
idv_duration(int64 *usecs, const Interval *interval)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;

	return !pg_mul_s64_overflow(days, USECS_PER_DAY, usecs) &&
		!pg_add_s64_overflow(*usecs, interval->time, usecs);
}
