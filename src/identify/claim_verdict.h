/*-------------------------------------------------------------------------
 *
 * claim_verdict.h
 *	  What a visitor's claim is worth, field by field.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CLAIM_VERDICT_H
#define IDV_CLAIM_VERDICT_H

#include "postgres.h"

#include "identify/profile.h"

extern void idv_claim_judge(IdvIdentification *call, NullableDatum app_key);

#endif							/* IDV_CLAIM_VERDICT_H */
