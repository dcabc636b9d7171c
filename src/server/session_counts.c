/*-------------------------------------------------------------------------
 *
 * session_counts.c
 *	  What this session has counted, and not yet added to what all have.
 *
 * A claim that is judged adds to a number of the session's own: no lock is
 * taken, and no other session is waited for.  At the end of a transaction, also
 * of one that is rolled back, what there is is added to the counters in shared
 * memory, unless that was done within the last second; and when the session
 * ends, however it does short of a crash.  So the claims of that second are
 * added with the next transaction, if a session sits idle after it.
 *
 * What waits to be added is bounded.  A session that asks for more apps, or past
 * midnight, adds it in between.
 *
 *-------------------------------------------------------------------------
 */
#include "server/session_counts.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/counters.h"

/* How often a session adds what it has counted, in microseconds. */
#define ADD_EVERY		USECS_PER_SEC

/* So many apps wait to be added. */
#define WAITING_APPS	1024

typedef struct CountedApp
{
	IdvClaimCounts counts;
	int			room;			/* secrets that there is room for */
	char		status;
} CountedApp;

#define SH_PREFIX			counted
#define SH_ELEMENT_TYPE		CountedApp
#define SH_KEY_TYPE			IdvCounterKey
#define SH_KEY				counts.key
#define SH_HASH_KEY(t, key)	murmurhash32((uint32) (key).app_id)
#define SH_EQUAL(t, a, b)	is_same_key(&(a), &(b))
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE

static inline bool
is_same_key(const IdvCounterKey *a, const IdvCounterKey *b)
{
	return a->app_id == b->app_id && a->created_at == b->created_at &&
		a->table == b->table && a->database == b->database;
}

#include "lib/simplehash.h"

/* Slots that the hash table begins with, and secrets that an app does. */
#define FIRST_SLOTS		4
#define FIRST_SECRETS	4
#define FIRST_REFUSED	16

/* Emptied whenever what is in it was added. */
static MemoryContext counted_context = NULL;
static counted_hash *apps = NULL;

/* The app that was counted last: most often it is the next one, too. */
static CountedApp *last_app = NULL;

/* The day that all of it is of. */
static TimestampTz day_begins = 0;
static TimestampTz day_ends = 0;

/* Refused claims, of which the last ones are kept, in a ring. */
static IdvRefused *refused = NULL;
static int	refused_room = 0;
static int64 nrefused = 0;

/* When it was added last. */
static TimestampTz added_at = 0;

/*
 * idv_session_counts_add
 *		Add what this session has counted to what all have.  Raises no error.
 */
void
idv_session_counts_add(void)
{
	counted_iterator iterator;
	CountedApp *app;

	if (apps == NULL)
		return;
	idv_counters_lock();
	counted_start_iterate(apps, &iterator);
	while ((app = counted_iterate(apps, &iterator)) != NULL)
		idv_counters_add(&app->counts);
	for (int64 i = Max(0, nrefused - refused_room); i < nrefused; i++)
		idv_counters_add_refused(&refused[i % refused_room]);
	idv_counters_unlock();

	apps = NULL;
	last_app = NULL;
	refused = NULL;
	refused_room = 0;
	nrefused = 0;
	day_begins = day_ends = 0;
	MemoryContextReset(counted_context);
}

/* Transaction callback. */
static void
note_end(XactEvent event, void *arg pg_attribute_unused())
{
	TimestampTz now;

	if (apps == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
		default:
			return;
	}
	now = GetCurrentTimestamp();
	if (now >= added_at && now - added_at < ADD_EVERY)
		return;
	added_at = now;
	idv_session_counts_add();
}

/* Exit callback. */
static void
note_exit(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	idv_session_counts_add();
}

/* Begin to count, for the first time or again. */
static void
begin(TimestampTz now)
{
	if (counted_context == NULL)
	{
		counted_context = AllocSetContextCreate(TopMemoryContext,
												"idverify counts",
												ALLOCSET_SMALL_SIZES);
		RegisterXactCallback(note_end, NULL);
		before_shmem_exit(note_exit, (Datum) 0);
	}
	day_begins = idv_counters_day(now) * USECS_PER_DAY;
	day_ends = day_begins + USECS_PER_DAY;
	apps = counted_create(counted_context, FIRST_SLOTS, NULL);
}

/* Find an app that is not the last one, or begin to count it. */
static CountedApp *
find_app(const IdvCounterKey *key, TimestampTz now)
{
	bool		found;

	if (apps != NULL && (now < day_begins || now >= day_ends ||
						 (apps->members >= WAITING_APPS &&
						  counted_lookup(apps, *key) == NULL)))
		idv_session_counts_add();
	if (apps == NULL)
		begin(now);

	/* No error may leave one behind that is only begun. */
	last_app = NULL;
	last_app = counted_insert(apps, *key, &found);
	if (!found)
	{
		memset(last_app->counts.claims, 0, sizeof(last_app->counts.claims));
		last_app->counts.nsecrets = 0;
		last_app->counts.secrets = NULL;
		last_app->room = 0;
	}
	return last_app;
}

/* The count of a secret of an app; begun if it is not there. */
static IdvSecretCount *
find_secret(CountedApp *app, int32 generation, TimestampTz now)
{
	IdvClaimCounts *counts = &app->counts;
	IdvSecretCount *secret;

	for (int i = 0; i < counts->nsecrets; i++)
		if (counts->secrets[i].generation == generation)
			return &counts->secrets[i];

	if (counts->nsecrets == app->room)
	{
		int			room = Max(FIRST_SECRETS, 2 * app->room);
		Size		size = room * sizeof(IdvSecretCount);

		counts->secrets = app->room == 0 ?
			MemoryContextAlloc(counted_context, size) :
			repalloc(counts->secrets, size);
		app->room = room;
	}
	secret = &counts->secrets[counts->nsecrets++];
	secret->generation = generation;
	secret->claims = 0;
	secret->first_at = now;
	return secret;
}

/*
 * idv_session_count
 *		Count a claim.  The counters must be there.
 *
 * kind			1 to IDV_COUNTED_KINDS
 * generation	of the secret that it was signed with; 0 for none
 */
void
idv_session_count(const IdvCounterKey *key, int kind, int32 generation,
				  TimestampTz now)
{
	CountedApp *app = last_app;

	if (unlikely(app == NULL || !is_same_key(&app->counts.key, key) ||
				 now < day_begins || now >= day_ends))
		app = find_app(key, now);

	app->counts.claims[kind - 1]++;
	app->counts.last_at[kind - 1] = now;
	if (generation != 0)
	{
		IdvSecretCount *secret = find_secret(app, generation, now);

		secret->claims++;
		secret->last_at = now;
	}
}

/*
 * idv_session_refused
 *		Room for a claim that did not verify, and was counted just now.
 *
 * The caller fills it, without raising an error.
 */
IdvRefused *
idv_session_refused(void)
{
	Assert(apps != NULL);
	if (nrefused == refused_room && refused_room < IDV_REFUSED_MAX)
	{
		int			room = refused_room == 0 ? FIRST_REFUSED : 4 * refused_room;
		Size		size = room * sizeof(IdvRefused);

		refused = refused_room == 0 ?
			MemoryContextAlloc(counted_context, size) : repalloc(refused, size);
		refused_room = room;
	}
	return &refused[nrefused++ % refused_room];
}
