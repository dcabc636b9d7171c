/*-------------------------------------------------------------------------
 *
 * link_sql.h
 *	  The statements that find rows which link two rows of one table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LINK_SQL_H
#define IDV_LINK_SQL_H

#include "postgres.h"

#include "references/references.h"

/*
 * Rows that reference the source by one reference, and the target by the other.
 *
 * The statement's parameters are what the columns of one point to for the source
 * and for the target, then those of the other.  It returns the place of a row,
 * ctid and tableoid, and the row.
 */
typedef struct IdvLink
{
	const IdvReference *other;
	uint32		changed;		/* which of its columns get another value, of
								 * the one */
	uint32		other_changed;	/* and of the other */
	IdvStatement statement;		/* no plan: no unique key holds both */
} IdvLink;

#define IDV_LINK_ROW	2

extern const IdvLink *idv_link(IdvTable *table, IdvReference *one, uint32 changed,
							   IdvReference *other, uint32 other_changed);

#endif							/* IDV_LINK_SQL_H */
