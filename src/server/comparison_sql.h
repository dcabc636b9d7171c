/*-------------------------------------------------------------------------
 *
 * comparison_sql.h
 *	  Comparisons in SQL, by just the operator that is meant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COMPARISON_SQL_H
#define IDV_COMPARISON_SQL_H

#include "postgres.h"

extern char *idv_comparison(const char *left, Oid operator, const char *right);
extern Oid	idv_equal_operator(Oid left, Oid right);

#endif							/* IDV_COMPARISON_SQL_H */
