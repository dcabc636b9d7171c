/*-------------------------------------------------------------------------
 *
 * guess.c
 *	  By which mistakes was a user_hash made?
 *
 * What is computed has four dimensions: the key, the value, how the two are put
 * together, and by which algorithm.  In each there is one way that is right;
 * any other counts as a mistake.  What was presented is the fifth; to compare
 * one more reading of it costs nothing.
 *
 * So a call tries everything that has a given number of mistakes in the first
 * four.  The caller begins with none.
 *
 *-------------------------------------------------------------------------
 */
#include "core/guess.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/hex.h"
#include "core/hmac.h"
#include "core/key_forms.h"

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

typedef enum Shape
{
	SHAPE_HMAC,
	SHAPE_SWAPPED,
	SHAPE_SECRET_VALUE,
	SHAPE_VALUE_SECRET,
	SHAPE_VALUE
} Shape;

static const IdvMistake shapes[] = {
	[SHAPE_HMAC] = {IDV_FOUND_NOTHING, NULL},
	[SHAPE_SWAPPED] = {IDV_FOUND_SECRET_AND_VALUE_SWAPPED, NULL},
	[SHAPE_SECRET_VALUE] = {IDV_FOUND_ALGORITHM_NO_HMAC, "of the secret and, right behind it, the value"},
	[SHAPE_VALUE_SECRET] = {IDV_FOUND_ALGORITHM_NO_HMAC, "of the value and, right behind it, the secret"},
	[SHAPE_VALUE] = {IDV_FOUND_ALGORITHM_NO_HMAC, "of the value alone, which everybody can make"},
};

/* The first one is right. */
static const struct
{
	const EVP_MD *(*md) (void);
	IdvMistake	mistake;
}			algorithms[] = {
	{EVP_sha256, {IDV_FOUND_NOTHING, NULL}},
	{EVP_sha1, {IDV_FOUND_ALGORITHM_SHA1, "SHA-1"}},
	{EVP_md5, {IDV_FOUND_ALGORITHM_MD5, "MD5"}},
	{EVP_sha384, {IDV_FOUND_ALGORITHM_SHA384, "SHA-384"}},
	{EVP_sha512, {IDV_FOUND_ALGORITHM_SHA512, "SHA-512"}},
};

/* A search under way. */
typedef struct Search
{
	IdvGuess   *guess;
	size_t	   *budget;
	const IdvReadings *readings;
	const IdvForms *values;
	IdvKeyForms *keys;
	EVP_MD_CTX *digest;
	int			mistakes;		/* as many are tried */

	/* what is tried now */
	const IdvKeyForm *key;
	const IdvForm *value;
	Shape		shape;
	size_t		algorithm;
} Search;

/* Add a mistake to those that were found. */
static void
note(IdvGuess *guess, IdvFinding finding, const char *what)
{
	if (finding != IDV_FOUND_NOTHING && guess->nmistakes < IDV_GUESS_MISTAKES)
		guess->mistakes[guess->nmistakes++] = (IdvMistake)
	{
		finding, what
	};
}

/* A reading is a hash: tell of which mistakes. */
static IdvGuessStatus
found(Search *search, const IdvReading *reading, IdvMistake last, const char *cut)
{
	IdvGuess   *guess = search->guess;

	guess->nmistakes = 0;
	guess->other_field = search->value->other_field;
	note(guess, search->key->finding, search->key->what);
	note(guess, search->value->finding, search->value->what);
	if (search->value->other_field)
		note(guess, IDV_FOUND_SIGNED_OTHER_FIELD, NULL);
	note(guess, shapes[search->shape].finding, shapes[search->shape].what);
	note(guess, algorithms[search->algorithm].mistake.finding,
		 algorithms[search->algorithm].mistake.what);
	note(guess, last.finding, last.what);
	for (int i = 0; i < reading->nmistakes; i++)
		note(guess, reading->mistakes[i].finding, reading->mistakes[i].what);
	if (cut != NULL)
		note(guess, IDV_FOUND_HASH_TRUNCATED, cut);
	return IDV_GUESS_FOUND;
}

