/*-------------------------------------------------------------------------
 *
 * guess.h
 *	  By which mistakes was a user_hash made?
 *
 * What was presented, what may have been signed and the secret go in; out come
 * the mistakes that make the one from the others.
 *
 * Pure C and libcrypto.  What is computed on the way is wiped, and nothing of it
 * is in what is returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_GUESS_H
#define IDV_GUESS_H

#include <stddef.h>
#include <stdint.h>

#include "core/forms.h"
#include "core/hash_readings.h"

#define IDV_DIGITS_MIN		16	/* fewer hex digits prove nothing */
#define IDV_GUESS_MISTAKES	8
#define IDV_GUESS_DEPTH		2	/* mistakes in what was computed, at most */

/* What was found.  No mistake: it is right. */
typedef struct IdvGuess
{
	int			nmistakes;
	IdvMistake	mistakes[IDV_GUESS_MISTAKES];
	bool		other_field;	/* the value was that of the other field */
} IdvGuess;

typedef enum IdvGuessStatus
{
	IDV_GUESS_NONE = 0,			/* not by these mistakes */
	IDV_GUESS_FOUND,
	IDV_GUESS_STOPPED,			/* not all was tried: the budget is used up */
	IDV_GUESS_LIBRARY			/* libcrypto refused */
} IdvGuessStatus;

extern IdvGuessStatus idv_guess(IdvGuess *guess, size_t *budget,
								const IdvReadings *readings,
								const IdvForms *values,
								const uint8_t *secret, size_t secret_len,
								const char *hint, size_t hint_len,
								int mistakes);

#endif							/* IDV_GUESS_H */
