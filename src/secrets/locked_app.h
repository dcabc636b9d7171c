/*-------------------------------------------------------------------------
 *
 * locked_app.h
 *	  An app that is locked while its secrets are changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LOCKED_APP_H
#define IDV_LOCKED_APP_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "server/text.h"
#include "tables/apps.h"

/* An app whose row we have locked. */
typedef struct IdvLockedApp
{
	int32		id;
	IdvText		key;			/* the argument's */
	TimestampTz now;			/* read after the lock was had */
	int64		grace;			/* microseconds */
	bool		confirm_rotation;
	IdvSignature signs;			/* what a new secret does */
	List	   *signers;		/* IdvText of each that has a secret */
} IdvLockedApp;

extern IdvLockedApp idv_app_locked(NullableDatum app_key);

#endif							/* IDV_LOCKED_APP_H */
