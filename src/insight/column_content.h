/*-------------------------------------------------------------------------
 *
 * column_content.h
 *	  What a column holds: whether its ids are those of contacts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COLUMN_CONTENT_H
#define IDV_COLUMN_CONTENT_H

#include "postgres.h"

#include "insight/doctor_references.h"

/* A column of ids, which may be those of contacts. */
typedef struct IdvIdColumn
{
	Oid			relation;
	Oid			schema;
	const char *column;
	Oid			type;			/* below domains */
	const char *type_column;	/* beside it; or NULL */
	bool		is_content_type;	/* that is a number of django_content_type */
	const char *listed_for;		/* the name is one that is listed, of what
								 * points to this OID; or NULL */
} IdvIdColumn;

extern char *idv_content_condition(const IdvIdColumn *candidate,
								   const IdvChartTable *contacts);
extern bool idv_content_is_ids(const IdvIdColumn *candidate,
							   const IdvChartTable *contacts);

#endif							/* IDV_COLUMN_CONTENT_H */
