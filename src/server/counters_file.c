/*-------------------------------------------------------------------------
 *
 * counters_file.c
 *	  The file that keeps the counters while the server is down.
 *
 *		a FileHeader
 *		for each app, the one asked for longest ago first:
 *			a FileApp
 *			so many IdvSecretCount
 *		pg_crc32c over all that is before it
 *
 * It is for the same server on the same machine: numbers are as they lie in
 * memory.  A copy of the data directory does not take it over: it counts for
 * itself.  What is no such file, to the last bit, is ignored, and the log says
 * so: a checksum is no signature, so each number is looked at before any is taken
 * over.  Refused claims are not in it.
 *
 * Raises no error: what cannot be written or read is lost, and the log says why.
 *
 *-------------------------------------------------------------------------
 */
#include "server/counters_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#define FILE_NAME		PGSTAT_STAT_PERMANENT_DIRECTORY "/idverify.stat"
#define NEW_FILE_NAME	FILE_NAME ".tmp"

typedef struct FileHeader
{
	char		magic[8];
	uint32		layout;
	uint32		app_size;		/* bytes of a FileApp */
	uint64		directory;		/* inode of the data directory */
	int64		apps;
	int64		displaced;
	TimestampTz displaced_at;
	TimestampTz since;
} FileHeader;

typedef struct FileApp
{
	IdvCounterKey key;
	TimestampTz since;
	int64		nsecrets;
	IdvDayCount days[IDV_COUNTED_DAYS];
} FileApp;

static const char magic[8] = "idvstat";

/*
 * idv_counters_server_was_shut_down
 *		Does pg_control say that the server was shut down in good order?
 *
 * Asked by the postmaster, when nobody else is there.  Not so after a crash, nor
 * while a base backup starts, nor after an immediate shutdown, which may have
 * stopped somebody who was just adding something.
 */
bool
idv_counters_server_was_shut_down(void)
{
	bool		right;
	ControlFileData *control = get_controlfile(DataDir, &right);
	bool		shut_down = right &&
	(control->state == DB_SHUTDOWNED ||
	 control->state == DB_SHUTDOWNED_IN_RECOVERY);

	pfree(control);
	return shut_down;
}

/* Which data directory is this?  A copy is another one. */
static uint64
directory_number(void)
{
	struct stat status;

	return stat(DataDir, &status) == 0 ? (uint64) status.st_ino : 0;
}

/* A file that is written, and what it comes to. */
typedef struct Output
{
	FILE	   *file;
	pg_crc32c	crc;
	bool		failed;
} Output;

static void
put(Output *output, const void *bytes, size_t len)
{
	COMP_CRC32C(output->crc, bytes, len);
	if (!output->failed && fwrite(bytes, 1, len, output->file) != len)
		output->failed = true;
}

/* Write an app. */
static void
put_app(Output *output, IdvCounters *counters, const IdvSharedApp *app)
{
	IdvSharedSecret *secrets = idv_shared_secrets(counters);
	FileApp		record;

	memset(&record, 0, sizeof(record));
	record.key = app->key;
	record.since = app->since;
	memcpy(record.days, app->days, sizeof(record.days));
	for (int32 i = app->secret; i != IDV_NOWHERE; i = secrets[i].next)
		record.nsecrets++;
	put(output, &record, sizeof(record));
	for (int32 i = app->secret; i != IDV_NOWHERE; i = secrets[i].next)
		put(output, &secrets[i].count, sizeof(IdvSecretCount));
}

/*
 * idv_counters_save
 *		Write the file.
 *
 * durable		so that it is there even after the machine has failed
 */
void
idv_counters_save(IdvCounters *counters, bool durable)
{
	IdvSharedApp *apps = idv_shared_apps(counters);
	Output		output = {.file = AllocateFile(NEW_FILE_NAME, PG_BINARY_W)};
	FileHeader	header;
	pg_crc32c	crc;

	if (output.file == NULL)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", NEW_FILE_NAME)));
		return;
	}

	memset(&header, 0, sizeof(header));
	memcpy(header.magic, magic, sizeof(magic));
	header.layout = IDV_COUNTERS_LAYOUT;
	header.app_size = sizeof(FileApp);
	header.directory = directory_number();
	header.apps = counters->apps;
	header.displaced = counters->displaced;
	header.displaced_at = counters->displaced_at;
	header.since = counters->since;
	INIT_CRC32C(output.crc);
	put(&output, &header, sizeof(header));
	for (int32 app = counters->oldest; app != IDV_NOWHERE; app = apps[app].newer)
		put_app(&output, counters, &apps[app]);
	crc = output.crc;
	FIN_CRC32C(crc);
	put(&output, &crc, sizeof(crc));

	if (FreeFile(output.file) != 0 || output.failed)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", NEW_FILE_NAME)));
		unlink(NEW_FILE_NAME);
	}
	else if (durable)
		(void) durable_rename(NEW_FILE_NAME, FILE_NAME, LOG);
	else if (rename(NEW_FILE_NAME, FILE_NAME) != 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not rename file \"%s\" to \"%s\": %m",
						NEW_FILE_NAME, FILE_NAME)));
}

