/*-------------------------------------------------------------------------
 *
 * doctor_references.h
 *	  Tables of contacts and what points to them, as the doctor sees them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DOCTOR_REFERENCES_H
#define IDV_DOCTOR_REFERENCES_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"

#include "insight/doctor.h"
#include "server/trusted_code.h"

/* A table of contacts, or one whose rows a fold may drop. */
typedef struct IdvChartTable
{
	Oid			relation;
	Oid			schema;
	const char *name;			/* without the schema */
	AttrNumber	id;
	Oid			id_type;		/* below domains */
	bool		is_contacts;	/* else a fold comes here from contacts */
} IdvChartTable;

/* A column that points to one, by a foreign key or listed. */
typedef struct IdvChartPointer
{
	const IdvChartTable *to;
	Oid			relation;
	List	   *columns;		/* names; the first points to the id */
	const char *condition;		/* NULL: none */
	bool		listed;
	bool		distinct_by;	/* it has some */
} IdvChartPointer;

/* All of them. */
typedef struct IdvChart
{
	List	   *tables;			/* of IdvChartTable */
	List	   *pointers;		/* of IdvChartPointer */
} IdvChart;

/* doctor_code.c */
extern bool idv_doctor_trusts(Oid relation);
extern void idv_doctor_look_at_code(IdvDoctor *doctor, Oid relation, const List *columns);
extern void idv_doctor_tell_objection(IdvDoctor *doctor, Oid relation,
									  const IdvObjection *objection);

/* doctor_index.c */
extern char *idv_doctor_missing_index(Oid relation, const List *columns,
									  const char *condition);

/* doctor_references.c */
extern bool idv_doctor_may_drop(const IdvChartPointer *pointer);

/* doctor_unlisted.c */
extern void idv_doctor_unlisted(IdvDoctor *doctor, const IdvChart *chart);

#endif							/* IDV_DOCTOR_REFERENCES_H */
