/*-------------------------------------------------------------------------
 *
 * counters.c
 *	  Counters of claims in shared memory, for all sessions of the server.
 *
 * Where the library is preloaded, the memory is part of the server's own, and the
 * postmaster reads and writes the file (server/counters_file.c).
 *
 * From PostgreSQL 17 on it is there without that, too: the first session that
 * asks makes it, and it stays until the server stops.  Nobody is told then, so
 * the file is written whenever the last session leaves that has attached, and
 * removed when one attaches: where it is, it says what the memory does.
 *
 * One lock is over all of it.  It is taken once a second by a session that has
 * something to add, for microseconds; and, where the library is not preloaded, by
 * the last session that leaves, for as long as the file takes to be written.
 *
 * Nobody's claim fails because its memory is not to be had: the session does
 * without, and says so in the server's log.
 *
 *-------------------------------------------------------------------------
 */
#include "server/counters.h"

#include <limits.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif

#include "server/counters_file.h"
#include "server/counters_layout.h"

/* What sessions that wait for the lock are seen to wait for. */
#define TRANCHE			"IdverifyStatistics"

/*
 * GUC idverify.stat_apps
 *
 * Apps that there is room for.  The memory is made once: where the library is
 * preloaded, when the server starts; elsewhere by the first session that asks, and
 * then a later change of the setting waits for the next start of the server.
 */
static int	stat_apps = 1000;

#define STAT_APPS_MIN	1

IdvCountersPresence idv_counters_presence = IDV_COUNTERS_UNTRIED;

static IdvCounters *counters = NULL;

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

/* Ask for memory, while the server starts. */
static void
request_memory(void)
{
	if (next_request_hook != NULL)
		next_request_hook();
	RequestAddinShmemSpace(idv_counters_size(stat_apps));
}

/* Write the file, when the postmaster exits; not if it does so after a crash. */
static void
save_at_shutdown(int code, Datum arg pg_attribute_unused())
{
	if (code == 0 && idv_counters_server_was_shut_down())
		idv_counters_save(counters, true);
}

/* Make the memory, or find it. */
static void
take_memory(void)
{
	bool		found;

	if (next_startup_hook != NULL)
		next_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	counters = ShmemInitStruct("idverify statistics",
							   idv_counters_size(stat_apps), &found);
	if (!found)
		idv_counters_make(counters, stat_apps);
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(counters->lock.tranche, TRANCHE);

	if (!IsUnderPostmaster)
	{
		if (idv_counters_server_was_shut_down())
			idv_counters_load(counters);
		idv_counters_forget_file();
		on_shmem_exit(save_at_shutdown, (Datum) 0);
	}
}

/*
 * idv_counters_init
 *		Define the setting, and ask for memory.  Called once, when the module is
 *		loaded.
 */
void
idv_counters_init(void)
{
	bool		preloaded = process_shared_preload_libraries_in_progress;

	DefineCustomIntVariable("idverify.stat_apps",
							"Number of apps whose claims are counted.",
							"When more than these are asked for, the one asked for longest ago makes room.",
							&stat_apps,
							stat_apps, STAT_APPS_MIN, IDV_STAT_APPS_MAX,
							preloaded ? PGC_POSTMASTER : PGC_SIGHUP,
							0,
							NULL, NULL, NULL);
	if (!preloaded)
		return;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = take_memory;
}

#if PG_VERSION_NUM >= 170000

/* What the first session has decided for all: it has a name of its own. */
typedef struct Decided
{
	int32		room;
} Decided;

/* The room of the counters that are about to be made. */
static int32 room_wanted = 0;

static void
decide(void *memory)
{
	((Decided *) memory)->room = stat_apps;
}

static void
make_counters(void *memory)
{
	idv_counters_make(memory, room_wanted);
}

/*
 * Count out: the last one to leave writes the file.
 *
 * What this session has counted has been added before: who asks for the counters
 * to be there registers its own callback later, and it runs first.
 */
static void
leave(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	LWLockAcquire(&counters->lock, LW_EXCLUSIVE);
	if (--counters->sessions == 0)
		idv_counters_save(counters, false);
	LWLockRelease(&counters->lock);
}

/* Find the memory that no preloaded library has made, or make it. */
static void
attach_segment(void)
{
	IdvCounters *found_counters;
	char		name[NAMEDATALEN];
	bool		found;

	snprintf(name, sizeof(name), "idverify statistics %d", IDV_COUNTERS_LAYOUT);
	room_wanted = ((Decided *) GetNamedDSMSegment(name, sizeof(Decided),
												  decide, &found))->room;
	snprintf(name, sizeof(name), "idverify statistics %d of %d apps",
			 IDV_COUNTERS_LAYOUT, room_wanted);
	found_counters = GetNamedDSMSegment(name, idv_counters_size(room_wanted),
										make_counters, &found);
	LWLockRegisterTranche(found_counters->lock.tranche, TRANCHE);

	LWLockAcquire(&found_counters->lock, LW_EXCLUSIVE);
	if (!found_counters->loaded)
		idv_counters_load(found_counters);
	found_counters->loaded = true;
	if (found_counters->sessions == 0)
		idv_counters_forget_file();
	found_counters->sessions++;
	LWLockRelease(&found_counters->lock);

	counters = found_counters;
	before_shmem_exit(leave, (Datum) 0);
}

