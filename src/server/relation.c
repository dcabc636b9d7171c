/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  What a relation is called, whose it is, and what it is part of.
 *
 *-------------------------------------------------------------------------
 */
#include "server/relation.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * idv_relation_name
 *		The name of a relation, qualified and quoted.
 */
char *
idv_relation_name(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relation);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  name);
}

/*
 * idv_relation_label
 *		The name of a relation, qualified and not quoted, for messages.
 */
char *
idv_relation_label(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relation);
	return psprintf("%s.%s", get_namespace_name(get_rel_namespace(relation)),
					name);
}

/*
 * idv_root_relation
 *		The partitioned table that a partition is in the end a part of, or the
 *		relation itself.
 */
Oid
idv_root_relation(Oid relation)
{
	List	   *ancestors;

	if (!get_rel_relispartition(relation))
		return relation;
	ancestors = get_partition_ancestors(relation);
	return ancestors == NIL ? relation : llast_oid(ancestors);
}

/*
 * idv_relation_owner
 *		The role that owns a relation, which exists.
 */
Oid
idv_relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
