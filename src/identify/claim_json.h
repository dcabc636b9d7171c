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

#include "tables/contact_columns.h"

#define IDV_FIELD_MAX		1024	/* bytes in the longest text field */

/*
 * The text fields of a claim: the columns of a contact that a claim may write,
 * by their IdvContactColumn, and the signatures.
 */
enum IdvClaimField
{
	IDV_FIELD_USER_HASH = IDV_CONTACT_COLUMNS,
	IDV_FIELD_EMAIL_HASH,
	IDV_FIELD_SHOP_HASH,
	IDV_CLAIM_FIELDS
};

/* A claim as it was sent. */
typedef struct IdvClaimJson
{
	NullableDatum field[IDV_CLAIM_FIELDS];	/* text, null if not sent */
	Jsonb	   *custom_data;	/* NULL if not sent */
} IdvClaimJson;

extern void idv_claim_read(IdvClaimJson *sent, Jsonb *claim);
extern void idv_claim_add_token(IdvClaimJson *sent, Jsonb *token);
extern bool idv_field_is_same(NullableDatum a, NullableDatum b);
extern bool idv_field_is_blank(NullableDatum field);

#endif							/* IDV_CLAIM_JSON_H */
