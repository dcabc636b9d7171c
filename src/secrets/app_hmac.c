/*-------------------------------------------------------------------------
 *
 * app_hmac.c
 *	  HMACs under the secrets of an app: was one made with any, and make one.
 *
 * Here a previous secret expires, and nowhere else: each use compares the clock.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/app_hmac.h"

#include <openssl/crypto.h>

#include "utils/timestamp.h"

#include "secrets/cached_app.h"
#include "secrets/signer.h"

/* Does this secret verify at the moment?  Ask for the time at most once. */
static inline bool
is_live(const IdvCachedSecret *secret, TimestampTz *now)
{
	if (secret->expires_at == DT_NOEND)
		return true;
	if (*now == 0)
		*now = GetCurrentTimestamp();
	return secret->expires_at > *now;
}

/* Is hmac the HMAC of message under this key? */
static bool
made_with(const IdvHmac *key, IdvText message, const uint8 *hmac)
{
	uint8		genuine[IDV_HMAC_LEN];
	bool		equal;

	if (!idv_hmac_make(genuine, key, (const uint8 *) message.bytes, message.len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute HMAC-SHA-256"),
				 errhidestmt(true), errhidecontext(true)));

	equal = idv_hmac_equal(genuine, hmac);
	OPENSSL_cleanse(genuine, sizeof(genuine));
	return equal;
}

/*
 * Is this a secret that signs hashes, or tokens?
 *
 * One that was altered may have been of either kind: what a row says that it
 * signs is sealed with it.
 */
static inline bool
may_sign(const IdvCachedSecret *secret, IdvSignature signs)
{
	return secret->signs == signs || secret->opening == IDV_SHUT_ALTERED;
}

/*
 * idv_app_match
 *		Did one of the app's secrets that sign this kind make hmac out of message?
 *
 * signs		only secrets of this kind are tried: those of the other sign what
 *				visitors may choose
 * message		a value in UTF-8, or what is signed of a token
 * try_expired	also try the newest secrets whose grace is over
 * generation	output: of the secret that did; 0 if none did
 *
 * Raises the error of a live secret that does not open only if no other live
 * secret made hmac.  One key is always tried, so that neither an unknown app
 * nor one without such secrets answers sooner than a wrong user_hash.
 */
IdvMatch
idv_app_match(const IdvApp *app, IdvSignature signs, IdvText message,
			  const uint8 hmac[IDV_HMAC_LEN], bool try_expired,
			  int32 *generation)
{
	const IdvCachedSecret *shut = NULL;
	TimestampTz now = 0;
	int			live = 0;
	int			expired = 0;

	*generation = 0;
	for (int i = 0; i < app->nsecrets; i++)
	{
		const IdvCachedSecret *secret = &app->secrets[i];

		if (!may_sign(secret, signs) || !is_live(secret, &now))
			continue;
		live++;
		if (secret->ready == NULL)
			shut = shut ? shut : secret;
		else if (made_with(secret->ready, message, hmac))
		{
			*generation = secret->generation;
			return IDV_MATCH_LIVE;
		}
	}

	if (shut != NULL)
		idv_sealed_report(shut->opening, app->row.id,
						  shut->generation, shut->key_id);
	if (live == 0)
		(void) made_with(&idv_nobodys_key, message, hmac);

	for (int i = 0; try_expired && i < app->nsecrets; i++)
	{
		const IdvCachedSecret *secret = &app->secrets[i];

		if (secret->signs != signs || is_live(secret, &now))
			continue;
		if (++expired > IDV_EXPIRED_TRIED)
			break;
		if (secret->ready != NULL &&
			made_with(secret->ready, message, hmac))
		{
			*generation = secret->generation;
			return IDV_MATCH_EXPIRED;
		}
	}

	return IDV_MATCH_NONE;
}

/*
 * idv_app_sign
 *		Make the HMAC of message with a signer's current secret.
 *
 * signs		a secret of the other kind does not
 * message		a value in UTF-8, or what is signed of a token
 * signer		NULL for the only one there is
 *
 * Raises the error of a secret that does not open.  Other errors: see
 * idv_signer_choose().
 */
IdvSigning
idv_app_sign(uint8 hmac[IDV_HMAC_LEN], const IdvApp *app, IdvSignature signs,
			 IdvText message, NullableDatum signer)
{
	const IdvCachedSecret *current = NULL;
	List	   *signers = NIL;
	IdvText		chosen;

	for (int i = 0; i < app->nsecrets; i++)
		signers = lappend(signers, unconstify(IdvText *, &app->secrets[i].signer));
	chosen = idv_signer_choose(signers, signer);
	for (int i = 0; i < app->nsecrets; i++)
		if (app->secrets[i].state == IDV_STATE_CURRENT &&
			idv_text_is_same(app->secrets[i].signer, chosen))
			current = &app->secrets[i];
	if (current == NULL)
		return IDV_SIGNING_NO_SECRET;
	if (current->signs != signs)
		return IDV_SIGNING_OTHER_KIND;

	if (current->ready == NULL)
		idv_sealed_report(current->opening, app->row.id,
						  current->generation, current->key_id);
	if (!idv_hmac_make(hmac, current->ready,
					   (const uint8 *) message.bytes, message.len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute HMAC-SHA-256")));
	return IDV_SIGNING_DONE;
}
