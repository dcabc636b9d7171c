/*-------------------------------------------------------------------------
 *
 * token_flaw.h
 *	  Why does a token not count that the app has signed?
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TOKEN_FLAW_H
#define IDV_TOKEN_FLAW_H

#include "postgres.h"

#include "core/finding.h"
#include "insight/claim_forms.h"
#include "server/token.h"
#include "tables/apps.h"
#include "verdict/verdict.h"

/* What is wrong, in a sentence, and what a claim with this token is worth. */
typedef struct IdvTokenFinding
{
	IdvFinding	finding;		/* IDV_FOUND_NOTHING: it counts */
	const char *detail;
	IdvVerdict	verdict;
	bool		bad_identity;	/* it is for nobody in particular */
} IdvTokenFinding;

extern IdvTokenFinding idv_token_finding(const IdvJws *jws, const IdvAppRow *app,
										 const IdvClaimFields *fields);

#endif							/* IDV_TOKEN_FLAW_H */
