/*-------------------------------------------------------------------------
 *
 * app_cache.c
 *	  Apps and their opened secrets, kept ready in this backend.
 *
 * Reading an app's rows and opening its secrets takes fifty times as long as
 * the HMAC that follows, so what was opened is kept.  It must be forgotten the
 * moment anybody changes a row, and this is how:
 *
 * - Triggers on both tables send a relcache invalidation for their table.  It
 *	 travels with the commit record, to standbys too.
 * - Callbacks of tables/changes.c take note, and nothing else: they can run in the middle
 *	 of anything.
 * - What was read inside a transaction that writes, and then is rolled back, is
 *	 stale too: triggers that never came to run have told nobody.
 * - Each look-up first accepts what invalidations there are.  A transaction
 *	 that stays open would otherwise trust a revoked secret to its end.
 * - What was read while an invalidation came in is read again.
 * - Expiry is the passing of time, which nobody sends.  Each use compares the
 *	 clock (secrets/app_hmac.c).
 *
 * Unknown app keys are kept as well, so that an app that does not exist takes
 * as long to refuse as a wrong user_hash.
 *
 * Memory is bounded by a setting, and taken as it is needed.  When it is full,
 * apps that were not used for the longest time make room.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/app_cache.h"

#include <openssl/crypto.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "secrets/cached_app.h"
#include "secrets/key_slots.h"
#include "secrets/keyring.h"
#include "server/hide_statement.h"
#include "tables/changes.h"

/* How often an app is read again, where it keeps changing meanwhile. */
#define READ_TRIES			10

/* Bytes in the longest app key that can exist. */
#define APP_KEY_MAX_BYTES	(IDV_APP_KEY_MAX * 4)

typedef struct AppSlot
{
	uint32		hash;
	char		status;
	IdvText		app_key;
	IdvApp	   *app;
} AppSlot;

#define SH_PREFIX			appslots
#define SH_ELEMENT_TYPE		AppSlot
#define SH_KEY_TYPE			IdvText
#define SH_KEY				app_key
#define SH_HASH_KEY(t, key)	hash_app_key(key)
#define SH_EQUAL(t, a, b)	idv_text_is_same(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(t, e)	(e)->hash
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE

static inline uint32
hash_app_key(IdvText key)
{
	return hash_bytes((const unsigned char *) key.bytes, (int) key.len);
}

#include "lib/simplehash.h"

/* Slots that the hash table begins with. */
#define FIRST_SLOTS			64

/* Memory for apps is taken from the system in blocks of at most that many bytes. */
#define MAX_BLOCK_BYTES		(64 * 1024)

/*
 * GUC idverify.cache_size
 *
 * The most memory that a session keeps apps in, in kB.  The default has room for
 * some 35,000 apps of one secret; the least for seventy apps with all the secrets
 * that one can have: none drives out what others need.
 */
static int	cache_size = 16 * 1024;

#define CACHE_SIZE_MIN		(2 * 1024)
#define CACHE_SIZE_MAX		(1024 * 1024)

static MemoryContext cache_context = NULL;
static appslots_hash *slots = NULL;

/*
 * Apps in the order in which they make room: the last one goes, unless it was
 * used since it came to be the first.  Then it is the first again.
 */
static dlist_head apps_by_turn = DLIST_STATIC_INIT(apps_by_turn);

/* Bytes that apps and their keys take, without the hash table. */
static Size apps_bytes = 0;

/* The number of the key ring that everything kept was opened with. */
static uint64 ring_seen = 0;

IdvHmac		idv_nobodys_key;

/* The bytes that an app and its keys take. */
static Size
app_bytes(IdvApp *app)
{
	Size		bytes = GetMemoryChunkSpace(app);

	for (int i = 0; i < app->nsecrets; i++)
		if (app->secrets[i].ready != NULL)
			bytes += sizeof(IdvHmac);
	return bytes;
}

/* Wipe an app's secrets and forget it. */
static void
forget_app(IdvApp *app)
{
	apps_bytes -= app_bytes(app);
	for (int i = 0; i < app->nsecrets; i++)
		idv_key_slot_return(app->secrets[i].ready);

	appslots_delete(slots, app->app_key);
	dlist_delete(&app->turn);
	pfree(app);
}

/*
 * Forget apps until there is room again.
 *
 * What was forgotten leaves holes, which only apps of about its size fill.  An
 * eighth of the memory is left for them; should they take more, everything is
 * forgotten at the next look-up.
 */
