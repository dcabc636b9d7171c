/*-------------------------------------------------------------------------
 *
 * core.c
 *	  Run under valgrind: no branch and no address may depend on a secret.
 *
 * Valgrind reports jumps and addresses that are computed from uninitialised
 * memory.  What is secret is declared uninitialised, and it reports leaks of
 * timing instead.  This goes on into libcrypto.
 *
 * What an answer tells anybody is declared known again: whether two HMACs are
 * equal, whether a secret opens, whether digits are digits.  The linker puts the
 * functions that begin with __wrap_ in place of libcrypto's for our own calls
 * (dev/check-timing); a comparison by any other function has no such excuse.
 *
 * With an argument, a mistake is made that valgrind has to report.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <valgrind/memcheck.h>

#include "core/hex.h"
#include "core/hmac.h"
#include "core/jws.h"
#include "core/seal.h"

#define SECRET(memory)	VALGRIND_MAKE_MEM_UNDEFINED(memory, sizeof(memory))
#define KNOWN(variable)	VALGRIND_MAKE_MEM_DEFINED(&(variable), sizeof(variable))

extern int	__real_CRYPTO_memcmp(const void *a, const void *b, size_t len);
extern int	__wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len);
extern int	__real_EVP_DecryptFinal_ex(EVP_CIPHER_CTX *cipher,
									   unsigned char *out, int *written);
extern int	__wrap_EVP_DecryptFinal_ex(EVP_CIPHER_CTX *cipher,
									   unsigned char *out, int *written);

int
__wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
	int			equal = __real_CRYPTO_memcmp(a, b, len) == 0;

	KNOWN(equal);
	return !equal;
}

int
__wrap_EVP_DecryptFinal_ex(EVP_CIPHER_CTX *cipher, unsigned char *out,
						   int *written)
{
	int			genuine = __real_EVP_DecryptFinal_ex(cipher, out, written);

	KNOWN(genuine);
	return genuine;
}

/* What is promised has to hold, also of the values. */
static void
check(bool holds, const char *what)
{
	if (holds)
		return;
	printf("wrong: %s\n", what);
	exit(2);
}

static const IdvSealLabel label = {1, 1, 0, 0};
static const uint8_t nonce[IDV_SEAL_NONCE_LEN];

/* A master key of which nothing is known but its id. */
static void
secret_master_key(IdvMasterKey *key)
{
	memset(key, 0, sizeof(*key));
	memset(key->key, 0x5A, sizeof(key->key));
	SECRET(key->key);
	check(idv_master_key_init(key, 1), "a master key");
}

/* An identity secret, and the HMAC that it makes, compared with a stranger's. */
static void
verify(void)
{
	uint8_t		secret[64];
	uint8_t		genuine[IDV_HMAC_LEN];
	uint8_t		presented[IDV_HMAC_LEN] = {0};
	IdvHmac		ready;

	memset(secret, 'a', sizeof(secret));
	SECRET(secret);
	check(idv_hmac_init(&ready, secret, sizeof(secret)), "a key");
	check(idv_hmac_make(genuine, &ready, (const uint8_t *) "user_4711", 9), "an HMAC");
	check(!idv_hmac_equal(genuine, presented), "a wrong user_hash");
	memcpy(presented, genuine, sizeof(presented));
	check(idv_hmac_equal(genuine, presented), "the right user_hash");
	idv_hmac_wipe(&ready);
}

/* A token: it is known, and so is what it says; only the key is not. */
static void
verify_token(void)
{
	static const char signed_text[] = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9";
	char		token[sizeof(signed_text) + IDV_BASE64URL_ENCODED(IDV_HMAC_LEN)];
	uint8_t		secret[64];
	uint8_t		genuine[IDV_HMAC_LEN];
	IdvHmac		ready;
	IdvJws		jws;

	memset(secret, 'a', sizeof(secret));
	SECRET(secret);
	check(idv_hmac_init(&ready, secret, sizeof(secret)), "a key");
	check(idv_hmac_make(genuine, &ready, (const uint8_t *) signed_text,
						sizeof(signed_text) - 1), "a signature");

	/* What is signed here is for whoever asked. */
	memcpy(token, signed_text, sizeof(signed_text) - 1);
	token[sizeof(signed_text) - 1] = '.';
	idv_base64url_encode(token + sizeof(signed_text), genuine, sizeof(genuine));
	KNOWN(token);

	/* What a stranger presents */
	check(idv_jws_split(&jws, token, sizeof(token)), "a token");
	check(idv_hmac_equal(genuine, jws.signature), "the right signature");
	jws.bytes[jws.signature - jws.bytes] ^= 1;
	check(!idv_hmac_equal(genuine, jws.signature), "a wrong signature");
	idv_hmac_wipe(&ready);
}

