/*-------------------------------------------------------------------------
 *
 * reference_order.c
 *	  In which order rows are moved along the references to a table.
 *
 *-------------------------------------------------------------------------
 */
#include "references/reference_order.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_constraint.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "references/reference.h"

/* Is a foreign key one that is looked at when the transaction commits? */
static bool
is_deferred(Oid key)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));
	bool		deferred;

	if (!HeapTupleIsValid(tuple))
		return true;
	deferred = ((Form_pg_constraint) GETSTRUCT(tuple))->condeferred;
	ReleaseSysCache(tuple);
	return deferred;
}

/*
 * Does a foreign key tie a column of one reference, of the same table, to one of
 * another?
 */
static bool
ties_to(const ForeignKeyCacheInfo *key, const IdvReference *reference,
		const IdvReference *other)
{
	if (key->confrelid != other->table->relation)
		return false;
	for (int k = 0; k < key->nkeys; k++)
	{
		for (int i = 0; i < reference->ncolumns; i++)
		{
			if (reference->columns[i] != key->conkey[k])
				continue;
			for (int j = 0; j < other->ncolumns; j++)
			{
				if (other->columns[j] == key->confkey[k])
					return true;
			}
		}
	}
	return false;
}

/*
 * The references whose rows have to be moved before those of each reference: as
 * sets of their numbers.
 *
 * A message may point to its contact, and by another foreign key to a chat of
 * that contact: (chat, contact) to (id, contact).  Moved first it would point to
 * no chat; moved after the chat, it has followed that.  A key that is deferred
 * lets it be moved first.
 */
static Bitmapset **
find_earlier(const List *references)
{
	Bitmapset **earlier = palloc0(sizeof(Bitmapset *) * list_length(references));
	ListCell   *lc;

	foreach(lc, references)
	{
		const IdvReference *reference = lfirst(lc);
		Relation	relation = relation_open(reference->table->relation, NoLock);
		List	   *keys = copyObject(RelationGetFKeyList(relation));
		ListCell   *key;

		foreach(key, keys)
		{
			const ForeignKeyCacheInfo *info = lfirst(key);
			ListCell   *other;

			if (info->confrelid == reference->table->relation)
				continue;
			foreach(other, references)
			{
				if (ties_to(info, reference, lfirst(other)) &&
					!is_deferred(info->conoid))
					earlier[foreach_current_index(lc)] =
						bms_add_member(earlier[foreach_current_index(lc)],
									   foreach_current_index(other));
			}
		}
		relation_close(relation, NoLock);
	}
	return earlier;
}

/*
 * idv_references_in_order
 *		The references, in the order in which rows are moved along them.
 *
 * references	of one table, each described; their tables are locked
 *
 * Returns a list of its own, of the same IdvReference pointers.
 */
List *
idv_references_in_order(const List *references)
{
	Bitmapset **earlier;
	Bitmapset  *left = NULL;
	List	   *ordered = NIL;

	if (list_length(references) < 2)
		return list_copy(references);
	earlier = find_earlier(references);
	left = bms_add_range(NULL, 0, list_length(references) - 1);
	while (!bms_is_empty(left))
	{
		int			next = -1;

		/* Where they lead in a circle, the first of them. */
		while ((next = bms_next_member(left, next)) >= 0 &&
			   bms_overlap(earlier[next], left))
			;
		if (next < 0)
			next = bms_next_member(left, -1);
		ordered = lappend(ordered, list_nth(references, next));
		left = bms_del_member(left, next);
	}
	return ordered;
}
