/*-------------------------------------------------------------------------
 *
 * hmac.c
 *	  HMAC-SHA256 under a key that is kept ready.
 *
 * Hashing a key into HMAC's inner and outer state takes longer than the
 * message that follows.  libcrypto keeps both states in an EVP_MAC_CTX and
 * starts over from them when it is initialised without a key, so there is one
 * such context for each secret.
 *
 * Never let an empty key through to libcrypto: it takes "no key" for "the
 * same key as before".
 *
 *-------------------------------------------------------------------------
 */
#include "hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/*
 * idv_hmac_new
 *		Make key ready for use.
 *
 * Returns NULL if the key is empty or libcrypto refused, out of memory for
 * example.  libcrypto keeps a copy of the key, in its secure heap if there is
 * one; the caller still has to wipe its own.
 */
IdvHmac *
idv_hmac_new(const uint8_t *key, size_t key_len)
{
	static EVP_MAC *hmac = NULL;
	char		digest[] = "SHA256";
	OSSL_PARAM	params[2];
	IdvHmac    *ready;

	if (key_len == 0)
		return NULL;

	/* Looked up once and kept: a look-up costs as much as the HMAC itself. */
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (hmac == NULL)
		return NULL;

	ready = EVP_MAC_CTX_new(hmac);
	if (ready == NULL)
		return NULL;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
												 digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (EVP_MAC_init(ready, key, key_len, params) != 1)
	{
		EVP_MAC_CTX_free(ready);
		return NULL;
	}

	return ready;
}

/*
 * idv_hmac_make
 *		Compute the HMAC of message under key.
 *
 * Returns false, with hmac unspecified, if libcrypto refused.
 */
bool
idv_hmac_make(uint8_t hmac[IDV_HMAC_LEN], IdvHmac *key,
			  const uint8_t *message, size_t message_len)
{
	size_t		written;

	return EVP_MAC_init(key, NULL, 0, NULL) == 1 &&
		EVP_MAC_update(key, message, message_len) == 1 &&
		EVP_MAC_final(key, hmac, &written, IDV_HMAC_LEN) == 1 &&
		written == IDV_HMAC_LEN;
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
 * idv_hmac_free
 *		Wipe key and give its memory back.
 *
 * NULL is fine.  libcrypto wipes the copy of the key and all three states.
 */
void
idv_hmac_free(IdvHmac *key)
{
	EVP_MAC_CTX_free(key);
}
