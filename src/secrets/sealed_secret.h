/*-------------------------------------------------------------------------
 *
 * sealed_secret.h
 *	  Secrets as the rows hold them: seal one, open one, or say why not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SEALED_SECRET_H
#define IDV_SEALED_SECRET_H

#include "postgres.h"

#include "core/seal.h"
#include "tables/apps.h"

/* Whether a row opens, and if not, what is wrong. */
typedef enum IdvOpening
{
	IDV_OPENED = 0,
	IDV_SHUT_NO_RING,			/* there is no key ring */
	IDV_SHUT_NO_KEY,			/* the ring lacks the row's key id */
	IDV_SHUT_WRONG_KEY,			/* the ring has another key of that id */
	IDV_SHUT_ALTERED,			/* the row was altered, or is another's */
	IDV_SHUT_LIBRARY			/* libcrypto refused */
} IdvOpening;

extern bytea *idv_sealed_make(const IdvSealLabel *label,
							  const uint8 *secret, size_t secret_len,
							  int32 *key_id);
extern IdvOpening idv_sealed_open(uint8 secret[IDV_SECRET_MAX],
								  size_t *secret_len,
								  int32 app_id, const IdvSecretRow *row);
extern void idv_sealed_report(IdvOpening opening, int32 app_id,
							  int32 generation, int32 key_id) __attribute__((noreturn));

#endif							/* IDV_SEALED_SECRET_H */
