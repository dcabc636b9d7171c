/*-------------------------------------------------------------------------
 *
 * export.h
 *	  All that is known of a person.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXPORT_H
#define IDV_EXPORT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/tuplestore.h"

extern void idv_export(Tuplestorestate *store, TupleDesc desc, Oid contacts,
					   Oid id_type, Datum id);

#endif							/* IDV_EXPORT_H */
