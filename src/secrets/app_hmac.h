/*-------------------------------------------------------------------------
 *
 * app_hmac.h
 *	  HMACs under the secrets of an app: was one made with any, and make one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_APP_HMAC_H
#define IDV_APP_HMAC_H

#include "postgres.h"

#include "core/hmac.h"
#include "secrets/app_cache.h"

typedef enum IdvMatch
{
	IDV_MATCH_NONE,				/* no secret made this HMAC */
	IDV_MATCH_LIVE,				/* one that verifies now did */
	IDV_MATCH_EXPIRED			/* one whose grace is over did */
} IdvMatch;

typedef enum IdvSigning
{
	IDV_SIGNING_DONE,
	IDV_SIGNING_NO_SECRET,		/* the signer has no current secret */
	IDV_SIGNING_OTHER_KIND		/* its secret signs the other kind */
} IdvSigning;

extern IdvMatch idv_app_match(const IdvApp *app, IdvSignature signs,
							  IdvText message,
							  const uint8 hmac[IDV_HMAC_LEN],
							  bool try_expired, int32 *generation);
extern IdvSigning idv_app_sign(uint8 hmac[IDV_HMAC_LEN], const IdvApp *app,
							   IdvSignature signs, IdvText message,
							   NullableDatum signer);

#endif							/* IDV_APP_HMAC_H */
