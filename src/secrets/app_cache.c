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
 *	 clock.
 *
 * Unknown app keys are kept as well, so that an app that does not exist takes
 * as long to refuse as a wrong user_hash.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/app_cache.h"

#include <openssl/crypto.h>

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "secrets/keyring.h"
#include "secrets/sealed_secret.h"
#include "secrets/signer.h"
#include "server/hide_statement.h"
#include "tables/changes.h"

/*
 * The most that is kept: apps plus their secrets, about 1 kB each.  The least
 * recently used apps go first.
 */
#define IDV_CACHE_LIMIT		8192

/* How often an app is read again, where it keeps changing meanwhile. */
#define READ_TRIES			10

/* How many expired secrets of an app are still recognized. */
#define EXPIRED_TRIED		3

/* Bytes in the longest app key that can exist. */
#define APP_KEY_MAX_BYTES	(IDV_APP_KEY_MAX * 4)

/* A secret, opened if that was possible. */
typedef struct CachedSecret
{
	IdvHmac    *ready;			/* NULL unless opening is IDV_OPENED */
	IdvOpening	opening;
	IdvSecretState state;
	IdvText		signer;			/* its bytes follow those of the app key */
	TimestampTz expires_at;		/* DT_NOEND unless state is previous */
	int32		generation;
	int32		key_id;
} CachedSecret;

/* An app, or the knowledge that there is none of this key. */
struct IdvApp
{
	dlist_node	recency;		/* in apps_by_recency */
	uint32		hash;
	IdvText		app_key;		/* its bytes follow the secrets */
	bool		known;
	bool		fleeting;		/* good for this one look-up only */
	IdvAppRow	row;
	int			nsecrets;
	CachedSecret secrets[FLEXIBLE_ARRAY_MEMBER];	/* as idv_secrets_read() */
};

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

static MemoryContext cache_context = NULL;
static appslots_hash *slots = NULL;
static dlist_head apps_by_recency = DLIST_STATIC_INIT(apps_by_recency);
static int	cache_weight = 0;	/* apps plus secrets */

/* The number of the key ring that everything kept was opened with. */
static uint64 ring_seen = 0;

/* A key that no app has, for when there is nothing to compare with. */
static IdvHmac *nobodys_key = NULL;

/* Wipe an app's secrets and forget it. */
static void
forget_app(IdvApp *app)
{
	for (int i = 0; i < app->nsecrets; i++)
		idv_hmac_free(app->secrets[i].ready);

	appslots_delete(slots, app->app_key);
	dlist_delete(&app->recency);
	cache_weight -= 1 + app->nsecrets;
	pfree(app);
}

/* Wipe and forget everything. */
static void
forget_all(void)
{
	ring_seen = idv_keyring_number();
	idv_changes_forget();
	while (!dlist_is_empty(&apps_by_recency))
		forget_app(dlist_head_element(IdvApp, recency, &apps_by_recency));
}

/* Make the cache, empty, and the key that stands in for absent ones. */
static void
make_cache(void)
{
	uint8		random[IDV_HMAC_LEN];

	cache_context = AllocSetContextCreate(CacheMemoryContext,
										  "idverify apps",
										  ALLOCSET_DEFAULT_SIZES);
	if (nobodys_key == NULL && pg_strong_random(random, sizeof(random)))
		nobodys_key = idv_hmac_new(random, sizeof(random));
	if (nobodys_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not prepare HMAC-SHA-256"),
				 errhidestmt(true)));
	slots = appslots_create(cache_context, 256, NULL);
}

/*
 * Open a secret and make it ready for use.
 *
 * Raises no error: the plaintext is on our stack, and there may be other
 * secrets of the app that are enough for the question at hand.
 */
static void
open_secret(CachedSecret *secret, int32 app_id, const IdvSecretRow *row)
{
	uint8		plain[IDV_SECRET_MAX];
	size_t		plain_len;

	secret->state = row->state;
	secret->signer = row->signer;
	secret->generation = row->generation;
	secret->key_id = row->key_id;
	secret->expires_at = row->expires_at;
	secret->opening = idv_sealed_open(plain, &plain_len, app_id, row);
	if (secret->opening == IDV_OPENED)
	{
		secret->ready = idv_hmac_new(plain, plain_len);
		if (secret->ready == NULL)
			secret->opening = IDV_SHUT_LIBRARY;
		OPENSSL_cleanse(plain, sizeof(plain));
	}
}

