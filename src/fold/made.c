/*-------------------------------------------------------------------------
 *
 * made.c
 *	  A contact that was made a moment ago, to fold another one into it.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/made.h"

#include "utils/timestamp.h"

/*
 * idv_made_rest
 *		What is left to write of a filling.
 *
 * It may have its new created_at already; then nothing has to be updated for
 * that alone.  Or it has one of a source that is not folded after all.
 */
IdvFilling
idv_made_rest(IdvFilling *filling, const IdvContacts *contacts,
			  IdvRow stored, IdvRow before)
{
	int			i = contacts->created_at - 1;
	bool		fills = bms_is_member(i + 1, filling->columns);
	IdvFilling	rest = *filling;
	Datum		wanted = fills ? filling->after.values[i] : before.values[i];

	if (DatumGetTimestampTz(wanted) == DatumGetTimestampTz(stored.values[i]))
	{
		rest.columns = bms_del_member(bms_copy(filling->columns), i + 1);
		if (fills && bms_num_members(filling->columns) == 2)
		{
			/* The other one is updated_at. */
			filling->columns = bms_make_singleton(i + 1);
			rest.columns = NULL;
		}
	}
	else if (!fills)
	{
		rest.columns = bms_add_member(bms_copy(filling->columns), i + 1);
		rest.after.values[i] = wanted;
		rest.after.nulls[i] = false;
	}
	return rest;
}

/*
 * idv_made_by_right
 *		The row as it would be without the source.
 */
IdvRow
idv_made_by_right(const IdvContacts *contacts, IdvRow stored, TimestampTz made_at)
{
	int			natts = contacts->table->desc->natts;
	IdvRow		row = {palloc(sizeof(Datum) * natts), stored.nulls};

	memcpy(row.values, stored.values, sizeof(Datum) * natts);
	row.values[contacts->created_at - 1] = TimestampTzGetDatum(made_at);
	return row;
}
