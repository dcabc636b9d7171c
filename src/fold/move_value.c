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

/*
 * What a column will store to point to the target.
 *
 * stored	output: of idv_move_column_type()
 * wanted	what the target has in the column that is pointed to
 *
 * Returns false if that would not point to the target: a number may be rounded
 * on its way, and be somebody else's.  A value that is too large can be an
 * error, as it is in PostgreSQL.  PostgreSQL's own functions alone are asked;
 * others would run with our rights.
 */
static bool
stored_value(Datum *stored, const IdvTable *target,
			 const IdvReference *reference, int i, Datum wanted)
{
	Form_pg_attribute referenced = TupleDescAttr(target->desc,
												 reference->referenced[i] - 1);
	Form_pg_attribute column = TupleDescAttr(reference->table->desc,
											 reference->columns[i] - 1);
	int32		typmod = column->atttypmod;
	Oid			type = getBaseTypeAndTypmod(column->atttypid, &typmod);
	Oid			shorten = InvalidOid;
	Oid			equal = get_opcode(reference->equal[i]);
	Datum		shortened;
	Oid			left;
	Oid			right;
	bool		shortens;
	bool		fits;
	bool		left_fits;
	bool		right_fits;

	*stored = idv_cast(wanted, referenced->atttypid, type, &fits);
	if (!fits)
		return false;
	shortens = typmod != -1 &&
		find_typmod_coercion_function(type, &shorten) == COERCION_PATH_FUNC;
	if ((type == referenced->atttypid && !shortens) ||
		shorten >= FirstUnpinnedObjectId || equal >= FirstUnpinnedObjectId)
		return true;

	shortened = *stored;
	if (shortens)
		shortened = OidFunctionCall3(shorten, shortened, Int32GetDatum(typmod),
									 BoolGetDatum(false));
	op_input_types(reference->equal[i], &left, &right);
	wanted = idv_cast(wanted, referenced->atttypid, left, &left_fits);
	shortened = idv_cast(shortened, type, right, &right_fits);
	return !left_fits || !right_fits ||
		DatumGetBool(OidFunctionCall2Coll(equal, referenced->attcollation,
										  wanted, shortened));
}

/*
 * idv_move_value
 *		What a column will store to point to the target.
 *
 * table	what the reference points to, with the target
 * i		which of the reference's columns; what it points to is not null
 * to		the target
 *
 * Returns a value of idv_move_column_type().  55000 if the column cannot store
 * it: never write what would be somebody else's id.
 */
Datum
idv_move_value(const IdvTable *table, const IdvReference *reference, int i,
			   IdvRow to)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		wanted = to.values[reference->referenced[i] - 1];
	volatile Datum stored = (Datum) 0;
	volatile bool fits = false;

	PG_TRY();
	{
		Datum		value;

		fits = stored_value(&value, table, reference, i, wanted);
		stored = value;
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* Such as an integer out of range: of what, it does not say. */
		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" of \"%s\" cannot hold the target's \"%s\"",
						NameStr(TupleDescAttr(reference->table->desc,
											  reference->columns[i] - 1)->attname),
						reference->table->label,
						NameStr(TupleDescAttr(table->desc,
											  reference->referenced[i] - 1)->attname)),
				 errhint("Give both columns the same type.")));
	return stored;
}
