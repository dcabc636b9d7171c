/*-------------------------------------------------------------------------
 *
 * proposed_row.h
 *	  The row that an INSERT ... ON CONFLICT proposed for insertion.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PROPOSED_ROW_H
#define IDV_PROPOSED_ROW_H

#include "postgres.h"

#include "guard/guard_columns.h"
#include "verdict/verdict.h"

/* What the claim of a row is worth, and to which app. */
typedef struct IdvJudgement
{
	IdvVerdict	verdict;
	IdvAppRow	app;			/* the defaults if there is no such app */
	int32		generation;		/* of the secret that it was signed with; 0
								 * for none */
	bool		counted;		/* the claim was counted, perhaps as that of
								 * the row that conflicts with this one */
} IdvJudgement;

/* The row that the guard judged last as an INSERT. */
typedef struct IdvProposedRow
{
	bool		pending;		/* may its UPDATE still come? */
	bool		had_tid;		/* its slot said where a row is, even before */
	bool		signed_at_all;	/* it came with a user_hash, right or wrong */
	bool		keeps_hash;		/* user_hash is that */
	bool		cleared;		/* its identity was: the app drops such claims */
	CommandId	command;		/* when the guard was called for it */
	IdvJudgement judgement;
	TupleTableSlot *slot;		/* the row itself, but for its user_hash */
	text	   *user_hash;		/* that, if it was right, or came without an
								 * identity */
	Size		room;			/* bytes that user_hash may have */
} IdvProposedRow;

extern void idv_proposed_row_set(IdvColumns *columns,
								 const TriggerData *trigger,
								 const IdvJudgement *judgement,
								 const IdvGuardedRow *row);
extern void idv_proposed_row_cleared(IdvColumns *columns);
extern void idv_proposed_row_counted(IdvColumns *columns);
extern void idv_proposed_row_forget(IdvColumns *columns);
extern const IdvProposedRow *idv_proposed_row_take(IdvColumns *columns,
												   const TriggerData *trigger);
extern bool idv_proposed_row_names(const IdvProposedRow *proposed,
								   IdvColumns *columns,
								   const TriggerData *trigger);
extern bool idv_proposed_row_exists(IdvColumns *columns,
									const TriggerData *trigger);

#endif							/* IDV_PROPOSED_ROW_H */
