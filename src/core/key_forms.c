/*-------------------------------------------------------------------------
 *
 * key_forms.c
 *	  What a site may have used as the key in place of a secret.
 *
 *-------------------------------------------------------------------------
 */
#include "core/key_forms.h"

#include <string.h>

#include "core/around.h"
#include "core/bad_identity.h"
#include "core/base64.h"
#include "core/hex.h"

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

/* The form that is made next, or NULL. */
static IdvKeyForm *
next_form(IdvKeyForms *keys, IdvFinding finding, const char *what)
{
	IdvKeyForm *form;

	if (keys->n == IDV_KEY_FORMS_MAX)
		return NULL;
	form = &keys->forms[keys->n];
	form->finding = finding;
	form->what = what;
	form->len = 0;
	return form;
}

/* Keep the form that was made, unless it is empty or there already. */
static void
keep(IdvKeyForms *keys)
{
	const IdvKeyForm *form = &keys->forms[keys->n];

	if (form->len == 0)
		return;
	for (size_t i = 0; i < keys->n; i++)
		if (keys->forms[i].len == form->len &&
			memcmp(keys->forms[i].bytes, form->bytes, form->len) == 0)
			return;
	keys->n++;
}

/* Add a form: what is before it, the bytes, what is behind them. */
static void
add(IdvKeyForms *keys, IdvFinding finding, const char *what,
	const char *before, const void *bytes, size_t len, const char *after)
{
	IdvKeyForm *form = next_form(keys, finding, what);
	size_t		before_len = strlen(before);
	size_t		after_len = strlen(after);

	if (form == NULL || before_len + len + after_len > sizeof(form->bytes))
		return;
	memcpy(form->bytes, before, before_len);
	memcpy(form->bytes + before_len, bytes, len);
	memcpy(form->bytes + before_len + len, after, after_len);
	form->len = before_len + len + after_len;
	keep(keys);
}

/*
 * idv_key_forms
 *		The secret, and what careless code makes of it.
 *
 * secret		at most IDV_SECRET_MAX bytes
 * hint			what is shown of it, in UTF-8; it may be empty
 */
void
idv_key_forms(IdvKeyForms *keys, const uint8_t *secret, size_t secret_len,
			  const char *hint, size_t hint_len)
{
	/* As idv_text_mask() has it: eight bullets, or asterisks. */
	static const char *const covers[] = {
		"\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 \xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2\xE2\x80\xA2 ",
		"**** **** "
	};
	const char *inner = (const char *) secret;
	size_t		inner_len = secret_len;
	IdvKeyForm *form;

	keys->n = 0;
	add(keys, IDV_FOUND_NOTHING, NULL, "", secret, secret_len, "");

	form = next_form(keys, IDV_FOUND_SECRET_DECODED_HEX, "decoded from hex");
	if (secret_len % 2 == 0 &&
		idv_hex_decode(form->bytes, secret_len / 2, (const char *) secret, secret_len))
	{
		form->len = secret_len / 2;
		keep(keys);
	}
	form = next_form(keys, IDV_FOUND_SECRET_DECODED_BASE64, "decoded from base64");
	if (idv_base64_decode(form->bytes, &form->len, secret, secret_len))
		keep(keys);

	for (const IdvAround *around = idv_around; around->what != NULL; around++)
		add(keys, around->quotes ? IDV_FOUND_SECRET_QUOTED : IDV_FOUND_SECRET_NOT_TRIMMED,
			around->what, around->before, secret, secret_len, around->after);

	/* The secret may have blanks or quotes of its own. */
	idv_trim(&inner, &inner_len);
	if (inner_len > 0)
	{
		add(keys, IDV_FOUND_SECRET_NOT_TRIMMED, "without the blanks that are part of it",
			"", inner, inner_len, "");
		add(keys, IDV_FOUND_SECRET_NOT_TRIMMED, "without the blanks at its end",
			"", secret, (size_t) (inner - (const char *) secret) + inner_len, "");
	}
	if (secret_len > 2 && secret[0] == secret[secret_len - 1] &&
		(secret[0] == '"' || secret[0] == '\''))
		add(keys, IDV_FOUND_SECRET_QUOTED, "without the quotes that are part of it",
			"", secret + 1, secret_len - 2, "");

	for (size_t i = 0; hint_len > 0 && i < LENGTHOF(covers); i++)
		add(keys, IDV_FOUND_SECRET_MASKED, "as it is shown masked",
			covers[i], hint, hint_len, "");
}
