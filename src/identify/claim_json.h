/*-------------------------------------------------------------------------
 *
 * claim_json.h
 *	  What a widget sent: a claim of identity, and a profile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CLAIM_JSON_H
#define IDV_CLAIM_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"

#define IDV_FIELD_MAX		1024	/* bytes in the longest text field */
#define IDV_CUSTOM_DATA_MAX	(64 * 1024) /* bytes of custom_data, as jsonb */

/* The text fields of a claim.  Those up to IDV_SHOP are columns of contacts. */
typedef enum IdvField
{
	IDV_EXTERNAL_ID,
	IDV_EMAIL,
	IDV_NAME,
	IDV_COMPANY,
	IDV_PHONE,
	IDV_AVATAR_URL,
	IDV_SHOP,
	IDV_USER_HASH,
	IDV_EMAIL_HASH,
	IDV_SHOP_HASH
} IdvField;

#define IDV_COLUMNS		(IDV_SHOP + 1)
#define IDV_FIELDS		(IDV_SHOP_HASH + 1)

typedef struct IdvClaimed
{
	NullableDatum field[IDV_FIELDS];	/* text, null if not sent */
	Jsonb	   *custom_data;	/* NULL if not sent */
} IdvClaimed;

extern const char *const idv_field_names[IDV_FIELDS];

extern void idv_claim_read(IdvClaimed *claimed, Jsonb *claim);
extern bool idv_field_is_blank(NullableDatum field);
extern Jsonb *idv_empty_object(void);
extern Jsonb *idv_merge_patch(Jsonb *target, Jsonb *patch);

#endif							/* IDV_CLAIM_JSON_H */