/* Does this secret verify at the moment?  Ask for the time at most once. */
static inline bool
is_live(const CachedSecret *secret, TimestampTz *now)
{
	if (secret->expires_at == DT_NOEND)
		return true;
	if (*now == 0)
		*now = GetCurrentTimestamp();
	return secret->expires_at > *now;
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
	int			expired = 0;
	ListCell   *cell;

	foreach(cell, rows)
	{
		IdvSecretRow *row = lfirst(cell);

		if (row->expires_at <= now ? ++expired > EXPIRED_TRIED :
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
								 list_length(rows) * sizeof(CachedSecret) +
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
	dlist_push_head(&apps_by_recency, &app->recency);
	cache_weight++;

	foreach(cell, rows)
	{
		CachedSecret *secret = &app->secrets[app->nsecrets++];

		cache_weight++;
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

	while (cache_weight > IDV_CACHE_LIMIT)
	{
		IdvApp	   *oldest = dlist_tail_element(IdvApp, recency,
												&apps_by_recency);

		if (oldest == app)
			break;
		forget_app(oldest);
	}

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

	dlist_move_head(&apps_by_recency, &slot->app->recency);
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
 *		Does the app have any secret that a user_hash is compared with?
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

/* Is user_hash the HMAC of value under this key? */
static bool
made_with(IdvHmac *key, IdvText value, const uint8 *user_hash)
{
	uint8		genuine[IDV_HMAC_LEN];
	bool		equal;

	if (!idv_hmac_make(genuine, key, (const uint8 *) value.bytes, value.len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute HMAC-SHA-256"),
				 errhidestmt(true), errhidecontext(true)));

	equal = idv_hmac_equal(genuine, user_hash);
	OPENSSL_cleanse(genuine, sizeof(genuine));
	return equal;
}

/*
 * idv_app_match
 *		Did one of the app's secrets make user_hash out of value?
 *
 * value		in UTF-8
 * try_expired	also try the newest secrets whose grace is over
 *
 * Raises the error of a live secret that does not open only if no other live
 * secret made user_hash.  One key is always tried, so that neither an unknown
 * app nor one without secrets answers sooner than a wrong user_hash.
 */
IdvMatch
idv_app_match(const IdvApp *app, IdvText value,
			  const uint8 user_hash[IDV_HMAC_LEN], bool try_expired)
{
	const CachedSecret *shut = NULL;
	TimestampTz now = 0;
	int			live = 0;
	int			expired = 0;

	for (int i = 0; i < app->nsecrets; i++)
	{
		const CachedSecret *secret = &app->secrets[i];

		if (!is_live(secret, &now))
			continue;
		live++;
		if (secret->ready == NULL)
			shut = shut ? shut : secret;
		else if (made_with(secret->ready, value, user_hash))
			return IDV_MATCH_LIVE;
	}

	if (shut != NULL)
		idv_sealed_report(shut->opening, app->row.id,
						  shut->generation, shut->key_id);
	if (live == 0)
		(void) made_with(nobodys_key, value, user_hash);

	for (int i = 0; try_expired && i < app->nsecrets; i++)
	{
		const CachedSecret *secret = &app->secrets[i];

		if (is_live(secret, &now))
			continue;
		if (++expired > EXPIRED_TRIED)
			break;
		if (secret->ready != NULL &&
			made_with(secret->ready, value, user_hash))
			return IDV_MATCH_EXPIRED;
	}

	return IDV_MATCH_NONE;
}

/*
 * idv_app_sign
 *		Make the user_hash of value with a signer's current secret.
 *
 * value		in UTF-8
 * signer		NULL for the only one there is
 *
 * Returns false if the signer has no current secret; raises its error if it does
 * not open.  Other errors: see idv_signer_choose().
 */
bool
idv_app_sign(uint8 user_hash[IDV_HMAC_LEN], const IdvApp *app, IdvText value,
			 NullableDatum signer)
{
	const CachedSecret *current = NULL;
	List	   *signers = NIL;
	IdvText		chosen;

	for (int i = 0; i < app->nsecrets; i++)
		signers = lappend(signers, unconstify(IdvText *, &app->secrets[i].signer));
	chosen = idv_signer_choose(signers, signer);
	for (int i = 0; i < app->nsecrets; i++)
		if (app->secrets[i].state == IDV_STATE_CURRENT &&
			idv_text_is_same(app->secrets[i].signer, chosen))
			current = &app->secrets[i];
	if (current == NULL)
		return false;

	if (current->ready == NULL)
		idv_sealed_report(current->opening, app->row.id,
						  current->generation, current->key_id);
	if (!idv_hmac_make(user_hash, current->ready,
					   (const uint8 *) value.bytes, value.len))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute HMAC-SHA-256")));
	return true;
}
