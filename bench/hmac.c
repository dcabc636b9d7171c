/*-------------------------------------------------------------------------
 *
 * hmac.c
 *	  What HMAC-SHA256 itself costs here, without any database around it.
 *
 * Prints two lines like those of check.sql: a keyed EVP_MAC context that is
 * started over for each message, which is libcrypto's own way; and the two
 * SHA-256 blocks that remain of an HMAC of a short message when the key has
 * been hashed already, below which nothing can get (see src/core/hmac.c).
 *
 *-------------------------------------------------------------------------
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#define ROUNDS		7
#define PER_ROUND	300000

static EVP_MAC_CTX *kept;

/* One HMAC of a message as long as the identities in check.sql. */
static void
hmac_kept(void)
{
	static const unsigned char message[] = "user_1000_300";
	unsigned char hmac[SHA256_DIGEST_LENGTH];
	size_t		len;

	if (EVP_MAC_init(kept, NULL, 0, NULL) != 1 ||
		EVP_MAC_update(kept, message, sizeof(message) - 1) != 1 ||
		EVP_MAC_final(kept, hmac, &len, sizeof(hmac)) != 1)
		exit(1);
}

static void
two_blocks(void)
{
	static const unsigned char block[SHA256_CBLOCK];
	static SHA256_CTX state;

	SHA256_Transform(&state, block);
	SHA256_Transform(&state, block);
}

static int
compare(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return (left > right) - (left < right);
}

/* Print the median of what one call of f costs, in microseconds. */
static void
measure(const char *name, void (*f) (void))
{
	double		figures[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
	{
		struct timespec from;
		struct timespec to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < PER_ROUND; i++)
			f();
		clock_gettime(CLOCK_MONOTONIC, &to);
		figures[round] = ((to.tv_sec - from.tv_sec) * 1e6 +
						  (to.tv_nsec - from.tv_nsec) / 1e3) / PER_ROUND;
	}

	qsort(figures, ROUNDS, sizeof(figures[0]), compare);
	printf("%s\t%f\n", name, figures[ROUNDS / 2]);
}

int
main(void)
{
	static const unsigned char key[64] = "0123456789abcdef";
	char		digest[] = "SHA256";
	OSSL_PARAM	params[2];
	EVP_MAC    *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
												 digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	kept = EVP_MAC_CTX_new(hmac);
	if (kept == NULL || EVP_MAC_init(kept, key, sizeof(key), params) != 1)
		return 1;

	measure("libcrypto, keyed context kept", hmac_kept);
	measure("its two SHA-256 blocks", two_blocks);

	EVP_MAC_CTX_free(kept);
	EVP_MAC_free(hmac);
	return 0;
}
