/*-------------------------------------------------------------------------
 *
 * counters_layout.c
 *	  How the counters lie in shared memory.
 *
 * All of these want the lock held, but for making it.  They raise no error.
 *
 *-------------------------------------------------------------------------
 */
#include "server/counters_layout.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "utils/timestamp.h"

/* How many hash values are told apart: a power of two. */
static int32
buckets_of(int32 room)
{
	return (int32) pg_nextpower2_32((uint32) Max(room, 16));
}

static int32 *
buckets(IdvCounters *counters)
{
	return (int32 *) ((char *) counters + MAXALIGN(sizeof(IdvCounters)));
}

/*
 * idv_shared_apps
 *		The apps, as many as there is room for.
 */
IdvSharedApp *
idv_shared_apps(IdvCounters *counters)
{
	return (IdvSharedApp *) ((char *) buckets(counters) +
							 MAXALIGN(buckets_of(counters->room) * sizeof(int32)));
}

/*
 * idv_shared_secrets
 *		The secrets, IDV_SECRETS_ROOM() of them.
 */
IdvSharedSecret *
idv_shared_secrets(IdvCounters *counters)
{
	return (IdvSharedSecret *) (idv_shared_apps(counters) + counters->room);
}

/*
 * idv_shared_refused
 *		The refused claims, IDV_REFUSED_MAX of them.
 */
IdvRefused *
idv_shared_refused(IdvCounters *counters)
{
	return (IdvRefused *) (idv_shared_secrets(counters) +
						   IDV_SECRETS_ROOM(counters->room));
}

/*
 * idv_counters_size
 *		Bytes for counters with room for that many apps.
 */
Size
idv_counters_size(int32 room)
{
	return MAXALIGN(sizeof(IdvCounters)) +
		MAXALIGN(buckets_of(room) * sizeof(int32)) +
		room * sizeof(IdvSharedApp) +
		IDV_SECRETS_ROOM(room) * sizeof(IdvSharedSecret) +
		IDV_REFUSED_MAX * sizeof(IdvRefused);
}

/*
 * idv_counters_make
 *		Make empty counters, with room for that many apps, in memory of
 *		idv_counters_size().
 */
void
idv_counters_make(IdvCounters *counters, int32 room)
{
	IdvSharedApp *apps;
	IdvSharedSecret *secrets;

	memset(counters, 0, idv_counters_size(room));
	LWLockInitialize(&counters->lock, LWLockNewTrancheId());
	counters->room = room;
	counters->newest = counters->oldest = IDV_NOWHERE;
	counters->since = GetCurrentTimestamp();
	for (int32 i = 0; i < buckets_of(room); i++)
		buckets(counters)[i] = IDV_NOWHERE;

	apps = idv_shared_apps(counters);
	for (int32 i = 0; i < room; i++)
		apps[i].next = i + 1 < room ? i + 1 : IDV_NOWHERE;
	secrets = idv_shared_secrets(counters);
	for (int32 i = 0; i < IDV_SECRETS_ROOM(room); i++)
		secrets[i].next = i + 1 < IDV_SECRETS_ROOM(room) ? i + 1 : IDV_NOWHERE;
}

static bool
is_same_key(const IdvCounterKey *a, const IdvCounterKey *b)
{
	return memcmp(a, b, sizeof(IdvCounterKey)) == 0;
}

static uint32
hash_of(const IdvCounterKey *key)
{
	return hash_bytes((const unsigned char *) key, sizeof(IdvCounterKey));
}

/* The first app of a hash value's bucket. */
static int32 *
bucket_of(IdvCounters *counters, uint32 hash)
{
	return &buckets(counters)[hash & (uint32) (buckets_of(counters->room) - 1)];
}

/* Take an app out of the order of those that were asked for. */
static void
unlink_app(IdvCounters *counters, int32 app)
{
	IdvSharedApp *apps = idv_shared_apps(counters);

	if (apps[app].newer != IDV_NOWHERE)
		apps[apps[app].newer].older = apps[app].older;
	else
		counters->newest = apps[app].older;
	if (apps[app].older != IDV_NOWHERE)
		apps[apps[app].older].newer = apps[app].newer;
	else
		counters->oldest = apps[app].newer;
}

/* Make an app the one that was asked for last. */
static void
link_app(IdvCounters *counters, int32 app)
{
	IdvSharedApp *apps = idv_shared_apps(counters);

	apps[app].newer = IDV_NOWHERE;
	apps[app].older = counters->newest;
	if (counters->newest != IDV_NOWHERE)
		apps[counters->newest].newer = app;
	else
		counters->oldest = app;
	counters->newest = app;
}

