/*-------------------------------------------------------------------------
 *
 * claim_count.h
 *	  Count claims, by their verdict and by the secret that they were signed with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CLAIM_COUNT_H
#define IDV_CLAIM_COUNT_H

#include "postgres.h"

#include "verdict/verdict.h"

/* By which way a claim came. */
typedef enum IdvWay
{
	IDV_WAY_CHECK,
	IDV_WAY_VERDICT,
	IDV_WAY_IDENTIFY,
	IDV_WAY_GUARD
} IdvWay;

#define IDV_WAYS	(IDV_WAY_GUARD + 1)

/* What of a claim is shown; a check does not say what its value is. */
typedef enum IdvShownField
{
	IDV_SHOWN_NOTHING,
	IDV_SHOWN_EXTERNAL_ID,
	IDV_SHOWN_EMAIL,
	IDV_SHOWN_VALUE
} IdvShownField;

#define IDV_SHOWN_FIELDS	(IDV_SHOWN_VALUE + 1)

extern const char *const idv_way_labels[IDV_WAYS];
extern const char *const idv_shown_field_labels[IDV_SHOWN_FIELDS];

extern void idv_count_claim(const IdvAppRow *app, IdvWay way, IdvVerdict verdict,
							int32 generation, const IdvClaim *claim);
extern void idv_count_check(const IdvApp *app, bool right, int32 generation,
							NullableDatum value);

#endif							/* IDV_CLAIM_COUNT_H */
