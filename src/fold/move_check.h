/*-------------------------------------------------------------------------
 *
 * move_check.h
 *	  What points to the source, before a move and after it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVE_CHECK_H
#define IDV_MOVE_CHECK_H

#include "postgres.h"

#include "references/contact_table.h"
#include "references/references.h"

extern bool idv_move_leaves_alone(IdvTable *table, IdvReference *reference,
								  IdvRow from);
extern void idv_move_check_not_pointing(IdvTable *table, IdvReference *reference,
										IdvRow from);
extern void idv_move_check_detaching(IdvTable *table, IdvReference *reference,
									 IdvRow from);
extern void idv_move_check_followers(const IdvTable *table,
									 const List *followers);
extern void idv_move_check_complete(const IdvContactTable *contacts,
									IdvTable *table, IdvRow from, IdvRow to,
									int depth);
extern void idv_move_check_generated(IdvTable *table, IdvReference *reference,
									 IdvRow from, IdvRow to);

#endif							/* IDV_MOVE_CHECK_H */
