/*-------------------------------------------------------------------------
 *
 * around.h
 *	  What careless code leaves around a value, or around a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_AROUND_H
#define IDV_AROUND_H

#include <stdbool.h>

typedef struct IdvAround
{
	const char *before;
	const char *after;
	bool		quotes;			/* or else blanks */
	const char *what;			/* "it was made of the value ..." */
} IdvAround;

/* Ends with an entry that has no what. */
extern const IdvAround idv_around[];

#endif							/* IDV_AROUND_H */
