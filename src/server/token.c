/*-------------------------------------------------------------------------
 *
 * token.c
 *	  What a token says (RFC 7519).
 *
 * Read only once its signature is known to be right: by then it is the word of
 * somebody who has the secret.  It is read strictly all the same.  A token whose
 * signer meant something else than what is understood here is somebody else's
 * key to a contact.
 *
 *-------------------------------------------------------------------------
 */
#include "server/token.h"

#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/bad_identity.h"
#include "server/strict_json.h"

/* Bytes of the longest header that is remembered. */
#define KNOWN_HEADER_MAX	128

/* A header, while it is read. */
typedef struct Header
{
	bool		hs256;
	bool		refused;
} Header;

/* A payload, while it is read. */
typedef struct Payload
{
	IdvToken   *token;
	bool		email_unverified;
	bool		refused;
} Payload;

/* Is a text this one? */
#define IS(text, literal)	((text).len == sizeof(literal) - 1 && \
							 memcmp((text).bytes, literal, sizeof(literal) - 1) == 0)

static void
read_header_member(void *state, IdvText name, const IdvJsonValue *value)
{
	Header	   *header = state;

	if (IS(name, "alg"))
		header->hs256 = value->kind == JSON_TOKEN_STRING && IS(value->text, "HS256");
	else if (IS(name, "typ"))
	{
		if (value->kind != JSON_TOKEN_STRING || value->text.len != strlen("JWT") ||
			pg_strncasecmp(value->text.bytes, "JWT", strlen("JWT")) != 0)
			header->refused = true;
	}
	/* What is critical has to be understood, and none of it is. */
	else if (IS(name, "crit"))
		header->refused = true;
}

/*
 * Read a token's header (RFC 7515, section 4; RFC 8725, section 3.1).
 *
 * A signer writes the same header into all of its tokens, so the last one that
 * was right is remembered.  It says nothing of any visitor.
 */
static IdvTokenFlaw
read_header(const uint8 *json, size_t len)
{
	static uint8 known[KNOWN_HEADER_MAX];
	static size_t known_len = 0;
	Header		header = {.hs256 = false};
	IdvText text;

	if (len == known_len && memcmp(json, known, len) == 0)
		return IDV_TOKEN_RIGHT;
	if (!idv_strict_json_read(&text, json, len, read_header_member, &header))
		return IDV_TOKEN_MALFORMED;
	if (!header.hs256)
		return IDV_TOKEN_ALGORITHM;
	if (header.refused)
		return IDV_TOKEN_MALFORMED;
	if (len <= KNOWN_HEADER_MAX)
	{
		memcpy(known, json, len);
		known_len = len;
	}
	return IDV_TOKEN_RIGHT;
}

/*
 * Read text that may stand there once, or several times the same.  Null and the
 * empty string count as absent.
 */
static void
read_text(Payload *payload, IdvText *text, const IdvJsonValue *value)
{
	JsonTokenType kind = value->kind;
	IdvText		sent = value->text;

	if (kind == JSON_TOKEN_NULL || (kind == JSON_TOKEN_STRING && sent.len == 0))
		return;
	if ((kind != JSON_TOKEN_STRING && kind != JSON_TOKEN_NUMBER) ||
		sent.len > IDV_IDENTITY_MAX ||
		(text->len > 0 && !idv_text_is_same(*text, sent)))
		payload->refused = true;
	*text = sent;
}

/* Read a time, a number of seconds, which may have a fraction. */
static void
read_time(Payload *payload, bool *has, double *seconds,
		  const IdvJsonValue *value)
{
	if (value->kind != JSON_TOKEN_NUMBER)
	{
		payload->refused = true;
		return;
	}
	*has = true;
	*seconds = value->number;
}

/* Is a number an integer, written as one? */
static bool
is_integer(IdvText number)
{
	for (size_t i = 0; i < number.len; i++)
		if (number.bytes[i] != '-' && !(number.bytes[i] >= '0' && number.bytes[i] <= '9'))
			return false;
	return true;
}

/* What a member of a payload is. */
typedef enum Claim
{
	CLAIM_OTHER,
	CLAIM_ID,
	CLAIM_EMAIL,
	CLAIM_EMAIL_VERIFIED,
	CLAIM_EXP,
	CLAIM_NBF,
	CLAIM_IAT
} Claim;

