/*-------------------------------------------------------------------------
 *
 * app_cache.h
 *	  Apps and their opened secrets, kept ready in this backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_APP_CACHE_H
#define IDV_APP_CACHE_H

#include "postgres.h"

#include "core/hmac.h"
#include "tables/apps.h"

/*
 * An app and its secrets.  Good until the next call of idv_app_get(), and until
 * anything runs that could call it, any SQL for example.
 */
typedef struct IdvApp IdvApp;

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

extern void idv_app_cache_init(void);
extern const IdvApp *idv_app_get(IdvText app_key);
extern bool idv_app_is_known(const IdvApp *app);
extern bool idv_app_has_secrets(const IdvApp *app);
extern const IdvAppRow *idv_app_row(const IdvApp *app);
extern IdvMatch idv_app_match(const IdvApp *app, IdvSignature signs,
							  IdvText message,
							  const uint8 hmac[IDV_HMAC_LEN],
							  bool try_expired, int32 *generation);
extern IdvSigning idv_app_sign(uint8 hmac[IDV_HMAC_LEN], const IdvApp *app,
							   IdvSignature signs, IdvText message,
							   NullableDatum signer);

#endif							/* IDV_APP_CACHE_H */
