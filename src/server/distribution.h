/*-------------------------------------------------------------------------
 *
 * distribution.h
 *	  Where the rows of a table are: in it, or, by Citus, in shards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DISTRIBUTION_H
#define IDV_DISTRIBUTION_H

#include "postgres.h"

#include "access/attnum.h"

typedef enum IdvRowsAre
{
	IDV_ROWS_HERE = 0,			/* in the table itself */
	IDV_ROWS_IN_ONE_SHARD,		/* all in one shard, of which there is one */
	IDV_ROWS_BY_COLUMN,			/* each in the one shard that a column tells */
	IDV_ROWS_COPIED				/* in shards of which there may be several
								 * copies, or that no column tells */
} IdvRowsAre;

typedef struct IdvDistribution
{
	IdvRowsAre	rows;
	AttrNumber	column;			/* of IDV_ROWS_BY_COLUMN, else 0 */
	int32		colocation;		/* tables of one number are split alike */
} IdvDistribution;

extern bool idv_citus_is_installed(void);
extern IdvDistribution idv_distribution(Oid relation);

#endif							/* IDV_DISTRIBUTION_H */
