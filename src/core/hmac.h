/*-------------------------------------------------------------------------
 *
 * hmac.h
 *	  HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key that is kept ready.
 *
 * Pure C and libcrypto.  Lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_HMAC_H
#define IDV_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDV_HMAC_LEN	32		/* bytes in an HMAC-SHA256 */

/*
 * A key, already hashed into the two states that every message starts from.
 *
 * The states are as good as the key: where they lie is for the caller to choose.
 * They are in the order of the processor's bytes, and for this process alone.
 */
typedef struct IdvHmac
{
	uint32_t	inner[8];		/* has hashed the key xor 0x36... */
	uint32_t	outer[8];		/* has hashed the key xor 0x5c... */
} IdvHmac;

extern bool idv_hmac_init(IdvHmac *ready, const uint8_t *key, size_t key_len);
extern bool idv_hmac_make(uint8_t hmac[IDV_HMAC_LEN], const IdvHmac *key,
						  const uint8_t *message, size_t message_len);
extern bool idv_hmac_equal(const uint8_t a[IDV_HMAC_LEN],
						   const uint8_t b[IDV_HMAC_LEN]);
extern void idv_hmac_wipe(IdvHmac *key);

#endif							/* IDV_HMAC_H */
