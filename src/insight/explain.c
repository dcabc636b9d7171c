/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  By which mistakes was a claim made that does not verify?
 *
 * Which secret it was, and which mistakes, is searched by secret_search.c; here is
 * decided what is searched, what it is worth, and what is said.
 *
 * An answer says which mistake a hash was made by, and that is more than a
 * verdict: so it is for administrators.  It quotes neither a hash nor a secret.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/explain.h"

#include <openssl/crypto.h>

#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "core/bad_identity.h"
#include "core/hex.h"
#include "core/hmac.h"
#include "insight/claim_forms.h"
#include "insight/explain_text.h"
#include "insight/secret_search.h"
#include "insight/token_flaw.h"

/* Bytes that are read of what was presented, at most. */
#define PRESENTED_MAX	(64 * 1024)

/* Begin a list of what was found, or add to it. */
static List *
tell(List *found, IdvFinding finding, const char *detail, const char *hint)
{
	IdvExplained *explained = palloc(sizeof(IdvExplained));

	explained->finding = finding;
	explained->detail = detail;
	explained->hint = hint != NULL ? hint : idv_explain_hint(finding);
	return lappend(found, explained);
}

/* Add what says itself all that there is to say. */
static List *
tell_plainly(List *found, IdvFinding finding, const IdvClaimFields *fields)
{
	IdvMistake	mistake = {finding, NULL};

	return tell(found, finding, idv_explain_detail(mistake, fields->counted.name, fields), NULL);
}

/* Has the app a secret of that kind, if it has ended? */
static bool
has_kind(const IdvInquiry *inquiry, IdvSignature kind)
{
	for (int i = 0; i < inquiry->ncandidates; i++)
		if (inquiry->candidates[i].row->signs == kind)
			return true;
	return false;
}

/* Was what was presented made with a secret of the app that signs the other kind? */
static bool
is_of_other_kind(const IdvInquiry *inquiry)
{
	return inquiry->secret != NULL && inquiry->secret->row->signs != inquiry->kind;
}

/* Is the value that counts one that careless code signs for everybody? */
static bool
is_bad(const IdvInquiry *inquiry)
{
	IdvText		counted = inquiry->fields.counted.utf8;

	return counted.len > 0 && idv_identity_is_bad(counted.bytes, counted.len);
}

/* Was what was presented 64 hex digits, as it stands? */
static bool
is_hash(const IdvInquiry *inquiry)
{
	const IdvReading *presented = &inquiry->readings->readings[0];

	return inquiry->readings->n > 0 && presented->is_hex &&
		presented->len == 2 * IDV_HMAC_LEN;
}

/*
 * The verdict on a claim of which the mistakes are known.
 *
 * idv_verdict() would raise the error of a secret that does not open.  But which
 * secret it was is known here, and it was another one.
 */
static IdvVerdict
verdict_of_found(const IdvInquiry *inquiry)
{
	if (!is_hash(inquiry) ||
		inquiry->fields.counted.unreadable || inquiry->fields.other.unreadable)
		return IDV_MALFORMED;
	if (is_bad(inquiry))
		return IDV_BAD_IDENTITY;
	if (inquiry->guess.nmistakes > 0 || inquiry->secret == NULL ||
		is_of_other_kind(inquiry))
		return IDV_MISMATCH;
	return inquiry->secret->live ? IDV_VERIFIED : IDV_EXPIRED;
}

/* By finding: the most specific one first. */
static int
compare_explained(const ListCell *a, const ListCell *b)
{
	const IdvExplained *left = lfirst(a);
	const IdvExplained *right = lfirst(b);

	return (int) left->finding - (int) right->finding;
}

