/*-------------------------------------------------------------------------
 *
 * claim_forms.h
 *	  What may have been signed in place of what an app signs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CLAIM_FORMS_H
#define IDV_CLAIM_FORMS_H

#include "postgres.h"

#include "core/forms.h"
#include "server/text.h"
#include "tables/apps.h"
#include "verdict/verdict.h"

/* A field of a claim, in UTF-8; its length is 0 if it cannot be read. */
typedef struct IdvClaimField
{
	const char *name;
	IdvText		utf8;
	bool		unreadable;		/* too long, or not text in UTF-8 */
} IdvClaimField;

/* Both fields: the one that counts, and the other one. */
typedef struct IdvClaimFields
{
	IdvClaimField counted;
	IdvClaimField other;
} IdvClaimFields;

extern IdvClaimFields idv_claim_fields(IdvSignedField signed_field,
									   const IdvClaim *claim);
extern IdvForms *idv_claim_forms(const IdvClaimFields *fields);

#endif							/* IDV_CLAIM_FORMS_H */
