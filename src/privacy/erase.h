/*-------------------------------------------------------------------------
 *
 * erase.h
 *	  Erase a person: the contact, what points to it, and its journal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_ERASE_H
#define IDV_ERASE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What becomes of rows that no foreign key would take along. */
typedef enum IdvOthers
{
	IDV_OTHERS_REFUSE,
	IDV_OTHERS_DELETE,
	IDV_OTHERS_CLEAR
} IdvOthers;

/* What was done to rows. */
typedef enum IdvErasure
{
	IDV_ERASED_DELETED,
	IDV_ERASED_CLEARED,
	IDV_ERASED_REFUSED
} IdvErasure;

/* A row of the result of idverify_erase(). */
typedef struct IdvErasedLine
{
	Oid			relation;
	NameData	column_name;
	IdvErasure	action;
	int64		rows;
} IdvErasedLine;

extern List *idv_erase(Oid contacts, Oid id_type, Datum id, IdvOthers others,
					   bool dry_run);

#endif							/* IDV_ERASE_H */
