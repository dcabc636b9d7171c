/*-------------------------------------------------------------------------
 *
 * move_parameters.c
 *	  The parameters of the statements that move rows along a reference.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move_parameters.h"

#include "utils/datum.h"

#include "fold/move_value.h"

/*
 * idv_move_source_parameters
 *		The parameters by which a move finds what points to the source.
 *
 * values, nulls	output: all that the move's statements take; what is to be
 *					stored is yet null
 * changed			output: a bit for each of the reference's columns that gets
 *					another value
 * table			what the reference points to, with source and target
 *
 * Returns false if nothing can point to the source that way, or if there is
 * nothing to change.
 */
bool
idv_move_source_parameters(Datum *values, bool *nulls, uint32 *changed,
						   const IdvTable *table, const IdvReference *reference,
						   IdvRow from, IdvRow to)
{
	int			n = reference->ncolumns;

	*changed = 0;
	for (int i = 0; i < n; i++)
	{
		int			r = reference->referenced[i] - 1;
		Form_pg_attribute att = TupleDescAttr(table->desc, r);

		if (from.nulls[r])
			return false;
		values[i] = from.values[r];
		nulls[i] = false;
		values[n + i] = (Datum) 0;
		nulls[n + i] = true;
		if (to.nulls[r] ||
			!datum_image_eq(from.values[r], to.values[r],
							att->attbyval, att->attlen))
			*changed |= 1U << i;
	}
	return *changed != 0;
}

/*
 * idv_move_target_parameters
 *		The parameters that a move will store.
 *
 * values, nulls	of idv_move_source_parameters(); they are completed
 *
 * What cannot be stored is an error, 55000, but in nobody's way where nothing
 * points to the source.  Returns false if that is so, and was asked.
 */
bool
idv_move_target_parameters(Datum *values, bool *nulls, const IdvMove *move,
						   const IdvTable *table, const IdvReference *reference,
						   IdvRow to)
{
	int			n = reference->ncolumns;
	bool		certain = true;

	for (int i = 0; i < n; i++)
		certain = certain && !to.nulls[reference->referenced[i] - 1] &&
			idv_move_stores_all(table, reference, i);
	if (!certain && idv_statement_run(&move->left, values, nulls) == 0)
		return false;

	for (int i = 0; i < n; i++)
	{
		/* Never write a null where there was a pointer. */
		if (to.nulls[reference->referenced[i] - 1])
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of \"%s\" cannot reference the target, because its \"%s\" is null",
							reference->table->label,
							NameStr(TupleDescAttr(table->desc,
												  reference->referenced[i] - 1)->attname)),
					 errhint("Give it a value first.")));
		values[n + i] = certain ? to.values[reference->referenced[i] - 1] :
			idv_move_value(table, reference, i, to);
		nulls[n + i] = false;
	}
	return true;
}

/*
 * idv_move_link_parameters
 *		What one reference of a link points to: for the source, then for the
 *		target.
 *
 * The arguments are those of idv_move_source_parameters().
 *
 * Returns false if nothing can point to both, or if they are the same.
 */
bool
idv_move_link_parameters(Datum *values, bool *nulls, uint32 *changed,
						 const IdvTable *table, const IdvReference *reference,
						 IdvRow from, IdvRow to)
{
	int			n = reference->ncolumns;

	if (!idv_move_source_parameters(values, nulls, changed, table, reference, from, to))
		return false;
	for (int i = 0; i < n; i++)
	{
		int			r = reference->referenced[i] - 1;

		if (to.nulls[r])
			return false;
		values[n + i] = to.values[r];
		nulls[n + i] = false;
	}
	return true;
}
