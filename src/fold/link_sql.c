/*-------------------------------------------------------------------------
 *
 * link_sql.c
 *	  The statements that find rows which link two rows of one table.
 *
 * Such as a friendship, or that one contact is to be merged with another: two
 * columns reference contacts, and a unique key holds both.  Where they are the
 * source and the target, the move would link the target to itself.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/link_sql.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "utils/rel.h"

#include "fold/collision_sql.h"
#include "references/description_cache.h"
#include "server/canonical_text.h"

/* Add the columns of a reference that get another value. */
static Bitmapset *
add_changed(Bitmapset *columns, const IdvReference *reference, uint32 changed)
{
	for (int i = 0; i < reference->ncolumns; i++)
	{
		if ((changed & (1U << i)) != 0)
			columns = bms_add_member(columns, reference->columns[i] -
									 FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* Are the columns of both that change in one unique key, and no column in both? */
static bool
are_in_one_key(const IdvReference *one, uint32 changed,
			   const IdvReference *other, uint32 other_changed)
{
	const IdvTable *table = one->table;
	Bitmapset  *columns = add_changed(NULL, one, changed);
	Bitmapset  *others = add_changed(NULL, other, other_changed);
	bool		found = false;
	Relation	relation;
	ListCell   *lc;

	if (bms_overlap(columns, others))
		return false;
	columns = bms_add_members(columns, others);
	relation = relation_open(table->relation, NoLock);
	foreach(lc, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		found = found || idv_is_unique_key(table, index, columns);
		index_close(index, NoLock);
	}
	relation_close(relation, NoLock);
	return found;
}

/*
 * The rows s that point along one reference to a, and along the other to b.
 *
 * The parameters of a begin after so many, those of b likewise.
 */
static void
append_side(StringInfo sql, IdvMoveSql *one, int a, IdvMoveSql *other, int b)
{
	one->before = a;
	other->before = b;
	appendStringInfoChar(sql, '(');
	idv_where_points_to_source(sql, one, "s");
	appendStringInfoString(sql, " AND ");
	idv_where_points_to_source(sql, other, "s");
	appendStringInfoChar(sql, ')');
}

static void
prepare(IdvLink *link, IdvTable *table, IdvReference *one, IdvReference *other)
{
	IdvMoveSql	first = {.target_table = table,.reference = one};
	IdvMoveSql	second = {.target_table = table,.reference = other};
	int			n = one->ncolumns;
	int			m = other->ncolumns;
	Oid			types[4 * INDEX_MAX_KEYS];
	StringInfoData sql;

	for (int i = 0; i < n; i++)
		types[i] = types[n + i] =
			TupleDescAttr(table->desc, one->referenced[i] - 1)->atttypid;
	for (int i = 0; i < m; i++)
		types[2 * n + i] = types[2 * n + m + i] =
			TupleDescAttr(table->desc, other->referenced[i] - 1)->atttypid;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT s.ctid, s.tableoid, CAST(s.* AS %s) FROM %s s WHERE ",
					 one->table->name, one->table->from);
	append_side(&sql, &first, 0, &second, 2 * n + m);
	appendStringInfoString(&sql, " OR ");
	append_side(&sql, &first, n, &second, 2 * n);
	appendStringInfoString(&sql, " FOR UPDATE OF s");
	idv_table_statement(&link->statement, one->table, sql.data, 2 * (n + m), types);
}

/*
 * idv_link
 *		How to find the rows that link two rows of table by two references of
 *		one table.
 *
 * changed, other_changed	as for idv_move_statements()
 */
const IdvLink *
idv_link(IdvTable *table, IdvReference *one, uint32 changed,
		 IdvReference *other, uint32 other_changed)
{
	MemoryContext caller;
	IdvLink    *link;
	ListCell   *lc;
	int			level;

	idv_table_check_code(one->table);
	foreach(lc, one->links)
	{
		link = lfirst(lc);
		if (link->other == other && link->changed == changed &&
			link->other_changed == other_changed)
			return link;
	}

	idv_reference_read_condition(one);
	idv_reference_read_condition(other);
	level = idv_canonical_sql_begin();
	caller = MemoryContextSwitchTo(idv_table_context(one->table));
	link = palloc0(sizeof(IdvLink));
	link->other = other;
	link->changed = changed;
	link->other_changed = other_changed;
	if (are_in_one_key(one, changed, other, other_changed))
		prepare(link, table, one, other);
	one->links = lappend(one->links, link);
	MemoryContextSwitchTo(caller);
	idv_canonical_text_end(level);
	return link;
}
