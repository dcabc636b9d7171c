/*-------------------------------------------------------------------------
 *
 * comparison_sql.c
 *	  Comparisons in SQL, by just the operator that is meant.
 *
 *-------------------------------------------------------------------------
 */
#include "server/comparison_sql.h"

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* An operand, of the very type that the operator takes. */
static const char *
cast_to(const char *operand, Oid type)
{
	if (get_typtype(type) == TYPTYPE_PSEUDO)
		return operand;
	return psprintf("CAST(%s AS %s)", operand,
					format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

/*
 * idv_comparison
 *		A comparison as SQL, by just this operator whatever the search_path.
 *
 * An operator's name and schema do not tell which it is: of several the one is
 * taken that fits the operands best, say of a domain, and in a schema where
 * others may create, it may be theirs.  So the operands are cast to what it takes,
 * as foreign keys do; but not for what is built in, where nobody creates.
 */
char *
idv_comparison(const char *left, Oid operator, const char *right)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *comparison;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	if (form->oprnamespace != PG_CATALOG_NAMESPACE)
	{
		left = cast_to(left, form->oprleft);
		right = cast_to(right, form->oprright);
	}
	comparison = psprintf("%s OPERATOR(%s.%s) %s", left,
						  quote_identifier(get_namespace_name(form->oprnamespace)),
						  NameStr(form->oprname), right);
	ReleaseSysCache(tuple);
	return comparison;
}

/*
 * idv_equal_operator
 *		What two types are compared by in an index, or InvalidOid.
 */
Oid
idv_equal_operator(Oid left, Oid right)
{
	TypeCacheEntry *l = lookup_type_cache(left, TYPECACHE_BTREE_OPFAMILY);
	TypeCacheEntry *r = lookup_type_cache(right, TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(l->btree_opf) || l->btree_opf != r->btree_opf)
		return InvalidOid;
	return get_opfamily_member(l->btree_opf, l->btree_opintype,
							   r->btree_opintype, BTEqualStrategyNumber);
}