/* Tell what was found. */
static List *
tell_found(const IdvInquiry *inquiry, const IdvTokenFinding *token)
{
	const IdvGuess *guess = &inquiry->guess;
	const char *field = guess->other_field ?
	inquiry->fields.other.name : inquiry->fields.counted.name;
	const IdvCandidate *secret = inquiry->secret;
	List	   *found = NIL;
	IdvExplained *first;

	for (int i = 0; i < guess->nmistakes; i++)
		found = tell(found, guess->mistakes[i].finding,
					 idv_explain_detail(guess->mistakes[i], field, &inquiry->fields),
					 inquiry->kind == IDV_SIGNS_TOKEN &&
					 guess->mistakes[i].finding == IDV_FOUND_HASH_TRUNCATED ?
					 "Send the token to its end: look for a column, a variable or a cookie that is too short." : NULL);
	if (inquiry->other_app != NULL)
		found = tell(found, IDV_FOUND_SECRET_OF_OTHER_APP,
					 psprintf("It was made with %s, of app \"%s\".",
							  idv_secret_in_words(inquiry->other_secret),
							  idv_text_shown(inquiry->other_app->app_key, IDV_APP_KEY_MAX)), NULL);
	if (is_of_other_kind(inquiry))
		found = inquiry->kind == IDV_SIGNS_TOKEN ?
			tell(found, IDV_FOUND_TOKEN_WHERE_HASH,
				 "What was presented is a token, and the secret that signed it signs hashes.", NULL) :
			tell(found, IDV_FOUND_HASH_WHERE_TOKEN,
				 "What was presented is a hash, and the secret that made it signs tokens.", NULL);
	if (secret != NULL && !secret->live)
		found = tell(found, IDV_FOUND_EXPIRED,
					 psprintf("It was made with %s.", idv_secret_in_words(secret->row)), NULL);
	if (token != NULL && token->finding != IDV_FOUND_NOTHING)
		found = tell(found, token->finding, token->detail, NULL);
	if (token != NULL && token->bad_identity)
		found = tell(found, IDV_FOUND_BAD_IDENTITY,
					 "The token is for nobody in particular: careless code signs this for every visitor.", NULL);
	else if (is_bad(inquiry))
		found = tell_plainly(found, IDV_FOUND_BAD_IDENTITY, &inquiry->fields);
	if (found == NIL)
		return tell(NIL, IDV_FOUND_VERIFIED,
					psprintf("It was made with %s.", idv_secret_in_words(secret->row)), NULL);

	list_sort(found, compare_explained);
	first = linitial(found);
	if (secret != NULL && secret->live && first->finding != IDV_FOUND_BAD_IDENTITY)
		first->detail = psprintf("%s Found with %s.", first->detail, idv_secret_in_words(secret->row));
	return found;
}

/* Has what was presented, read in any way, as many digits as are looked at? */
static bool
has_digits(const IdvReadings *readings)
{
	for (size_t i = 0; i < readings->n; i++)
		if (readings->readings[i].is_hex && readings->readings[i].len >= IDV_DIGITS_MIN)
			return true;
	return false;
}

/* Say of a field that it could not be read. */
static void
append_unreadable(StringInfo detail, const IdvClaimField *field)
{
	if (field->unreadable)
		appendStringInfo(detail, "The %s has more than %d bytes, or no equivalent in UTF-8. ",
						 field->name, IDV_IDENTITY_MAX);
}

/* Tell that no token agrees with a field which could not be read. */
static List *
tell_unreadable(const IdvInquiry *inquiry)
{
	StringInfoData detail;

	initStringInfo(&detail);
	append_unreadable(&detail, &inquiry->fields.counted);
	append_unreadable(&detail, &inquiry->fields.other);
	appendStringInfoString(&detail, "So the token was not looked at.");
	return tell(NIL, IDV_FOUND_UNEXPLAINED, detail.data,
				"Send the id and the email that the token says beside it, or the token alone.");
}

/* Tell that nothing was found, and all that is known besides. */
static List *
tell_unexplained(const IdvInquiry *inquiry, IdvText app_key)
{
	const IdvClaimField *counted = &inquiry->fields.counted;
	bool		digits = has_digits(inquiry->readings);
	char	   *shown = quote_literal_cstr(idv_text_shown(app_key, IDV_APP_KEY_MAX));
	StringInfoData detail;

	initStringInfo(&detail);
	append_unreadable(&detail, counted);
	append_unreadable(&detail, &inquiry->fields.other);
	if (inquiry->kind == IDV_SIGNS_HASH && !counted->unreadable && counted->utf8.len == 0)
		appendStringInfo(&detail, "The app's policy counts the %s, and the claim has none. ",
						 counted->name);
	if (inquiry->kind == IDV_SIGNS_HASH && inquiry->readings->n == 0)
		appendStringInfoString(&detail, "What was presented as user_hash is too long, or not text in UTF-8. ");
	else if (inquiry->kind == IDV_SIGNS_HASH && !digits)
		appendStringInfo(&detail, "What was presented as user_hash has no %d hex digits, however it is read. ",
						 IDV_DIGITS_MIN);
	if (inquiry->kind == IDV_SIGNS_TOKEN && inquiry->jws->signature_len != IDV_HMAC_LEN)
		appendStringInfo(&detail, "Its signature has %zu bytes, and one by HS256 has %d. ",
						 inquiry->jws->signature_len, IDV_HMAC_LEN);
	appendStringInfoString(&detail, inquiry->kind == IDV_SIGNS_TOKEN ?
						   "No secret that is known has signed this token, by any mistake that is known." :
						   "No mistake that is known makes this user_hash from this claim.");
	for (int i = 0; i < inquiry->ncandidates; i++)
	{
		if (inquiry->candidates[i].opening != IDV_OPENED)
			appendStringInfo(&detail, " Not tried, as it could not be opened: %s.",
							 idv_secret_in_words(inquiry->candidates[i].row));
	}
	if (inquiry->stopped)
		appendStringInfo(&detail, " Not all was tried: the search stopped after %d HMACs.",
						 IDV_EXPLAIN_HMACS);
	if (inquiry->kind == IDV_SIGNS_TOKEN)
		return tell(NIL, IDV_FOUND_UNEXPLAINED, detail.data,
					psprintf("Compare the last four characters of the identity secret on your server with those that idverify_mask(%s) shows; sign with the secret as the text that it is, by HS256; and send the token without a change to its end.",
							 shown));
	return tell(NIL, IDV_FOUND_UNEXPLAINED, detail.data, !digits ?
				"What the page sends as user_hash is no HMAC: look at the page's source for a template that was not rendered, a Promise that was not awaited, a variable that is not set." :
				psprintf("Compare the last four characters of the identity secret on your server with those that idverify_mask(%s) shows; then compare the HMAC-SHA256 that your server makes of a fixed value with what idverify_sign(%s, value) makes of the same. If both agree, log the value just before it is signed: it is not what the page sends.",
						 shown, shown));
}

