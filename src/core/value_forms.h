/*-------------------------------------------------------------------------
 *
 * value_forms.h
 *	  What a site may have signed in place of a value.
 *
 * Pure C.  Values are UTF-8, without a terminating zero; lengths are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_VALUE_FORMS_H
#define IDV_VALUE_FORMS_H

#include "core/forms.h"

extern void idv_value_forms(IdvForms *forms, const char *value, size_t len);
extern void idv_joined_forms(IdvForms *forms,
							 const char *external_id, size_t external_id_len,
							 const char *email, size_t email_len);
extern void idv_placeholder_forms(IdvForms *forms);

#endif							/* IDV_VALUE_FORMS_H */