/* Give the secrets of an app back. */
static void
free_secrets(IdvCounters *counters, int32 app)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	IdvSharedSecret *secrets = idv_shared_secrets(counters);

	while (apps[app].secret != IDV_NOWHERE)
	{
		int32		secret = apps[app].secret;

		apps[app].secret = secrets[secret].next;
		secrets[secret].next = counters->unused_secret;
		counters->unused_secret = secret;
	}
}

/* The app that was asked for longest ago makes room. */
static void
displace_oldest(IdvCounters *counters)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	int32		app = counters->oldest;
	int32	   *link = bucket_of(counters, apps[app].hash);

	while (*link != app)
		link = &apps[*link].next;
	*link = apps[app].next;
	unlink_app(counters, app);
	free_secrets(counters, app);
	apps[app].next = counters->unused_app;
	counters->unused_app = app;
	counters->apps--;
	counters->displaced++;
	counters->displaced_at = GetCurrentTimestamp();
}

/*
 * idv_shared_app_find
 *		The number of the app of that key, or IDV_NOWHERE.
 */
int32
idv_shared_app_find(IdvCounters *counters, const IdvCounterKey *key)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	uint32		hash = hash_of(key);
	int32		app = *bucket_of(counters, hash);

	while (app != IDV_NOWHERE &&
		   !(apps[app].hash == hash && is_same_key(&apps[app].key, key)))
		app = apps[app].next;
	return app;
}

/*
 * idv_shared_app_make
 *		The number of the app of that key, which is asked for now.
 *
 * If it was not there, it is now, empty.
 */
int32
idv_shared_app_make(IdvCounters *counters, const IdvCounterKey *key)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	int32		app = idv_shared_app_find(counters, key);
	int32	   *bucket;

	if (app != IDV_NOWHERE)
	{
		if (counters->newest != app)
		{
			unlink_app(counters, app);
			link_app(counters, app);
		}
		return app;
	}

	if (counters->unused_app == IDV_NOWHERE)
		displace_oldest(counters);
	app = counters->unused_app;
	counters->unused_app = apps[app].next;
	counters->apps++;

	memset(&apps[app], 0, sizeof(IdvSharedApp));
	apps[app].key = *key;
	apps[app].hash = hash_of(key);
	apps[app].secret = IDV_NOWHERE;
	apps[app].since = Max(counters->since, counters->displaced_at);
	bucket = bucket_of(counters, apps[app].hash);
	apps[app].next = *bucket;
	*bucket = app;
	link_app(counters, app);
	return app;
}

/*
 * idv_shared_app_clear
 *		Forget what was counted of an app, which goes on to be there.
 */
void
idv_shared_app_clear(IdvCounters *counters, int32 app)
{
	IdvSharedApp *shared = &idv_shared_apps(counters)[app];

	free_secrets(counters, app);
	memset(shared->days, 0, sizeof(shared->days));
	shared->since = GetCurrentTimestamp();
}

/* Take the secret that was used longest ago out of an app's chain. */
static int32
take_oldest_secret(IdvCounters *counters, int32 app)
{
	IdvSharedSecret *secrets = idv_shared_secrets(counters);
	int32	   *oldest = &idv_shared_apps(counters)[app].secret;
	int32		secret;

	for (int32 *link = oldest; *link != IDV_NOWHERE; link = &secrets[*link].next)
		if (secrets[*link].count.last_at < secrets[*oldest].count.last_at)
			oldest = link;
	secret = *oldest;
	*oldest = secrets[secret].next;
	return secret;
}

/*
 * idv_shared_secret
 *		The count of a secret of an app.
 *
 * If it was not there, it is now, empty; other apps may make room for it.  The
 * app is the one that was asked for last: it does not.
 */
IdvSecretCount *
idv_shared_secret(IdvCounters *counters, int32 app, int32 generation)
{
	IdvSharedApp *shared = &idv_shared_apps(counters)[app];
	IdvSharedSecret *secrets = idv_shared_secrets(counters);
	int			n = 0;
	int32		secret;

	for (secret = shared->secret; secret != IDV_NOWHERE; secret = secrets[secret].next)
	{
		if (secrets[secret].count.generation == generation)
			return &secrets[secret].count;
		n++;
	}

	if (n >= IDV_SECRETS_OF_APP)
		secret = take_oldest_secret(counters, app);
	else
	{
		while (counters->unused_secret == IDV_NOWHERE && counters->oldest != app)
			displace_oldest(counters);
		secret = counters->unused_secret;
		counters->unused_secret = secrets[secret].next;
	}
	memset(&secrets[secret].count, 0, sizeof(IdvSecretCount));
	secrets[secret].count.generation = generation;
	secrets[secret].next = shared->secret;
	shared->secret = secret;
	return &secrets[secret].count;
}