static void
make_room(void)
{
	Size		limit = (Size) cache_size * 1024;

	while (apps_bytes + slots->size * sizeof(AppSlot) > limit / 8 * 7 &&
		   !dlist_is_empty(&apps_by_turn))
	{
		IdvApp	   *last = dlist_tail_element(IdvApp, turn, &apps_by_turn);

		if (last->used)
		{
			last->used = false;
			dlist_move_head(&apps_by_turn, &last->turn);
		}
		else
			forget_app(last);
	}
	if (MemoryContextMemAllocated(cache_context, false) +
		idv_key_slots_bytes() > limit)
		idv_changes_noted = true;
}

/*
 * Wipe and forget everything, and give its memory back.
 *
 * If there is no memory for an empty hash table, there is none.
 */
static void
forget_all(void)
{
	dlist_iter	iter;

	ring_seen = idv_keyring_number();
	idv_changes_forget();
	dlist_foreach(iter, &apps_by_turn)
	{
		IdvApp	   *app = dlist_container(IdvApp, turn, iter.cur);

		for (int i = 0; i < app->nsecrets; i++)
			idv_key_slot_return(app->secrets[i].ready);
	}
	idv_key_slots_trim();
	dlist_init(&apps_by_turn);
	apps_bytes = 0;
	slots = NULL;
	MemoryContextReset(cache_context);
	slots = appslots_create(cache_context, FIRST_SLOTS, NULL);
}

/* Make the cache, empty, and the key that stands in for absent ones. */
static void
make_cache(void)
{
	uint8		random[IDV_HMAC_LEN];

	if (!pg_strong_random(random, sizeof(random)) ||
		!idv_hmac_init(&idv_nobodys_key, random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not prepare HMAC-SHA-256"),
				 errhidestmt(true)));
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(CacheMemoryContext,
											  "idverify apps",
											  ALLOCSET_DEFAULT_MINSIZE,
											  ALLOCSET_DEFAULT_INITSIZE,
											  MAX_BLOCK_BYTES);
	forget_all();
}

/*
 * Assign hook: what is kept is forgotten at the next look-up, so that a smaller
 * cache gives back memory.
 */
static void
assign_cache_size(int newval, void *extra pg_attribute_unused())
{
	if (newval != cache_size)
		idv_changes_noted = true;
}

/*
 * idv_app_cache_init
 *		Define the setting.  Called once, when the module is loaded.
 */
void
idv_app_cache_init(void)
{
	DefineCustomIntVariable("idverify.cache_size",
							"Most memory in which a session keeps apps and opened secrets.",
							NULL,
							&cache_size,
							cache_size, CACHE_SIZE_MIN, CACHE_SIZE_MAX,
							PGC_SUSET,
							GUC_UNIT_KB,
							NULL, assign_cache_size, NULL);
}

/*
 * Open a secret and make it ready for use.
 *
 * Raises no error: the plaintext is on our stack, and there may be other
 * secrets of the app that are enough for the question at hand.
 */
static void
open_secret(IdvCachedSecret *secret, int32 app_id, const IdvSecretRow *row)
{
	uint8		plain[IDV_SECRET_MAX];
	size_t		plain_len;

	secret->signs = row->signs;
	secret->state = row->state;
	secret->signer = row->signer;
	secret->generation = row->generation;
	secret->key_id = row->key_id;
	secret->expires_at = row->expires_at;
	secret->opening = idv_sealed_open(plain, &plain_len, app_id, row);
	if (secret->opening == IDV_OPENED)
	{
		secret->ready = idv_key_slot_take();
		if (secret->ready != NULL &&
			!idv_hmac_init(secret->ready, plain, plain_len))
		{
			idv_key_slot_return(secret->ready);
			secret->ready = NULL;
		}
		if (secret->ready == NULL)
			secret->opening = IDV_SHUT_LIBRARY;
		OPENSSL_cleanse(plain, sizeof(plain));
	}
}

/*
 * Drop the rows of secrets that are not tried: that expired so long ago, or are
 * more than an app may have.
 *
 * The list is newest first among the previous ones.  Where a clock is behind,
 * more than that are open; those that are over on the primary are the oldest.
 */
static List *
without_untried(List *rows)
{
	TimestampTz now = GetCurrentTimestamp();
	int			live = 0;
	int			expired[IDV_SIGNATURES] = {0};
	ListCell   *cell;

	foreach(cell, rows)
	{
		IdvSecretRow *row = lfirst(cell);

		if (row->expires_at <= now ? ++expired[row->signs] > IDV_EXPIRED_TRIED :
			++live > IDV_LIVE_MAX)
			rows = foreach_delete_current(rows, cell);
	}
	return rows;
}

