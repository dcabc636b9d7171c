/*-------------------------------------------------------------------------
 *
 * guard_rules.h
 *	  What is stored of a row, by the worth of its claim.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_GUARD_RULES_H
#define IDV_GUARD_RULES_H

#include "postgres.h"

#include "guard/guard_columns.h"
#include "guard/proposed_row.h"

/* What becomes of an UPDATE. */
typedef enum IdvOutcome
{
	IDV_OUTCOME_STORE,			/* what the guard made of the row */
	IDV_OUTCOME_KEEP,			/* the row as it was, as if it were new; but
								 * nothing where that could be read */
	IDV_OUTCOME_SKIP			/* nothing: the row is not updated */
} IdvOutcome;

extern void idv_guard_insert(IdvColumns *columns, const TriggerData *trigger,
							 IdvGuardedRow *row);
extern IdvOutcome idv_guard_update(const IdvColumns *columns,
								   IdvGuardedRow *row,
								   const IdvGuardedRow *old, bool counted);
extern IdvOutcome idv_guard_conflict(IdvColumns *columns,
									 const TriggerData *trigger,
									 const IdvProposedRow *proposed,
									 IdvGuardedRow *row,
									 const IdvGuardedRow *old);
extern void idv_guard_check_fold(const IdvColumns *columns,
								 const TriggerData *trigger);

#endif							/* IDV_GUARD_RULES_H */
