/*-------------------------------------------------------------------------
 *
 * guess.c
 *	  Fuzz the guesses of what a user_hash was made of.
 *
 * An input is four runs of bytes, each but the last behind its length: what was
 * presented, the external_id, the email, the secret.  What was presented is
 * read; then one form of what may have been signed is signed, in its place, and
 * has to be found.
 *
 *-------------------------------------------------------------------------
 */
#include "core/guess.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/bad_identity.h"
#include "core/hex.h"
#include "core/seal.h"
#include "core/value_forms.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A search that finds nothing takes long, and is much the same each time. */
#define BUDGET	100

/* A run of bytes in memory that ends where it ends. */
typedef struct Run
{
	char	   *bytes;
	size_t		len;
} Run;

static Run
take(const uint8_t **data, size_t *size, size_t len, size_t max)
{
	Run			run;

	run.len = len < *size ? len : *size;
	if (run.len > max)
		run.len = max;
	run.bytes = malloc(run.len > 0 ? run.len : 1);
	if (run.bytes == NULL)
		abort();
	memcpy(run.bytes, *data, run.len);
	*data += run.len;
	*size -= run.len;
	return run;
}

/* One that begins with its length. */
static Run
take_counted(const uint8_t **data, size_t *size, size_t max)
{
	size_t		len = 0;

	if (*size > 0)
	{
		/* most are short, and some longer than a byte can say */
		len = **data < 0xF0 ? **data : (size_t) (**data - 0xEF) * 80;
		++*data;
		--*size;
	}
	return take(data, size, len, max);
}

static IdvGuessStatus
explain(IdvGuess *guess, const IdvReadings *readings, const IdvForms *forms,
		Run secret, size_t budget)
{
	IdvGuessStatus status = IDV_GUESS_NONE;

	for (int depth = 0; status == IDV_GUESS_NONE && depth <= IDV_GUESS_DEPTH; depth++)
	{
		status = idv_guess(guess, &budget, readings, forms,
						   (uint8_t *) secret.bytes, secret.len,
						   secret.bytes, secret.len < 4 ? secret.len : 4, depth);
		if (status == IDV_GUESS_FOUND &&
			(guess->nmistakes < (depth > 0) || guess->nmistakes > IDV_GUESS_MISTAKES))
			abort();
	}
	if (status == IDV_GUESS_LIBRARY)
		abort();
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static IdvForms forms;
	static IdvReadings readings;
	Run			presented = take_counted(&data, &size, IDV_PRESENTED_MAX + 1);
	Run			external_id = take_counted(&data, &size, IDV_IDENTITY_MAX);
	Run			email = take_counted(&data, &size, IDV_IDENTITY_MAX);
	Run			secret = take(&data, &size, size, IDV_SECRET_MAX);
	IdvGuess	guess;

	idv_forms_init(&forms);
	idv_value_forms(&forms, external_id.bytes, external_id.len);
	forms.other_field = true;
	idv_value_forms(&forms, email.bytes, email.len);
	forms.other_field = false;
	idv_joined_forms(&forms, external_id.bytes, external_id.len, email.bytes, email.len);
	idv_placeholder_forms(&forms);
	if (forms.full || forms.put != 0)
		abort();

	idv_hash_readings(&readings, presented.bytes, presented.len);
	(void) idv_looks_like_token(presented.bytes, presented.len);
	if (readings.n > IDV_READINGS_MAX)
		abort();
	/* no secret is shorter, nor is it the input's to find a hash of one */
	if (secret.len >= IDV_SECRET_MIN)
	{
		const IdvForm *form = &forms.forms[presented.len % forms.n];
		uint8_t		hash[EVP_MAX_MD_SIZE];
		char		digits[64];

		(void) explain(&guess, &readings, &forms, secret, BUDGET);
		if (HMAC(EVP_sha256(), secret.bytes, (int) secret.len,
				 forms.bytes + form->offset, form->len, hash, NULL) == NULL)
			abort();
		idv_hex_encode(digits, hash, 32);
		idv_hash_readings(&readings, digits, sizeof(digits));
		/* before it come at most the forms of one mistake, and all keys */
		if (explain(&guess, &readings, &forms, secret, 2 * forms.n + BUDGET) != IDV_GUESS_FOUND ||
			guess.other_field != form->other_field)
			abort();
	}

	free(presented.bytes);
	free(external_id.bytes);
	free(email.bytes);
	free(secret.bytes);
	return 0;
}
