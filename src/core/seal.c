/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  Seal a secret for storage; open it again.
 *
 * seal.h has a picture of the bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "core/seal.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/hmac.h"

#define KEY_ID_OFFSET	1
#define CHECK_OFFSET	5
#define NONCE_OFFSET	(CHECK_OFFSET + IDV_SEAL_CHECK_LEN)

#define ASSOCIATED_LEN	15		/* format, key id, and the label */

/* Write value as four bytes, big-endian. */
static void
put_uint32(uint8_t *dst, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (uint8_t) (value >> (24 - 8 * i));
}

/* Lay out the data that the tag vouches for beside the secret itself. */
static void
associate(uint8_t data[ASSOCIATED_LEN], uint32_t key_id,
		  const IdvSealLabel *label)
{
	data[0] = IDV_SEAL_FORMAT;
	put_uint32(data + 1, key_id);
	put_uint32(data + 5, label->app_id);
	put_uint32(data + 9, label->generation);
	data[13] = label->signs;
	data[14] = label->encoding;
}

/*
 * AES-256-GCM, looked up once in this process: with EVP_aes_256_gcm() libcrypto
 * would look for it each time, which takes as long as to open a secret.
 *
 * NULL if libcrypto has none.
 */
static const EVP_CIPHER *
aes_256_gcm(void)
{
	static EVP_CIPHER *fetched = NULL;

	if (fetched == NULL)
		fetched = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return fetched;
}

/*
 * Set up AES-256-GCM with its associated data; encrypt is 1 or 0.
 *
 * Returns NULL if libcrypto refused.
 */
static EVP_CIPHER_CTX *
start_cipher(const IdvMasterKey *key, const IdvSealLabel *label,
			 const uint8_t *nonce, int encrypt)
{
	uint8_t		associated[ASSOCIATED_LEN];
	int			written;
	const EVP_CIPHER *gcm = aes_256_gcm();
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	associate(associated, key->id, label);
	if (cipher != NULL && gcm != NULL &&
		EVP_CipherInit_ex2(cipher, gcm, key->key, nonce, encrypt, NULL) == 1 &&
		EVP_CipherUpdate(cipher, NULL, &written,
						 associated, ASSOCIATED_LEN) == 1)
		return cipher;

	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

/*
 * idv_master_key_init
 *		Complete a master key whose key bytes are in place.
 *
 * Returns false if libcrypto refused.
 */
bool
idv_master_key_init(IdvMasterKey *key, uint32_t id)
{
	static const uint8_t purpose[] = "idverify key check";
	uint8_t		hmac[IDV_HMAC_LEN];
	IdvHmac		ready;
	bool		made;

	made = idv_hmac_init(&ready, key->key, IDV_MASTER_KEY_LEN) &&
		idv_hmac_make(hmac, &ready, purpose, sizeof(purpose) - 1);
	idv_hmac_wipe(&ready);
	if (!made)
		return false;

	key->id = id;
	memcpy(key->check, hmac, IDV_SEAL_CHECK_LEN);
	return true;
}

/*
 * idv_seal
 *		Seal secret under key, for the row that label names.
 *
 * sealed		output, IDV_SEALED_LEN(secret_len) bytes
 * nonce		random, and never used before under this key
 *
 * Returns false if libcrypto refused; sealed is then unspecified, but never
 * holds the secret.
 */
bool
idv_seal(uint8_t *sealed, const IdvMasterKey *key, const IdvSealLabel *label,
		 const uint8_t nonce[IDV_SEAL_NONCE_LEN],
		 const uint8_t *secret, size_t secret_len)
{
	uint8_t    *ciphertext = sealed + IDV_SEAL_HEADER_LEN;
	EVP_CIPHER_CTX *cipher;
	int			written;
	bool		done;

	if (secret_len < IDV_SECRET_MIN || secret_len > IDV_SECRET_MAX)
		return false;

	sealed[0] = IDV_SEAL_FORMAT;
	put_uint32(sealed + KEY_ID_OFFSET, key->id);
	memcpy(sealed + CHECK_OFFSET, key->check, IDV_SEAL_CHECK_LEN);
	memcpy(sealed + NONCE_OFFSET, nonce, IDV_SEAL_NONCE_LEN);

	cipher = start_cipher(key, label, nonce, 1);
	if (cipher == NULL)
		return false;

	done = EVP_EncryptUpdate(cipher, ciphertext, &written,
							 secret, (int) secret_len) == 1 &&
		EVP_EncryptFinal_ex(cipher, ciphertext + secret_len, &written) == 1 &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, IDV_SEAL_TAG_LEN,
							ciphertext + secret_len) == 1;
	EVP_CIPHER_CTX_free(cipher);
	return done;
}

