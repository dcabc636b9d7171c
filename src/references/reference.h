/*-------------------------------------------------------------------------
 *
 * reference.h
 *	  Columns that point to a table: what is known of one reference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_REFERENCE_H
#define IDV_REFERENCE_H

#include "postgres.h"

#include "nodes/primnodes.h"

#include "references/table_description.h"

/* Columns of one table that point to a row of another. */
typedef struct IdvReference
{
	IdvTable   *table;			/* the one that holds the columns */
	bool		self;			/* it is the one pointed to */
	Oid			key;			/* the foreign key, if it is one to just the
								 * table that is pointed to */
	Oid			constraint;		/* the foreign key; InvalidOid: it is listed */
	Oid			names;			/* the table that the key names: the one that
								 * is pointed to, a part or the whole of it */
	char		on_delete;		/* of the key: FKCONSTR_ACTION_... */
	bool		full;			/* MATCH FULL: all columns are null, or none */
	int			nset;			/* columns that ON DELETE SET empties; 0: all */
	AttrNumber	set[INDEX_MAX_KEYS];
	bool		has_generated;	/* one of the columns is */
	bool		may_refuse;		/* an UPDATE may fail without touching a row */
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
	AttrNumber	referenced[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];	/* operator: referenced = column */
	char	   *condition_text; /* which rows point there; NULL: all */
	Expr	   *condition;		/* likewise, once it was read */
	int			ndistinct;		/* columns in which rows that agree are one */
	AttrNumber *distinct_by;
	bool		shares_table;	/* another reference is of the same table */
	IdvStatement pointing;		/* of references/source_rows.c */
	List	   *moves;			/* of fold/move_sql.c */
	List	   *links;			/* of fold/link_sql.c */
	struct IdvPointing *taken;	/* of privacy/pointing_sql.c; NULL: not asked */
} IdvReference;

#endif							/* IDV_REFERENCE_H */
