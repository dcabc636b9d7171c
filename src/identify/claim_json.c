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

#include "core/hash_readings.h"
#include "core/jws.h"
#include "server/json_merge.h"
#include "server/text.h"

/* What a field of claims may be called. */
typedef struct Spelling
{
	const char *name;
	int			len;
	int			field;
} Spelling;

/*
 * What other products' widgets, and their sites' code, call the fields, beside
 * the names that they have here.
 */
static const struct
{
	int			field;
	const char *name;
}			other_names[] = {
	{IDV_CONTACT_EXTERNAL_ID, "externalId"},
	{IDV_CONTACT_EXTERNAL_ID, "userId"},
	{IDV_CONTACT_EXTERNAL_ID, "user_id"},
	{IDV_CONTACT_EXTERNAL_ID, "identifier"},
	{IDV_CONTACT_EXTERNAL_ID, "distinct_id"},
	{IDV_CONTACT_EXTERNAL_ID, "identity_distinct_id"},
	{IDV_CONTACT_EXTERNAL_ID, "sub"},
	{IDV_CONTACT_EXTERNAL_ID, "id"},
	{IDV_CONTACT_EMAIL, "userEmail"},
	{IDV_CONTACT_EMAIL, "user_email"},
	{IDV_CONTACT_NAME, "userName"},
	{IDV_CONTACT_NAME, "user_name"},
	{IDV_CONTACT_AVATAR_URL, "avatarUrl"},
	{IDV_CONTACT_CUSTOM_DATA, "customData"},
	{IDV_CONTACT_CUSTOM_DATA, "custom_attributes"},
	{IDV_CONTACT_CUSTOM_DATA, "customAttributes"},
	{IDV_FIELD_USER_HASH, "userHash"},
	{IDV_FIELD_USER_HASH, "identifier_hash"},
	{IDV_FIELD_USER_HASH, "identifierHash"},
	{IDV_FIELD_USER_HASH, "identity_hash"},
	{IDV_FIELD_USER_HASH, "signature"},
	{IDV_FIELD_USER_HASH, "hash"},
	{IDV_FIELD_USER_HASH, "token"},
	{IDV_FIELD_USER_HASH, "jwt"},
	{IDV_FIELD_USER_HASH, "user_jwt"},
	{IDV_FIELD_USER_HASH, "userJwt"},
	{IDV_FIELD_USER_HASH, "intercom_user_jwt"},
	{IDV_FIELD_USER_HASH, "identityToken"},
	{IDV_FIELD_USER_HASH, "identity_token"},
	{IDV_FIELD_USER_HASH, "jwtToken"},
	{IDV_FIELD_USER_HASH, "ssoToken"},
	{IDV_FIELD_USER_HASH, "featurebaseJwt"},
	{IDV_FIELD_EMAIL_HASH, "emailHash"},
	{IDV_FIELD_SHOP_HASH, "shopHash"},
};

/* All of them, in the order in which an object of jsonb has its members. */
static Spelling spellings[IDV_CLAIM_FIELDS + lengthof(other_names)];
static int	num_spellings = 0;

/* The name of a field; NULL of a column that no claim writes. */
static const char *
field_name(int field)
{
	switch (field)
	{
		case IDV_CONTACT_CUSTOM_DATA:
			return "custom_data";
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

/*
 * Compare two names as jsonb does: the shorter one is less, and of one length
 * their bytes count.
 */
static int
compare_names(const char *a, int a_len, const char *b, int b_len)
{
	return a_len != b_len ? a_len - b_len : memcmp(a, b, a_len);
}

static int
compare_spellings(const void *a, const void *b)
{
	const Spelling *left = a;
	const Spelling *right = b;

	return compare_names(left->name, left->len, right->name, right->len);
}

static void
add_spelling(int field, const char *name)
{
	spellings[num_spellings++] = (Spelling)
	{
		name, (int) strlen(name), field
	};
}

/* Make the table of spellings, once in a process. */
static void
make_spellings(void)
{
	for (int i = 0; i < IDV_CLAIM_FIELDS; i++)
		if (field_name(i) != NULL)
			add_spelling(i, field_name(i));
	for (size_t i = 0; i < lengthof(other_names); i++)
		add_spelling(other_names[i].field, other_names[i].name);
	qsort(spellings, num_spellings, sizeof(Spelling), compare_spellings);
}

/* Raise the error that a field is of a wrong type.  22023. */
static void
report_type(const char *name, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("field \"%s\" of the claim must be %s", name, wanted),
			 errhint("Leave it out, or pass it as that.")));
}

