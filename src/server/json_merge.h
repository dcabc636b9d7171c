/*-------------------------------------------------------------------------
 *
 * json_merge.h
 *	  JSON objects, merged member by member.
 *
 * What is returned is in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JSON_MERGE_H
#define IDV_JSON_MERGE_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "server/text.h"

extern Jsonb *idv_json_empty_object(void);
extern size_t idv_json_size(JsonbContainer *json, size_t most);
extern bool idv_json_outgrows(JsonbContainer *after, JsonbContainer *before,
							  size_t most);
extern Jsonb *idv_json_merge_patch(Jsonb *target, Jsonb *patch);
extern bool idv_json_is_blank(Jsonb *json);
extern bool idv_json_text_is_blank(IdvText json);
extern Jsonb *idv_json_fill(Jsonb *target, Jsonb *source);
extern Jsonb *idv_json_unfill(Jsonb *current, Jsonb *before, Jsonb *after);

#endif							/* IDV_JSON_MERGE_H */
