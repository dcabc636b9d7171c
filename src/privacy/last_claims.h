/*-------------------------------------------------------------------------
 *
 * last_claims.h
 *	  What other visitors have claimed in a person's name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LAST_CLAIMS_H
#define IDV_LAST_CLAIMS_H

#include "postgres.h"

#include "privacy/person.h"
#include "privacy/person_journal.h"

extern IdvIdentities idv_identities_of(const IdvContactTable *contacts, IdvRow row);
extern int64 idv_last_claims_clear(const IdvPerson *person, const IdvIdentities *identities);

#endif							/* IDV_LAST_CLAIMS_H */
