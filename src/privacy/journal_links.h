/*-------------------------------------------------------------------------
 *
 * journal_links.h
 *	  Rows in the journal of other contacts' folds that point to a person.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JOURNAL_LINKS_H
#define IDV_JOURNAL_LINKS_H

#include "postgres.h"

#include "privacy/row_keys.h"

extern Datum idv_journal_lost_tables(void);
extern int64 idv_journal_links_take_out(const IdvRowKeys *keys, const IdvKeyChunk *chunk,
										IdvReference *reference, bool whole, Datum lost);

#endif							/* IDV_JOURNAL_LINKS_H */
