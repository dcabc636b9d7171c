/*-------------------------------------------------------------------------
 *
 * guess.c
 *	  Is each mistake found by what it made, and none where there is none?
 *
 * The hashes were made by other implementations: sql/insight_explain.sql has
 * them too, each with the command that made it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/guess.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/hex.h"
#include "core/value_forms.h"

#include "check.h"

#define SECRET	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EXTERNAL_ID "user_4711"
#define EMAIL	"jane@example.com"
#define BUDGET	100000

static IdvForms forms;
static IdvReadings readings;
static IdvGuess guess;
static size_t budget;

/* Made of EXTERNAL_ID and EMAIL, with SECRET, by at most these two mistakes. */
static const struct
{
	IdvFinding	first;
	IdvFinding	second;
	const char *presented;
}			cases[] = {

	{IDV_FOUND_NOTHING, IDV_FOUND_NOTHING,
	"306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739"},
	{IDV_FOUND_SIGNED_OTHER_FIELD, IDV_FOUND_NOTHING,
	"48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca"},
	{IDV_FOUND_SECRET_IS_THE_HASH, IDV_FOUND_NOTHING,
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
	{IDV_FOUND_SECRET_IS_THE_HASH, IDV_FOUND_NOTHING,
	"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"},
	{IDV_FOUND_SECRET_DECODED_HEX, IDV_FOUND_NOTHING,
	"8b711687604aaac8df34cbda4ec386582fa2a2db4167be1c5d3a69acba560f13"},
	{IDV_FOUND_SECRET_NOT_TRIMMED, IDV_FOUND_NOTHING,
	"6949218e3079be9bc80d4e3fe0daad4bad7b59351b40ea092925d4bdaeb17dc4"},
	{IDV_FOUND_SECRET_NOT_TRIMMED, IDV_FOUND_NOTHING,
	"3a3ecd58ae2c8766bf65cdb845f2e52f6b5174db07bfaf0eb42ecb40e1a34b19"},
	{IDV_FOUND_SECRET_AND_VALUE_SWAPPED, IDV_FOUND_NOTHING,
	"2da8b7260c24ff150e4c00133c10e4b2a75f6cf16442a98fa37ce81dda1bd99e"},
	{IDV_FOUND_VALUE_NOT_TRIMMED, IDV_FOUND_NOTHING,
	"90caf01fde977fae16bffa604abbc276d5571edd77e96f7f1a847abacf5454bd"},
	{IDV_FOUND_VALUE_NOT_TRIMMED, IDV_FOUND_NOTHING,
	"f26087029f3e5fb0ec6cd1f69ae5ee7c96a23a8c65a419fbf4ee1c6f92f9e267"},
	{IDV_FOUND_VALUE_CASE, IDV_FOUND_NOTHING,
	"4b3108de3b595b5ef1f0de508913c3af812f3b55333f6a010b42144434d2db4e"},
	{IDV_FOUND_VALUE_WITH_FIELD, IDV_FOUND_NOTHING,
	"f202ba52db142c72653da046c5868afab985aa977a57670cdb8e23200657724d"},
	{IDV_FOUND_VALUE_WITH_FIELD, IDV_FOUND_NOTHING,
	"653fd12e11d3f8b52ea05054ee4792e4acd3f1e60dc377ee01c8e2d11a099cae"},
	{IDV_FOUND_HASH_BASE64, IDV_FOUND_NOTHING,
	"MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk="},
	{IDV_FOUND_HASH_TRUNCATED, IDV_FOUND_NOTHING,
	"306c60e7cb3682ee6b90e82f7588f6d2"},
	{IDV_FOUND_HASH_TRUNCATED, IDV_FOUND_NOTHING,
	"306c60e7cb3682ee"},
	{IDV_FOUND_HASH_TRUNCATED, IDV_FOUND_NOTHING,
	"306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded5073"},
	{IDV_FOUND_HASH_OF_HASH, IDV_FOUND_NOTHING,
	"086cdc5182423efd1aa4149f0a27937fa1f4dd322764883917a5bdb009ee7d23"},
	{IDV_FOUND_HASH_OF_HASH, IDV_FOUND_NOTHING,
	"9443e7c7d6fb73db3c8db2be1737bf0fc90661c4b5f1c3fbcb90d2c6b76f0a0d"},
	{IDV_FOUND_ALGORITHM_SHA1, IDV_FOUND_NOTHING,
	"a66f96ef399ede459f8454d6b24278344631de50"},
	{IDV_FOUND_ALGORITHM_MD5, IDV_FOUND_NOTHING,
	"6d97648739884a3c7b45462c1ca70566"},
	{IDV_FOUND_ALGORITHM_SHA384, IDV_FOUND_NOTHING,
	"5f5bee8ab1a81bd54ca8044d8a6be46c05fb8074125ef4f194c47a21eba4b79a8c19ee4b1a28426db00b56725cb2433e"},
	{IDV_FOUND_ALGORITHM_SHA512, IDV_FOUND_NOTHING,
	"4daa86a30fe264cec8fc6ee44276ffca72761a4c1d0609c2722050d7de6d920e3b78ed089eaec07b71f2436e3ecc6e8e07cf4c06ce87ea422682cf365bed854e"},
	{IDV_FOUND_ALGORITHM_NO_HMAC, IDV_FOUND_NOTHING,
	"e8ed6be45c3869b5b9b372c36929036672417152f36b55dde98b656f0011aa67"},
	{IDV_FOUND_ALGORITHM_NO_HMAC, IDV_FOUND_NOTHING,
	"ed039f414bdf7fe2b1bfaba3fadef72c3684b8c85ecd155b9d0539d07be672a0"},
	{IDV_FOUND_ALGORITHM_NO_HMAC, IDV_FOUND_NOTHING,
	"ad4657e4cc0b3b9053dc91aa737ce4b4334f81f1c3beb49862edabcd134bbaeb"},
	{IDV_FOUND_SECRET_NOT_TRIMMED, IDV_FOUND_HASH_BASE64,
	"aUkhjjB5vpvIDU4/4NqtS617WTUbQOoJKSXUva6xfcQ="},
	{IDV_FOUND_SECRET_NOT_TRIMMED, IDV_FOUND_VALUE_NOT_TRIMMED,
	"4a4cada99b6eb31f6e6a96cbe49224f4c9761aa9ea3b25fa25fc3def792bb319"},
	{IDV_FOUND_ALGORITHM_MD5, IDV_FOUND_ALGORITHM_NO_HMAC,
	"aadd7784ff38235dabfebae5aab058d1"},
	{IDV_FOUND_ALGORITHM_SHA512, IDV_FOUND_HASH_TRUNCATED,
	"4daa86a30fe264cec8fc6ee44276ffca72761a4c1d0609c2722050d7de6d920e"},
};

static void
make_forms(const char *external_id, const char *email)
{
	idv_forms_init(&forms);
	idv_forms_add(&forms, IDV_FOUND_NOTHING, NULL, external_id, strlen(external_id));
	forms.other_field = true;
	idv_value_forms(&forms, email, strlen(email));
	forms.other_field = false;
	idv_value_forms(&forms, external_id, strlen(external_id));
	idv_joined_forms(&forms, external_id, strlen(external_id), email, strlen(email));
	idv_placeholder_forms(&forms);
}

/* Guess, with one mistake after the other. */
static IdvGuessStatus
explain(const char *presented)
{
	static const char secret[] = SECRET;
	IdvGuessStatus status = IDV_GUESS_NONE;

	idv_hash_readings(&readings, presented, strlen(presented));
	for (int depth = 0; status == IDV_GUESS_NONE && depth <= IDV_GUESS_DEPTH; depth++)
		status = idv_guess(&guess, &budget, &readings, &forms, (const uint8_t *) secret,
						   sizeof(secret) - 1, TEXT("cdef"), depth);
	return status;
}

/* Was this mistake found? */
static bool
has(IdvFinding finding)
{
	for (int i = 0; i < guess.nmistakes; i++)
		if (guess.mistakes[i].finding == finding)
			return true;
	return finding == IDV_FOUND_NOTHING;
}

static void
test_finds_each_mistake_and_no_other(void)
{
	make_forms(EXTERNAL_ID, EMAIL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		budget = BUDGET;
		CHECK(explain(cases[i].presented) == IDV_GUESS_FOUND);
		CHECK(guess.nmistakes == (cases[i].first != IDV_FOUND_NOTHING) +
			  (cases[i].second != IDV_FOUND_NOTHING));
		CHECK(has(cases[i].first) && has(cases[i].second));
		CHECK(guess.other_field == has(IDV_FOUND_SIGNED_OTHER_FIELD));
	}
}

static void
test_finds_nothing_in_what_is_random(void)
{
	make_forms(EXTERNAL_ID, EMAIL);
	for (unsigned i = 0; i < 200; i++)
	{
		uint8_t		hash[EVP_MAX_MD_SIZE];
		char		digits[2 * EVP_MAX_MD_SIZE + 1] = "";
		static const size_t lengths[] = {8, 16, 20, 32, 48, 64};
		size_t		len = lengths[i % 6];

		CHECK(EVP_Digest(&i, sizeof(i), hash, NULL, EVP_sha512(), NULL) == 1);
		idv_hex_encode(digits, hash, len);
		budget = BUDGET;
		CHECK(explain(digits) == IDV_GUESS_NONE);
		CHECK(budget < BUDGET);
	}
}

/* Whatever is signed in place of the value, under whatever key. */
static void
test_finds_every_form_of_the_value(void)
{
	make_forms("42", "Jos\xC3\xA9 <j@x>");
	for (size_t i = 0; i < forms.n; i++)
	{
		const IdvForm *form = &forms.forms[i];
		uint8_t		hash[EVP_MAX_MD_SIZE];
		char		digits[65] = "";

		CHECK(HMAC(EVP_sha256(), TEXT(SECRET), forms.bytes + form->offset, form->len, hash, NULL) != NULL);
		idv_hex_encode(digits, hash, 32);
		budget = BUDGET;
		CHECK(explain(digits) == IDV_GUESS_FOUND);
		CHECK(has(form->finding) && guess.other_field == form->other_field);
		CHECK(guess.nmistakes == (form->finding != IDV_FOUND_NOTHING) + form->other_field);
	}
}

static void
test_stops_when_the_budget_is_used_up(void)
{
	make_forms(EXTERNAL_ID, EMAIL);
	budget = 3;
	CHECK(explain("0000000000000000000000000000000000000000000000000000000000000000") == IDV_GUESS_STOPPED);
	CHECK(budget == 0);
	CHECK(explain(cases[0].presented) == IDV_GUESS_STOPPED);
}

static void
test_needs_sixteen_digits(void)
{
	make_forms(EXTERNAL_ID, EMAIL);
	budget = BUDGET;
	CHECK(explain("306c60e7cb3682ee") == IDV_GUESS_FOUND && has(IDV_FOUND_HASH_TRUNCATED));
	CHECK(explain("306c60e7cb3682e") == IDV_GUESS_NONE);
}

/* The other field is a mistake, so it is not tried with what is right. */
static void
test_begins_with_what_has_no_mistake(void)
{
	static const char other[] = "48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca";

	make_forms(EXTERNAL_ID, EMAIL);
	for (int depth = 0; depth <= 1; depth++)
	{
		budget = BUDGET;
		idv_hash_readings(&readings, TEXT(other));
		CHECK(idv_guess(&guess, &budget, &readings, &forms, (const uint8_t *) SECRET, sizeof(SECRET) - 1,
						TEXT("cdef"), depth) == (depth == 0 ? IDV_GUESS_NONE : IDV_GUESS_FOUND));
		CHECK(depth > 0 || budget == BUDGET - 1);
	}
}

static void
test_works_without_the_field_that_counts(void)
{
	idv_forms_init(&forms);
	forms.other_field = true;
	idv_value_forms(&forms, TEXT(EXTERNAL_ID));
	budget = BUDGET;
	CHECK(explain(cases[0].presented) == IDV_GUESS_FOUND);
	CHECK(guess.nmistakes == 1 && has(IDV_FOUND_SIGNED_OTHER_FIELD));

	idv_forms_init(&forms);
	CHECK(explain(cases[0].presented) == IDV_GUESS_NONE);
	CHECK(explain("") == IDV_GUESS_NONE);
}

static void
test_every_finding_has_a_name(void)
{
	for (int i = 1; i < IDV_FINDINGS; i++)
	{
		CHECK(idv_finding_names[i] != NULL && strlen(idv_finding_names[i]) > 5);
		for (int j = 1; j < i; j++)
			CHECK(strcmp(idv_finding_names[i], idv_finding_names[j]) != 0);
	}
}

int
main(void)
{
	RUN(test_finds_each_mistake_and_no_other);
	RUN(test_finds_nothing_in_what_is_random);
	RUN(test_finds_every_form_of_the_value);
	RUN(test_stops_when_the_budget_is_used_up);
	RUN(test_needs_sixteen_digits);
	RUN(test_begins_with_what_has_no_mistake);
	RUN(test_works_without_the_field_that_counts);
	RUN(test_every_finding_has_a_name);
	return report();
}
