/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Make all that points to one row point to another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_H
#define IDV_MOVE_H

#include "postgres.h"

#include "references/contact_table.h"
#include "fold/fold_result.h"
#include "fold/journal_write.h"

/* A fold under way. */
typedef struct IdvFold
{
	IdvContactTable *contacts;
	int32		app_id;
	bool		source_first;	/* is the source locked before the target? */
	bool		source_verified;	/* as far as is known before they are */
	bool		target_verified;
	IdvJournal	journal;
	IdvFoldResult result;
} IdvFold;

extern void idv_move_pointers(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to,
							  int depth);
extern void idv_move_check_complete(IdvFold *fold, IdvTable *table,
									IdvRow from, IdvRow to, int depth);

#endif							/* IDV_MOVE_H */
