/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  Does a sealed secret open for its own row under its own key, and for
 *	  nobody else?
 *
 * What is sealed stays in tables for years, so two tests hold the bytes
 * still: one against a sealed secret that libgcrypt made, one against the
 * plain calls to libcrypto.
 *
 *-------------------------------------------------------------------------
 */
#include "core/seal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "check.h"

#define KEY_ID		0x01020304
#define SEALED_MAX	IDV_SEALED_LEN(IDV_SECRET_MAX)

static const size_t lengths[] = {IDV_SECRET_MIN, 64, IDV_SECRET_MAX};
static const size_t nlengths = sizeof(lengths) / sizeof(lengths[0]);

static const IdvSealLabel label = {0x0A0B0C0D, 0x11121314, 1, 2};
static const uint8_t nonce[IDV_SEAL_NONCE_LEN] = {
	0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB
};
static IdvMasterKey key;		/* bytes 00 to 1f */
static uint8_t secret[IDV_SECRET_MAX + 1];	/* letters and digits */

static uint8_t sealed[SEALED_MAX];	/* what seal() made */

static uint8_t opened[IDV_SECRET_MAX];	/* what came out at last */
static size_t opened_len;

/* Make a master key whose bytes count up from the first one. */
static void
make_key(IdvMasterKey *made, uint8_t first, uint32_t id)
{
	for (int i = 0; i < IDV_MASTER_KEY_LEN; i++)
		made->key[i] = (uint8_t) (first + i);
	CHECK(idv_master_key_init(made, id));
}

/* Seal the first bytes of the secret, as it is usually done. */
static void
seal(size_t secret_len)
{
	CHECK(idv_seal(sealed, &key, &label, nonce, secret, secret_len));
}

/* Seal with nothing but libcrypto's own calls; any length will do. */
static bool
seal_by_hand(uint8_t *bytes, size_t secret_len)
{
	static const uint8_t associated[] = {
		1,						/* format */
		0x01, 0x02, 0x03, 0x04, /* KEY_ID */
		0x0A, 0x0B, 0x0C, 0x0D, /* label.app_id */
		0x11, 0x12, 0x13, 0x14, /* label.generation */
		1,						/* label.signs */
		2						/* label.encoding */
	};
	EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t		hmac[EVP_MAX_MD_SIZE];
	int			n;
	bool		done;

	done = EVP_EncryptInit_ex2(cipher, aes, key.key, nonce, NULL) == 1 &&
		EVP_EncryptUpdate(cipher, NULL, &n, associated, 15) == 1 &&
		EVP_EncryptUpdate(cipher, bytes + 25, &n,
						  secret, (int) secret_len) == 1 &&
		EVP_EncryptFinal_ex(cipher, bytes + 25 + secret_len, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16,
							bytes + 25 + secret_len) == 1 &&
		HMAC(EVP_sha256(), key.key, 32,
			 (const uint8_t *) "idverify key check", 18, hmac, NULL) != NULL;
	EVP_CIPHER_CTX_free(cipher);
	EVP_CIPHER_free(aes);

	memcpy(bytes, associated, 5);
	memcpy(bytes + 5, hmac, 8);
	memcpy(bytes + 13, nonce, 12);
	return done;
}

/* Open bytes into opened, which holds something else before. */
static IdvSealStatus
open_bytes(const IdvMasterKey *with, const IdvSealLabel *row,
		   const uint8_t *bytes, size_t len)
{
	uint8_t    *exact = exact_copy(bytes, len);
	IdvSealStatus status;

	memset(opened, 0x5A, sizeof(opened));
	opened_len = 0x5A;
	status = idv_open(opened, &opened_len, with, row, exact, len);
	free(exact);
	return status;
}

/* Do bytes open, to the first bytes of the secret and zeros? */
static bool
opens(const uint8_t *bytes, size_t len, size_t secret_len)
{
	static const uint8_t nothing[IDV_SECRET_MAX];

	return open_bytes(&key, &label, bytes, len) == IDV_SEAL_OK &&
		opened_len == secret_len &&
		memcmp(opened, secret, secret_len) == 0 &&
		memcmp(opened + secret_len, nothing, IDV_SECRET_MAX - secret_len) == 0;
}

/* Do bytes stay shut for that reason, and is there nothing of the secret? */
static bool
stay_shut(IdvSealStatus reason,
		  const IdvMasterKey *with, const IdvSealLabel *row,
		  const uint8_t *bytes, size_t len)
{
	static const uint8_t nothing[IDV_SECRET_MAX];

	return open_bytes(with, row, bytes, len) == reason &&
		opened_len == 0 &&
		memcmp(opened, nothing, sizeof(opened)) == 0;
}

static void
test_opens_what_was_sealed(void)
{
	for (size_t i = 0; i < nlengths; i++)
	{
		seal(lengths[i]);
		CHECK(opens(sealed, IDV_SEALED_LEN(lengths[i]), lengths[i]));
	}
}

