/*-------------------------------------------------------------------------
 *
 * jws.c
 *	  Is a token taken apart as the standards say, and in one way only?
 *
 *-------------------------------------------------------------------------
 */
#include "core/jws.h"

#include "core/hmac.h"

#include "check.h"
#include "jws_hs256.h"

static IdvJws jws;

/* Split a copy that ends where it ends; the copy is gone then. */
static bool
splits(const char *text, size_t len)
{
	char	   *exact = exact_copy(text, len);
	bool		valid = idv_jws_split(&jws, exact, len);

	free(exact);
	return valid;
}

static void
test_splits_three_parts(void)
{
	CHECK(splits(TEXT("Zg.Zm8.Zm9v")));
	CHECK(jws.signed_len == strlen("Zg.Zm8"));
	CHECK(jws.header_len == 1 && memcmp(jws.header, "f", 1) == 0);
	CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
	CHECK(jws.signature_len == 3 && memcmp(jws.signature, "foo", 3) == 0);
}

/* The usual headers are not decoded, and come to the same as if they were. */
static void
test_knows_the_usual_headers(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", "{\"alg\":\"HS256\",\"typ\":\"JWS\"}",
	};

	for (size_t i = 0; i < LENGTH_OF(headers); i++)
	{
		char		token[100];
		size_t		len = IDV_BASE64URL_ENCODED(strlen(headers[i]));

		idv_base64url_encode(token, (const uint8_t *) headers[i], strlen(headers[i]));
		memcpy(token + len, ".Zm8.Zm9v", strlen(".Zm8.Zm9v"));
		CHECK(splits(token, len + strlen(".Zm8.Zm9v")));
		CHECK(jws.header_len == strlen(headers[i]));
		CHECK(memcmp(jws.header, headers[i], jws.header_len) == 0);
		CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
		CHECK(jws.signature_len == 3 && memcmp(jws.signature, "foo", 3) == 0);
	}
}

/* No secret has made it: that is seen where the signature is looked at. */
static void
test_splits_a_token_without_signature(void)
{
	CHECK(splits(TEXT("Zg.Zm8.")));
	CHECK(jws.signature_len == 0);
}

#define USUAL_HEADER	"eyJhbGciOiJIUzI1NiJ9"

/* 43 digits, as 32 bytes are encoded */
#define HS256_SIGNATURE	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
test_splits_what_hs256_signs(void)
{
	CHECK(splits(TEXT(USUAL_HEADER ".Zm8." HS256_SIGNATURE)));
	CHECK(jws.signed_len == strlen(USUAL_HEADER ".Zm8"));
	CHECK(jws.payload_len == 2 && memcmp(jws.payload, "fo", 2) == 0);
	CHECK(jws.signature_len == 32);
	CHECK(splits(TEXT("Zg.Zm8." HS256_SIGNATURE)));
	CHECK(jws.header_len == 1 && jws.payload_len == 2 && jws.signature_len == 32);
}

static void
test_refuses_other_shapes(void)
{
	static const char *const shapes[] = {
		"", ".", "..", "...", "Zg", "Zg.", "Zg.Zm8", ".Zm8.Zm9v", "Zg..Zm9v",
		"Zg.Zm8.Zm9v.", "Zg.Zm8.Zm9v.Zg", ".Zg.Zm8.Zm9v", "Zg.Zm8..Zm9v",
		"Zg=.Zm8.Zm9v", "Zg==.Zm8.Zm9v", "Zg.Zm8=.Zm9v", "Zg.Zm8.Zg==",
		" Zg.Zm8.Zm9v", "Zg.Zm8.Zm9v ", "Zg.Zm8.Zm9v\n", "Zg. Zm8.Zm9v",
		"Zh.Zm8.Zm9v", "Zg.Zm9.Zm9v", "Zg.Zm8.Zm9vZ", "Zg.Zm8.Zh",
		USUAL_HEADER, USUAL_HEADER ".", USUAL_HEADER ".Zm8", USUAL_HEADER "..Zm9v",
		USUAL_HEADER "AZm8.Zm9v", USUAL_HEADER " .Zm8.Zm9v",
		/* the dots of a token that HS256 signed, and others */
		HS256_SIGNATURE, "." HS256_SIGNATURE, "Zg." HS256_SIGNATURE,
		".Zm8." HS256_SIGNATURE, "Zg.." HS256_SIGNATURE, "Zg.Zm8.." HS256_SIGNATURE,
		"Zg.Zm8.Zm9v." HS256_SIGNATURE, "Zg.Zm8." HS256_SIGNATURE ".",
		"Zg.Zm8." HS256_SIGNATURE "=", "Zg.Zm8.A" HS256_SIGNATURE "A",
	};

	for (size_t i = 0; i < LENGTH_OF(shapes); i++)
		CHECK(!splits(shapes[i], strlen(shapes[i])));
	CHECK(!splits(TEXT("Zg.Zm8.Zm9\0")));
}

