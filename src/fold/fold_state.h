/*-------------------------------------------------------------------------
 *
 * fold_state.h
 *	  A fold under way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOLD_STATE_H
#define IDV_FOLD_STATE_H

#include "postgres.h"

#include "fold/fold_result.h"
#include "fold/journal_write.h"
#include "references/contact_table.h"

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

#endif							/* IDV_FOLD_STATE_H */
