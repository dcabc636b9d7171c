/*-------------------------------------------------------------------------
 *
 * new_secret.h
 *	  New secrets: made, sealed, and added to their apps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_NEW_SECRET_H
#define IDV_NEW_SECRET_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "server/text.h"
#include "tables/apps.h"

#define IDV_MINTED_BYTES	32	/* of randomness in a secret of ours */
#define IDV_MINTED_LEN		(2 * IDV_MINTED_BYTES)

/* Where a secret goes. */
typedef struct IdvSecretPlace
{
	int32		app_id;
	IdvText		signer;
	IdvSignature signs;
	const char *state;
	bool		rotated;		/* it is current in place of another */
	TimestampTz now;
} IdvSecretPlace;

/* The fresh secret of one function call.  Wiped when it is handed out. */
typedef struct IdvNewSecret
{
	char		digits[IDV_MINTED_LEN];
} IdvNewSecret;

extern bool idv_grace_read(int64 *usecs, const Interval *grace);
extern int64 idv_grace_argument(const Interval *grace);
extern void idv_secret_import(const IdvSecretPlace *place, Datum written,
							  IdvEncoding encoding);
extern void idv_secret_mint(IdvNewSecret *minted, const IdvSecretPlace *place);
extern Datum idv_secret_hand_out(IdvNewSecret *minted);

#endif							/* IDV_NEW_SECRET_H */
