/*-------------------------------------------------------------------------
 *
 * probe.h
 *	  Rows of our own tables, found through an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_PROBE_H
#define IDV_PROBE_H

#include "postgres.h"

#include "statements.h"

/* Where to look: at the two columns of an index of a table of ours. */
typedef struct IdvProbe
{
	const char *table;
	const char *index;
	RegProcedure equal;			/* of the second column: the first is app_id */
	bool		lowered;		/* the second column is lower() of what is
								 * sought */
} IdvProbe;

extern int	idv_probe(const IdvProbe *probe, int32 app_id, Datum value,
					  IdvRow *first);

#endif							/* IDV_PROBE_H */