static void
test_splits_8192_bytes_and_no_more(void)
{
	static char text[IDV_TOKEN_MAX + 4];

	memset(text, 'A', sizeof(text));
	text[3] = text[IDV_TOKEN_MAX - 44] = '.';
	CHECK(splits(text, IDV_TOKEN_MAX));
	CHECK(jws.header_len + jws.payload_len + jws.signature_len <= sizeof(jws.bytes));
	CHECK(!splits(text, IDV_TOKEN_MAX + 1));
	CHECK(!splits(text, IDV_TOKEN_MAX + 4));
}

/*
 * The vectors of others
 */

/* Is a JWS one that was signed with this key? */
static bool
verifies(const JwsVector *vector)
{
	uint8_t		key[64];
	size_t		key_digits = strlen(vector->key);
	size_t		len = strlen(vector->jws);
	char	   *exact = exact_copy(vector->jws, len);
	uint8_t		hmac[IDV_HMAC_LEN];
	IdvHmac		ready;
	bool		right;

	if (!idv_base64url_decode(key, vector->key, key_digits) ||
		!idv_hmac_init(&ready, key, IDV_BASE64URL_DECODED(key_digits)))
		abort();
	right = idv_jws_split(&jws, exact, len) &&
		idv_hmac_make(hmac, &ready, (const uint8_t *) exact, jws.signed_len) &&
		jws.signature_len == IDV_HMAC_LEN &&
		idv_hmac_equal(hmac, jws.signature);
	free(exact);
	return right;
}

/*
 * Which labels are not those of a strict reader: NULL for the others.
 *
 * Two are called valid although a character stands in the token that is none of
 * base64url.  Their label is that of a reader who passes over it, which RFC 7515,
 * section 2, does not allow; and the signature is that of the text without it.
 *
 * Two are called invalid for padding that is not in them: they are, to the byte,
 * the token of "ValidMac".
 */
static const char *
other_reading(const JwsVector *vector)
{
	static const char *const comments[] = {
		"InvalidCharacterInsertedInHeader", "InvalidCharacterInsertedInPayload",
		"invalidBase64Padding", "invalidBase64PaddingInPayload"
	};

	for (size_t i = 0; i < LENGTH_OF(comments); i++)
		if (strcmp(vector->comment, comments[i]) == 0)
			return comments[i];
	return NULL;
}

static void
test_reads_published_vectors_as_they_are_labelled_but_four(void)
{
	int			others = 0;

	for (size_t i = 0; i < LENGTH_OF(jws_hs256); i++)
	{
		const JwsVector *vector = &jws_hs256[i];
		bool		as_labelled = verifies(vector) == vector->valid;

		others += other_reading(vector) != NULL;
		check(as_labelled == (other_reading(vector) == NULL), vector->comment,
			  __FILE__, __LINE__);
	}
	CHECK(LENGTH_OF(jws_hs256) == 40);
	CHECK(others == 4);
}

static const JwsVector *
vector_of(const char *comment)
{
	for (size_t i = 0; i < LENGTH_OF(jws_hs256); i++)
		if (strcmp(jws_hs256[i].comment, comment) == 0)
			return &jws_hs256[i];
	abort();
}

static void
test_the_four_are_what_is_said_of_them(void)
{
	CHECK(strchr(vector_of("InvalidCharacterInsertedInHeader")->jws, '?') != NULL);
	CHECK(strchr(vector_of("InvalidCharacterInsertedInPayload")->jws, '?') != NULL);
	CHECK(strcmp(vector_of("invalidBase64Padding")->jws,
				 vector_of("ValidMac")->jws) == 0);
	CHECK(strcmp(vector_of("invalidBase64PaddingInPayload")->jws,
				 vector_of("ValidMac")->jws) == 0);
}

int
main(void)
{
	RUN(test_splits_three_parts);
	RUN(test_knows_the_usual_headers);
	RUN(test_splits_a_token_without_signature);
	RUN(test_splits_what_hs256_signs);
	RUN(test_refuses_other_shapes);
	RUN(test_splits_8192_bytes_and_no_more);
	RUN(test_reads_published_vectors_as_they_are_labelled_but_four);
	RUN(test_the_four_are_what_is_said_of_them);
	return report();
}
