/*-------------------------------------------------------------------------
 *
 * profile.c
 *	  What a claim makes of a contact.
 *
 * Nothing here reads or writes a row: a contact is changed in memory, and the
 * caller is told whether anything is different now.
 *
 *-------------------------------------------------------------------------
 */
#include "identify/profile.h"

#include "core/hash_readings.h"
#include "server/json_merge.h"

/*
 * idv_blank_contact
 *		Start a new contact: nobody in particular, seen now.
 */
void
idv_blank_contact(IdvContactRow *contact, TimestampTz now)
{
	memset(contact, 0, sizeof(*contact));
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
		contact->column[i].isnull = idv_contact_columns[i].nullable;
	idv_contact_set(contact, IDV_CONTACT_CUSTOM_DATA,
					JsonbPGetDatum(idv_json_empty_object()));
	idv_contact_set(contact, IDV_CONTACT_CREATED_AT, TimestampTzGetDatum(now));
	idv_contact_set(contact, IDV_CONTACT_UPDATED_AT, TimestampTzGetDatum(now));
	idv_contact_set(contact, IDV_CONTACT_LAST_SEEN_AT, TimestampTzGetDatum(now));
}

/*
 * Let a column of a contact have a value.  Returns whether it changed.
 *
 * What is blank never wipes what is there.
 */
static bool
set_column(IdvContactRow *contact, IdvContactColumn column, NullableDatum value)
{
	if (idv_field_is_same(contact->column[column], value) || idv_field_is_blank(value))
		return false;
	contact->column[column] = value;
	return true;
}

/*
 * Merge what was claimed as custom_data into the contact's.
 *
 * The limit is for the whole, or it would grow for ever, bit by bit.  Somebody
 * may have made it larger than that by hand: then it may still shrink.
 */
static bool
merge_custom_data(IdvContactRow *contact, Jsonb *sent)
{
	Jsonb	   *before;
	Jsonb	   *merged;

	if (sent == NULL)
		return false;

	before = DatumGetJsonbP(contact->column[IDV_CONTACT_CUSTOM_DATA].value);
	merged = idv_json_merge_patch(before, sent);
	if (compareJsonbContainers(&merged->root, &before->root) == 0)
		return false;
	if (idv_json_outgrows(&merged->root, &before->root, IDV_CUSTOM_DATA_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("field \"custom_data\" of the contact would become too large"),
				 errdetail("It may have at most %d bytes, together with what is there already.",
						   IDV_CUSTOM_DATA_MAX),
				 errhint("A member is removed by claiming it as null.")));
	idv_contact_set(contact, IDV_CONTACT_CUSTOM_DATA, JsonbPGetDatum(merged));
	return true;
}

/*
 * Write the claim's profile into a contact.  Returns whether it changed.
 *
 * Identity is not profile: that is for the callers.
 */
static bool
set_profile(IdvContactRow *contact, const IdvIdentification *call)
{
	bool		changed = false;

	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
		if (idv_contact_columns[i].writer == IDV_WRITTEN_BY_PROFILE)
			changed |= set_column(contact, i, call->sent.field[i]);
	if (call->shop_verified)
		changed |= set_column(contact, IDV_CONTACT_SHOP,
							  call->sent.field[IDV_CONTACT_SHOP]);
	changed |= merge_custom_data(contact, call->sent.custom_data);
	return changed;
}

/*
 * idv_set_verified_claim
 *		Write a verified claim into the contact of its identity.  Returns
 *		whether it changed.
 *
 * An email that is not signed is profile text: it never replaces one that is.
 */
bool
idv_set_verified_claim(IdvContactRow *contact, const IdvIdentification *call)
{
	NullableDatum email = call->sent.field[IDV_CONTACT_EMAIL];
	bool		was_signed = idv_contact_email_is_verified(contact);
	bool		changed = false;

	if (call->email_signed)
	{
		changed |= set_column(contact, IDV_CONTACT_EMAIL, email);
		changed |= !was_signed;
		idv_contact_set(contact, IDV_CONTACT_EMAIL_VERIFIED, BoolGetDatum(true));
	}
	else if (!was_signed)
		changed |= set_column(contact, IDV_CONTACT_EMAIL, email);

	return set_profile(contact, call) || changed;
}

/* Write a member of an object, a string. */
static void
push_text(JsonbParseState **state, const char *name, IdvText text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, name);
	value.val.string.len = (int) strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &value);
	value.val.string.val = unconstify(char *, text.bytes);
	value.val.string.len = (int) text.len;

	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

/*
 * Is this a token, in the place of an id?  Whoever reads it could present it, and it
 * names nobody.
 */
static bool
is_token(NullableDatum field)
{
	IdvText text;

	if (field.isnull)
		return false;
	text = idv_text(field.value);

	return idv_looks_like_token(text.bytes, text.len);
}

/*
 * What support is told about a claim that did not verify.
 *
 * Never a hash: it may be a right one, of something else.
 */
static Jsonb *
describe_claim(const IdvIdentification *call)
{
	JsonbParseState *state = NULL;
	const char *verdict = idv_verdict_labels[call->verdict];
	IdvText text = {verdict, strlen(verdict)};
	IdvText		hidden = {"***", 3};

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "verdict", text);
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
		if (idv_contact_columns[i].writer == IDV_WRITTEN_BY_IDENTITY &&
			!call->sent.field[i].isnull)
			push_text(&state, idv_contact_columns[i].name,
					  is_token(call->sent.field[i]) ? hidden :
					  idv_text(call->sent.field[i].value));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * idv_set_visitor_claim
 *		Write a claim that is not verified, or none, into the visitor's own
 *		contact.  Returns whether it changed.
 */
bool
idv_set_visitor_claim(IdvContactRow *contact, const IdvIdentification *call)
{
	bool		anonymous = call->verdict == IDV_ANONYMOUS;
	bool		accepted = idv_policy(&call->app, call->verdict) == IDV_POLICY_ACCEPT;
	bool		changed = false;

	if (accepted && !anonymous)
		for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
			if (idv_contact_columns[i].writer == IDV_WRITTEN_BY_IDENTITY &&
				!is_token(call->sent.field[i]))
				changed |= set_column(contact, i, call->sent.field[i]);
	if (accepted || anonymous)
		changed |= set_profile(contact, call);

	if (!anonymous)
	{
		Jsonb	   *description = describe_claim(call);

		NullableDatum before = contact->column[IDV_CONTACT_LAST_CLAIM];

		if (before.isnull ||
			compareJsonbContainers(&DatumGetJsonbP(before.value)->root,
								   &description->root) != 0)
		{
			idv_contact_set(contact, IDV_CONTACT_LAST_CLAIM,
							JsonbPGetDatum(description));
			changed = true;
		}
	}
	return changed;
}
