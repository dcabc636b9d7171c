/*-------------------------------------------------------------------------
 *
 * seal.h
 *	  Seal a secret for storage; open it again.
 *
 * A sealed secret is one self-describing string of bytes:
 *
 *		offset	length	content
 *		------	------	----------------------------------------------
 *			 0		 1	format, IDV_SEAL_FORMAT
 *			 1		 4	id of the master key, big-endian
 *			 5		 8	check value of the master key
 *			13		12	nonce
 *			25		 n	ciphertext, as long as the secret
 *		25 + n		16	tag over ciphertext and associated data
 *
 * The cipher is AES-256-GCM (NIST SP 800-38D).  The associated data are the
 * format, the id of the master key, the app and generation that the secret
 * belongs to, what it signs and how it is shown, all by value.  The last four
 * are not stored here: a sealed secret that is copied to another row does not
 * open, nor does one whose row says that it signs something else.
 *
 * The check value tells a wrong master key from altered bytes.  It is the
 * start of an HMAC under the master key, from which the key cannot be learned.
 *
 * Pure C and libcrypto.  Callers own every buffer, lengths are in bytes, and
 * randomness arrives as an argument so that tests can hold it still.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SEAL_H
#define IDV_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDV_SECRET_MIN	16		/* bytes in the shortest secret */
#define IDV_SECRET_MAX	256		/* bytes in the longest one */

#define IDV_SEAL_FORMAT		1
#define IDV_SEAL_CHECK_LEN	8
#define IDV_SEAL_NONCE_LEN	12
#define IDV_SEAL_TAG_LEN	16
#define IDV_SEAL_HEADER_LEN	(1 + 4 + IDV_SEAL_CHECK_LEN + IDV_SEAL_NONCE_LEN)
#define IDV_SEALED_LEN(n)	(IDV_SEAL_HEADER_LEN + (n) + IDV_SEAL_TAG_LEN)

#define IDV_MASTER_KEY_LEN	32

/* A master key, out of the key ring. */
typedef struct IdvMasterKey
{
	uint32_t	id;
	uint8_t		key[IDV_MASTER_KEY_LEN];
	uint8_t		check[IDV_SEAL_CHECK_LEN];
} IdvMasterKey;

/* The row that a secret belongs to. */
typedef struct IdvSealLabel
{
	uint32_t	app_id;
	uint32_t	generation;
	uint8_t		signs;			/* a number for each kind of signature */
	uint8_t		encoding;		/* a number for each way to show it */
} IdvSealLabel;

typedef enum IdvSealStatus
{
	IDV_SEAL_OK = 0,
	IDV_SEAL_WRONG_KEY,			/* sealed under another key of this id */
	IDV_SEAL_ALTERED,			/* wrong row, wrong length, altered bytes */
	IDV_SEAL_LIBRARY			/* libcrypto refused */
} IdvSealStatus;

extern bool idv_master_key_init(IdvMasterKey *key, uint32_t id);
extern bool idv_seal(uint8_t *sealed,
					 const IdvMasterKey *key, const IdvSealLabel *label,
					 const uint8_t nonce[IDV_SEAL_NONCE_LEN],
					 const uint8_t *secret, size_t secret_len);
extern bool idv_sealed_under(uint32_t *key_id,
							 const uint8_t *sealed, size_t sealed_len);
extern IdvSealStatus idv_open(uint8_t secret[IDV_SECRET_MAX],
							  size_t *secret_len,
							  const IdvMasterKey *key,
							  const IdvSealLabel *label,
							  const uint8_t *sealed, size_t sealed_len);

#endif							/* IDV_SEAL_H */
