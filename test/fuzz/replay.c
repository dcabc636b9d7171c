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
	uint8_t    *data;
	long		size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
		(size = ftell(file)) < 0)
		return 0;
	rewind(file);

	data = malloc((size_t) size);
	if (data == NULL || fread(data, 1, (size_t) size, file) != (size_t) size)
		return 0;
	fclose(file);

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