/* Names of one length are told apart by few instructions. */
static Claim
find_claim(IdvText name)
{
	switch (name.len)
	{
		case 2:
			return IS(name, "id") ? CLAIM_ID : CLAIM_OTHER;
		case 3:
			return IS(name, "sub") ? CLAIM_ID :
				IS(name, "exp") ? CLAIM_EXP :
				IS(name, "iat") ? CLAIM_IAT :
				IS(name, "nbf") ? CLAIM_NBF : CLAIM_OTHER;
		case 5:
			return IS(name, "email") ? CLAIM_EMAIL : CLAIM_OTHER;
		case 6:
			return IS(name, "userId") ? CLAIM_ID : CLAIM_OTHER;
		case 7:
			return IS(name, "user_id") ? CLAIM_ID : CLAIM_OTHER;
		case 11:
			return IS(name, "external_id") ? CLAIM_ID : CLAIM_OTHER;
		case 14:
			return IS(name, "email_verified") ? CLAIM_EMAIL_VERIFIED : CLAIM_OTHER;
		default:
			return CLAIM_OTHER;
	}
}

static void
read_payload_member(void *state, IdvText name, const IdvJsonValue *value)
{
	Payload    *payload = state;
	IdvToken   *token = payload->token;
	IdvTokenTimes *times = &token->times;

	switch (find_claim(name))
	{
		case CLAIM_ID:
			read_text(payload, &token->id, value);
			if (value->kind == JSON_TOKEN_NUMBER && !is_integer(value->text))
				payload->refused = true;
			break;
		case CLAIM_EMAIL:
			read_text(payload, &token->email, value);
			if (value->kind == JSON_TOKEN_NUMBER)
				payload->refused = true;
			break;
		case CLAIM_EMAIL_VERIFIED:
			payload->email_unverified = value->kind != JSON_TOKEN_TRUE &&
				(value->kind != JSON_TOKEN_STRING || !IS(value->text, "true"));
			break;
		case CLAIM_EXP:
			read_time(payload, &times->has_exp, &times->exp, value);
			break;
		case CLAIM_NBF:
			read_time(payload, &times->has_nbf, &times->nbf, value);
			break;
		case CLAIM_IAT:
			read_time(payload, &times->has_iat, &times->iat, value);
			break;
		case CLAIM_OTHER:
			break;
	}
}

/*
 * idv_token_read_payload
 *		Read what a token says, of JSON in UTF-8.
 *
 * token is unspecified if there is a flaw.
 */
IdvTokenFlaw
idv_token_read_payload(IdvToken *token, const uint8 *payload, size_t len)
{
	Payload		reading = {.token = token};

	memset(token, 0, sizeof(*token));
	if (!idv_strict_json_read(&token->payload, payload, len,
							  read_payload_member, &reading) ||
		reading.refused)
		return IDV_TOKEN_MALFORMED;
	token->email_signed = token->email.len > 0 && !reading.email_unverified;
	return token->id.len > 0 || token->email_signed ?
		IDV_TOKEN_RIGHT : IDV_TOKEN_NOBODY;
}

/*
 * idv_token_read
 *		Read what a token says.
 *
 * token is unspecified if there is a flaw.
 */
IdvTokenFlaw
idv_token_read(IdvToken *token, const IdvJws *jws)
{
	IdvTokenFlaw flaw = read_header(jws->header, jws->header_len);

	if (flaw == IDV_TOKEN_RIGHT)
		flaw = idv_token_read_payload(token, jws->payload, jws->payload_len);
	return flaw;
}

/*
 * idv_token_when
 *		Does a token count at this time?
 *
 * lifetime		the most microseconds from now that it may; 0: for ever
 */
IdvTokenTime
idv_token_when(const IdvToken *token, TimestampTz now, int64 lifetime)
{
	double		since_1970 = (double) now / USECS_PER_SEC +
	(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (double) SECS_PER_DAY;
	double		longest = (double) lifetime / USECS_PER_SEC;

	return idv_token_time(&token->times, since_1970,
						  lifetime == 0 ? NULL : &longest);
}

/*
 * idv_token_jsonb
 *		What a token says, as jsonb.
 *
 * 22P05 if the server encoding lacks one of its characters.
 */
Datum
idv_token_jsonb(const IdvToken *token)
{
	char	   *json = pg_any_to_server(token->payload.bytes,
										(int) token->payload.len, PG_UTF8);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}