/* The digits of a master key, or of a user_hash, read. */
static void
decode(void)
{
	char		digits[2 * IDV_HMAC_LEN];
	uint8_t		bytes[IDV_HMAC_LEN];
	bool		valid;

	memset(digits, 'c', sizeof(digits));
	SECRET(digits);
	valid = idv_hex_decode(bytes, sizeof(bytes), digits, sizeof(digits));
	KNOWN(valid);
	check(valid, "digits");

	digits[5] = 'x';
	valid = idv_hex_decode(bytes, sizeof(bytes), digits, sizeof(digits));
	KNOWN(valid);
	check(!valid, "what is no digit");

	/* a length that is no whole number of blocks */
	valid = idv_hex_decode(bytes, 21, digits + 6, 42);
	KNOWN(valid);
	check(valid, "fewer digits");
}

/* The digits of a fresh secret, or of what idverify_sign answers, written. */
static void
encode(void)
{
	uint8_t		bytes[IDV_HMAC_LEN] = {0x4f};
	char		digits[2 * IDV_HMAC_LEN];

	SECRET(bytes);
	idv_hex_encode(digits, bytes, sizeof(bytes));
	KNOWN(digits);
	check(memcmp(digits, "4f00", 4) == 0, "the digits of bytes");
}

/* A secret, sealed under a master key and opened again; then a forged one. */
static void
seal_and_open(size_t len)
{
	IdvMasterKey key;
	uint8_t		secret[IDV_SECRET_MAX];
	uint8_t		sealed[IDV_SEALED_LEN(IDV_SECRET_MAX)];
	uint8_t		opened[IDV_SECRET_MAX];
	size_t		opened_len;

	secret_master_key(&key);
	memset(secret, 'a', sizeof(secret));
	SECRET(secret);
	check(idv_seal(sealed, &key, &label, nonce, secret, len), "sealing");

	/* What is stored is known to whoever reads the table. */
	KNOWN(sealed);
	check(idv_open(opened, &opened_len, &key, &label, sealed,
				   IDV_SEALED_LEN(len)) == IDV_SEAL_OK && opened_len == len,
		  "opening");
	KNOWN(opened);
	check(opened[0] == 'a' && opened[len - 1] == 'a', "what was opened");

	sealed[IDV_SEALED_LEN(len) - 1] ^= 1;
	check(idv_open(opened, &opened_len, &key, &label, sealed,
				   IDV_SEALED_LEN(len)) == IDV_SEAL_ALTERED, "a forged tag");
}

/* Compare as careless code does. */
static bool
careless(const char *how, const uint8_t *a, const uint8_t *b, size_t len)
{
	static const uint8_t table[256];

	if (strcmp(how, "memcmp") == 0)
		return memcmp(a, b, len) == 0;
	if (strcmp(how, "table") == 0)
		return ((volatile const uint8_t *) table)[a[0]] == 0;
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	if (argc > 1)
	{
		uint8_t		a[IDV_HMAC_LEN] = {0};
		uint8_t		b[IDV_HMAC_LEN] = {0};
		volatile bool equal;

		SECRET(a);
		equal = careless(argv[1], a, b, sizeof(a));
		(void) equal;
		return 0;
	}

	/* Without these, AES is a look-up in tables. */
	if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul"))
	{
		puts("wrong: this processor has no AES");
		return 2;
	}

	verify();
	verify_token();
	decode();
	encode();
	seal_and_open(IDV_SECRET_MIN);
	seal_and_open(64);
	seal_and_open(IDV_SECRET_MAX);
	return 0;
}
