/*-------------------------------------------------------------------------
 *
 * person_journal.h
 *	  The journal of a person: of the contacts that were folded into one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PERSON_JOURNAL_H
#define IDV_PERSON_JOURNAL_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "privacy/person.h"

/* By what a person was known: text; external ids as they were, emails lowered. */
typedef struct IdvIdentities
{
	List	   *external_ids;	/* of Datum, pointers to text */
	List	   *emails;
} IdvIdentities;

extern int64 idv_person_journal_erase(IdvIdentities *identities, const IdvPerson *person);
extern void idv_person_journal_show(const IdvPerson *person,
									void (*receive) (Datum record, void *context),
									void *context);
extern int64 idv_journal_forget(TimestampTz before);

#endif							/* IDV_PERSON_JOURNAL_H */