/* Are these the same bytes?  One of them is secret. */
static bool
same(const uint8_t *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/*
 * Which part of a hash's digits is left of it in text, in words, or NULL.
 *
 * Bytes below 16 lose a zero where each is turned into digits by itself.
 */
static const char *
part_of(const uint8_t *text, size_t len, const char *digits, size_t ndigits)
{
	char		unpadded[2 * EVP_MAX_MD_SIZE];
	size_t		n = 0;
	const char *part = NULL;

	if (len < IDV_DIGITS_MIN || len >= ndigits)
		return NULL;
	for (size_t i = 0; i < ndigits; i++)
		if (i % 2 != 0 || digits[i] != '0')
			unpadded[n++] = digits[i];

	if (same(text, digits, len))
		part = "only its first digits are left";
	else if (same(text, digits + ndigits - len, len))
		part = "only its last digits are left";
	else if (len == n && same(text, unpadded, len))
		part = "bytes below 16 have lost a zero";
	OPENSSL_cleanse(unpadded, sizeof(unpadded));
	return part;
}

/* Compare a hash with all readings of what was presented. */
static IdvGuessStatus
compare(Search *search, const uint8_t *hash, size_t len, IdvMistake last)
{
	char		digits[2 * EVP_MAX_MD_SIZE];
	IdvGuessStatus status = IDV_GUESS_NONE;

	idv_hex_encode(digits, hash, len);
	for (size_t i = 0; status == IDV_GUESS_NONE && i < search->readings->n; i++)
	{
		const IdvReading *reading = &search->readings->readings[i];
		const char *part;

		if (!reading->is_hex)
			continue;
		if (reading->len == 2 * len && same(reading->text, digits, 2 * len))
			status = found(search, reading, last, NULL);
		else if ((part = part_of(reading->text, reading->len, digits, 2 * len)) != NULL)
			status = found(search, reading, last, part);
	}
	OPENSSL_cleanse(digits, sizeof(digits));
	return status;
}

/* Was the HMAC hashed again, its digits or its bytes? */
static IdvGuessStatus
compare_hashed(Search *search, const uint8_t hash[IDV_HMAC_LEN])
{
	static const IdvMistake of_digits = {IDV_FOUND_HASH_OF_HASH, "its hex digits"};
	static const IdvMistake of_bytes = {IDV_FOUND_HASH_OF_HASH, "its bytes"};
	char		digits[2 * IDV_HMAC_LEN];
	uint8_t		again[EVP_MAX_MD_SIZE];
	IdvGuessStatus status = IDV_GUESS_LIBRARY;

	idv_hex_encode(digits, hash, IDV_HMAC_LEN);
	if (EVP_Digest(digits, sizeof(digits), again, NULL, EVP_sha256(), NULL) == 1)
		status = compare(search, again, IDV_HMAC_LEN, of_digits);
	if (status == IDV_GUESS_NONE)
		status = EVP_Digest(hash, IDV_HMAC_LEN, again, NULL, EVP_sha256(), NULL) == 1 ?
			compare(search, again, IDV_HMAC_LEN, of_bytes) : IDV_GUESS_LIBRARY;
	OPENSSL_cleanse(digits, sizeof(digits));
	OPENSSL_cleanse(again, sizeof(again));
	return status;
}

/* Hash one run of bytes and another behind it. */
static bool
hash_both(Search *search, uint8_t *hash, unsigned *len, const EVP_MD *md,
		  const uint8_t *first, size_t first_len,
		  const uint8_t *second, size_t second_len)
{
	return EVP_DigestInit_ex(search->digest, md, NULL) == 1 &&
		EVP_DigestUpdate(search->digest, first, first_len) == 1 &&
		EVP_DigestUpdate(search->digest, second, second_len) == 1 &&
		EVP_DigestFinal_ex(search->digest, hash, len) == 1;
}

/*
 * Compute what is tried now.
 *
 * ready		the key, if what is tried is an HMAC-SHA256
 */
static bool
compute(Search *search, uint8_t hash[EVP_MAX_MD_SIZE], unsigned *len,
		const IdvHmac *ready)
{
	const IdvKeyForm *key = search->key;
	const uint8_t *value = search->values->bytes + search->value->offset;
	size_t		value_len = search->value->len;
	const EVP_MD *md = algorithms[search->algorithm].md();

	*len = IDV_HMAC_LEN;
	if (ready != NULL)
		return idv_hmac_make(hash, ready, value, value_len);
	switch (search->shape)
	{
		case SHAPE_HMAC:
			return HMAC(md, key->bytes, (int) key->len, value, value_len, hash, len) != NULL;
		case SHAPE_SWAPPED:
			return HMAC(md, value, (int) value_len, key->bytes, key->len, hash, len) != NULL;
		case SHAPE_SECRET_VALUE:
			return hash_both(search, hash, len, md, key->bytes, key->len, value, value_len);
		case SHAPE_VALUE_SECRET:
			return hash_both(search, hash, len, md, value, value_len, key->bytes, key->len);
		case SHAPE_VALUE:
			return hash_both(search, hash, len, md, value, value_len, value, 0);
	}
	return false;
}

/* How many mistakes there are in what is tried now. */
static int
count_mistakes(const Search *search)
{
	return (search->key->finding != IDV_FOUND_NOTHING) +
		(search->value->finding != IDV_FOUND_NOTHING) +
		search->value->other_field +
		(search->shape != SHAPE_HMAC) +
		(search->algorithm != 0);
}

/*
 * Try one key, one way to put it together with the values, and all values.
 *
 * An HMAC-SHA256 may also have been hashed again, which is one mistake more.
 */
static IdvGuessStatus
try_values(Search *search)
{
	static const IdvMistake none = {IDV_FOUND_NOTHING, NULL};
	const bool	plain = search->shape == SHAPE_HMAC && search->algorithm == 0;
	IdvHmac		ready;
	bool		is_ready = false;
	uint8_t		hash[EVP_MAX_MD_SIZE];
	IdvGuessStatus status = IDV_GUESS_NONE;

	for (size_t i = 0; status == IDV_GUESS_NONE && i < search->values->n; i++)
	{
		unsigned	len;
		int			lacking;

		search->value = &search->values->forms[i];
		lacking = search->mistakes - count_mistakes(search);
		if (lacking != 0 && !(plain && lacking == 1))
			continue;
		/* an empty key is none */
		if (search->shape == SHAPE_SWAPPED && search->value->len == 0)
			continue;
		if (*search->budget == 0)
		{
			status = IDV_GUESS_STOPPED;
			break;
		}
		--*search->budget;

		if (plain && !is_ready)
		{
			is_ready = idv_hmac_init(&ready, search->key->bytes, search->key->len);
			if (!is_ready)
			{
				status = IDV_GUESS_LIBRARY;
				break;
			}
		}
		if (!compute(search, hash, &len, is_ready ? &ready : NULL))
		{
			/* Some libraries refuse MD5: then nobody has used it with them. */
			if (search->algorithm == 0)
				status = IDV_GUESS_LIBRARY;
			break;
		}
		status = lacking == 0 ? compare(search, hash, len, none) :
			compare_hashed(search, hash);
	}
	if (is_ready)
		idv_hmac_wipe(&ready);
	OPENSSL_cleanse(hash, sizeof(hash));
	return status;
}

/* Is what was presented the secret itself? */
static IdvGuessStatus
compare_secret(Search *search)
{
	const IdvKeyForm *secret = &search->keys->forms[0];

	for (size_t i = 0; i < search->readings->n; i++)
	{
		const IdvReading *reading = &search->readings->readings[i];
		unsigned	differ = 0;

		if (reading->len != secret->len)
			continue;
		/* The digits of a reading are in lower case: compare with that. */
		for (size_t j = 0; j < secret->len; j++)
		{
			uint8_t		c = secret->bytes[j];

			if (reading->is_hex && c >= 'A' && c <= 'F')
				c = (uint8_t) (c - 'A' + 'a');
			differ |= (unsigned) (c ^ reading->text[j]);
		}
		if (differ == 0)
		{
			search->guess->nmistakes = 0;
			search->guess->other_field = false;
			note(search->guess, IDV_FOUND_SECRET_IS_THE_HASH, NULL);
			return IDV_GUESS_FOUND;
		}
	}
	return IDV_GUESS_NONE;
}

/* Try all that has as many mistakes as were asked for. */
static IdvGuessStatus
search_all(Search *search)
{
	IdvGuessStatus status = search->mistakes == 1 ? compare_secret(search) : IDV_GUESS_NONE;

	for (size_t k = 0; k < search->keys->n; k++)
		for (size_t shape = 0; shape < LENGTHOF(shapes); shape++)
			for (size_t algorithm = 0; algorithm < LENGTHOF(algorithms); algorithm++)
			{
				if (status != IDV_GUESS_NONE)
					return status;
				search->key = &search->keys->forms[k];
				search->shape = (Shape) shape;
				search->algorithm = algorithm;
				/* without the secret all keys are the same */
				if (shape == SHAPE_VALUE && k > 0)
					continue;
				if ((int) (k > 0) + (shape > 0) + (algorithm > 0) > search->mistakes)
					continue;
				status = try_values(search);
			}
	return status;
}

/*
 * idv_guess
 *		Try what has so many mistakes in what was computed.
 *
 * guess		output: what was found, mistakes of what was presented included
 * budget		how many HMACs, or hashes, may be computed; what is left of it
 * values		the value first
 * secret		at most IDV_SECRET_MAX bytes; the caller wipes it
 * hint			what is shown of the secret
 * mistakes		from 0 to IDV_GUESS_DEPTH; 0 is the value under the secret
 */
IdvGuessStatus
idv_guess(IdvGuess *guess, size_t *budget, const IdvReadings *readings,
		  const IdvForms *values, const uint8_t *secret, size_t secret_len,
		  const char *hint, size_t hint_len, int mistakes)
{
	Search		search = {
		.guess = guess,
		.budget = budget,
		.readings = readings,
		.values = values,
		.mistakes = mistakes,
		.keys = OPENSSL_secure_malloc(sizeof(IdvKeyForms)),
		.digest = EVP_MD_CTX_new()
	};
	IdvGuessStatus status = IDV_GUESS_LIBRARY;

	if (search.keys != NULL && search.digest != NULL)
	{
		idv_key_forms(search.keys, secret, secret_len, hint, hint_len);
		status = search_all(&search);
	}
	OPENSSL_secure_clear_free(search.keys, sizeof(IdvKeyForms));
	EVP_MD_CTX_free(search.digest);
	return status;
}
