/*-------------------------------------------------------------------------
 *
 * keyring.c
 *	  The key ring: the master keys that seal every secret.
 *
 * The ring lives in a file of its own.  Which file may be one is in ring_file.c.
 *
 * Every session reads the file for itself: when it first needs a key, after each
 * reload of the configuration, and when a secret was sealed under a key that its
 * ring lacks.  A ring that cannot be used never replaces one that can.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/keyring.h"

#include <fcntl.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "utils/guc.h"
#include "utils/timestamp.h"

#include "secrets/ring_file.h"
#include "secrets/ring_share.h"

/*
 * Bytes of libcrypto's secure heap: memory that core dumps leave out, and that
 * is not swapped where the limits allow it to be locked.  It holds the ring, for a
 * moment two of them, and the file while that is read.  What each cached secret
 * is used by has a place of its own (key_slots.c).
 */
#define SECURE_HEAP_BYTES	(256 * 1024)
#define SECURE_HEAP_UNIT	64

/*
 * GUC idverify.key_file
 *
 * Names the file with the key ring.  Set by the DBA, once, in postgresql.conf;
 * a reload makes every session read the file again.  There is no check hook:
 * a failing one would quote the path to the client.
 */
static char *key_file = NULL;

/* Has the configuration been reloaded since the file was last read? */
static bool reload_pending = false;

/* How often at most the file is read because a key is missing. */
#define LACKING_INTERVAL	USECS_PER_SEC

/* When it last was. */
static TimestampTz lacking_read = 0;

/* The ring in use, in the secure heap.  NULL until one could be read. */
static IdvRing *ring = NULL;

/* Counts the rings that have been in use. */
static uint64 ring_number = 0;

/* Why the file could not be used when last read.  Holds neither path nor key. */
static char reason[256];

/* Was there no file to be used at all? */
static bool is_missing = false;

/* Or one that may be used, with a text that is no key ring? */
static bool is_malformed = false;

/* Assign hook: called on every reload, whether the value changed or not. */
static void
assign_key_file(const char *newval pg_attribute_unused(),
				void *extra pg_attribute_unused())
{
	reload_pending = true;
}

/*
 * idv_keyring_init
 *		Define the setting.  Called once, when the module is loaded.
 */
void
idv_keyring_init(void)
{
	DefineCustomStringVariable("idverify.key_file",
							   "File with the master keys that seal identity secrets.",
							   "Lines of the form id:64-hex; the first key seals, all of them open.",
							   &key_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, assign_key_file, NULL);
}

/* Read all of a file, whose size has been checked.  Returns -1 on failure. */
static ssize_t
read_all(int fd, char *buffer, size_t size)
{
	size_t		length = 0;
	ssize_t		got;

	do
	{
		got = read(fd, buffer + length, size - length);
		if (got > 0)
			length += (size_t) got;
	} while (length < size && (got > 0 || (got < 0 && errno == EINTR)));

	return got < 0 ? -1 : (ssize_t) length;
}

/* Put what the parser found wrong into words. */
static void
explain(IdvRingStatus status, int bad_line)
{
	static const char *const faults[] = {
		[IDV_RING_BAD_LINE] = "is neither id:64-hex, nor a comment, nor blank",
		[IDV_RING_REPEATED_ID] = "repeats the id of an earlier line",
		[IDV_RING_WEAK_KEY] = "holds a key of one repeated byte, which is no secret",
		[IDV_RING_TOO_MANY] = "is one key too many: a ring holds 64",
		[IDV_RING_LIBRARY] = "could not be made ready for use",
	};

	StaticAssertStmt(IDV_RING_MAX_KEYS == 64, "one of these says so");

	if (status == IDV_RING_EMPTY)
		snprintf(reason, sizeof(reason), "it holds no key");
	else
		snprintf(reason, sizeof(reason), "line %d %s", bad_line,
				 faults[status]);
}

/*
 * Read the file into fresh.
 *
 * Returns false, with the reason explained, if that is not possible.  Raises
 * no error while the text of the file is in memory.
 */
