/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Feed files to a fuzz harness, once each, without a fuzzer.
 *
 * So the seeds, and what a fuzzer has ever found, are a unit test.  Each input
 * is in memory that ends where it ends: one byte further is the sanitizer's.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed one file; false if it cannot be read. */
static int
feed(const char *path)
{
	FILE	   *file = fopen(path, "rb");
	uint8_t    *data = NULL;
	long		size = -1;

	if (file == NULL)
		return 0;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0)
	{
		rewind(file);
		/* no byte more, so that the sanitizer sees each that is read too far */
		data = malloc(size > 0 ? (size_t) size : 1);
		if (data != NULL &&
			fread(data, 1, (size_t) size, file) != (size_t) size)
			size = -1;
	}
	fclose(file);
	if (data == NULL || size < 0)
	{
		free(data);
		return 0;
	}

	(void) LLVMFuzzerTestOneInput(data, (size_t) size);
	free(data);
	return 1;
}

int
main(int argc, char **argv)
{
	int			failed = 0;

	for (int i = 1; i < argc; i++)
		if (!feed(argv[i]))
		{
			perror(argv[i]);
			failed++;
		}
	printf("%d passed, %d failed\n", argc - 1 - failed, failed);
	return failed > 0 || argc < 2;
}
