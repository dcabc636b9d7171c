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
#include "fold/fold.h"
#include "fold/journal_write.h"
#include "references/table_description.h"

/* A fold under way. */
typedef struct IdvFold
{
	IdvContacts *contacts;
	int32		app_id;
	bool		source_first;	/* is the source locked before the target? */
	IdvJournal	journal;
	List	   *folded;			/* of IdvFolded */
	MemoryContext context;		/* where that is */
} IdvFold;

extern void idv_repoint(IdvFold *fold, IdvTable *table, IdvRow from, IdvRow to,
						int depth);
extern void idv_check_nothing_left(IdvTable *table, IdvRow from, IdvRow to);
extern IdvFolded *idv_folded_line(IdvFold *fold, Oid relation,
								  const char *column);

#endif							/* IDV_MOVE_H */
