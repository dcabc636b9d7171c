/*-------------------------------------------------------------------------
 *
 * hash_readings.h
 *	  What a text may mean that was presented as a user_hash.
 *
 * Pure C and libcrypto.  What is presented may be a genuine user_hash, which is
 * a credential: the caller wipes the readings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_HASH_READINGS_H
#define IDV_HASH_READINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/finding.h"

#define IDV_PRESENTED_MAX	1024	/* bytes that are read of what was
									 * presented */
#define IDV_READINGS_MAX	24
#define IDV_READING_MISTAKES 3

/* A mistake, and in words how it was made. */
typedef struct IdvMistake
{
	IdvFinding	finding;
	const char *what;
} IdvMistake;

/* What is left of the text, in which there are so many mistakes. */
typedef struct IdvReading
{
	int			nmistakes;
	IdvMistake	mistakes[IDV_READING_MISTAKES];
	size_t		len;
	bool		is_hex;			/* then its letters are small */
	uint8_t		text[IDV_PRESENTED_MAX];
} IdvReading;

typedef struct IdvReadings
{
	size_t		n;
	IdvReading	readings[IDV_READINGS_MAX];
} IdvReadings;

extern void idv_hash_readings(IdvReadings *readings,
							  const char *presented, size_t len);
extern size_t idv_token_offset(const char *presented, size_t len);
extern bool idv_looks_like_token(const char *presented, size_t len);

#endif							/* IDV_HASH_READINGS_H */