/*
 * Read what was presented: is it a hash, or a token?
 *
 * A token's signature is read as a hash is, of what it signs.
 */
static void
read_presented(IdvInquiry *inquiry, Datum user_hash)
{
	IdvText		presented;

	inquiry->readings->n = 0;
	inquiry->kind = IDV_SIGNS_HASH;
	if (idv_text_utf8(&presented, user_hash, PRESENTED_MAX) != IDV_TEXT_OK)
		return;
	if (!idv_looks_like_token(presented.bytes, presented.len))
	{
		idv_hash_readings(inquiry->readings, presented.bytes, presented.len);
		return;
	}

	inquiry->kind = IDV_SIGNS_TOKEN;
	inquiry->prefixed = idv_token_offset(presented.bytes, presented.len) > 0;
	if (!idv_jws_split(inquiry->jws, presented.bytes, presented.len))
		inquiry->jws = NULL;
	else if (2 * inquiry->jws->signature_len <= IDV_PRESENTED_MAX)
	{
		char		digits[IDV_PRESENTED_MAX];

		idv_hex_encode(digits, inquiry->jws->signature, inquiry->jws->signature_len);
		idv_hash_readings(inquiry->readings, digits, 2 * inquiry->jws->signature_len);
		OPENSSL_cleanse(digits, sizeof(digits));
	}
}

/* What may have been signed, in what was presented. */
static IdvForms *
make_forms(const IdvInquiry *inquiry)
{
	IdvForms   *forms;

	if (inquiry->kind == IDV_SIGNS_HASH)
		return idv_claim_forms(&inquiry->fields);
	forms = palloc(sizeof(IdvForms));
	idv_forms_init(forms);
	idv_forms_add(forms, IDV_FOUND_NOTHING, NULL, inquiry->jws->text, inquiry->jws->signed_len);
	return forms;
}

/*
 * Explain a token.  What is said of its header is told whoever signed it: with
 * another algorithm there is nothing to compare.
 */
static List *
explain_token(IdvInquiry *inquiry, IdvVerdict *verdict, NullableDatum app_key, const IdvClaim *claim)
{
	IdvTokenFinding token = {.finding = IDV_FOUND_TOKEN_MALFORMED,
	.detail = "It begins like a token, but has more than 8,192 bytes, or other than three parts of base64url without padding."};
	const IdvCandidate *secret;
	bool		right;

	if (!has_kind(inquiry, IDV_SIGNS_TOKEN))
	{
		*verdict = idv_verdict(app_key, claim);
		return tell_plainly(NIL, IDV_FOUND_TOKEN_WHERE_HASH, &inquiry->fields);
	}
	if (inquiry->jws == NULL && inquiry->prefixed)
	{
		*verdict = idv_verdict(app_key, claim);
		return tell(NIL, IDV_FOUND_HASH_PREFIXED,
					"It is a token, with blanks, a quote or \"Bearer \" in front of it.",
					"Send the token alone: \"Bearer \" belongs to a header of HTTP.");
	}
	if (inquiry->jws != NULL && (inquiry->fields.counted.unreadable || inquiry->fields.other.unreadable))
	{
		*verdict = idv_verdict(app_key, claim);
		return tell_unreadable(inquiry);
	}
	if (inquiry->jws != NULL)
		token = idv_token_finding(inquiry->jws, &inquiry->app, &inquiry->fields);
	if (inquiry->jws == NULL || token.finding == IDV_FOUND_TOKEN_ALGORITHM)
	{
		*verdict = idv_verdict(app_key, claim);
		return tell(NIL, token.finding, token.detail, NULL);
	}

	idv_search(inquiry);
	secret = inquiry->secret;
	right = secret != NULL && inquiry->guess.nmistakes == 0 && !is_of_other_kind(inquiry);
	if (!idv_search_found(inquiry) || idv_search_shut(inquiry) == NULL)
		*verdict = idv_verdict(app_key, claim);
	else if (!right)
		*verdict = IDV_MISMATCH;
	else if (secret->live)
		*verdict = token.verdict;
	else
		*verdict = token.verdict == IDV_VERIFIED || token.verdict == IDV_OUTDATED ?
			IDV_EXPIRED : token.verdict == IDV_BAD_IDENTITY ? IDV_BAD_IDENTITY : IDV_MISMATCH;
	if (!idv_search_found(inquiry))
		return tell_unexplained(inquiry, idv_text(app_key.value));
	return tell_found(inquiry, right ? &token : NULL);
}