static bool
read_ring(IdvRing *fresh)
{
	const char *fault;
	char	   *content;
	ssize_t		length;
	IdvRingStatus status = IDV_RING_EMPTY;
	int			bad_line;
	int			fd;

	if (key_file == NULL || key_file[0] == '\0')
	{
		snprintf(reason, sizeof(reason), "idverify.key_file is not set");
		is_missing = true;
		return false;
	}

	/* O_NONBLOCK: whoever puts a FIFO there must not make the server wait */
	fd = open(key_file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
	{
		snprintf(reason, sizeof(reason), "%s", strerror(errno));
		is_missing = errno == ENOENT;
		return false;
	}

	fault = idv_ring_file_objection(fd, key_file);
	content = fault == NULL ? OPENSSL_secure_malloc(IDV_RING_FILE_MAX_BYTES) : NULL;
	if (content == NULL)
	{
		snprintf(reason, sizeof(reason), "%s",
				 fault ? fault : "out of memory");
		close(fd);
		return false;
	}

	length = read_all(fd, content, IDV_RING_FILE_MAX_BYTES);
	if (length < 0)
		snprintf(reason, sizeof(reason), "%s", strerror(errno));
	close(fd);

	if (length >= 0)
	{
		status = idv_ring_parse(fresh, &bad_line, content, (size_t) length);
		if (status != IDV_RING_OK)
			explain(status, bad_line);
		is_malformed = status != IDV_RING_OK && status != IDV_RING_LIBRARY;
	}

	OPENSSL_secure_clear_free(content, IDV_RING_FILE_MAX_BYTES);
	return status == IDV_RING_OK;
}

/*
 * Read the file, and take its ring into use if it is good.
 *
 * Returns false, with the reason explained, if it is not.
 */
static bool
load_ring(void)
{
	IdvRing    *fresh;

	reload_pending = false;
	is_missing = false;
	is_malformed = false;

	/*
	 * Where memory cannot be locked this still returns a heap, and where it
	 * cannot have one OPENSSL_secure_malloc() falls back to ordinary memory.
	 */
	if (!CRYPTO_secure_malloc_initialized())
		(void) CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_UNIT);

	fresh = OPENSSL_secure_zalloc(sizeof(IdvRing));
	if (fresh == NULL)
	{
		snprintf(reason, sizeof(reason), "out of memory");
		return false;
	}

	/* As its session goes on with a ring when the file is bad, a worker does. */
	if (!read_ring(fresh) && !(ring == NULL && idv_ring_of_leader(fresh)))
	{
		OPENSSL_secure_clear_free(fresh, sizeof(IdvRing));
		return false;
	}

	if (ring == NULL || CRYPTO_memcmp(ring, fresh, sizeof(IdvRing)) != 0)
	{
		ring_number++;
		idv_ring_offer(fresh);
	}
	OPENSSL_secure_clear_free(ring, sizeof(IdvRing));
	ring = fresh;
	return true;
}

/*
 * idv_keyring
 *		The ring in use, or NULL if there is none.
 *
 * Follows a reload of the configuration.  If the file cannot be used then, the
 * server log tells why, and the ring in use stays.  A session that has none
 * tries again each time: making the file is enough.
 */
const IdvRing *
idv_keyring(void)
{
	if (likely(ring != NULL && !reload_pending))
		return ring;

	if (!load_ring() && ring != NULL)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not use the key ring after a reload: %s",
						reason),
				 errdetail("The key ring is \"%s\".  The one that was read before stays in use.",
						   key_file),
				 errhidestmt(true), errhidecontext(true)));
	return ring;
}

/*
 * idv_keyring_find
 *		Find the key of that id in the ring in use, or NULL.
 *
 * There must be a ring in use.  A key that it lacks may be in the file: another
 * session may have read that, and sealed secrets under the new key, while no
 * reload has reached this one.  So the file is read once more, but not again for
 * a second: a secret whose key is lost must not cost a file with every claim.
 * If the file cannot be used, the ring in use stays, and lacks the key.
 */
const IdvMasterKey *
idv_keyring_find(uint32 key_id)
{
	const IdvMasterKey *key = idv_ring_find(idv_keyring(), key_id);
	TimestampTz now;

	if (likely(key != NULL))
		return key;

	now = GetCurrentTimestamp();
	if (now >= lacking_read && now - lacking_read < LACKING_INTERVAL)
		return NULL;
	lacking_read = now;
	(void) load_ring();
	return idv_ring_find(ring, key_id);
}

