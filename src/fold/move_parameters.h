/*-------------------------------------------------------------------------
 *
 * move_parameters.h
 *	  The parameters of the statements that move rows along a reference.
 *
 * move_sql.h says which they are; link_sql.h, those of a link.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_PARAMETERS_H
#define IDV_MOVE_PARAMETERS_H

#include "postgres.h"

#include "fold/move_sql.h"

extern bool idv_move_source_parameters(Datum *values, bool *nulls, uint32 *changed,
									   const IdvTable *table,
									   const IdvReference *reference,
									   IdvRow from, IdvRow to);
extern bool idv_move_target_parameters(Datum *values, bool *nulls,
									   const IdvMove *move, const IdvTable *table,
									   const IdvReference *reference, IdvRow to);
extern bool idv_move_link_parameters(Datum *values, bool *nulls, uint32 *changed,
									 const IdvTable *table,
									 const IdvReference *reference,
									 IdvRow from, IdvRow to);

#endif							/* IDV_MOVE_PARAMETERS_H */
