/*-------------------------------------------------------------------------
 *
 * hmac.c
 *	  Is it HMAC-SHA256, and does a key that is kept ready stay the same key?
 *
 *-------------------------------------------------------------------------
 */
#include "core/hmac.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "check.h"

#define FIVE(bytes)		bytes bytes bytes bytes bytes
#define BYTES_20(byte)	FIVE(byte byte byte byte)
#define BYTES_50(byte)	FIVE(FIVE(byte byte))
#define BYTES_131(byte)	FIVE(FIVE(byte byte byte byte byte)) \
						byte byte byte byte byte byte

/* Does the HMAC of message begin with these hex digits? */
static bool
gives(const char *key, size_t key_len, const char *message,
	  size_t message_len, const char *hex)
{
	IdvHmac		ready;
	uint8_t		hmac[IDV_HMAC_LEN];
	uint8_t		expected[IDV_HMAC_LEN];
	size_t		expected_len;
	bool		made;

	if (OPENSSL_hexstr2buf_ex(expected, sizeof(expected), &expected_len,
							  hex, '\0') != 1)
		return false;

	made = idv_hmac_init(&ready, (const uint8_t *) key, key_len) &&
		idv_hmac_make(hmac, &ready, (const uint8_t *) message, message_len);
	idv_hmac_wipe(&ready);
	return made && memcmp(hmac, expected, expected_len) == 0;
}

/* Does ready give for message what libcrypto's one-shot HMAC() gives? */
static bool
agrees(const IdvHmac *ready, const uint8_t *key, size_t key_len,
	   const uint8_t *message, size_t message_len)
{
	uint8_t    *exact = exact_copy(message, message_len);
	uint8_t		hmac[IDV_HMAC_LEN];
	uint8_t		expected[IDV_HMAC_LEN];
	bool		agreed;

	agreed = idv_hmac_make(hmac, ready, exact, message_len) &&
		HMAC(EVP_sha256(), key, (int) key_len, message, message_len,
			 expected, NULL) != NULL &&
		memcmp(hmac, expected, IDV_HMAC_LEN) == 0;
	free(exact);
	return agreed;
}

/* RFC 4231, section 4: seven cases, the fifth truncated to 128 bits. */
static void
test_gives_what_rfc_4231_publishes(void)
{
	CHECK(gives(TEXT(BYTES_20("\x0b")), TEXT("Hi There"),
				"b0344c61d8db38535ca8afceaf0bf12b"
				"881dc200c9833da726e9376c2e32cff7"));
	CHECK(gives(TEXT("Jefe"), TEXT("what do ya want for nothing?"),
				"5bdcc146bf60754e6a042426089575c7"
				"5a003f089d2739839dec58b964ec3843"));
	CHECK(gives(TEXT(BYTES_20("\xaa")), TEXT(BYTES_50("\xdd")),
				"773ea91e36800e46854db8ebd09181a7"
				"2959098b3ef8c122d9635514ced565fe"));
	CHECK(gives(TEXT("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"
					 "\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"),
				TEXT(BYTES_50("\xcd")),
				"82558a389a443c0ea4cc819899f2083a"
				"85f0faa3e578f8077a2e3ff46729665b"));
	CHECK(gives(TEXT(BYTES_20("\x0c")), TEXT("Test With Truncation"),
				"a3b6167473100ee06e0c796c2955552b"));
	CHECK(gives(TEXT(BYTES_131("\xaa")),
				TEXT("Test Using Larger Than Block-Size Key - Hash Key First"),
				"60e431591ee0b67f0d8a26aacbf5b77f"
				"8e0bc6213728c5140546040f0ee37f54"));
	CHECK(gives(TEXT(BYTES_131("\xaa")),
				TEXT("This is a test using a larger than block-size key and a "
					 "larger than block-size data. The key needs to be hashed "
					 "before being used by the HMAC algorithm."),
				"9b09ffa71b942fcb27635fbcd5b0e944"
				"bfdc63644f0713938a7f51535c3a35e2"));
}

/* What servers that already sign for another chat product send. */
static void
test_gives_what_chat_products_publish(void)
{
	CHECK(gives(TEXT("s3cre7"), TEXT("test@intercom.io"),
				"844240a2deab99438ade8e7477aa832e"
				"22adb0e1eb1ad7754ff8d4054fb63869"));
}

static void
test_agrees_with_libcrypto_around_block_borders(void)
{
	static const size_t lengths[] = {0, 1, 55, 56, 63, 64, 65, 119, 1024};
	uint8_t		bytes[1024];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (i * 167 + 13);

	/* all keys but the empty one */
	for (size_t k = 1; k < sizeof(lengths) / sizeof(lengths[0]); k++)
	{
		IdvHmac		ready;

		CHECK(idv_hmac_init(&ready, bytes, lengths[k]));
		for (size_t m = 0; m < sizeof(lengths) / sizeof(lengths[0]); m++)
			CHECK(agrees(&ready, bytes, lengths[k], bytes, lengths[m]));
	}
}