/*
 * idv_keyring_number
 *		A number that changes whenever another ring comes into use.
 *
 * Follows a reload, but looks for no ring where none was needed so far.
 */
uint64
idv_keyring_number(void)
{
	if (unlikely(reload_pending && ring != NULL))
		(void) idv_keyring();
	return ring_number;
}

/* How to make one; t/secrets_keyring.pl runs these very lines. */
#define RING_RECIPE \
	"test -e ~/idverify.ring || (umask 077; echo \"1:$(openssl rand -hex 32)\" > ~/idverify.ring)\n" \
	"psql -c \"LOAD 'idverify'\" -c \"ALTER SYSTEM SET idverify.key_file = '$HOME/idverify.ring'\" -c \"SELECT pg_reload_conf()\""
#define MAKE_A_RING \
	"run these lines as the server's operating-system user, and keep a copy of the file apart from the backups of the database:\n" \
	RING_RECIPE

/*
 * idv_keyring_report_missing
 *		Raise the error that there is no ring, and say how to get one.
 *
 * F0000.  The path goes to the server log alone.
 */
void
idv_keyring_report_missing(void)
{
	bool		configured = key_file != NULL && key_file[0] != '\0';

	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 configured ?
			 errmsg("could not use the key ring: %s", reason) :
			 errmsg("there is no key ring: %s", reason),
			 configured ?
			 errdetail_log("The key ring is \"%s\".", key_file) : 0,
			 !configured ?
			 errhint("If secrets are sealed already, set idverify.key_file to the file with their keys: a new one would not open them. Only if there never was a key ring, %s",
					 MAKE_A_RING) :
			 !is_absolute_path(key_file) ?
			 errhint("The path is relative, so that it is taken from the data directory, where a key ring must not be. Set idverify.key_file to an absolute path.") :
			 is_missing ?
			 errhint("If secrets are sealed already, restore the file from its copy: a new one would not open them. Only if there never was a key ring, %s",
					 MAKE_A_RING) :
			 is_malformed ?
			 errhint("Mend the file that idverify.key_file names, from its copy if there is one; it is read again at the next call. A key is a line of its own: an id from 1 to 2147483647 without leading zeros, a colon, and 64 hex digits, without a blank before, between or behind them.") :
			 errhint("Mend the file that idverify.key_file names; it is read again at the next call. It must be a regular file outside the data directory that belongs to the server's operating-system user and is open to nobody else (chmod 600), or that belongs to root and is at most readable by the server's group (chmod 640)."),
			 errhidestmt(true), errhidecontext(true)));
}

/*
 * idv_keyring_read
 *		Read the file anew, whether or not the configuration was reloaded.
 *
 * F0000 if it cannot be used: the ring in use stays, but is not returned.
 */
const IdvRing *
idv_keyring_read(void)
{
	if (!load_ring())
		idv_keyring_report_missing();
	return ring;
}

/*
 * idv_keyring_fault
 *		Read the file anew, and say why it cannot be used; NULL: it can be, and is.
 *
 * missing	output: there is no file
 *
 * The reason holds no path.  Good until the file is read again.
 */
const char *
idv_keyring_fault(bool *missing)
{
	bool		usable = load_ring();

	*missing = is_missing;
	return usable ? NULL : reason;
}

/*
 * idv_keyring_path
 *		Where the file is said to be, not for everybody's eyes; NULL: nowhere.
 */
const char *
idv_keyring_path(void)
{
	return key_file == NULL || key_file[0] == '\0' ? NULL : key_file;
}

/*
 * idv_keyring_recipe
 *		The lines of shell that make a ring and name it to the server.
 */
const char *
idv_keyring_recipe(void)
{
	return RING_RECIPE;
}

/*
 * idv_keyring_needed
 *		The ring in use, or the error that there is none.
 */
const IdvRing *
idv_keyring_needed(void)
{
	const IdvRing *found = idv_keyring();

	if (found == NULL)
		idv_keyring_report_missing();
	return found;
}
