/*-------------------------------------------------------------------------
 *
 * pointing_keys.h
 *	  Which foreign keys point to some tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_POINTING_KEYS_H
#define IDV_POINTING_KEYS_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern List *idv_pointing_keys(const List *relations);

#endif							/* IDV_POINTING_KEYS_H */
