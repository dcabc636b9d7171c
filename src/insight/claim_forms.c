/*-------------------------------------------------------------------------
 *
 * claim_forms.c
 *	  What may have been signed in place of what an app signs.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/claim_forms.h"

#include "common/unicode_norm.h"

#include "core/bad_identity.h"
#include "core/utf8.h"
#include "core/value_forms.h"

/* A field, read; nothing if it is absent. */
static IdvClaimField
read_field(const char *name, NullableDatum value)
{
	IdvClaimField field = {.name = name};

	if (idv_is_absent(value))
		return field;
	field.unreadable = idv_text_utf8(&field.utf8, value.value, IDV_IDENTITY_MAX) != IDV_TEXT_OK;
	if (field.unreadable)
		field.utf8.len = 0;
	return field;
}

/*
 * idv_claim_fields
 *		Which field of a claim counts, by the app's policy?
 *
 * As idv_judge() has it: either is the external_id if there is one.
 */
IdvClaimFields
idv_claim_fields(IdvSignedField signed_field, const IdvClaim *claim)
{
	IdvClaimField external_id = read_field("external_id", claim->external_id);
	IdvClaimField email = read_field("email", claim->email);
	IdvClaimFields fields = {external_id, email};

	if (signed_field == IDV_SIGNED_EMAIL ||
		(signed_field == IDV_SIGNED_EITHER && idv_is_absent(claim->external_id)))
	{
		fields.counted = email;
		fields.other = external_id;
	}
	return fields;
}

/* Add the four normal forms of Unicode, of which one may be the value. */
static void
add_normalized(IdvForms *forms, IdvText value)
{
	static const struct
	{
		UnicodeNormalizationForm form;
		const char *what;
	}			normal_forms[] = {
		{UNICODE_NFC, "in the Unicode normal form NFC"},
		{UNICODE_NFD, "in the Unicode normal form NFD"},
		{UNICODE_NFKC, "in the Unicode normal form NFKC"},
		{UNICODE_NFKD, "in the Unicode normal form NFKD"},
	};
	pg_wchar   *wide = palloc((value.len + 1) * sizeof(pg_wchar));
	int			n = 0;

	for (size_t at = 0; at < value.len;)
		wide[n++] = idv_utf8_next(value.bytes, value.len, &at);
	wide[n] = 0;

	for (int i = 0; i < (int) lengthof(normal_forms); i++)
	{
		pg_wchar   *normal = unicode_normalize(normal_forms[i].form, wide);

		for (const pg_wchar *c = normal; *c != 0; c++)
		{
			uint8		bytes[IDV_UTF8_MAX];

			idv_forms_put(forms, bytes, idv_utf8_make(bytes, *c));
		}
		idv_forms_finish(forms, IDV_FOUND_VALUE_NORMALIZED, normal_forms[i].what);
		pfree(normal);
	}
	pfree(wide);
}

/* Add all forms of a field. */
static void
add_field(IdvForms *forms, IdvText value)
{
	if (value.len == 0)
		return;
	idv_value_forms(forms, value.bytes, value.len);
	add_normalized(forms, value);
}

/*
 * idv_claim_forms
 *		All that may have been signed for a claim; the field that counts first,
 *		if it is there.
 */
IdvForms *
idv_claim_forms(const IdvClaimFields *fields)
{
	IdvForms   *forms = palloc(sizeof(IdvForms));
	IdvText		counted = fields->counted.utf8;
	IdvText		other = fields->other.utf8;
	bool		external_id_counts = strcmp(fields->counted.name, "external_id") == 0;
	IdvText		external_id = external_id_counts ? counted : other;
	IdvText		email = external_id_counts ? other : counted;

	idv_forms_init(forms);

	/* As they are, before anything is made of either. */
	if (counted.len > 0)
		idv_forms_add(forms, IDV_FOUND_NOTHING, NULL, counted.bytes, counted.len);
	forms->other_field = true;
	if (other.len > 0)
		idv_forms_add(forms, IDV_FOUND_NOTHING, NULL, other.bytes, other.len);

	forms->other_field = false;
	add_field(forms, counted);
	forms->other_field = true;
	add_field(forms, other);

	forms->other_field = false;
	idv_joined_forms(forms, external_id.bytes, external_id.len, email.bytes, email.len);
	idv_placeholder_forms(forms);
	return forms;
}