/* What libgcrypt 1.10 made of the first 16 bytes of the secret. */
static void
test_opens_what_another_library_sealed(void)
{
	static const char hex[] =
	"0101020304f99cb6683dbf63bca0a1a2a3a4a5a6a7a8a9aaab"
	"d6294e1e71fe34885a5ce6b1641ea5b8f072381ef50c3d7791293c74d3629da5";
	uint8_t		bytes[IDV_SEALED_LEN(16)];
	size_t		len;

	CHECK(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &len, hex, '\0') == 1);
	CHECK(opens(bytes, len, 16));
	seal(16);
	CHECK(memcmp(bytes, sealed, len) == 0);
}

static void
test_seals_as_plain_calls_to_libcrypto_do(void)
{
	uint8_t		by_hand[SEALED_MAX];

	for (size_t i = 0; i < nlengths; i++)
	{
		seal(lengths[i]);
		CHECK(seal_by_hand(by_hand, lengths[i]));
		CHECK(memcmp(by_hand, sealed, IDV_SEALED_LEN(lengths[i])) == 0);
	}
}

/* The picture in seal.h, in figures. */
static void
test_lays_out_the_bytes_as_pictured(void)
{
	CHECK(IDV_SEALED_LEN(64) == 105);
	seal(64);
	CHECK(sealed[0] == 1);
	CHECK(memcmp(sealed + 1, "\x01\x02\x03\x04", 4) == 0);
	CHECK(memcmp(sealed + 5, key.check, 8) == 0);
	CHECK(memcmp(sealed + 13, nonce, 12) == 0);
}

static void
test_check_value_is_the_start_of_an_hmac(void)
{
	static const uint8_t purpose[] = "idverify key check";
	IdvMasterKey before;
	IdvMasterKey other;
	uint8_t		hmac[EVP_MAX_MD_SIZE];

	make_key(&other, 0x80, 7);
	before = other;
	CHECK(idv_master_key_init(&other, 8));
	CHECK(other.id == 8);
	CHECK(memcmp(other.key, before.key, sizeof(other.key)) == 0);

	CHECK(HMAC(EVP_sha256(), other.key, sizeof(other.key),
			   purpose, sizeof(purpose) - 1, hmac, NULL) != NULL);
	CHECK(memcmp(other.check, hmac, sizeof(other.check)) == 0);
	CHECK(memcmp(other.check, key.check, sizeof(other.check)) != 0);
}

static void
test_writes_no_more_than_promised(void)
{
	for (size_t i = 0; i < nlengths; i++)
	{
		uint8_t		bytes[SEALED_MAX + 16];
		size_t		len = IDV_SEALED_LEN(lengths[i]);

		memset(bytes, 0x5A, sizeof(bytes));
		CHECK(idv_seal(bytes, &key, &label, nonce, secret, lengths[i]));
		for (size_t j = len; j < sizeof(bytes); j++)
			CHECK(bytes[j] == 0x5A);
	}
}

static void
test_refuses_a_secret_of_another_length(void)
{
	static const size_t others[] = {0, 1, 15, 257, 1000, SIZE_MAX};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(!idv_seal(sealed, &key, &label, nonce, secret, others[i]));
}

static void
test_another_nonce_gives_other_bytes(void)
{
	uint8_t		other_nonce[IDV_SEAL_NONCE_LEN];
	uint8_t		other[IDV_SEALED_LEN(64)];

	seal(64);
	for (size_t bit = 0; bit < 8 * sizeof(nonce); bit++)
	{
		memcpy(other_nonce, nonce, sizeof(nonce));
		other_nonce[bit / 8] ^= (uint8_t) (1 << bit % 8);
		CHECK(idv_seal(other, &key, &label, other_nonce, secret, 64));
		CHECK(memcmp(other + 25, sealed + 25, 64) != 0);
		CHECK(memcmp(other + 89, sealed + 89, 16) != 0);
		CHECK(opens(other, sizeof(other), 64));
	}
}

/* Flip every bit in turn: check value, key id and tag are no exceptions. */
static void
test_notices_any_change(void)
{
	for (size_t i = 0; i < nlengths; i++)
		for (size_t bit = 0; bit < 8 * IDV_SEALED_LEN(lengths[i]); bit++)
		{
			seal(lengths[i]);
			sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
			CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &label,
							sealed, IDV_SEALED_LEN(lengths[i])));
		}
}

static void
test_notices_what_was_cut_off_or_added(void)
{
	uint8_t		longer[SEALED_MAX + 100];

	for (size_t i = 0; i < nlengths; i++)
	{
		seal(lengths[i]);
		memset(longer, 0, sizeof(longer));
		memcpy(longer, sealed, IDV_SEALED_LEN(lengths[i]));
		for (size_t len = 0; len <= sizeof(longer); len++)
			if (len != IDV_SEALED_LEN(lengths[i]))
				CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &label, longer, len));
	}
}

/* A genuine tag is no excuse for a length that no secret has. */
static void
test_stays_shut_where_no_secret_is_that_long(void)
{
	static const size_t others[] = {0, 1, 15, 257};
	uint8_t		bytes[IDV_SEALED_LEN(257)];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		CHECK(seal_by_hand(bytes, others[i]));
		CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &label,
						bytes, IDV_SEALED_LEN(others[i])));
	}
}

