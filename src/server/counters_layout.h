/*-------------------------------------------------------------------------
 *
 * counters_layout.h
 *	  How the counters lie in shared memory.
 *
 * One piece of memory, which holds no pointers, since each session may see it at
 * another address:
 *
 *		IdvCounters			what follows is found by its room
 *		int32 buckets[]		first app of each hash value
 *		SharedApp apps[]	that many as there is room for
 *		SharedSecret secrets[]
 *		IdvRefused refused[]
 *
 * Whoever changes any of it, or the meaning of a kind, gives IDV_COUNTERS_LAYOUT
 * another number: the memory that a session of the release before has made is
 * then not touched, and its file not read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COUNTERS_LAYOUT_H
#define IDV_COUNTERS_LAYOUT_H

#include "postgres.h"

#include "storage/lwlock.h"

#include "server/claim_counts.h"

#define IDV_COUNTERS_LAYOUT	1

#define IDV_NOWHERE			(-1)	/* the end of a chain */

/* Secrets of one app that are counted.  Then the one used longest ago goes. */
#define IDV_SECRETS_OF_APP	80

/* Secrets that there is room for: four for each app, and all of one. */
#define IDV_SECRETS_ROOM(apps)	(4 * (apps) + IDV_SECRETS_OF_APP)

typedef struct IdvSharedSecret
{
	int32		next;			/* of the same app, or unused */
	IdvSecretCount count;
} IdvSharedSecret;

typedef struct IdvSharedApp
{
	IdvCounterKey key;
	uint32		hash;
	int32		next;			/* in its bucket, or unused */
	int32		newer;			/* asked for more recently, */
	int32		older;			/* ... and less */
	int32		secret;			/* its first one */
	TimestampTz since;
	IdvDayCount days[IDV_COUNTED_DAYS]; /* by day modulo that */
} IdvSharedApp;

typedef struct IdvCounters
{
	LWLock		lock;			/* over all of it */
	int32		room;			/* apps */
	bool		loaded;			/* was the file read? */
	int32		sessions;		/* that have attached, where nobody else is to
								 * write the file */
	int32		apps;
	int32		newest;			/* app asked for last */
	int32		oldest;
	int32		unused_app;
	int32		unused_secret;
	int64		displaced;
	TimestampTz displaced_at;
	TimestampTz since;
	int64		refused;		/* claims ever; the next goes to that modulo
								 * IDV_REFUSED_MAX */
} IdvCounters;

extern Size idv_counters_size(int32 room);
extern void idv_counters_make(IdvCounters *counters, int32 room);
extern IdvSharedApp *idv_shared_apps(IdvCounters *counters);
extern IdvSharedSecret *idv_shared_secrets(IdvCounters *counters);
extern IdvRefused *idv_shared_refused(IdvCounters *counters);
extern int32 idv_shared_app_find(IdvCounters *counters, const IdvCounterKey *key);
extern int32 idv_shared_app_make(IdvCounters *counters, const IdvCounterKey *key);
extern void idv_shared_app_clear(IdvCounters *counters, int32 app);
extern IdvSecretCount *idv_shared_secret(IdvCounters *counters, int32 app,
										 int32 generation);

#endif							/* IDV_COUNTERS_LAYOUT_H */
