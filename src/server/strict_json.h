/*-------------------------------------------------------------------------
 *
 * strict_json.h
 *	  Read a JSON object that has one meaning only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_STRICT_JSON_H
#define IDV_STRICT_JSON_H

#include "postgres.h"

#include "common/jsonapi.h"

#include "server/text.h"

/* A value. */
typedef struct IdvJsonValue
{
	JsonTokenType kind;			/* of objects and arrays, what begins them */
	IdvText text;				/* of a string, in UTF-8; else the token */
	double		number;			/* of numbers alone */
} IdvJsonValue;

/* Called for each member of the object itself, before its value is parsed. */
typedef void (*IdvJsonMember) (void *state, IdvText name,
							   const IdvJsonValue *value);

extern bool idv_strict_json_read(IdvText *text, const uint8 *utf8, size_t len,
								 IdvJsonMember member, void *state);

#endif							/* IDV_STRICT_JSON_H */
