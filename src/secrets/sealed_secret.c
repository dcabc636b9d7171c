/*-------------------------------------------------------------------------
 *
 * sealed_secret.c
 *	  Secrets as the rows hold them: seal one, open one, or say why not.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/sealed_secret.h"

#include <openssl/crypto.h>

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "secrets/keyring.h"

/*
 * idv_sealed_make
 *		Seal a secret for its row, under the ring's first key.
 *
 * It is bound to what cannot change: its app, its generation, what it signs and
 * how it is written.  Were it not bound to what it signs, an UPDATE could make
 * tokens of the hashes of values that visitors chose.  It is not bound to the
 * signer: whoever may write to the row can say anyhow, by the state, which secret
 * is replaced by which rotation, and a signer can be renamed.
 *
 * Raises F0000 if there is no ring.
 */
bytea *
idv_sealed_make(const IdvSealLabel *label, const uint8 *secret,
				size_t secret_len, int32 *key_id)
{
	const IdvMasterKey *key = &idv_keyring_needed()->keys[0];
	size_t		size = VARHDRSZ + IDV_SEALED_LEN(secret_len);
	bytea	   *sealed = palloc(size);
	uint8		nonce[IDV_SEAL_NONCE_LEN];

	SET_VARSIZE(sealed, size);
	if (!pg_strong_random(nonce, sizeof(nonce)) ||
		!idv_seal((uint8 *) VARDATA(sealed), key, label, nonce,
				  secret, secret_len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not seal the secret"),
				 errhidestmt(true)));

	*key_id = (int32) key->id;
	return sealed;
}

/*
 * idv_sealed_open
 *		Open the secret of a row.
 *
 * Raises no error.  The caller wipes the secret.
 */
IdvOpening
idv_sealed_open(uint8 secret[IDV_SECRET_MAX], size_t *secret_len,
				int32 app_id, const IdvSecretRow *row)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(row->sealed);
	size_t		len = VARSIZE_ANY_EXHDR(row->sealed);
	IdvSealLabel label = {(uint32) app_id, (uint32) row->generation,
	(uint8) row->signs, (uint8) row->encoding};
	const IdvMasterKey *key;
	uint32		key_id;

	/* The column is for people and for queries; the bytes must agree. */
	if (!idv_sealed_under(&key_id, bytes, len) ||
		key_id != (uint32) row->key_id)
		return IDV_SHUT_ALTERED;

	if (idv_keyring() == NULL)
		return IDV_SHUT_NO_RING;
	key = idv_keyring_find(key_id);
	if (key == NULL)
		return IDV_SHUT_NO_KEY;

	switch (idv_open(secret, secret_len, key, &label, bytes, len))
	{
		case IDV_SEAL_OK:
			return IDV_OPENED;
		case IDV_SEAL_WRONG_KEY:
			return IDV_SHUT_WRONG_KEY;
		case IDV_SEAL_ALTERED:
			return IDV_SHUT_ALTERED;
		case IDV_SEAL_LIBRARY:
			break;
	}
	return IDV_SHUT_LIBRARY;
}

/*
 * idv_sealed_report
 *		Raise the error that the secret of a row does not open.
 *
 * F0000 where the ring is at fault, XX001 where the row is.  The statement is
 * hidden: it may hold a user_hash, and that may be a genuine one.
 */
void
idv_sealed_report(IdvOpening opening, int32 app_id, int32 generation,
				  int32 key_id)
{
	switch (opening)
	{
		case IDV_OPENED:
			break;
		case IDV_SHUT_NO_RING:
			idv_keyring_report_missing();
			break;
		case IDV_SHUT_NO_KEY:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the key ring has no key %d, which sealed secret %d of app %d",
							key_id, generation, app_id),
					 errhint("Put the line of key %d back into the key ring, below the first, and reload the configuration.",
							 key_id),
					 errhidestmt(true), errhidecontext(true)));
			break;
		case IDV_SHUT_WRONG_KEY:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("key %d of the key ring is not the one that sealed secret %d of app %d",
							key_id, generation, app_id),
					 errhint("Put the key that had this id into the key ring, and reload the configuration. A new key needs a new id."),
					 errhidestmt(true), errhidecontext(true)));
			break;
		case IDV_SHUT_ALTERED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("secret %d of app %d was altered, or moved from another row",
							generation, app_id),
					 errhint("Restore its row in idverify.secrets from a backup, or rotate the secret."),
					 errhidestmt(true), errhidecontext(true)));
			break;
		case IDV_SHUT_LIBRARY:
			break;
	}

	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not open secret %d of app %d", generation, app_id),
			 errhidestmt(true), errhidecontext(true)));
}
