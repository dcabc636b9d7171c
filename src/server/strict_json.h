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

/*
 * Called for each member of the object itself.
 *
 * name, value	in UTF-8; value is that of a string, the digits of a number, and
 *				NULL for an object or array
 * kind			JSON_TOKEN_OBJECT_START and JSON_TOKEN_ARRAY_START stand for these
 */
typedef void (*IdvJsonMember) (void *state, const char *name,
							   const char *value, JsonTokenType kind);

extern bool idv_strict_json_read(IdvText *text, const uint8 *utf8, size_t len,
								 IdvJsonMember member, void *state);

#endif							/* IDV_STRICT_JSON_H */
