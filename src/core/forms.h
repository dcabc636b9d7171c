/*-------------------------------------------------------------------------
 *
 * forms.h
 *	  A collection of what may have been signed in place of a value.
 *
 * Forms are made one after the other, at the end of one run of bytes: put
 * bytes, then finish the form.  One that is there already is not kept, so what
 * comes first is what is found.
 *
 * Pure C.  The caller owns the collection, and allocates nothing else.  It holds
 * nothing secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FORMS_H
#define IDV_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/finding.h"

#define IDV_FORMS_MAX	1024
#define IDV_FORMS_BYTES (1024 * 1024)

typedef struct IdvForm
{
	IdvFinding	finding;		/* nothing: this is the value itself */
	bool		other_field;	/* of the field that does not count */
	const char *what;			/* how it was written, in words; or NULL */
	size_t		offset;			/* in the bytes of all */
	size_t		len;
} IdvForm;

typedef struct IdvForms
{
	size_t		n;
	size_t		used;			/* bytes of the forms that are finished */
	size_t		put;			/* and of the one that is being made */
	bool		full;			/* something had no room */
	bool		other_field;	/* what is made now */
	IdvForm		forms[IDV_FORMS_MAX];
	uint8_t		bytes[IDV_FORMS_BYTES];
} IdvForms;

extern void idv_forms_init(IdvForms *forms);
extern void idv_forms_put(IdvForms *forms, const void *bytes, size_t len);
extern void idv_forms_put_text(IdvForms *forms, const char *text);
extern void idv_forms_finish(IdvForms *forms, IdvFinding finding,
							 const char *what);
extern void idv_forms_add(IdvForms *forms, IdvFinding finding,
						  const char *what, const void *bytes, size_t len);

#endif							/* IDV_FORMS_H */
