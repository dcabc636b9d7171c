/*-------------------------------------------------------------------------
 *
 * planted.c
 *	  Mistakes with memory, for dev/check-memory to see each of them found.
 *
 * A checker that is not in the server reports nothing, which looks the same as
 * nothing to report.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(planted);

/*
 * planted(mistake text) returns integer
 */
Datum
planted(PG_FUNCTION_ARGS)
{
	char	   *mistake = text_to_cstring(PG_GETARG_TEXT_PP(0));
	volatile int number = PG_INT32_MAX;

	if (strcmp(mistake, "none") == 0)
		number = 0;
	else if (strcmp(mistake, "malloc_overflow") == 0)
	{
		volatile char *memory = malloc(16);

		memory[number - PG_INT32_MAX + 16] = 1;
		free(unvolatize(char *, memory));
	}
	else if (strcmp(mistake, "palloc_overflow") == 0)
	{
		volatile char *memory = palloc(17);

		memory[number - PG_INT32_MAX + 17] = 1;
		pfree(unvolatize(char *, memory));
	}
	else if (strcmp(mistake, "signed_overflow") == 0)
		number = number + 1;
	else if (strcmp(mistake, "uninitialised") == 0)
	{
		const volatile int *memory = palloc(sizeof(int));

		if (*memory == 4711)
			number = 1;
	}
	PG_RETURN_INT32(number);
}
