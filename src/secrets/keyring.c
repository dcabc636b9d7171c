/*-------------------------------------------------------------------------
 *
 * keyring.c
 *	  The key ring: the master keys that seal every secret.
 *
 * The ring lives in a file of its own, because the point of sealing is that
 * neither a dump, nor a base backup, nor a stolen disk of the database holds
 * what is needed to open it.  So the file may not lie in any directory that a
 * base backup copies, and nobody but the server may read it.
 *
 * Every session reads the file for itself: when it first needs a key, after each
 * reload of the configuration, and when a secret was sealed under a key that its
 * ring lacks.  A ring that cannot be used never replaces one that can.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/keyring.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "secrets/ring_share.h"

/* More than any ring needs.  A larger file is some other file. */
#define FILE_MAX_BYTES		(64 * 1024)

/*
 * Bytes of libcrypto's secure heap: memory that core dumps leave out, and that
 * is not swapped where the limits allow it to be locked.  It holds the ring
 * and what each cached secret is used by (IDV_CACHE_LIMIT in app_cache.c, an
 * IdvHmac of at most 256 bytes each), and is touched only as far as it is used.
 */
#define SECURE_HEAP_BYTES	(4 * 1024 * 1024)
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

/* A file or directory, whatever path leads to it. */
typedef struct Place
{
	dev_t		device;
	ino_t		inode;
} Place;

/* More parents than a path of PATH_MAX can have. */
#define PLACES_MAX	(PATH_MAX / 2 + 2)

/* What path leads to; false if to nothing. */
static bool
place_of(Place *place, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	place->device = st.st_dev;
	place->inode = st.st_ino;
	return true;
}

/* Does path lead to one of these places? */
static bool
leads_to(const char *path, const Place *places, int nplaces)
{
	Place		place;

	if (place_of(&place, path))
		for (int i = 0; i < nplaces; i++)
			if (place.device == places[i].device &&
				place.inode == places[i].inode)
				return true;
	return false;
}

/*
 * Is one of these places the directory, or directly in it?
 *
 * What is directly in it is looked at, too, since a subdirectory or a file may be
 * mounted, or linked, elsewhere: then the directory is none of its parents.
 */
static bool
holds_any(const char *directory, const Place *places, int nplaces)
{
	DIR		   *entries;
	struct dirent *entry;
	char		path[MAXPGPATH];
	bool		found = leads_to(directory, places, nplaces);

	entries = found ? NULL : AllocateDir(directory);
	if (entries == NULL)
		return found;
	while (!found &&
		   (entry = ReadDirExtended(entries, directory, LOG)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		found = leads_to(path, places, nplaces);
	}
	FreeDir(entries);
	return found;
}

/*
 * Would a base backup copy the file at path, which has no symbolic links?
 *
 * That is, does it lie in the data directory, or in one of the directories that
 * the data directory links to, by whatever path?  Devices and inodes are compared,
 * of the file and of all its parents: a mount or a hard link has a path of its
 * own.
 */
static bool
is_backed_up(const char *path)
{
	Place	   *places = malloc(PLACES_MAX * sizeof(Place));
	char		parent[PATH_MAX];
	char		link[MAXPGPATH];
	int			nplaces = 0;
	bool		found;

	/* Better no ring than one that may be in the backups. */
	if (places == NULL)
		return true;

	strlcpy(parent, path, sizeof(parent));
	while (strlen(parent) > 1)
	{
		char	   *slash = strrchr(parent, '/');

		if (place_of(&places[nplaces], parent))
			nplaces++;
		if (slash == NULL)
			break;
		*slash = '\0';
	}

	/* pg_wal is in the data directory, or a link there. */
	snprintf(link, sizeof(link), "%s/pg_tblspc", DataDir);
	found = holds_any(DataDir, places, nplaces) ||
		holds_any(link, places, nplaces);
	free(places);
	return found;
}

/* What is wrong with this file, or NULL. */
static const char *
objection(int fd)
{
	struct stat st;
	char		path[PATH_MAX];

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "its owner is neither the server's user nor root";
	if (st.st_uid != 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "it is open to its group or to others";
	/* A group that may read root's file is the server's, or we could not. */
	if (st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		return "it is writable by its group or open to others";
	if (st.st_size > FILE_MAX_BYTES)
		return "it is larger than 64 kB";
	if (realpath(key_file, path) == NULL)
		return strerror(errno);
	if (is_backed_up(path))
		return "it lies in the data directory or in a tablespace, where backups would pick it up";
	return NULL;
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

	fault = objection(fd);
	content = fault == NULL ? OPENSSL_secure_malloc(FILE_MAX_BYTES) : NULL;
	if (content == NULL)
	{
		snprintf(reason, sizeof(reason), "%s",
				 fault ? fault : "out of memory");
		close(fd);
		return false;
	}

	length = read_all(fd, content, FILE_MAX_BYTES);
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

	OPENSSL_secure_clear_free(content, FILE_MAX_BYTES);
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
#define MAKE_A_RING \
	"run these lines as the server's operating-system user, and keep a copy of the file apart from the backups of the database:\n" \
	"test -e ~/idverify.ring || (umask 077; echo \"1:$(openssl rand -hex 32)\" > ~/idverify.ring)\n" \
	"psql -c \"LOAD 'idverify'\" -c \"ALTER SYSTEM SET idverify.key_file = '$HOME/idverify.ring'\" -c \"SELECT pg_reload_conf()\""

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