static void
test_stays_shut_for_other_rows(void)
{
	static const IdvSealLabel swapped = {0x11121314, 0x0A0B0C0D, 1, 2};

	seal(64);
	CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &swapped,
					sealed, IDV_SEALED_LEN(64)));
	for (int bit = 0; bit < 32; bit++)
	{
		IdvSealLabel other_app = label;
		IdvSealLabel other_generation = label;

		other_app.app_id ^= (uint32_t) 1 << bit;
		other_generation.generation ^= (uint32_t) 1 << bit;
		CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &other_app,
						sealed, IDV_SEALED_LEN(64)));
		CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &other_generation,
						sealed, IDV_SEALED_LEN(64)));
	}
}

/* What signs hashes does not open as what signs tokens, nor the other way. */
static void
test_stays_shut_as_what_it_is_not(void)
{
	seal(64);
	for (int bit = 0; bit < 8; bit++)
	{
		IdvSealLabel other_kind = label;
		IdvSealLabel other_encoding = label;

		other_kind.signs ^= (uint8_t) (1 << bit);
		other_encoding.encoding ^= (uint8_t) (1 << bit);
		CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &other_kind,
						sealed, IDV_SEALED_LEN(64)));
		CHECK(stay_shut(IDV_SEAL_ALTERED, &key, &other_encoding,
						sealed, IDV_SEALED_LEN(64)));
	}
}

static void
test_knows_a_wrong_key_from_altered_bytes(void)
{
	IdvMasterKey wrong;

	for (size_t bit = 0; bit < 8 * IDV_MASTER_KEY_LEN; bit++)
	{
		wrong = key;
		wrong.key[bit / 8] ^= (uint8_t) (1 << bit % 8);
		CHECK(idv_master_key_init(&wrong, KEY_ID));
		seal(64);
		CHECK(stay_shut(IDV_SEAL_WRONG_KEY, &wrong, &label,
						sealed, IDV_SEALED_LEN(64)));
	}
}

/* The right key under another id, with and without the id rewritten to fit. */
static void
test_stays_shut_under_another_id(void)
{
	IdvMasterKey renamed = key;

	renamed.id = KEY_ID + 1;
	seal(64);
	CHECK(stay_shut(IDV_SEAL_ALTERED, &renamed, &label,
					sealed, IDV_SEALED_LEN(64)));
	sealed[4]++;
	CHECK(stay_shut(IDV_SEAL_ALTERED, &renamed, &label,
					sealed, IDV_SEALED_LEN(64)));
}

static void
test_tells_which_key_sealed(void)
{
	uint32_t	id = 0;

	for (size_t i = 0; i < nlengths; i++)
	{
		seal(lengths[i]);
		id = 0xFFFFFFFF;
		CHECK(idv_sealed_under(&id, sealed, IDV_SEALED_LEN(lengths[i])));
		CHECK(id == KEY_ID);
	}

	memcpy(sealed + 1, "\xFE\xDC\xBA\x98", 4);
	CHECK(idv_sealed_under(&id, sealed, IDV_SEALED_LEN(64)));
	CHECK(id == 0xFEDCBA98);
}

static void
test_reads_no_id_out_of_other_bytes(void)
{
	uint32_t	id;

	seal(64);
	for (size_t len = 0; len < IDV_SEALED_LEN(IDV_SECRET_MIN); len++)
	{
		uint8_t    *exact = exact_copy(sealed, len);

		CHECK(!idv_sealed_under(&id, exact, len));
		free(exact);
	}
	CHECK(!idv_sealed_under(&id, sealed, SEALED_MAX + 1));

	for (int format = 0; format < 256; format++)
	{
		sealed[0] = (uint8_t) format;
		CHECK(idv_sealed_under(&id, sealed, IDV_SEALED_LEN(64)) ==
			  (format == IDV_SEAL_FORMAT));
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t) "0123456789abcdefghijklmnopqrstuvwxyz"[i % 36];
	make_key(&key, 0, KEY_ID);

	RUN(test_opens_what_was_sealed);
	RUN(test_opens_what_another_library_sealed);
	RUN(test_seals_as_plain_calls_to_libcrypto_do);
	RUN(test_lays_out_the_bytes_as_pictured);
	RUN(test_check_value_is_the_start_of_an_hmac);
	RUN(test_writes_no_more_than_promised);
	RUN(test_refuses_a_secret_of_another_length);
	RUN(test_another_nonce_gives_other_bytes);
	RUN(test_notices_any_change);
	RUN(test_notices_what_was_cut_off_or_added);
	RUN(test_stays_shut_where_no_secret_is_that_long);
	RUN(test_stays_shut_for_other_rows);
	RUN(test_stays_shut_as_what_it_is_not);
	RUN(test_knows_a_wrong_key_from_altered_bytes);
	RUN(test_stays_shut_under_another_id);
	RUN(test_tells_which_key_sealed);
	RUN(test_reads_no_id_out_of_other_bytes);
	return report();
}
