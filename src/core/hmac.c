/*-------------------------------------------------------------------------
 *
 * hmac.c
 *	  HMAC-SHA256 under a key that is kept ready.
 *
 * Hashing a key into HMAC's inner and outer state takes longer than the
 * message that follows, so both states are kept, and the key is not.
 *
 * The states are as good as the key: whoever has them can make any user_hash.
 * So the caller says where they lie, and what is copied from there is wiped.
 * EVP_MAC could do neither: it keeps a copy of the key and all of its states in
 * ordinary memory, more than a kB for each key.  Hence libcrypto's plain SHA-256,
 * whose state is ours to place: 32 bytes, once a block has been hashed.
 *
 *-------------------------------------------------------------------------
 */

/* SHA256_Init() and its like are deprecated in favour of EVP. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/hmac.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define BLOCK_LEN	SHA256_CBLOCK

/* The state after one block: the key, filled up with zeros, xor pad. */
static bool
hash_padded(uint32_t state[8], const uint8_t key[BLOCK_LEN], uint8_t pad)
{
	uint8_t		block[BLOCK_LEN];
	SHA256_CTX	hash;
	bool		ok;

	for (size_t i = 0; i < BLOCK_LEN; i++)
		block[i] = key[i] ^ pad;
	ok = SHA256_Init(&hash) == 1 &&
		SHA256_Update(&hash, block, BLOCK_LEN) == 1;
	memcpy(state, hash.h, sizeof(hash.h));
	OPENSSL_cleanse(&hash, sizeof(hash));
	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}

/* Go on from the state after one block. */
static void
resume(SHA256_CTX *hash, const uint32_t state[8])
{
	_Static_assert(sizeof(hash->h) == sizeof(uint32_t[8]), "of SHA-256");

	memcpy(hash->h, state, sizeof(hash->h));
	hash->Nl = 8 * BLOCK_LEN;
	hash->Nh = 0;
	hash->num = 0;
	hash->md_len = SHA256_DIGEST_LENGTH;
}

/*
 * idv_hmac_init
 *		Make key ready for use.
 *
 * Returns false, and wipes ready, if the key is empty or libcrypto refused.  The
 * caller still has to wipe its own copy of the key.
 */
bool
idv_hmac_init(IdvHmac *ready, const uint8_t *key, size_t key_len)
{
	uint8_t		block[BLOCK_LEN] = {0};
	bool		ok = key_len > 0;

	if (ok && key_len <= BLOCK_LEN)
		memcpy(block, key, key_len);
	else if (ok)
		ok = SHA256(key, key_len, block) != NULL;
	ok = ok &&
		hash_padded(ready->inner, block, 0x36) &&
		hash_padded(ready->outer, block, 0x5c);
	OPENSSL_cleanse(block, sizeof(block));
	if (!ok)
		idv_hmac_wipe(ready);
	return ok;
}

/*
 * idv_hmac_make
 *		Compute the HMAC of message under key.
 *
 * Returns false, with hmac unspecified, if libcrypto refused.
 */
bool
idv_hmac_make(uint8_t hmac[IDV_HMAC_LEN], const IdvHmac *key,
			  const uint8_t *message, size_t message_len)
{
	SHA256_CTX	hash;
	uint8_t		digest[IDV_HMAC_LEN];
	bool		ok;

	resume(&hash, key->inner);
	ok = SHA256_Update(&hash, message, message_len) == 1 &&
		SHA256_Final(digest, &hash) == 1;
	resume(&hash, key->outer);
	ok = ok &&
		SHA256_Update(&hash, digest, sizeof(digest)) == 1 &&
		SHA256_Final(hmac, &hash) == 1;
	OPENSSL_cleanse(&hash, sizeof(hash));
	OPENSSL_cleanse(digest, sizeof(digest));
	return ok;
}

/*
 * idv_hmac_equal
 *		Compare two HMACs in time that does not depend on their contents.
 *
 * Never memcmp(): where it stops tells a stranger how many leading bytes of a
 * guess were right.
 */
bool
idv_hmac_equal(const uint8_t a[IDV_HMAC_LEN], const uint8_t b[IDV_HMAC_LEN])
{
	return CRYPTO_memcmp(a, b, IDV_HMAC_LEN) == 0;
}

/*
 * idv_hmac_wipe
 *		Wipe key.
 */
void
idv_hmac_wipe(IdvHmac *key)
{
	OPENSSL_cleanse(key, sizeof(IdvHmac));
}
