/*-------------------------------------------------------------------------
 *
 * journal_write.h
 *	  The journal of folds, from which each can be undone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JOURNAL_WRITE_H
#define IDV_JOURNAL_WRITE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

#include "fold/journal_owners.h"
#include "fold/move_state.h"

/* What a fold is, before its rows. */
typedef struct IdvJournalHead
{
	const char *contacts;
	const char *source_id;
	const char *target_id;
	const IdvTable *table;		/* of the source */
	IdvRow		source;			/* as it is to be put back */
	const char *filled;			/* JSON */
	NullableDatum visitor;
	NullableDatum external_id;	/* the signed identity that the source had */
	NullableDatum email;
	bool		forced;
	TimestampTz folded_at;
} IdvJournalHead;

/* A fold being written down. */
typedef struct IdvJournal
{
	bool		off;			/* of a dry run there is no journal */
	int32		app_id;
	int64		fold_id;		/* 0 until the head is written */
	int32		step;
	IdvJournalHead head;
	StringInfoData steps;		/* those in the head, as JSON */
	IdvJournalOwners owners;	/* of the tables that were written */
} IdvJournal;

extern char *idv_row_json(const IdvTable *table, IdvRow row);

extern void idv_journal_begin(IdvJournal *journal, const IdvJournalHead *head);
extern void idv_journal_end(IdvJournal *journal);
extern void idv_journal_moved(IdvJournal *journal, const IdvMoving *moving,
							  bool to_nothing, IdvResult *result);
extern void idv_journal_dropped(IdvJournal *journal, const IdvTable *table,
								Oid part, IdvRow row, const IdvRow *kept,
								int depth);

#endif							/* IDV_JOURNAL_WRITE_H */
