/*-------------------------------------------------------------------------
 *
 * table_description.h
 *	  What the catalog says of a table that a fold goes through, and how that is
 *	  said in SQL.
 *
 * A table comes from idv_table(), in references/description_cache.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TABLE_DESCRIPTION_H
#define IDV_TABLE_DESCRIPTION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "server/distribution.h"
#include "server/statement.h"
#include "server/trusted_code.h"

typedef struct IdvTable
{
	struct IdvCatalogue *home;	/* what it is kept in, of
								 * references/description_cache.c */
	Oid			relation;
	Oid			owner;
	char	   *name;			/* qualified and quoted */
	char	   *label;			/* qualified, not quoted: for messages */
	char	   *from;			/* the same, with ONLY unless partitioned */
	TupleDesc	desc;
	bool		has_parts;		/* it is partitioned */
	bool		has_triggers;	/* somebody's own, not those of constraints */
	bool		may_refuse;		/* a statement may fail without touching a row */
	IdvDistribution distribution;	/* where its rows are */

	/* It, and what is one table with it: partitioned tables and their parts. */
	List	   *family;			/* of OIDs */
	List	   *detaching;		/* OIDs of the partitions that are being
								 * detached */

	/* of references/description_cache.c: idv_table_keys() */
	bool		knows_keys;
	List	   *keys;			/* OIDs of foreign keys, in their order */

	/* of references/references.c: who points here */
	bool		knows_references;
	bool		references_have_triggers;
	List	   *references;		/* of IdvReference */

	IdvStatement remove;		/* DELETE of the row at a place */
	IdvStatement look_at;		/* is there one at a place */
	struct IdvContactTable *contacts;	/* of references/contact_table.c;
										 * NULL: not asked */
} IdvTable;

extern List *idv_detaching_parts(Oid relation);
extern IdvTable *idv_table_describe(Oid relid, MemoryContext context);
extern const IdvObjection *idv_table_objection(const IdvTable *table);
extern void idv_table_check_code(const IdvTable *table);
extern char *idv_table_columns(const IdvTable *table, const char *alias);
extern void idv_table_check(const IdvTable *table, TupleDesc now);
extern void idv_table_check_places(const IdvTable *table);
extern IdvRow idv_table_row(const IdvTable *table, Datum record);
extern IdvRow idv_table_numbered(const IdvTable *table, IdvRow columns);
extern const char *idv_column_name(const IdvTable *table, AttrNumber column);
extern bool idv_column_equals(const IdvTable *table, AttrNumber column,
							  Datum a, Datum b);
extern bool idv_column_precedes(const IdvTable *table, AttrNumber column,
								Datum a, Datum b);

#endif							/* IDV_TABLE_DESCRIPTION_H */
