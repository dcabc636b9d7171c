/*-------------------------------------------------------------------------
 *
 * token_time.c
 *	  When a token counts (RFC 7519, section 4.1: exp, nbf and iat).
 *
 *-------------------------------------------------------------------------
 */
#include "core/token_time.h"

#include <stddef.h>

/*
 * idv_token_time
 *		Does a token count now?
 *
 * now			in seconds since 1970
 * lifetime		the most seconds from now that exp may be; NULL: no exp is asked
 *				for, and it may be any
 *
 * Wherever a time is compared with the clock, IDV_TOKEN_LEEWAY is granted to the
 * token, since the clock of who made it is another one.
 */
IdvTokenTime
idv_token_time(const IdvTokenTimes *times, double now, const double *lifetime)
{
	if (lifetime != NULL)
	{
		if (!times->has_exp)
			return IDV_TOKEN_WITHOUT_EXP;
		/* Milliseconds in place of seconds are some 50,000 years from now. */
		if (times->exp > now + *lifetime + IDV_TOKEN_LEEWAY)
			return IDV_TOKEN_TOO_LONG_LIVED;
	}
	if (times->has_exp && now >= times->exp + IDV_TOKEN_LEEWAY)
		return IDV_TOKEN_OVER;
	if ((times->has_nbf && now < times->nbf - IDV_TOKEN_LEEWAY) ||
		(times->has_iat && now < times->iat - IDV_TOKEN_LEEWAY))
		return IDV_TOKEN_NOT_YET;
	return IDV_TOKEN_NOW;
}
