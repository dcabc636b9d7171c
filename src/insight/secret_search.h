/*-------------------------------------------------------------------------
 *
 * secret_search.h
 *	  Which secret made what was presented, and by which mistakes?
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SECRET_SEARCH_H
#define IDV_SECRET_SEARCH_H

#include "postgres.h"

#include "core/guess.h"
#include "core/jws.h"
#include "insight/claim_forms.h"
#include "secrets/sealed_secret.h"

/* A secret of the app. */
typedef struct IdvCandidate
{
	const IdvSecretRow *row;
	bool		live;
	IdvText		hint;			/* in UTF-8 */
	IdvOpening	opening;		/* as it was when last tried */
} IdvCandidate;

/* A claim that is looked into. */
typedef struct IdvInquiry
{
	IdvAppRow	app;
	IdvSignature kind;			/* of what was presented */
	IdvJws	   *jws;			/* if it is a token, taken apart */
	bool		prefixed;		/* something stands in front of a token */
	IdvClaimFields fields;
	IdvForms   *forms;
	IdvReadings *readings;
	IdvCandidate *candidates;
	int			ncandidates;
	size_t		budget;			/* HMACs that may still be made */
	bool		stopped;		/* not all was tried */

	/* what was found */
	IdvGuess	guess;
	const IdvCandidate *secret; /* of the app, or NULL */
	const IdvAppName *other_app;	/* whose secret it was, or NULL */
	const IdvSecretRow *other_secret;
} IdvInquiry;

extern void idv_search_candidates(IdvInquiry *inquiry, const List *rows);
extern void idv_search(IdvInquiry *inquiry);
extern bool idv_search_found(const IdvInquiry *inquiry);
extern const IdvCandidate *idv_search_shut(const IdvInquiry *inquiry);

#endif							/* IDV_SECRET_SEARCH_H */
