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
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Read a value of a type, unless that could run somebody's own code. */
static Datum
read_value(char *string, Oid type, bool *fits)
{
	Oid			input;
	Oid			ioparam;

	/* A domain within a type has checks, which would run with our rights. */
	*fits = type < FirstUnpinnedObjectId || get_typtype(type) == TYPTYPE_ENUM ||
		(get_typtype(type) == TYPTYPE_BASE &&
		 !OidIsValid(get_element_type(type)));
	if (!*fits)
		return (Datum) 0;
	getTypeInputInfo(type, &input, &ioparam);
	return OidInputFunctionCall(input, string, ioparam, -1);
}

/*
 * idv_read_text
 *		A text as a value of the type, as a literal would be read.
 *
 * *fits is false for a type that could run somebody's own code then.  An error
 * (22P02, most often) if the text is no value of the type.
 */
Datum
idv_read_text(Datum value, Oid to, bool *fits)
{
	return read_value(TextDatumGetCString(value), getBaseType(to), fits);
}

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
	if (from == to || IsBinaryCoercible(from, to))
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
				bool		is_varlena;

				getTypeOutputInfo(from, &output, &is_varlena);
				return read_value(OidOutputFunctionCall(output, value), to, fits);
			}
		default:
			*fits = false;
			return (Datum) 0;
	}
}
