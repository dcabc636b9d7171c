/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  Fuzz the opening of sealed secrets: what was not sealed does not open,
 *	  and leaves nothing behind.
 *
 * The input is tried as it is, and again behind a genuine header so that it
 * gets as far as the cipher.  As a secret, it is sealed and has to come back;
 * that is done under another key, lest the fuzzer learn to forge.
 *
 *-------------------------------------------------------------------------
 */
#include "core/seal.h"

#include <stdlib.h>
#include <string.h>

#define KEY_ID	0x01020304

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const IdvSealLabel label = {1, 1, 0, 0};

static void
make_key(IdvMasterKey *key, uint8_t filler)
{
	memset(key->key, filler, sizeof(key->key));
	if (!idv_master_key_init(key, KEY_ID))
		abort();
}

/* Open bytes, which nobody sealed under key; returns why they stay shut. */
static IdvSealStatus
stay_shut(const IdvMasterKey *key, const uint8_t *bytes, size_t len)
{
	static const uint8_t nothing[IDV_SECRET_MAX];
	uint8_t		secret[IDV_SECRET_MAX];
	size_t		secret_len = 1;
	IdvSealStatus status;

	memset(secret, 0x5A, sizeof(secret));
	status = idv_open(secret, &secret_len, key, &label, bytes, len);
	if (status == IDV_SEAL_OK || status == IDV_SEAL_LIBRARY)
		abort();
	if (secret_len != 0 || memcmp(secret, nothing, sizeof(secret)) != 0)
		abort();
	return status;
}

/* Overwrite the start of the input with what a genuine header begins with. */
static void
try_behind_header(const IdvMasterKey *key, const uint8_t *data, size_t size)
{
	static const uint8_t start[] = {IDV_SEAL_FORMAT, 0x01, 0x02, 0x03, 0x04};
	uint8_t    *bytes;

	if (size < sizeof(start) + IDV_SEAL_CHECK_LEN)
		return;

	bytes = malloc(size);
	if (bytes == NULL)
		abort();
	memcpy(bytes, data, size);
	memcpy(bytes, start, sizeof(start));
	memcpy(bytes + sizeof(start), key->check, IDV_SEAL_CHECK_LEN);

	/* the check value is that of the key, so the key is not the wrong one */
	if (stay_shut(key, bytes, size) != IDV_SEAL_ALTERED)
		abort();
	free(bytes);
}

static void
seal_and_open(const IdvMasterKey *key, const uint8_t *data, size_t size)
{
	static const uint8_t nonce[IDV_SEAL_NONCE_LEN];
	uint8_t		sealed[IDV_SEALED_LEN(IDV_SECRET_MAX)];
	uint8_t		secret[IDV_SECRET_MAX];
	size_t		secret_len;
	bool		fits = size >= IDV_SECRET_MIN && size <= IDV_SECRET_MAX;
	uint32_t	key_id;

	if (idv_seal(sealed, key, &label, nonce, data, size) != fits)
		abort();
	if (!fits)
		return;
	if (!idv_sealed_under(&key_id, sealed, IDV_SEALED_LEN(size)) ||
		key_id != KEY_ID)
		abort();
	if (idv_open(secret, &secret_len, key, &label,
				 sealed, IDV_SEALED_LEN(size)) != IDV_SEAL_OK ||
		secret_len != size || memcmp(secret, data, size) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static IdvMasterKey ours;
	static IdvMasterKey fuzzed;

	if (ours.id == 0)
	{
		make_key(&ours, 0x0F);
		make_key(&fuzzed, 0xF0);
	}

	stay_shut(&fuzzed, data, size);
	try_behind_header(&fuzzed, data, size);
	seal_and_open(&ours, data, size);
	return 0;
}
