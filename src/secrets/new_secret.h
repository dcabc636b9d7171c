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

#define IDV_MINTED_BYTES	32	/* of randomness in a secret of ours */
#define IDV_MINTED_LEN		(2 * IDV_MINTED_BYTES)

/* The fresh secret of one function call.  Wiped when it is handed out. */
typedef struct IdvMinted
{
	char		digits[IDV_MINTED_LEN];
} IdvMinted;

extern uint64 idv_run(const char *sql, int nargs, Oid *types, Datum *values);
extern Datum idv_fetched(int column);
extern int64 idv_grace_usecs(const Interval *grace);
extern void idv_add_secret(int32 app_id, const char *state, IdvText secret,
						   const text *hint, TimestampTz now);
extern void idv_mint(IdvMinted *minted, int32 app_id, const char *state,
					 TimestampTz now);
extern Datum idv_hand_out(IdvMinted *minted);

#endif							/* IDV_NEW_SECRET_H */
