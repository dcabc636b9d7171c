/*-------------------------------------------------------------------------
 *
 * doctor_index.c
 *	  Whether an index leads to the rows that point to a contact.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_references.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "insight/doctor_catalog.h"
#include "references/reference_condition.h"
#include "server/relation.h"

/* Numbers of columns, by their names in this relation. */
static Bitmapset *
numbers(Oid relation, const List *names)
{
	Bitmapset  *columns = NULL;
	const ListCell *lc;

	foreach(lc, names)
		columns = bms_add_member(columns, get_attnum(relation, lfirst(lc)) -
								 FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/*
 * Does an index lead to the rows that point to one contact?
 *
 * Before the column itself there may be others of the reference, or of its
 * condition.
 */
static bool
index_leads(Relation index, AttrNumber pointing, Bitmapset *before, const List *condition)
{
	List	   *predicate = idv_doctor_index_predicate(index);
	NullTest   *known = makeNode(NullTest);

	if (!index->rd_index->indisvalid)
		return false;
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	column = index->rd_index->indkey.values[i];

		if (column == pointing)
			break;
		if (column == 0 || i == index->rd_index->indnkeyatts - 1 ||
			!bms_is_member(column - FirstLowInvalidHeapAttributeNumber, before))
			return false;
	}
	if (predicate == NIL)
		return true;
	known->arg = (Expr *) makeVar(1, pointing,
								  get_atttype(index->rd_index->indrelid, pointing),
								  TupleDescAttr(RelationGetDescr(index), 0)->atttypmod,
								  index->rd_indcollation[0], 0);
	known->nulltesttype = IS_NOT_NULL;
	known->location = -1;
	return predicate_implied_by(predicate, lappend(list_copy(condition), known), false);
}

/* Do indexes lead to all rows of a table, or of each of its partitions? */
static bool
has_index(Oid relid, const List *columns, const char *condition_text)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	Bitmapset  *before = numbers(relid, columns);
	AttrNumber	pointing = get_attnum(relid, linitial(columns));
	List	   *condition = NIL;
	bool		found = false;
	ListCell   *lc;

	if (condition_text != NULL)
	{
		condition = make_ands_implicit(idv_condition_parse(relation, condition_text));
		pull_varattnos((Node *) condition, 1, &before);
	}
	foreach(lc, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		found = found || index_leads(index, pointing, before, condition);
		index_close(index, NoLock);
	}
	if (!found && relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		List	   *parts = find_inheritance_children(relid, AccessShareLock);

		found = parts != NIL;
		foreach(lc, parts)
			found = found && has_index(lfirst_oid(lc), columns, condition_text);
	}
	relation_close(relation, NoLock);
	return found;
}

/*
 * idv_doctor_missing_index
 *		The statement that makes an index by which a fold finds the rows that point
 *		to one contact; NULL: there is one.
 *
 * columns		names; the first holds the id
 * condition	as of a listed reference, or NULL
 */
char *
idv_doctor_missing_index(Oid relation, const List *columns, const char *condition)
{
	bool		has_parts = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;

	/* A condition is read only where nobody's code can run by that. */
	if ((condition != NULL && !idv_doctor_trusts(relation)) ||
		has_index(relation, columns, condition))
		return NULL;
	return psprintf("CREATE INDEX %sON %s (%s);", has_parts ? "" : "CONCURRENTLY ",
					idv_relation_name(relation), quote_identifier(linitial(columns)));
}
