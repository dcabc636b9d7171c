/*-------------------------------------------------------------------------
 *
 * person.h
 *	  The contact whose data is exported or erased.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PERSON_H
#define IDV_PERSON_H

#include "postgres.h"

#include "references/contact_table.h"

typedef struct IdvPerson
{
	IdvContactTable *contacts;
	int32		app_id;			/* 0: the table is not ours */
	Datum		id;
	bool		is_verified;	/* as long as it is not locked */
} IdvPerson;

extern void idv_person(IdvPerson *person, Oid contacts, Oid id_type, Datum id);
extern void idv_report_no_person(const IdvPerson *person) __attribute__((noreturn));

#endif							/* IDV_PERSON_H */
