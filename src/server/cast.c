/*-------------------------------------------------------------------------
 *
 * cast.c
 *	  A value as one of another type, where PostgreSQL's own code can make it
 *	  one.
 *
 *-------------------------------------------------------------------------
 */
#include "server/cast.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"

/*
 * idv_cast
 *		A value as one of another type, as an assignment would make it.
 *
 * *fits is false if there is no such assignment.
 */
Datum
idv_cast(Datum value, Oid from, Oid to, bool *fits)
{
	Oid			function;

	from = getBaseType(from);
	to = getBaseType(to);
	*fits = true;
	if (from == to)
		return value;
	switch (find_coercion_pathway(to, from, COERCION_ASSIGNMENT, &function))
	{
		case COERCION_PATH_RELABELTYPE:
			return value;
		case COERCION_PATH_FUNC:
			/* Somebody's own cast would run with our rights. */
			if (function >= FirstUnpinnedObjectId)
			{
				*fits = false;
				return (Datum) 0;
			}
			/* A length coercion takes more arguments; without one it is off. */
			return OidFunctionCall3(function, value, Int32GetDatum(-1),
									BoolGetDatum(false));
		case COERCION_PATH_COERCEVIAIO:
			{
				Oid			output;
				Oid			input;
				Oid			ioparam;
				bool		is_varlena;

				/* So would the checks of a domain within a type. */
				if (to >= FirstUnpinnedObjectId &&
					(get_typtype(to) != TYPTYPE_BASE ||
					 OidIsValid(get_element_type(to))))
				{
					*fits = false;
					return (Datum) 0;
				}
				getTypeOutputInfo(from, &output, &is_varlena);
				getTypeInputInfo(to, &input, &ioparam);
				return OidInputFunctionCall(input,
											OidOutputFunctionCall(output, value),
											ioparam, -1);
			}
		default:
			*fits = false;
			return (Datum) 0;
	}
}
