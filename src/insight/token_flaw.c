/*-------------------------------------------------------------------------
 *
 * token_flaw.c
 *	  Why does a token not count that the app has signed?
 *
 *-------------------------------------------------------------------------
 */
#include "insight/token_flaw.h"

#include "utils/timestamp.h"

#include "core/bad_identity.h"

/* Seconds since 1970 that only milliseconds come to: the year 5138. */
#define MILLISECONDS_MIN	1e11

/* A time of a token, in words. */
static char *
time_in_words(double seconds)
{
	double		usecs = (seconds - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) SECS_PER_DAY) * USECS_PER_SEC;

	if (!(usecs > (double) MIN_TIMESTAMP && usecs < (double) END_TIMESTAMP))
		return psprintf("%g", seconds);
	return pstrdup(timestamptz_to_str((TimestampTz) usecs));
}

/* Is a time of the token far beyond what seconds come to? */
static bool
has_milliseconds(const IdvTokenTimes *times)
{
	return (times->has_exp && times->exp >= MILLISECONDS_MIN) ||
		(times->has_nbf && times->nbf >= MILLISECONDS_MIN) ||
		(times->has_iat && times->iat >= MILLISECONDS_MIN);
}

/* Is what is claimed beside a token something else than what it says? */
static char *
other_subject(const IdvToken *token, const IdvClaimFields *fields)
{
	const IdvClaimField *each[] = {&fields->counted, &fields->other};

	for (int i = 0; i < (int) lengthof(each); i++)
	{
		bool		is_email = strcmp(each[i]->name, "email") == 0;
		IdvText		said = is_email ? token->email : token->id;

		if (is_email && i == 0 && each[i]->utf8.len > 0 && said.len > 0 && !token->email_signed)
			return pstrdup("What is claimed is an email, and the token says that its own is not verified.");
		if (each[i]->utf8.len == 0 || idv_text_is_same(each[i]->utf8, said))
			continue;
		/* an email beside a token that has none is mere text */
		if (!is_email || said.len > 0)
			return psprintf("The %s beside the token is not the one that the token says.",
							each[i]->name);
		if (i == 0)
			return pstrdup("What is claimed is an email, and the token has none.");
	}
	if (fields->counted.utf8.len == 0 && fields->other.utf8.len > 0)
		return psprintf("The app's policy counts the %s, and beside the token there is only an %s.",
						fields->counted.name, fields->other.name);
	return NULL;
}

/* What is wrong with when the token counts? */
static void
find_time(IdvTokenFinding *found, const IdvToken *token, const IdvAppRow *app)
{
	const IdvTokenTimes *times = &token->times;
	IdvTokenTime when = idv_token_when(token, GetCurrentTimestamp(), app->token_lifetime);

	switch (when)
	{
		case IDV_TOKEN_NOW:
			return;
		case IDV_TOKEN_WITHOUT_EXP:
			found->finding = IDV_FOUND_TOKEN_WITHOUT_EXP;
			found->detail = pstrdup("The token has no exp, so it would never end.");
			found->verdict = IDV_MALFORMED;
			return;
		case IDV_TOKEN_TOO_LONG_LIVED:
			found->finding = IDV_FOUND_TOKEN_TOO_LONG_LIVED;
			found->detail = psprintf("The token ends at %s, and a token of this app may end " INT64_FORMAT " seconds from now at the latest.",
									 time_in_words(times->exp), app->token_lifetime / USECS_PER_SEC);
			found->verdict = IDV_MALFORMED;
			break;
		case IDV_TOKEN_OVER:
			found->finding = IDV_FOUND_TOKEN_OUTDATED;
			found->detail = psprintf("The token ended at %s.", time_in_words(times->exp));
			found->verdict = IDV_OUTDATED;
			return;
		case IDV_TOKEN_NOT_YET:
			found->finding = IDV_FOUND_TOKEN_NOT_YET;
			found->detail = psprintf("The token counts from %s on.",
									 time_in_words(times->has_nbf && (!times->has_iat || times->nbf > times->iat) ?
												   times->nbf : times->iat));
			found->verdict = IDV_OUTDATED;
			break;
	}
	if (has_milliseconds(times))
	{
		found->finding = IDV_FOUND_TOKEN_MILLISECONDS;
		found->detail = pstrdup("A time in the token is thousands of years from now: it is in milliseconds.");
	}
}

/*
 * idv_token_finding
 *		Why does a token not count, though a secret of the app signed it?
 *
 * fields		what is claimed beside it
 *
 * The first that applies, in the order of IdvFinding.
 */
IdvTokenFinding
idv_token_finding(const IdvJws *jws, const IdvAppRow *app, const IdvClaimFields *fields)
{
	IdvTokenFinding found = {.finding = IDV_FOUND_NOTHING,.verdict = IDV_MALFORMED};
	IdvToken	token;
	IdvText		none = {NULL, 0};
	IdvText		identity;

	switch (idv_token_read(&token, jws))
	{
		case IDV_TOKEN_RIGHT:
			break;
		case IDV_TOKEN_ALGORITHM:
			found.finding = IDV_FOUND_TOKEN_ALGORITHM;
			found.detail = pstrdup("The header of the token names another algorithm than HS256.");
			return found;
		case IDV_TOKEN_MALFORMED:
			found.finding = IDV_FOUND_TOKEN_MALFORMED;
			found.detail = pstrdup("The header or the payload of the token is not what a token may have.");
			return found;
		case IDV_TOKEN_NOBODY:
			found.finding = IDV_FOUND_TOKEN_WITHOUT_SUBJECT;
			found.detail = pstrdup("The token names nobody.");
			return found;
	}

	found.verdict = IDV_MISMATCH;
	found.detail = other_subject(&token, fields);
	if (found.detail != NULL)
	{
		found.finding = IDV_FOUND_TOKEN_OTHER_SUBJECT;
		return found;
	}
	identity = idv_signed_value(app->signed_field, token.id,
								token.email_signed ? token.email : none);
	if (identity.len == 0)
	{
		found.finding = IDV_FOUND_TOKEN_WITHOUT_SUBJECT;
		found.detail = psprintf("The app's policy counts the %s, and the token has none that counts as signed.",
								app->signed_field == IDV_SIGNED_EXTERNAL_ID ? "external_id" : "email");
		return found;
	}

	found.bad_identity = idv_identity_is_bad(identity.bytes, identity.len);
	found.verdict = found.bad_identity ? IDV_BAD_IDENTITY : IDV_VERIFIED;
	find_time(&found, &token, app);
	return found;
}
