/*-------------------------------------------------------------------------
 *
 * secret_search.c
 *	  Which secret made what was presented, and by which mistakes?
 *
 * What each classic mistake would have made is computed, under every secret of
 * the app, and compared with what was presented: first what has no mistake, then
 * one, then two at once.  A claim that no such mistake explains is unexplained,
 * and nothing else: what matches by chance is as likely as a forged hash.
 *
 * A secret is open only inside guess_with(), in memory that core dumps leave
 * out; nothing there can raise an error before it is wiped.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/secret_search.h"

#include <openssl/crypto.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What is shown of a secret, in UTF-8. */
static IdvText
hint_of(const IdvSecretRow *row)
{
	IdvText		hint;

	if (idv_text_utf8(&hint, PointerGetDatum(row->hint), IDV_SECRET_MAX) != IDV_TEXT_OK)
		hint.len = 0;
	return hint;
}

/*
 * idv_search_candidates
 *		Take down the app's secrets, in the order in which they are tried.
 *
 * rows		of idv_secrets_read(); kept
 */
void
idv_search_candidates(IdvInquiry *inquiry, const List *rows)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *cell;

	inquiry->candidates = palloc0(Max(list_length(rows), 1) * sizeof(IdvCandidate));
	foreach(cell, rows)
	{
		IdvCandidate *candidate = &inquiry->candidates[inquiry->ncandidates++];

		candidate->row = lfirst(cell);
		candidate->live = candidate->row->expires_at > now;
		candidate->hint = hint_of(candidate->row);
	}
}

/*
 * Try a secret, by so many mistakes.
 *
 * Raises no error while the secret is open.
 */
static IdvGuessStatus
guess_with(IdvInquiry *inquiry, int32 app_id, const IdvSecretRow *row, IdvText hint,
		   int depth, IdvOpening *opening)
{
	uint8	   *secret = OPENSSL_secure_malloc(IDV_SECRET_MAX);
	size_t		len;
	IdvGuessStatus status = IDV_GUESS_NONE;

	if (secret == NULL)
		return IDV_GUESS_LIBRARY;
	*opening = idv_sealed_open(secret, &len, app_id, row);
	if (*opening == IDV_OPENED)
		status = idv_guess(&inquiry->guess, &inquiry->budget, inquiry->readings,
						   inquiry->forms, secret, len, hint.bytes, hint.len, depth);
	OPENSSL_secure_clear_free(secret, IDV_SECRET_MAX);
	return status;
}

/* Is the search over?  It may have been stopped, or have failed. */
static bool
is_over(IdvInquiry *inquiry, IdvGuessStatus status)
{
	switch (status)
	{
		case IDV_GUESS_NONE:
			return false;
		case IDV_GUESS_FOUND:
			return true;
		case IDV_GUESS_STOPPED:
			inquiry->stopped = true;
			return true;
		case IDV_GUESS_LIBRARY:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not compute HMAC-SHA-256")));
	return true;
}

/* Try the app's own secrets.  Returns whether the search is over. */
static bool
search_own(IdvInquiry *inquiry, int depth)
{
	for (int i = 0; i < inquiry->ncandidates; i++)
	{
		IdvCandidate *candidate = &inquiry->candidates[i];
		IdvGuessStatus status;

		CHECK_FOR_INTERRUPTS();
		status = guess_with(inquiry, inquiry->app.id, candidate->row, candidate->hint,
							depth, &candidate->opening);
		if (status == IDV_GUESS_FOUND)
			inquiry->secret = candidate;
		if (is_over(inquiry, status))
			return true;
	}
	return false;
}

/*
 * Try the secrets of all other apps, on the plain value.
 *
 * A secret that does not open is passed over: another app's is no business of
 * this claim.
 */
static bool
search_others(IdvInquiry *inquiry)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(caller, "idverify another app",
											   ALLOCSET_DEFAULT_SIZES);
	List	   *apps = idv_apps_list();
	ListCell   *app_cell;

	foreach(app_cell, apps)
	{
		const IdvAppName *app = lfirst(app_cell);
		ListCell   *cell;

		if (app->id == inquiry->app.id)
			continue;
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(each);
		MemoryContextSwitchTo(each);
		foreach(cell, idv_secrets_read(app->id))
		{
			const IdvSecretRow *row = lfirst(cell);
			static const IdvText no_hint = {"", 0};
			IdvOpening	opening;
			IdvGuessStatus status = guess_with(inquiry, app->id, row, no_hint, 0, &opening);

			if (status == IDV_GUESS_FOUND)
			{
				inquiry->other_app = app;
				inquiry->other_secret = row;
			}
			if (is_over(inquiry, status))
			{
				MemoryContextSwitchTo(caller);
				return true;
			}
		}
		MemoryContextSwitchTo(caller);
	}
	MemoryContextDelete(each);
	return false;
}

/*
 * idv_search
 *		Search until something is found, or everything was tried.
 *
 * inquiry	in: readings, forms, candidates, budget; out: what was found
 *
 * 38000 where libcrypto fails.
 */
void
idv_search(IdvInquiry *inquiry)
{
	for (int depth = 0; depth <= IDV_GUESS_DEPTH; depth++)
	{
		if (search_own(inquiry, depth))
			return;
		/* Whose secret it is comes before two mistakes at once. */
		if (depth == 1 && search_others(inquiry))
			return;
	}
}

/*
 * idv_search_found
 *		Was anything found?
 */
bool
idv_search_found(const IdvInquiry *inquiry)
{
	return inquiry->secret != NULL || inquiry->other_app != NULL;
}

/*
 * idv_search_shut
 *		The first secret that verifies now and did not open, or NULL.
 */
const IdvCandidate *
idv_search_shut(const IdvInquiry *inquiry)
{
	for (int i = 0; i < inquiry->ncandidates; i++)
	{
		const IdvCandidate *candidate = &inquiry->candidates[i];

		if (candidate->live && candidate->opening != IDV_OPENED)
			return candidate;
	}
	return NULL;
}
