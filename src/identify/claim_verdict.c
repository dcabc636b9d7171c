/*-------------------------------------------------------------------------
 *
 * claim_verdict.c
 *	  What a visitor's claim is worth, field by field.
 *
 *-------------------------------------------------------------------------
 */
#include "identify/claim_verdict.h"

#include "utils/jsonb.h"

#include "core/bad_identity.h"
#include "secrets/app_cache.h"
#include "server/sqlfunc.h"
#include "verdict/claim_count.h"

/* Put text of a token, where it has any, in the place of what was claimed. */
static void
take_text(NullableDatum *field, IdvText utf8)
{
	text	   *said;

	if (utf8.len == 0)
		return;
	said = idv_text_from_utf8(utf8.bytes, utf8.len);
	/* All that the token says has been converted before. */
	Assert(said != NULL);
	field->value = PointerGetDatum(said);
	field->isnull = false;
}

/* Is this a field that can be what somebody is known by? */
static bool
is_good(NullableDatum field)
{
	IdvText		utf8;

	return !idv_is_absent(field) &&
		idv_text_utf8(&utf8, field.value, IDV_IDENTITY_MAX) == IDV_TEXT_OK &&
		!idv_identity_is_bad(utf8.bytes, utf8.len);
}

/*
 * Take over what a token says, which the app has signed.
 *
 * Returns whether a shop is in it.
 */
static bool
take_token(IdvIdentification *call, const IdvToken *token)
{
	NullableDatum *field = call->sent.field;
	NullableDatum *shop = &field[IDV_CONTACT_SHOP];
	NullableDatum beside = *shop;
	bool		has_shop;

	shop->isnull = true;
	idv_claim_add_token(&call->sent, DatumGetJsonbP(idv_token_jsonb(token)));
	take_text(&field[IDV_CONTACT_EXTERNAL_ID], token->id);
	take_text(&field[IDV_CONTACT_EMAIL], token->email);
	has_shop = !shop->isnull;
	if (!has_shop)
		*shop = beside;
	return has_shop;
}

/*
 * idv_claim_judge
 *		Judge a claim: its identity, and what else is signed beside it.
 *
 * A token that the app has signed is the claim, also where it is over: the fields
 * are those of the token then.
 *
 * call		in: the claim, as it was sent; out: the app, the verdict, what is signed
 *			besides, and the fields
 *
 * 42704 for an unknown app.
 */
void
idv_claim_judge(IdvIdentification *call, NullableDatum app_key)
{
	const NullableDatum *field = call->sent.field;
	IdvClaim	claim = {field[IDV_CONTACT_EXTERNAL_ID], field[IDV_CONTACT_EMAIL],
	field[IDV_FIELD_USER_HASH], true};
	IdvToken	token;
	bool		has_shop = false;
	const IdvApp *app = idv_app_get(call->app_key);
	int32		generation;

	if (!idv_app_is_known(app))
		idv_report_unknown_app(call->app_key);
	call->app = *idv_app_row(app);

	call->verdict = idv_judge(app, &claim, &generation, &token);
	if (token.payload.len > 0)
	{
		has_shop = take_token(call, &token);
		claim.external_id = field[IDV_CONTACT_EXTERNAL_ID];
		claim.email = field[IDV_CONTACT_EMAIL];
	}
	idv_count_claim(&call->app, IDV_WAY_IDENTIFY, call->verdict, generation, &claim);
	call->by_email = call->app.signed_field == IDV_SIGNED_EMAIL ||
		(call->app.signed_field == IDV_SIGNED_EITHER &&
		 (field[IDV_CONTACT_EXTERNAL_ID].isnull ||
		  idv_text(field[IDV_CONTACT_EXTERNAL_ID].value).len == 0));
	call->email_signed = call->verdict == IDV_VERIFIED &&
		(call->by_email ||
		 (token.payload.len > 0 && token.email_signed && is_good(field[IDV_CONTACT_EMAIL])) ||
		 idv_check_identity(app_key, field[IDV_CONTACT_EMAIL], field[IDV_FIELD_EMAIL_HASH]));
	call->shop_verified =
		(has_shop && call->verdict == IDV_VERIFIED && is_good(field[IDV_CONTACT_SHOP])) ||
		idv_check_identity(app_key, field[IDV_CONTACT_SHOP], field[IDV_FIELD_SHOP_HASH]);
}
