/*-------------------------------------------------------------------------
 *
 * claim_json.c
 *	  What a widget sent: a claim of identity, and a profile.
 *
 * Nothing here is trusted.  Reading a claim costs no more than its own size,
 * fields that nobody asked for are left unread, and no message quotes a value.
 *
 *-------------------------------------------------------------------------
 */
#include "identify/claim_json.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "server/text.h"

/* Other spellings that widgets use, in the order in which they are tried. */
#define SPELLINGS	3

static const char *const spellings[IDV_CLAIM_FIELDS][SPELLINGS] = {
	[IDV_CONTACT_EXTERNAL_ID] = {"externalId", "userId", "user_id"},
	[IDV_CONTACT_EMAIL] = {"userEmail", "user_email"},
	[IDV_CONTACT_NAME] = {"userName", "user_name"},
	[IDV_CONTACT_AVATAR_URL] = {"avatarUrl"},
	[IDV_FIELD_USER_HASH] = {"userHash"},
	[IDV_FIELD_EMAIL_HASH] = {"emailHash"},
	[IDV_FIELD_SHOP_HASH] = {"shopHash"},
};

/*
 * idv_claim_field_name
 *		The name of a field of claims; NULL if it is a column that no claim
 *		names.
 */
const char *
idv_claim_field_name(int field)
{
	switch (field)
	{
		case IDV_FIELD_USER_HASH:
			return "user_hash";
		case IDV_FIELD_EMAIL_HASH:
			return "email_hash";
		case IDV_FIELD_SHOP_HASH:
			return "shop_hash";
	}

	switch (idv_contact_columns[field].writer)
	{
		case IDV_WRITTEN_BY_IDENTITY:
		case IDV_WRITTEN_BY_PROFILE:
		case IDV_WRITTEN_BY_SIGNATURE:
			return idv_contact_columns[field].name;
		case IDV_WRITTEN_BY_KEY:
		case IDV_WRITTEN_BY_FIRST:
		case IDV_WRITTEN_BY_SERVER:
			break;
	}
	return NULL;
}

/* Find a member that is not null. */
static bool
find_member(JsonbValue *value, Jsonb *claim, const char *name)
{
	return name != NULL &&
		getKeyJsonValueFromContainer(&claim->root, name, strlen(name),
									 value) != NULL &&
		value->type != jbvNull;
}

/*
 * Find a member under its own name or another spelling of it.  One that is
 * empty counts only if there is no other.
 */
static bool
find_field(JsonbValue *value, Jsonb *claim, int field)
{
	const char *name = idv_claim_field_name(field);
	bool		found = false;

	if (name == NULL)
		return false;
	for (int i = -1; i < SPELLINGS; i++)
	{
		if (!find_member(value, claim, i < 0 ? name : spellings[field][i]))
			continue;
		found = true;
		if (value->type != jbvString || value->val.string.len > 0)
			return true;
	}
	if (found)
	{
		value->type = jbvString;
		value->val.string.val = "";
		value->val.string.len = 0;
	}
	return found;
}

/* Raise the error that a field is of a wrong type.  22023. */
static void
report_type(const char *field, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("field \"%s\" of the claim must be %s", field, wanted),
			 errhint("Leave it out, or pass it as that.")));
}

/* Raise the error that a field is too large.  54000. */
static void
report_size(const char *field, int max)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("field \"%s\" of the claim is too large", field),
			 errdetail("It may have at most %d bytes.", max),
			 errhint("Leave it out, or shorten it.")));
}

/*
 * The text of a field.
 *
 * An id that is a number is taken as its digits.
 */
static Datum
field_text(const JsonbValue *value, int field)
{
	if (value->type == jbvNumeric && field == IDV_CONTACT_EXTERNAL_ID)
	{
		char	   *digits = numeric_normalize(value->val.numeric);

		if (strlen(digits) > IDV_FIELD_MAX)
			report_size(idv_claim_field_name(field), IDV_FIELD_MAX);
		return PointerGetDatum(cstring_to_text(digits));
	}

	if (value->type != jbvString)
		report_type(idv_claim_field_name(field),
					field == IDV_CONTACT_EXTERNAL_ID ? "a string or a number" :
					"a string");
	if (value->val.string.len > IDV_FIELD_MAX)
	{
		/* A hash of that size is malformed, which is a verdict. */
		if (field >= IDV_FIELD_USER_HASH)
			return CStringGetTextDatum("too long");
		report_size(idv_claim_field_name(field), IDV_FIELD_MAX);
	}
	return PointerGetDatum(cstring_to_text_with_len(value->val.string.val,
													value->val.string.len));
}

/*
 * idv_claim_read
 *		Read a claim; NULL is an empty one.
 *
 * 22023 if it is no object or a field is of a wrong type, 54000 if a field is
 * too large.  Each message names the field.
 */
void
idv_claim_read(IdvClaimJson *sent, Jsonb *claim)
{
	JsonbValue	value;

	sent->custom_data = NULL;
	for (int i = 0; i < IDV_CLAIM_FIELDS; i++)
		sent->field[i] = (NullableDatum)
	{
		(Datum) 0, true
	};
	if (claim == NULL)
		return;

	if (!JB_ROOT_IS_OBJECT(claim))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claim must be a JSON object"),
				 errhint("Pass what the widget sent, with fields such as external_id and user_hash.")));

	for (int i = 0; i < IDV_CLAIM_FIELDS; i++)
		if (find_field(&value, claim, i))
		{
			sent->field[i].value = field_text(&value, i);
			sent->field[i].isnull = false;
		}

	if (find_member(&value, claim, "custom_data") ||
		find_member(&value, claim, "customData"))
	{
		if (value.type != jbvBinary ||
			!JsonContainerIsObject(value.val.binary.data))
			report_type("custom_data", "an object");
		if (value.val.binary.len > IDV_CUSTOM_DATA_MAX)
			report_size("custom_data", IDV_CUSTOM_DATA_MAX);
		sent->custom_data = JsonbValueToJsonb(&value);
	}
}

/*
 * idv_field_is_blank
 *		Is a field null, empty, or only blanks?
 */
bool
idv_field_is_blank(NullableDatum field)
{
	return field.isnull || idv_text_is_blank(idv_text(field.value));
}
