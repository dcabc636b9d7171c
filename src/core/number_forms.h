/*-------------------------------------------------------------------------
 *
 * number_forms.h
 *	  A number, written as other numbers are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_NUMBER_FORMS_H
#define IDV_NUMBER_FORMS_H

#include "core/forms.h"

extern void idv_number_forms(IdvForms *forms, const char *value, size_t len);

#endif							/* IDV_NUMBER_FORMS_H */
