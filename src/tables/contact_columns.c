/*-------------------------------------------------------------------------
 *
 * contact_columns.c
 *	  The columns of idverify.contacts.
 *
 *-------------------------------------------------------------------------
 */
#include "tables/contact_columns.h"

#include "catalog/pg_type.h"

const IdvContactColumnInfo idv_contact_columns[IDV_CONTACT_COLUMNS] = {
#define COLUMN_INFO(constant, name, type, nullable, writer) \
	{#name, type, nullable, IDV_WRITTEN_BY_##writer},
	IDV_CONTACT_COLUMN_LIST(COLUMN_INFO)
#undef COLUMN_INFO
};