/* Raise the error that a field is too large.  54000. */
static void
report_size(const char *name, int max)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("field \"%s\" of the claim is too large", name),
			 errdetail("It may have at most %d bytes.", max),
			 errhint("Leave it out, or shorten it.")));
}

/* Raise the error that two spellings of a field differ.  22023. */
static void
report_difference(const Spelling *one, const Spelling *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("fields \"%s\" and \"%s\" of the claim differ",
					one->name, other->name),
			 errdetail("Both are taken for \"%s\".", field_name(one->field)),
			 errhint("Send one of them.")));
}

/* Bytes of the longest text that is read of a field. */
static int
field_max(int field)
{
	return field == IDV_FIELD_USER_HASH ? IDV_TOKEN_MAX : IDV_FIELD_MAX;
}

/*
 * The text of a field.
 *
 * An id that is a number is taken as its digits.
 */
static Datum
field_text(const JsonbValue *value, const Spelling *spelling)
{
	if (value->type == jbvNumeric && spelling->field == IDV_CONTACT_EXTERNAL_ID)
	{
		char	   *digits = numeric_normalize(value->val.numeric);

		if (strlen(digits) > IDV_FIELD_MAX)
			report_size(spelling->name, IDV_FIELD_MAX);
		return PointerGetDatum(cstring_to_text(digits));
	}

	if (value->type != jbvString)
		report_type(spelling->name,
					spelling->field == IDV_CONTACT_EXTERNAL_ID ? "a string or a number" :
					spelling->field == IDV_CONTACT_COMPANY ? "a string, or an object whose name is one" :
					"a string");
	if (value->val.string.len > field_max(spelling->field))
	{
		/* A hash or token of that size is malformed, which is a verdict. */
		if (spelling->field >= IDV_FIELD_USER_HASH)
			return CStringGetTextDatum(idv_looks_like_token(value->val.string.val, value->val.string.len) ?
									   IDV_MALFORMED_TOKEN : IDV_MALFORMED_HASH);
		report_size(spelling->name, IDV_FIELD_MAX);
	}
	return PointerGetDatum(cstring_to_text_with_len(value->val.string.val,
													value->val.string.len));
}

/*
 * Read a text field, sent as this.
 *
 * held		as what it was sent before, or NULL: see idv_claim_read()
 */
static void
read_text(IdvClaimJson *sent, const JsonbValue *value,
		  const Spelling *spelling, const Spelling **held)
{
	NullableDatum *field = &sent->field[spelling->field];
	NullableDatum other = {field_text(value, spelling), false};

	if (*held != NULL && !idv_field_is_blank(*field))
	{
		if (!idv_field_is_blank(other) && !idv_field_is_same(*field, other))
			report_difference(*held, spelling);
		return;
	}
	*field = other;
	*held = spelling;
}

/* Read custom_data, sent as this. */
static void
read_custom_data(IdvClaimJson *sent, const JsonbValue *value,
				 const Spelling *spelling, const Spelling **held)
{
	Jsonb	   *other;

	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		report_type(spelling->name, "an object");
	if (idv_json_size(value->val.binary.data, IDV_CUSTOM_DATA_MAX) > IDV_CUSTOM_DATA_MAX)
		report_size(spelling->name, IDV_CUSTOM_DATA_MAX);

	other = JsonbValueToJsonb(unconstify(JsonbValue *, value));
	if (*held != NULL && JB_ROOT_COUNT(sent->custom_data) > 0)
	{
		if (JB_ROOT_COUNT(other) > 0 &&
			compareJsonbContainers(&other->root, &sent->custom_data->root) != 0)
			report_difference(*held, spelling);
		return;
	}
	sent->custom_data = other;
	*held = spelling;
}

