/*-------------------------------------------------------------------------
 *
 * cached_app.h
 *	  An app and its opened secrets, as secrets/app_cache.c keeps them; for
 *	  secrets/app_hmac.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CACHED_APP_H
#define IDV_CACHED_APP_H

#include "postgres.h"

#include "lib/ilist.h"

#include "core/hmac.h"
#include "secrets/sealed_secret.h"

/* How many expired secrets of an app are still recognized, of either kind. */
#define IDV_EXPIRED_TRIED	3

/* A secret, opened if that was possible. */
typedef struct IdvCachedSecret
{
	IdvHmac    *ready;			/* NULL unless opening is IDV_OPENED */
	IdvOpening	opening;
	IdvSignature signs;
	IdvSecretState state;
	IdvText		signer;			/* its bytes follow those of the app key */
	TimestampTz expires_at;		/* DT_NOEND unless state is previous */
	int32		generation;
	int32		key_id;
} IdvCachedSecret;

/* An app, or the knowledge that there is none of this key. */
struct IdvApp
{
	dlist_node	turn;			/* in apps_by_turn */
	uint32		hash;
	IdvText		app_key;		/* its bytes follow the secrets */
	bool		known;
	bool		fleeting;		/* good for this one look-up only */
	bool		used;			/* again, since it was last its turn to go */
	IdvAppRow	row;
	int			nsecrets;
	IdvCachedSecret secrets[FLEXIBLE_ARRAY_MEMBER]; /* as idv_secrets_read() */
};

/* A key that no app has, for when there is nothing to compare with. */
extern IdvHmac idv_nobodys_key;

#endif							/* IDV_CACHED_APP_H */
