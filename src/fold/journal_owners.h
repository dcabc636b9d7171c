/*-------------------------------------------------------------------------
 *
 * journal_owners.h
 *	  Whose the tables were that a fold wrote to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JOURNAL_OWNERS_H
#define IDV_JOURNAL_OWNERS_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "references/table_description.h"

/* The owners of tables, being written down. */
typedef struct IdvJournalOwners
{
	List	   *relations;		/* OIDs of the tables that are in it */
	StringInfoData json;		/* an object, without its end */
	MemoryContext context;		/* where both are */
} IdvJournalOwners;

extern void idv_journal_owners_begin(IdvJournalOwners *owners);
extern void idv_journal_owners_add(IdvJournalOwners *owners, const IdvTable *table);
extern Datum idv_journal_owners_json(const IdvJournalOwners *owners);

extern void idv_journal_check_owner(int64 fold_id, Oid relation, const char *name,
									const char *owner);

#endif							/* IDV_JOURNAL_OWNERS_H */
