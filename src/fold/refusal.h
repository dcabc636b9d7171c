/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  The errors that stop rows from being moved, and contacts from being folded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_REFUSAL_H
#define IDV_REFUSAL_H

#include "postgres.h"

#include "references/references.h"

extern char *idv_refusal_text(const ErrorData *error);
extern bool idv_is_refusal(const ErrorData *error, const IdvTable *table,
						   bool may_look);
extern char *idv_refusal_cause(const ErrorData *error);
extern void idv_report_refusal(const IdvTable *table, const ErrorData *error,
							   bool by_others) __attribute__((noreturn));

extern void idv_rethrow_refusal(const IdvTable *table, const List *followers,
								bool by_others) __attribute__((noreturn));
extern void idv_rethrow_other_refusal(const IdvTable *table,
									  const List *followers) __attribute__((noreturn));
extern void idv_rethrow_contact_refusal(const IdvTable *contacts,
										const char *source) __attribute__((noreturn));
extern void idv_rethrow_condition_failure(const IdvReference *reference) __attribute__((noreturn));

#endif							/* IDV_REFUSAL_H */
