/*-------------------------------------------------------------------------
 *
 * key_forms.h
 *	  What a site may have used as the key in place of a secret.
 *
 * Pure C and libcrypto.  These are as secret as the secret: the caller keeps
 * them in libcrypto's secure heap, and wipes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEY_FORMS_H
#define IDV_KEY_FORMS_H

#include <stddef.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/seal.h"

/* What a mask may have in place of the characters that it hides, at most. */
#define IDV_KEY_EXTRA	32

typedef struct IdvKeyForm
{
	IdvFinding	finding;		/* nothing: this is the secret itself */
	const char *what;			/* how it was written, in words; or NULL */
	size_t		len;
	uint8_t		bytes[IDV_SECRET_MAX + IDV_KEY_EXTRA];
} IdvKeyForm;

#define IDV_KEY_FORMS_MAX	24

typedef struct IdvKeyForms
{
	size_t		n;
	IdvKeyForm	forms[IDV_KEY_FORMS_MAX];
} IdvKeyForms;

extern void idv_key_forms(IdvKeyForms *keys,
						  const uint8_t *secret, size_t secret_len,
						  const char *hint, size_t hint_len);

#endif							/* IDV_KEY_FORMS_H */
