/*-------------------------------------------------------------------------
 *
 * doctor_catalog.h
 *	  What the doctor asks of the catalogs, and of indexes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DOCTOR_CATALOG_H
#define IDV_DOCTOR_CATALOG_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "insight/doctor.h"

extern bool idv_doctor_any(const char *sql);
extern Oid	idv_doctor_guard_function(const IdvDoctor *doctor);
extern List *idv_doctor_guarded(const IdvDoctor *doctor);
extern Bitmapset *idv_doctor_index_expressions(Relation index);
extern List *idv_doctor_index_predicate(Relation index);

#endif							/* IDV_DOCTOR_CATALOG_H */