/* Put a company's name in its place.  False if it has none. */
static bool
find_company_name(JsonbValue *value)
{
	JsonbValue	name;

	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		return true;
	if (getKeyJsonValueFromContainer(value->val.binary.data, "name",
									 strlen("name"), &name) == NULL ||
		name.type == jbvNull)
		return false;
	*value = name;
	return true;
}

/* Is a field one that may be read of a token: profile, or signed by the token? */
static bool
is_profile(int field)
{
	if (field == IDV_CONTACT_CUSTOM_DATA)
		return true;
	return field < IDV_CONTACT_COLUMNS &&
		(idv_contact_columns[field].writer == IDV_WRITTEN_BY_PROFILE ||
		 idv_contact_columns[field].writer == IDV_WRITTEN_BY_SIGNATURE);
}

/*
 * Read the members of a claim, or of a token: of that the profile alone.
 *
 * Members and spellings are in the same order, so one pass over both finds all
 * that there is.  Members with longer names than any spelling are not looked at.
 */
static void
read_members(IdvClaimJson *sent, Jsonb *claim, bool profile_only)
{
	const Spelling *held[IDV_CLAIM_FIELDS] = {NULL};
	const Spelling *spelling;
	const Spelling *end;
	JsonbIterator *members;
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		known = false;

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

	if (num_spellings == 0)
		make_spellings();
	spelling = spellings;
	end = spellings + num_spellings;

	members = JsonbIteratorInit(&claim->root);
	while ((token = JsonbIteratorNext(&members, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			int			order = 1;

			while (spelling < end &&
				   (order = compare_names(spelling->name, spelling->len,
										  value.val.string.val,
										  value.val.string.len)) < 0)
				spelling++;
			if (spelling == end)
				break;
			known = order == 0 &&
				(!profile_only || is_profile(spelling->field));
			continue;
		}
		if (token != WJB_VALUE || !known || value.type == jbvNull)
			continue;

		if (spelling->field == IDV_CONTACT_CUSTOM_DATA)
			read_custom_data(sent, &value, spelling, &held[spelling->field]);
		else if (spelling->field != IDV_CONTACT_COMPANY ||
				 find_company_name(&value))
			read_text(sent, &value, spelling, &held[spelling->field]);
	}
}

/*
 * idv_claim_read
 *		Read a claim; NULL is an empty one.
 *
 * A field may be sent in several spellings.  Where one of them is blank the
 * other counts.
 *
 * 22023 if the claim is no object, a field is of a wrong type, or two spellings
 * of one differ; 54000 if a field is too large.  Each message names the field
 * as it was sent.  A hash or token that is too large reads as another that is
 * malformed.
 */
void
idv_claim_read(IdvClaimJson *sent, Jsonb *claim)
{
	read_members(sent, claim, false);
}

/*
 * idv_claim_add_token
 *		Let what a token says of somebody's profile take the place of what was
 *		sent beside it.
 *
 * The same errors.  Who it is for is for the verdict to say.
 */
void
idv_claim_add_token(IdvClaimJson *sent, Jsonb *token)
{
	IdvClaimJson said;

	read_members(&said, token, true);
	for (int i = 0; i < IDV_CONTACT_COLUMNS; i++)
		if (!idv_field_is_blank(said.field[i]))
			sent->field[i] = said.field[i];
	if (said.custom_data != NULL)
		sent->custom_data = said.custom_data;
}

/*
 * idv_field_is_same
 *		Are both the same text?  NULL is the same as NULL alone.
 */
bool
idv_field_is_same(NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return a.isnull && b.isnull;
	return idv_text_is_same(idv_text(a.value), idv_text(b.value));
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
