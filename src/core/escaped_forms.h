/*-------------------------------------------------------------------------
 *
 * escaped_forms.h
 *	  A value as JSON, as part of a URL, as HTML; and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_ESCAPED_FORMS_H
#define IDV_ESCAPED_FORMS_H

#include "core/forms.h"

extern void idv_json_forms(IdvForms *forms, const char *value, size_t len);
extern void idv_url_forms(IdvForms *forms, const char *value, size_t len);
extern void idv_html_forms(IdvForms *forms, const char *value, size_t len);

#endif							/* IDV_ESCAPED_FORMS_H */