/* Memory context callback: what was presented may be a credential. */
static void
wipe_readings(void *readings)
{
	OPENSSL_cleanse(readings, sizeof(IdvReadings));
}

/* Memory for what was presented, which is wiped whatever happens. */
static IdvReadings *
make_readings(void)
{
	IdvReadings *readings = palloc(sizeof(IdvReadings));
	MemoryContextCallback *wipe = palloc(sizeof(MemoryContextCallback));

	wipe->func = wipe_readings;
	wipe->arg = readings;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, wipe);
	return readings;
}

/* The row of the app of that key, if there is one. */
static bool
read_app(IdvAppRow *app, NullableDatum app_key)
{
	if (app_key.isnull ||
		toast_raw_datum_size(app_key.value) - VARHDRSZ > IDV_APP_KEY_MAX * MAX_MULTIBYTE_CHAR_LEN)
		return false;
	return idv_app_read(app, idv_text(app_key.value));
}

/*
 * idv_explain
 *		Find out what is wrong with a claim made to the app of that key.
 *
 * verdict		output: what the claim is worth
 *
 * Returns a list of IdvExplained, the most specific one first; at least one.
 * Counts for nobody, and writes nothing.  Raises the error of a secret that
 * verifies and does not open (F0000, XX001) only if no other one explains the
 * claim and the verdict depends on it.
 */
List *
idv_explain(IdvVerdict *verdict, NullableDatum app_key, const IdvClaim *claim)
{
	IdvInquiry	inquiry = {.budget = IDV_EXPLAIN_HMACS};
	List	   *rows;

	*verdict = IDV_UNKNOWN_APP;
	if (!read_app(&inquiry.app, app_key))
		return tell(NIL, IDV_FOUND_UNKNOWN_APP, "There is no app of this app_key.", NULL);
	*verdict = IDV_ANONYMOUS;
	inquiry.readings = make_readings();
	inquiry.jws = palloc(sizeof(IdvJws));
	if (!idv_is_absent(claim->user_hash))
		read_presented(&inquiry, claim->user_hash.value);
	if (idv_is_absent(claim->external_id) && idv_is_absent(claim->email) &&
		inquiry.kind == IDV_SIGNS_HASH)
		return tell(NIL, IDV_FOUND_ANONYMOUS, "The claim has neither an external_id nor an email.", NULL);
	*verdict = IDV_NO_SECRET;
	rows = idv_secrets_read(inquiry.app.id);
	if (rows == NIL)
		return tell(NIL, IDV_FOUND_NO_SECRET, "The app has no secret that could have made a user_hash.", NULL);
	*verdict = IDV_UNSIGNED;
	if (idv_is_absent(claim->user_hash))
		return tell(NIL, IDV_FOUND_UNSIGNED, "The claim has no user_hash.", NULL);

	inquiry.fields = idv_claim_fields(inquiry.app.signed_field, claim);
	idv_search_candidates(&inquiry, rows);
	if (inquiry.kind == IDV_SIGNS_HASH || inquiry.jws != NULL)
		inquiry.forms = make_forms(&inquiry);
	if (inquiry.kind == IDV_SIGNS_TOKEN)
		return explain_token(&inquiry, verdict, app_key, claim);

	idv_search(&inquiry);
	inquiry.stopped = inquiry.stopped || inquiry.forms->full;

	*verdict = idv_search_found(&inquiry) && idv_search_shut(&inquiry) != NULL ?
		verdict_of_found(&inquiry) : idv_verdict(app_key, claim);
	if (idv_search_found(&inquiry))
		return tell_found(&inquiry, NULL);
	if (!has_kind(&inquiry, IDV_SIGNS_HASH) && is_hash(&inquiry))
		return tell_plainly(NIL, IDV_FOUND_HASH_WHERE_TOKEN, &inquiry.fields);
	if (is_bad(&inquiry))
		return tell_plainly(NIL, IDV_FOUND_BAD_IDENTITY, &inquiry.fields);
	return tell_unexplained(&inquiry, idv_text(app_key.value));
}
