/*-------------------------------------------------------------------------
 *
 * token_time.h
 *	  When a token counts (RFC 7519, section 4.1: exp, nbf and iat).
 *
 * Pure C.  Times are in seconds since 1970, as in the token.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TOKEN_TIME_H
#define IDV_TOKEN_TIME_H

#include <stdbool.h>

#define IDV_TOKEN_LEEWAY	30	/* seconds that clocks may differ */

/* What a token says of its time. */
typedef struct IdvTokenTimes
{
	bool		has_exp;
	bool		has_nbf;
	bool		has_iat;
	double		exp;			/* it counts no more from then on */
	double		nbf;			/* it does not count before */
	double		iat;			/* when it was made */
} IdvTokenTimes;

typedef enum IdvTokenTime
{
	IDV_TOKEN_NOW,				/* it counts */
	IDV_TOKEN_WITHOUT_EXP,		/* it would never end, and has to */
	IDV_TOKEN_TOO_LONG_LIVED,	/* it ends too late */
	IDV_TOKEN_OVER,				/* exp is past */
	IDV_TOKEN_NOT_YET			/* nbf or iat is to come */
} IdvTokenTime;

extern IdvTokenTime idv_token_time(const IdvTokenTimes *times, double now,
								   const double *lifetime);

#endif							/* IDV_TOKEN_TIME_H */
