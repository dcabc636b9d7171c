/*-------------------------------------------------------------------------
 *
 * ring_share.c
 *	  The key ring of a session, for its parallel workers.
 *
 * A parallel worker is a process of its own, which has no ring yet.  It reads the
 * file; but where that has gone bad, the session goes on with the ring that it
 * has, and its workers must too: whether a query fails may not depend on how
 * it is planned.
 *
 * PostgreSQL's own ways to hand something to a worker lead through its shared
 * memory, which core dumps hold and a crash leaves in /dev/shm.  So the ring goes
 * another way: the session keeps it in a file in memory (memfd_create), which has
 * no name in any directory, and the worker opens that through /proc.  The kernel
 * lets no other user do so, and who may, could read the file of the ring.
 *
 * Only Linux has both.  Elsewhere a worker has what the file says.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/ring_share.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "access/parallel.h"
#include "port/atomics.h"
#include "storage/fd.h"
#include "storage/proc.h"

#if defined(__linux__) && defined(MFD_CLOEXEC)

#define FILE_NAME	"idverify key ring"

/* What /proc says that a descriptor of such a file leads to. */
#define FILE_LINK	"/memfd:" FILE_NAME " (deleted)"

/* Where this session keeps its ring, and -1 while it does not. */
static int	offer_fd = -1;
static IdvRing *offer = NULL;

/* Wipe what is offered, and let go of it. */
static void
offer_end(void)
{
	if (offer == NULL)
		return;
	OPENSSL_cleanse(offer, sizeof(IdvRing));
	(void) munmap(offer, sizeof(IdvRing));
	close(offer_fd);
	ReleaseExternalFD();
	offer = NULL;
	offer_fd = -1;
}

/* Make an empty file, and map it.  False if that cannot be done. */
static bool
offer_begin(void)
{
	void	   *mapped = MAP_FAILED;

	if (!AcquireExternalFD())
		return false;

	offer_fd = memfd_create(FILE_NAME, MFD_CLOEXEC);
	if (offer_fd >= 0 && ftruncate(offer_fd, sizeof(IdvRing)) == 0)
		mapped = mmap(NULL, sizeof(IdvRing), PROT_READ | PROT_WRITE,
					  MAP_SHARED, offer_fd, 0);
	if (mapped == MAP_FAILED)
	{
		if (offer_fd >= 0)
			close(offer_fd);
		offer_fd = -1;
		ReleaseExternalFD();
		return false;
	}

	/* As libcrypto does with the secure heap: where the limits allow it. */
	(void) mlock(mapped, sizeof(IdvRing));
	(void) madvise(mapped, sizeof(IdvRing), MADV_DONTDUMP);

	offer = mapped;
	return true;
}

/*
 * idv_ring_offer
 *		Let the parallel workers of this session have its ring.
 *
 * Replaces the one that they could have before.  Costs a descriptor and a page
 * of memory until the session ends.  Where it cannot be done, workers have what
 * the file says.
 */
void
idv_ring_offer(const IdvRing *ring)
{
	if (IsParallelWorker())
		return;

	/* A file of its own for each ring, so that no worker reads half of two. */
	offer_end();
	if (!offer_begin())
		return;
	memcpy(offer->keys, ring->keys, sizeof(ring->keys));
	pg_write_barrier();
	offer->nkeys = ring->nkeys;
}

/* Is this a ring that a session of ours keeps?  Then read it. */
static bool
read_offer(IdvRing *ring, const char *path)
{
	char		link[sizeof(FILE_LINK)];
	struct stat st;
	ssize_t		length;
	int			fd;
	bool		done;

	length = readlink(path, link, sizeof(link));
	if (length != sizeof(FILE_LINK) - 1 ||
		memcmp(link, FILE_LINK, length) != 0)
		return false;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* Another size is the file of another release of this library. */
	done = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_uid == geteuid() && st.st_size == sizeof(IdvRing) &&
		pread(fd, ring, sizeof(IdvRing), 0) == sizeof(IdvRing) &&
		ring->nkeys >= 1 && ring->nkeys <= IDV_RING_MAX_KEYS;
	close(fd);
	return done;
}

/*
 * idv_ring_of_leader
 *		In a parallel worker, read the ring of its session.
 *
 * Returns false elsewhere, and if the session has none.  ring is a place in the
 * secure heap; it holds something only if true is returned.
 */
bool
idv_ring_of_leader(IdvRing *ring)
{
	char		path[MAXPGPATH];
	size_t		length;
	DIR		   *directory;
	struct dirent *entry;
	bool		found = false;

	if (!IsParallelWorker() || MyProc->lockGroupLeader == NULL)
		return false;

	length = snprintf(path, sizeof(path), "/proc/%d/fd/",
					  MyProc->lockGroupLeader->pid);
	directory = opendir(path);
	if (directory == NULL)
		return false;
	while (!found && (entry = readdir(directory)) != NULL)
	{
		strlcpy(path + length, entry->d_name, sizeof(path) - length);
		found = read_offer(ring, path);
	}
	closedir(directory);

	if (!found)
		OPENSSL_cleanse(ring, sizeof(IdvRing));
	return found;
}

#else							/* not Linux */

void
idv_ring_offer(const IdvRing *ring pg_attribute_unused())
{
}

bool
idv_ring_of_leader(IdvRing *ring pg_attribute_unused())
{
	return false;
}

#endif
