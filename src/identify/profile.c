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

/*
 * idv_blank_contact
 *		Start a new contact: nobody in particular, seen now.
 */
void
idv_blank_contact(IdvContact *contact, TimestampTz now)
{
	memset(contact, 0, sizeof(*contact));
	for (int i = 0; i < IDV_COLUMNS; i++)
		contact->column[i].isnull = true;
	contact->verified_at.isnull = true;
	contact->visitor.isnull = true;
	contact->custom_data = idv_empty_object();
	contact->created_at = now;
	contact->last_seen_at = now;
}

/* Are both the same text? */
static bool
same_text(NullableDatum a, NullableDatum b)
{
	IdvText		left;
	IdvText		right;

	if (a.isnull || b.isnull)
		return a.isnull && b.isnull;
	left = idv_text(a.value);
	right = idv_text(b.value);
	return left.len == right.len &&
		memcmp(left.bytes, right.bytes, left.len) == 0;
}

/*
 * Let a column of a contact have a value.  Returns whether it changed.
 *
 * What is blank never wipes what is there.
 */
static bool
set_column(IdvContact *contact, IdvField column, NullableDatum value)
{
	if (same_text(contact->column[column], value) || idv_field_is_blank(value))
		return false;
	contact->column[column] = value;
	return true;
}

/*
 * Merge what was claimed as custom_data into the contact's.
 *
 * The limit is for the whole, or it would grow for ever, bit by bit.  A fold
 * may have made it larger than that: then it may still shrink.
 */
static bool
merge_custom_data(IdvContact *contact, Jsonb *claimed)
{
	Jsonb	   *merged;

	if (claimed == NULL)
		return false;

	merged = idv_merge_patch(contact->custom_data, claimed);
	if (compareJsonbContainers(&merged->root, &contact->custom_data->root) == 0)
		return false;
	if (VARSIZE(merged) > IDV_CUSTOM_DATA_MAX &&
		VARSIZE(merged) > VARSIZE(contact->custom_data))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("field \"custom_data\" of the contact would become too large"),
				 errdetail("It may have at most %d bytes, together with what is there already.",
						   IDV_CUSTOM_DATA_MAX),
				 errhint("A member is removed by claiming it as null.")));
	contact->custom_data = merged;
	return true;
}

/*
 * Write the claim's profile into a contact.  Returns whether it changed.
 *
 * Identity is not profile: that is for the callers.
 */
static bool
set_profile(IdvContact *contact, const IdvIdentification *call)
{
	bool		changed = false;

	for (int i = IDV_NAME; i <= IDV_AVATAR_URL; i++)
		changed |= set_column(contact, i, call->claimed.field[i]);
	if (call->shop_verified)
		changed |= set_column(contact, IDV_SHOP, call->claimed.field[IDV_SHOP]);
	changed |= merge_custom_data(contact, call->claimed.custom_data);
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
idv_set_verified_claim(IdvContact *contact, const IdvIdentification *call)
{
	NullableDatum email = call->claimed.field[IDV_EMAIL];
	bool		changed = false;

	if (call->email_signed)
	{
		changed |= set_column(contact, IDV_EMAIL, email);
		changed |= !contact->email_verified;
		contact->email_verified = true;
	}
	else if (!contact->email_verified)
		changed |= set_column(contact, IDV_EMAIL, email);

	return set_profile(contact, call) || changed;
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
	JsonbValue	name;
	JsonbValue	value;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = -1; i <= IDV_EMAIL; i++)
	{
		const char *key = i < 0 ? "verdict" : idv_field_names[i];
		IdvText		utf8;

		if (i < 0)
		{
			utf8.bytes = idv_verdict_labels[call->verdict];
			utf8.len = strlen(utf8.bytes);
		}
		else if (call->claimed.field[i].isnull)
			continue;
		else
			utf8 = idv_text(call->claimed.field[i].value);

		name.type = value.type = jbvString;
		name.val.string.val = unconstify(char *, key);
		name.val.string.len = (int) strlen(key);
		value.val.string.val = unconstify(char *, utf8.bytes);
		value.val.string.len = (int) utf8.len;
		(void) pushJsonbValue(&state, WJB_KEY, &name);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * idv_set_visitor_claim
 *		Write a claim that is not verified, or none, into the visitor's own
 *		contact.  Returns whether it changed.
 */
bool
idv_set_visitor_claim(IdvContact *contact, const IdvIdentification *call)
{
	bool		anonymous = call->verdict == IDV_ANONYMOUS;
	bool		accepted = call->app.on_unverified == IDV_POLICY_ACCEPT;
	bool		changed = false;

	if (accepted && !anonymous)
		for (int i = IDV_EXTERNAL_ID; i <= IDV_EMAIL; i++)
			changed |= set_column(contact, i, call->claimed.field[i]);
	if (accepted || anonymous)
		changed |= set_profile(contact, call);

	if (!anonymous)
	{
		Jsonb	   *description = describe_claim(call);

		if (contact->last_claim == NULL ||
			compareJsonbContainers(&contact->last_claim->root,
								   &description->root) != 0)
		{
			contact->last_claim = description;
			changed = true;
		}
	}
	return changed;
}
