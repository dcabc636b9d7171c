/*-------------------------------------------------------------------------
 *
 * explain_text.h
 *	  What is said of a finding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXPLAIN_TEXT_H
#define IDV_EXPLAIN_TEXT_H

#include "postgres.h"

#include "core/hash_readings.h"
#include "insight/claim_forms.h"

extern char *idv_secret_in_words(const IdvSecretRow *secret);
extern char *idv_explain_detail(IdvMistake mistake, const char *field,
								const IdvClaimFields *fields);
extern const char *idv_explain_hint(IdvFinding finding);

#endif							/* IDV_EXPLAIN_TEXT_H */
