/*-------------------------------------------------------------------------
 *
 * move_value.c
 *	  What a column holds after a row was moved.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move_value.h"

#include "access/transam.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"

#include "server/cast.h"

/*
 * idv_move_column_type
 *		The type that a column's new value has: below domains.
 */
Oid
idv_move_column_type(const IdvReference *reference, int i)
{
	TupleDesc	desc = reference->table->desc;

	return getBaseType(TupleDescAttr(desc, reference->columns[i] - 1)->atttypid);
}

/*
 * idv_move_stores_all
 *		Does a column store what it points to as it is?
 */
bool
idv_move_stores_all(const IdvTable *target, const IdvReference *reference, int i)
{
	Form_pg_attribute referenced = TupleDescAttr(target->desc,
												 reference->referenced[i] - 1);
	Form_pg_attribute column = TupleDescAttr(reference->table->desc,
											 reference->columns[i] - 1);
	int32		typmod = column->atttypmod;

	/* A domain may have a length of its own. */
	return getBaseTypeAndTypmod(column->atttypid, &typmod) == referenced->atttypid &&
		(typmod == -1 || typmod == referenced->atttypmod);
}