/*
 * Read an app's rows into a new entry of the cache.
 *
 * The rows are read first, into the caller's context, until nothing changed
 * meanwhile.  Only then is anything opened, and from there on nothing can
 * fail but memory: an entry is complete or does not exist.
 *
 * With debug_discard_caches changes never end; what was read last is returned.
 */
static IdvApp *
load_app(IdvText app_key)
{
	ErrorContextCallback hide = {error_context_stack, idv_hide_statement, NULL};
	IdvAppRow	row = {0};
	List	   *rows = NIL;
	bool		known;
	bool		watched;
	bool		found;
	IdvApp	   *app;
	AppSlot    *slot;
	Size		signers = 0;
	char	   *end;
	ListCell   *cell;

	/* Here locks are waited for, which may be logged; a guard's INSERT, too. */
	error_context_stack = &hide;
	for (int tries = 1;; tries++)
	{
		known = idv_app_read(&row, app_key);
		rows = known ? idv_secrets_read(row.id) : NIL;
		watched = idv_changes_are_watched();
		if (!idv_changes_noted)
			break;
		CHECK_FOR_INTERRUPTS();
		forget_all();
		if (tries == READ_TRIES)
		{
			watched = false;
			break;
		}
	}
	rows = without_untried(rows);
	foreach(cell, rows)
		signers += ((IdvSecretRow *) lfirst(cell))->signer.len;

	app = MemoryContextAllocZero(cache_context,
								 offsetof(IdvApp, secrets) +
								 list_length(rows) * sizeof(IdvCachedSecret) +
								 app_key.len + signers);
	app->hash = hash_app_key(app_key);
	app->app_key.bytes = (char *) &app->secrets[list_length(rows)];
	app->app_key.len = app_key.len;
	end = unconstify(char *, app->app_key.bytes);
	memcpy(end, app_key.bytes, app_key.len);
	end += app_key.len;
	app->known = known;
	app->fleeting = !watched;
	app->row = row;

	slot = appslots_insert_hash(slots, app->app_key, app->hash, &found);
	Assert(!found);
	slot->app = app;

	foreach(cell, rows)
	{
		IdvCachedSecret *secret = &app->secrets[app->nsecrets++];

		open_secret(secret, row.id, lfirst(cell));
		memcpy(end, secret->signer.bytes, secret->signer.len);
		secret->signer.bytes = end;
		end += secret->signer.len;

		/* The ring may be mended any time, without anybody telling us. */
		if (secret->opening != IDV_OPENED &&
			secret->opening != IDV_SHUT_ALTERED)
			app->fleeting = true;
	}
	list_free_deep(rows);

	/* The app itself makes no room: it is not among them yet. */
	apps_bytes += app_bytes(app);
	make_room();
	dlist_push_head(&apps_by_turn, &app->turn);

	error_context_stack = hide.previous;
	return app;
}

/*
 * idv_app_get
 *		Find an app and its secrets, as committed this instant.
 *
 * app_key		in the server encoding
 *
 * Always returns something: idv_app_is_known() tells whether the app exists.
 */
const IdvApp *
idv_app_get(IdvText app_key)
{
	AppSlot    *slot;

	/* No app has such a key.  An empty one stands for all of them. */
	if (app_key.len > APP_KEY_MAX_BYTES)
		app_key.len = 0;

	if (unlikely(slots == NULL))
		make_cache();

	idv_hide_rest();
	AcceptInvalidationMessages();
	if (unlikely(idv_changes_noted || idv_keyring_number() != ring_seen))
		forget_all();

	slot = appslots_lookup(slots, app_key);
	if (slot == NULL)
		return load_app(app_key);
	if (unlikely(slot->app->fleeting))
	{
		forget_app(slot->app);
		return load_app(app_key);
	}

	slot->app->used = true;
	return slot->app;
}

/*
 * idv_app_is_known
 *		Does the app exist?
 */
bool
idv_app_is_known(const IdvApp *app)
{
	return app->known;
}

/*
 * idv_app_has_secrets
 *		Does the app have any secret, of either kind?
 */
bool
idv_app_has_secrets(const IdvApp *app)
{
	return app->nsecrets > 0;
}

/*
 * idv_app_row
 *		The row of an app that is known: its id and its policy.
 */
const IdvAppRow *
idv_app_row(const IdvApp *app)
{
	return &app->row;
}
