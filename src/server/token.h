/*-------------------------------------------------------------------------
 *
 * token.h
 *	  What a token says (RFC 7519).
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TOKEN_H
#define IDV_TOKEN_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "core/jws.h"
#include "core/token_time.h"
#include "server/text.h"

/* A token's header and payload: all text is UTF-8. */
typedef struct IdvToken
{
	IdvText		id;				/* who it is for; no length if it has none */
	IdvText		email;			/* no length if it has none */
	bool		email_signed;	/* is that one signed, or mere text? */
	IdvTokenTimes times;
	IdvText		payload;		/* JSON: see idv_strict_json_read() */
} IdvToken;

/* What is wrong with a token: the first that applies. */
typedef enum IdvTokenFlaw
{
	IDV_TOKEN_RIGHT,
	IDV_TOKEN_ALGORITHM,		/* its header names another than HS256 */
	IDV_TOKEN_MALFORMED,		/* its header or payload is none */
	IDV_TOKEN_NOBODY			/* it names nobody */
} IdvTokenFlaw;

extern IdvTokenFlaw idv_token_read(IdvToken *token, const IdvJws *jws);
extern IdvTokenFlaw idv_token_read_payload(IdvToken *token, const uint8 *payload,
										   size_t len);
extern IdvTokenTime idv_token_when(const IdvToken *token, TimestampTz now,
								   int64 lifetime);
extern Datum idv_token_jsonb(const IdvToken *token);

#endif							/* IDV_TOKEN_H */