/* Read the whole file.  NULL if there is none, or none that can be read. */
static char *
read_file(size_t *len)
{
	FILE	   *file = AllocateFile(FILE_NAME, PG_BINARY_R);
	struct stat status;
	char	   *bytes = NULL;

	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not open file \"%s\": %m", FILE_NAME)));
		return NULL;
	}
	if (fstat(fileno(file), &status) == 0)
	{
		*len = (size_t) status.st_size;
		bytes = MemoryContextAllocExtended(CurrentMemoryContext, *len + 1,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
		if (bytes != NULL && fread(bytes, 1, *len, file) != *len)
		{
			pfree(bytes);
			bytes = NULL;
		}
	}
	if (bytes == NULL)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", FILE_NAME)));
	FreeFile(file);
	return bytes;
}

/* Is it a number of claims?  So many of them can still be added up. */
static bool
is_count(int64 claims)
{
	return claims >= 0 && claims <= PG_INT64_MAX / 1024;
}

/* Is it what put_app() writes of an app? */
static bool
is_app(const FileApp *record)
{
	if (record->key.unused != 0 || !IS_VALID_TIMESTAMP(record->since) ||
		record->nsecrets < 0 || record->nsecrets > IDV_SECRETS_OF_APP)
		return false;
	for (int day = 0; day < IDV_COUNTED_DAYS; day++)
		for (int kind = 1; kind <= IDV_COUNTED_KINDS; kind++)
			if (!is_count(record->days[day].claims[kind - 1]))
				return false;
	return true;
}

/* Is there an app, with its secrets?  Moves to what follows it. */
static bool
skip_app(const char **bytes, const char *end)
{
	FileApp		record;

	if ((size_t) (end - *bytes) < sizeof(record))
		return false;
	memcpy(&record, *bytes, sizeof(record));
	*bytes += sizeof(record);
	if (!is_app(&record) ||
		(size_t) (end - *bytes) < record.nsecrets * sizeof(IdvSecretCount))
		return false;
	for (int64 i = 0; i < record.nsecrets; i++)
	{
		IdvSecretCount count;

		memcpy(&count, *bytes, sizeof(count));
		*bytes += sizeof(count);
		if (!is_count(count.claims) || !IS_VALID_TIMESTAMP(count.first_at) ||
			!IS_VALID_TIMESTAMP(count.last_at))
			return false;
	}
	return true;
}

/* Are these the bytes of a whole file, of this layout? */
static bool
is_whole(const char *bytes, size_t len)
{
	FileHeader	header;
	pg_crc32c	crc;
	pg_crc32c	written;
	const char *end;

	if (len < sizeof(header) + sizeof(crc))
		return false;
	end = bytes + len - sizeof(written);
	memcpy(&header, bytes, sizeof(header));
	memcpy(&written, end, sizeof(written));
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, bytes, len - sizeof(crc));
	FIN_CRC32C(crc);
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 ||
		header.layout != IDV_COUNTERS_LAYOUT ||
		header.app_size != sizeof(FileApp) || !EQ_CRC32C(crc, written) ||
		header.displaced < 0 || !IS_VALID_TIMESTAMP(header.displaced_at) ||
		!IS_VALID_TIMESTAMP(header.since))
		return false;
	bytes += sizeof(header);
	for (int64 i = 0; i < header.apps; i++)
		if (!skip_app(&bytes, end))
			return false;
	return bytes == end;
}

/*
 * Take an app over.  Returns where the next one begins.
 *
 * There is one: is_whole() has seen it.
 */
static const char *
take_app(IdvCounters *counters, const char *bytes)
{
	FileApp		record;
	int32		app;

	memcpy(&record, bytes, sizeof(record));
	bytes += sizeof(record);
	app = idv_shared_app_make(counters, &record.key);
	idv_shared_apps(counters)[app].since = record.since;
	memcpy(idv_shared_apps(counters)[app].days, record.days, sizeof(record.days));
	for (int64 i = 0; i < record.nsecrets; i++)
	{
		IdvSecretCount count;

		memcpy(&count, bytes, sizeof(count));
		bytes += sizeof(count);
		*idv_shared_secret(counters, app, count.generation) = count;
	}
	return bytes;
}

/*
 * idv_counters_load
 *		Take over what the file has kept, into counters that are empty.
 *
 * If there is room for less, those that were asked for longest ago are left
 * out.  Ignores a file that is not whole, and takes nothing of it over.
 */
void
idv_counters_load(IdvCounters *counters)
{
	size_t		len;
	char	   *bytes = read_file(&len);
	FileHeader	header;

	if (bytes == NULL)
		return;
	if (!is_whole(bytes, len))
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("ignoring file \"%s\", which is damaged or of another release",
						FILE_NAME)));
	else
	{
		memcpy(&header, bytes, sizeof(header));
		if (header.directory != directory_number())
			ereport(LOG,
					(errmsg("ignoring file \"%s\", which was written in another data directory",
							FILE_NAME)));
		else
		{
			const char *next = bytes + sizeof(header);

			counters->since = header.since;
			counters->displaced = header.displaced;
			counters->displaced_at = header.displaced_at;
			for (int64 i = 0; i < header.apps; i++)
				next = take_app(counters, next);
		}
	}
	pfree(bytes);
}

/*
 * idv_counters_forget_file
 *		Remove the file: from now on the memory is right, and after a crash it
 *		would not be.
 */
void
idv_counters_forget_file(void)
{
	if (unlink(FILE_NAME) != 0 && errno != ENOENT)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s\": %m", FILE_NAME)));
}