/*
 * idv_sealed_under
 *		Learn the id of the master key that sealed was sealed under.
 *
 * Returns false if these are not the bytes of a sealed secret.
 */
bool
idv_sealed_under(uint32_t *key_id, const uint8_t *sealed, size_t sealed_len)
{
	if (sealed_len < IDV_SEALED_LEN(IDV_SECRET_MIN) ||
		sealed_len > IDV_SEALED_LEN(IDV_SECRET_MAX) ||
		sealed[0] != IDV_SEAL_FORMAT)
		return false;

	*key_id = 0;
	for (int i = 0; i < 4; i++)
		*key_id = *key_id << 8 | sealed[KEY_ID_OFFSET + i];
	return true;
}

/*
 * idv_open
 *		Open a sealed secret with key, for the row that label names.
 *
 * Unless IDV_SEAL_OK is returned, secret holds zeros: plaintext that did not
 * authenticate is never handed out.
 *
 * The check value is consulted last, to put a name to a failure.  Were it
 * consulted first, one altered byte of it would pass for a wrong key.
 */
IdvSealStatus
idv_open(uint8_t secret[IDV_SECRET_MAX], size_t *secret_len,
		 const IdvMasterKey *key, const IdvSealLabel *label,
		 const uint8_t *sealed, size_t sealed_len)
{
	const uint8_t *ciphertext;
	EVP_CIPHER_CTX *cipher;
	uint8_t		tag[IDV_SEAL_TAG_LEN];
	uint32_t	key_id;
	size_t		length;
	int			written;
	bool		genuine;
	bool		same_check;

	memset(secret, 0, IDV_SECRET_MAX);
	*secret_len = 0;

	if (!idv_sealed_under(&key_id, sealed, sealed_len) || key_id != key->id)
		return IDV_SEAL_ALTERED;

	ciphertext = sealed + IDV_SEAL_HEADER_LEN;
	length = sealed_len - IDV_SEALED_LEN(0);
	memcpy(tag, ciphertext + length, IDV_SEAL_TAG_LEN);

	cipher = start_cipher(key, label, sealed + NONCE_OFFSET, 0);
	if (cipher == NULL ||
		EVP_DecryptUpdate(cipher, secret, &written,
						  ciphertext, (int) length) != 1 ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG,
							IDV_SEAL_TAG_LEN, tag) != 1)
	{
		EVP_CIPHER_CTX_free(cipher);
		OPENSSL_cleanse(secret, IDV_SECRET_MAX);
		return IDV_SEAL_LIBRARY;
	}

	genuine = EVP_DecryptFinal_ex(cipher, secret + length, &written) == 1;
	EVP_CIPHER_CTX_free(cipher);
	same_check = CRYPTO_memcmp(sealed + CHECK_OFFSET, key->check,
							   IDV_SEAL_CHECK_LEN) == 0;

	if (genuine && same_check)
	{
		*secret_len = length;
		return IDV_SEAL_OK;
	}

	OPENSSL_cleanse(secret, IDV_SECRET_MAX);
	return genuine || same_check ? IDV_SEAL_ALTERED : IDV_SEAL_WRONG_KEY;
}
