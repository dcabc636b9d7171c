/*-------------------------------------------------------------------------
 *
 * forms.c
 *	  A collection of what may have been signed in place of a value.
 *
 *-------------------------------------------------------------------------
 */
#include "core/forms.h"

#include <string.h>

/*
 * idv_forms_init
 *		Make the collection an empty one.
 */
void
idv_forms_init(IdvForms *forms)
{
	forms->n = forms->used = forms->put = 0;
	forms->full = forms->other_field = false;
}

/*
 * idv_forms_put
 *		Append bytes to the form that is being made.
 */
void
idv_forms_put(IdvForms *forms, const void *bytes, size_t len)
{
	if (len > sizeof(forms->bytes) - forms->used - forms->put)
	{
		forms->full = true;
		return;
	}
	if (len > 0)
		memcpy(forms->bytes + forms->used + forms->put, bytes, len);
	forms->put += len;
}

/*
 * idv_forms_put_text
 *		Append text that ends with a zero.
 */
void
idv_forms_put_text(IdvForms *forms, const char *text)
{
	idv_forms_put(forms, text, strlen(text));
}

/* Are these bytes a form that there is? */
static bool
is_known(const IdvForms *forms, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < forms->n; i++)
		if (forms->forms[i].len == len &&
			memcmp(forms->bytes + forms->forms[i].offset, bytes, len) == 0)
			return true;
	return false;
}

/*
 * idv_forms_finish
 *		Keep the form that was being made, unless it is there already.
 *
 * what			a literal, or NULL
 *
 * Where something had no room nothing more is kept, and forms->full says so.
 */
void
idv_forms_finish(IdvForms *forms, IdvFinding finding, const char *what)
{
	size_t		len = forms->put;

	forms->put = 0;
	if (is_known(forms, forms->bytes + forms->used, len))
		return;
	if (forms->n == IDV_FORMS_MAX)
		forms->full = true;
	if (forms->full)
		return;

	forms->forms[forms->n++] = (IdvForm)
	{
		.finding = finding,
			.other_field = forms->other_field,
			.what = what,
			.offset = forms->used,
			.len = len
	};
	forms->used += len;
}

/*
 * idv_forms_add
 *		Add a form that is there in one piece.
 */
void
idv_forms_add(IdvForms *forms, IdvFinding finding, const char *what,
			  const void *bytes, size_t len)
{
	idv_forms_put(forms, bytes, len);
	idv_forms_finish(forms, finding, what);
}