/*
 * Attach, or say in the log that it was not possible.
 *
 * No subtransaction can be begun in a parallel worker.  So what an error
 * leaves behind is cleaned up here: locks, of which we held none before, and what
 * a resource owner of our own remembers.
 */
static bool
try_to_attach_segment(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner caller = CurrentResourceOwner;
	ResourceOwner ours = ResourceOwnerCreate(caller, "idverify statistics");
	volatile bool attached = false;

	CurrentResourceOwner = ours;
	PG_TRY();
	{
		attach_segment();
		attached = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		LWLockReleaseAll();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		ereport(LOG_SERVER_ONLY,
				(errcode(error->sqlerrcode),
				 errmsg("claims are not counted in this session, because their statistics have no memory"),
				 errdetail_internal("%s", error->message),
				 errhidestmt(true), errhidecontext(true)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = caller;
	ResourceOwnerRelease(ours, RESOURCE_RELEASE_BEFORE_LOCKS, attached, false);
	ResourceOwnerRelease(ours, RESOURCE_RELEASE_LOCKS, attached, false);
	ResourceOwnerRelease(ours, RESOURCE_RELEASE_AFTER_LOCKS, attached, false);
	ResourceOwnerDelete(ours);
	return attached;
}

#endif							/* PG_VERSION_NUM >= 170000 */

/*
 * idv_counters_attach
 *		See whether there are counters; where nobody has made any, make them.
 *
 * Once in a session.  Raises no error.
 */
bool
idv_counters_attach(void)
{
	bool		there = counters != NULL;

#if PG_VERSION_NUM >= 170000
	if (!there)
		there = try_to_attach_segment();
#endif
	idv_counters_presence = there ? IDV_COUNTERS_THERE : IDV_COUNTERS_NONE;
	return there;
}

/*
 * idv_counters_lock
 *		Begin to add what was counted.  Raises no error, nor does what follows.
 */
void
idv_counters_lock(void)
{
	LWLockAcquire(&counters->lock, LW_EXCLUSIVE);
}

/*
 * idv_counters_unlock
 *		All is added.
 */
void
idv_counters_unlock(void)
{
	LWLockRelease(&counters->lock);
}

/*
 * idv_counters_day
 *		The day of a moment, in UTC.
 */
int32
idv_counters_day(TimestampTz at)
{
	int64		day = at / USECS_PER_DAY;

	return (int32) (at % USECS_PER_DAY < 0 ? day - 1 : day);
}

/*
 * A moment of its day fits into 32 bits in these units, of microseconds: so much
 * earlier it is shown to be.
 */
#define DAY_UNIT		25

/*
 * idv_day_last_at
 *		When was the last claim of a kind, of those on that day?
 */
TimestampTz
idv_day_last_at(const IdvDayCount *day, int kind)
{
	return day->day * USECS_PER_DAY + (int64) day->last[kind - 1] * DAY_UNIT;
}

/* Add claims of one kind. */
static void
add_claims(IdvSharedApp *app, int kind, int64 claims, TimestampTz last_at)
{
	int32		number = idv_counters_day(last_at);
	IdvDayCount *day = &app->days[(uint32) number % IDV_COUNTED_DAYS];
	uint32		last = (uint32) ((last_at - number * USECS_PER_DAY) / DAY_UNIT);

	if (day->day != number)
	{
		/* Older than what is kept, unless the clock was ahead meanwhile. */
		if (day->day > number &&
			day->day <= idv_counters_day(GetCurrentTimestamp()))
			return;
		memset(day, 0, sizeof(*day));
		day->day = number;
	}
	day->claims[kind - 1] += claims;
	day->last[kind - 1] = Max(day->last[kind - 1], last);
}

/*
 * idv_counters_add
 *		Add what a session has counted of an app.
 */
void
idv_counters_add(const IdvClaimCounts *counts)
{
	int32		app = idv_shared_app_make(counters, &counts->key);

	for (int kind = 1; kind <= IDV_COUNTED_KINDS; kind++)
		if (counts->claims[kind - 1] > 0)
			add_claims(&idv_shared_apps(counters)[app], kind,
					   counts->claims[kind - 1], counts->last_at[kind - 1]);
	for (int i = 0; i < counts->nsecrets; i++)
	{
		const IdvSecretCount *counted = &counts->secrets[i];
		IdvSecretCount *shared = idv_shared_secret(counters, app,
												   counted->generation);

		if (shared->claims == 0 || counted->first_at < shared->first_at)
			shared->first_at = counted->first_at;
		if (shared->claims == 0 || counted->last_at > shared->last_at)
			shared->last_at = counted->last_at;
		shared->claims += counted->claims;
	}
}

/*
 * idv_counters_add_refused
 *		Add a claim that did not verify, in place of the oldest one.
 */
void
idv_counters_add_refused(const IdvRefused *refused)
{
	idv_shared_refused(counters)[counters->refused++ % IDV_REFUSED_MAX] = *refused;
}

/*
 * idv_counters_state
 *		How are the counters?  They must be there.
 */
void
idv_counters_state(IdvCountersState *state)
{
	LWLockAcquire(&counters->lock, LW_SHARED);
	state->room = counters->room;
	state->apps = counters->apps;
	state->displaced = counters->displaced;
	state->displaced_at = counters->displaced_at;
	state->since = counters->since;
	LWLockRelease(&counters->lock);
}

/* A copy of an app's counts, in the current memory context. */
static IdvAppCount *
copy_app(const IdvSharedApp *app)
{
	IdvSharedSecret *secrets = idv_shared_secrets(counters);
	IdvAppCount *copy = palloc(sizeof(IdvAppCount));

	copy->key = app->key;
	copy->since = app->since;
	memcpy(copy->days, app->days, sizeof(copy->days));
	copy->nsecrets = 0;
	copy->secrets = palloc(IDV_SECRETS_OF_APP * sizeof(IdvSecretCount));
	for (int32 i = app->secret; i != IDV_NOWHERE; i = secrets[i].next)
		copy->secrets[copy->nsecrets++] = secrets[i].count;
	return copy;
}

/* Does a key belong to the apps of this table in this database? */
static bool
is_of_table(const IdvCounterKey *key, Oid table)
{
	return key->database == MyDatabaseId && key->table == table;
}

/*
 * idv_counters_read
 *		What was counted of the apps of a table in this database: a list of
 *		IdvAppCount.  The counters must be there.
 *
 * What this session has counted itself is in it only if it has added that:
 * idv_session_counts_add().
 */
List *
idv_counters_read(Oid table)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	List	   *counts = NIL;

	LWLockAcquire(&counters->lock, LW_SHARED);
	for (int32 app = counters->newest; app != IDV_NOWHERE; app = apps[app].older)
		if (is_of_table(&apps[app].key, table))
			counts = lappend(counts, copy_app(&apps[app]));
	LWLockRelease(&counters->lock);
	return counts;
}

/*
 * idv_counters_read_app
 *		What was counted of one app; NULL if nothing was.  The counters must be
 *		there.
 */
IdvAppCount *
idv_counters_read_app(const IdvCounterKey *key)
{
	IdvAppCount *count = NULL;
	int32		app;

	LWLockAcquire(&counters->lock, LW_SHARED);
	app = idv_shared_app_find(counters, key);
	if (app != IDV_NOWHERE)
		count = copy_app(&idv_shared_apps(counters)[app]);
	LWLockRelease(&counters->lock);
	return count;
}

/*
 * idv_counters_read_refused
 *		The refused claims of the apps of a table in this database, the last one
 *		first: a list of IdvRefused.  The counters must be there.
 */
List *
idv_counters_read_refused(Oid table)
{
	IdvRefused *refused = idv_shared_refused(counters);
	List	   *list = NIL;

	LWLockAcquire(&counters->lock, LW_SHARED);
	for (int64 i = counters->refused - 1;
		 i >= 0 && i >= counters->refused - IDV_REFUSED_MAX; i--)
	{
		const IdvRefused *each = &refused[i % IDV_REFUSED_MAX];
		IdvRefused *copy;

		if (!is_of_table(&each->key, table))
			continue;
		copy = palloc(sizeof(IdvRefused));
		*copy = *each;
		list = lappend(list, copy);
	}
	LWLockRelease(&counters->lock);
	return list;
}

/*
 * idv_counters_reset
 *		Forget what was counted of one app, or, if key is NULL, of all apps of a
 *		table in this database.  The counters must be there.
 */
void
idv_counters_reset(Oid table, const IdvCounterKey *key)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	IdvRefused *refused = idv_shared_refused(counters);

	LWLockAcquire(&counters->lock, LW_EXCLUSIVE);
	for (int32 app = counters->newest; app != IDV_NOWHERE; app = apps[app].older)
		if (key != NULL ? memcmp(key, &apps[app].key, sizeof(*key)) == 0 :
			is_of_table(&apps[app].key, table))
			idv_shared_app_clear(counters, app);

	/* A refused claim of no database is nobody's. */
	for (int i = 0; i < IDV_REFUSED_MAX; i++)
		if (key != NULL ? memcmp(key, &refused[i].key, sizeof(*key)) == 0 :
			is_of_table(&refused[i].key, table))
			memset(&refused[i], 0, sizeof(IdvRefused));
	LWLockRelease(&counters->lock);
}