static void
test_gives_the_same_again(void)
{
	static const uint8_t message[] = "alice";
	IdvHmac		ready;
	uint8_t		first[IDV_HMAC_LEN] = {0};
	uint8_t		again[IDV_HMAC_LEN] = {0};

	CHECK(idv_hmac_init(&ready, (const uint8_t *) "key", 3));
	CHECK(idv_hmac_make(first, &ready, message, sizeof(message)));
	for (int i = 0; i < 3; i++)
	{
		CHECK(idv_hmac_make(again, &ready, message, sizeof(message)));
		CHECK(memcmp(first, again, IDV_HMAC_LEN) == 0);
	}
}

/* Nor does the one disturb the other when it goes away. */
static void
test_two_keys_do_not_disturb_each_other(void)
{
	static const uint8_t web[] = "the key of the web app";
	static const uint8_t shop[] = "another key, that of the shop";
	static const uint8_t alice[] = "alice";
	static const uint8_t bob[] = "bob";
	IdvHmac		of_web;
	IdvHmac		of_shop;

	CHECK(idv_hmac_init(&of_web, web, sizeof(web)));
	CHECK(idv_hmac_init(&of_shop, shop, sizeof(shop)));
	for (int i = 0; i < 3; i++)
	{
		CHECK(agrees(&of_web, web, sizeof(web), alice, sizeof(alice)));
		CHECK(agrees(&of_shop, shop, sizeof(shop), alice, sizeof(alice)));
		CHECK(agrees(&of_web, web, sizeof(web), bob, sizeof(bob)));
		CHECK(agrees(&of_shop, shop, sizeof(shop), bob, sizeof(bob)));
	}

	idv_hmac_wipe(&of_web);
	CHECK(agrees(&of_shop, shop, sizeof(shop), alice, sizeof(alice)));
}

static void
test_keeps_its_own_copy_of_the_key(void)
{
	static const uint8_t message[] = "alice";
	uint8_t		key[] = "wiped by the caller";
	IdvHmac		ready;
	uint8_t		before[IDV_HMAC_LEN] = {0};
	uint8_t		after[IDV_HMAC_LEN] = {0};

	CHECK(idv_hmac_init(&ready, key, sizeof(key)));
	CHECK(idv_hmac_make(before, &ready, message, sizeof(message)));
	memset(key, 0, sizeof(key));
	CHECK(idv_hmac_make(after, &ready, message, sizeof(message)));
	CHECK(memcmp(before, after, IDV_HMAC_LEN) == 0);
}

/* Is there nothing of a key in it? */
static bool
is_wiped(const IdvHmac *ready)
{
	static const IdvHmac nothing;

	return memcmp(ready, &nothing, sizeof(nothing)) == 0;
}

/* Twice: libcrypto could take the second for "the same key as before". */
static void
test_refuses_an_empty_key(void)
{
	IdvHmac		ready;

	CHECK(idv_hmac_init(&ready, (const uint8_t *) "key", 3));
	CHECK(!idv_hmac_init(&ready, (const uint8_t *) "", 0));
	CHECK(is_wiped(&ready));
	CHECK(!idv_hmac_init(&ready, NULL, 0));
	CHECK(is_wiped(&ready));
}

static void
test_leaves_nothing_of_a_wiped_key(void)
{
	IdvHmac		ready;

	CHECK(idv_hmac_init(&ready, (const uint8_t *) "key", 3));
	CHECK(!is_wiped(&ready));
	idv_hmac_wipe(&ready);
	CHECK(is_wiped(&ready));
}

/* All bytes and bits count, the last one as much as the first. */
static void
test_equal_means_equal_in_every_bit(void)
{
	uint8_t		genuine[IDV_HMAC_LEN];
	uint8_t		presented[IDV_HMAC_LEN];

	for (size_t i = 0; i < sizeof(genuine); i++)
		genuine[i] = (uint8_t) (i * 8); /* a zero byte leads */
	memcpy(presented, genuine, sizeof(genuine));
	CHECK(idv_hmac_equal(genuine, presented));

	for (size_t bit = 0; bit < 8 * sizeof(genuine); bit++)
	{
		memcpy(presented, genuine, sizeof(genuine));
		presented[bit / 8] ^= (uint8_t) (1 << bit % 8);
		CHECK(!idv_hmac_equal(genuine, presented));
		CHECK(!idv_hmac_equal(presented, genuine));
	}
}

int
main(void)
{
	RUN(test_gives_what_rfc_4231_publishes);
	RUN(test_gives_what_chat_products_publish);
	RUN(test_agrees_with_libcrypto_around_block_borders);
	RUN(test_gives_the_same_again);
	RUN(test_two_keys_do_not_disturb_each_other);
	RUN(test_keeps_its_own_copy_of_the_key);
	RUN(test_refuses_an_empty_key);
	RUN(test_leaves_nothing_of_a_wiped_key);
	RUN(test_equal_means_equal_in_every_bit);
	return report();
}
