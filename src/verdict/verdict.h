/*-------------------------------------------------------------------------
 *
 * verdict.h
 *	  What a claim of identity is worth.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_VERDICT_H
#define IDV_VERDICT_H

#include "postgres.h"

#include "secrets/app_cache.h"
#include "server/token.h"

/* As the labels of idverify.verdict: in the order in which they are asked. */
typedef enum IdvVerdict
{
	IDV_UNKNOWN_APP,
	IDV_ANONYMOUS,
	IDV_NO_SECRET,
	IDV_UNSIGNED,
	IDV_MALFORMED,
	IDV_BAD_IDENTITY,
	IDV_VERIFIED,
	IDV_EXPIRED,
	IDV_OUTDATED,
	IDV_MISMATCH
} IdvVerdict;

#define IDV_VERDICTS	(IDV_MISMATCH + 1)

/* A claim: text values, in the server encoding. */
typedef struct IdvClaim
{
	NullableDatum external_id;
	NullableDatum email;
	NullableDatum user_hash;	/* or a token */

	/*
	 * Does a token say who somebody is, whatever is claimed beside it?  An
	 * email without an external_id is then profile text, as beside one.  Else
	 * it is what is claimed, and has to be signed.
	 */
	bool		token_names;
} IdvClaim;

extern const char *const idv_verdict_labels[IDV_VERDICTS];

extern Oid	idv_verdict_value(Oid verdict_type, IdvVerdict verdict);
extern IdvPolicy idv_policy(const IdvAppRow *app, IdvVerdict verdict);
extern bool idv_is_absent(NullableDatum value);
extern const IdvApp *idv_app_claimed(NullableDatum app_key);
extern IdvVerdict idv_judge(const IdvApp *app, const IdvClaim *claim,
							int32 *generation, IdvToken *token);
extern IdvVerdict idv_verdict(NullableDatum app_key, const IdvClaim *claim);
extern bool idv_check(const IdvApp *app, NullableDatum value,
					  NullableDatum user_hash, int32 *generation);
extern bool idv_check_identity(NullableDatum app_key, NullableDatum value,
							   NullableDatum user_hash);
extern bool idv_verify_token(IdvToken *token, const IdvApp *app,
							 NullableDatum presented, int32 *generation);

#endif							/* IDV_VERDICT_H */
