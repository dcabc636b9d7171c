/*-------------------------------------------------------------------------
 *
 * ring_file.c
 *	  Which file may be the key ring.
 *
 * The ring lives in a file of its own, because the point of sealing is that
 * neither a dump, nor a base backup, nor a stolen disk of the database holds
 * what is needed to open it.  So the file may not lie in any directory that a
 * base backup copies, and nobody but the server may read it.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/ring_file.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

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

/*
 * idv_ring_file_objection
 *		Why a file must not be the key ring, or NULL if it may.
 *
 * fd		the file, open
 * file		the path by which it was opened
 *
 * The reason holds no path.
 */
const char *
idv_ring_file_objection(int fd, const char *file)
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
	if (st.st_size > IDV_RING_FILE_MAX_BYTES)
		return "it is larger than 64 kB";
	if (realpath(file, path) == NULL)
		return strerror(errno);
	if (is_backed_up(path))
		return "it lies in the data directory or in a tablespace, where backups would pick it up";
	return NULL;
}
