/*-------------------------------------------------------------------------
 *
 * canonical_text.c
 *	  Text that is the same in every session, and loses nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "server/canonical_text.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/xml.h"

static void
set_option(int *level, const char *name, const char *value)
{
	if (*level == 0)
		*level = NewGUCNestLevel();
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Is the session's time zone one that is always that of Greenwich? */
static bool
is_utc(void)
{
	long		offset;

	return pg_get_timezone_offset(session_timezone, &offset) && offset == 0;
}

/*
 * idv_canonical_reading_begin
 *		From here on text that was written exactly is read for what it is.
 *
 * Whatever else it may have been written under, it says what it means: a time
 * has its offset from UTC, each part of an interval its sign.  So this can hold
 * while somebody's triggers run, which have hardly a use for these settings;
 * for others, such as the time zone, they have.
 *
 * Returns what idv_canonical_text_end() is to be given.  An error undoes it too.
 */
int
idv_canonical_reading_begin(void)
{
	int			level = 0;

	/* Each of these, and to go back, costs more than asking first. */
	if (strcmp(GetConfigOption("lc_monetary", false, false), "C") != 0)
		set_option(&level, "lc_monetary", "C");
	if (xmloption != XMLOPTION_CONTENT)
		set_option(&level, "xmloption", "content");
	if (!Array_nulls)
		set_option(&level, "array_nulls", "on");
	return level;
}

/*
 * idv_canonical_text_begin
 *		From here on text is written, and read, independent of the session.
 *
 * Not only for the sake of those who read it.  Rows without a key, and values
 * that were filled in, are found again by their text: the same value has to
 * give the same text in every session.
 *
 * Returns what idv_canonical_text_end() is to be given.  An error undoes it too.
 */
int
idv_canonical_text_begin(void)
{
	int			level = idv_canonical_reading_begin();

	if (!is_utc())
		set_option(&level, "TimeZone", "UTC");
	if (DateStyle != USE_ISO_DATES)
		set_option(&level, "DateStyle", "ISO");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		set_option(&level, "IntervalStyle", "postgres");
	if (extra_float_digits < 1)
		set_option(&level, "extra_float_digits", "1");
	if (quote_all_identifiers)
		set_option(&level, "quote_all_identifiers", "off");
	if (bytea_output != BYTEA_OUTPUT_HEX)
		set_option(&level, "bytea_output", "hex");
	return level;
}

/*
 * idv_plain_sql
 *		From here on SQL is read as by the server's defaults.
 *
 * A function that makes a statement out of text quotes it as for these.
 *
 * level	of NewGUCNestLevel(); made where it is 0 and is needed
 */
void
idv_plain_sql(int *level)
{
	if (!standard_conforming_strings)
		set_option(level, "standard_conforming_strings", "on");
	if (backslash_quote != BACKSLASH_QUOTE_SAFE_ENCODING)
		set_option(level, "backslash_quote", "safe_encoding");
	if (Transform_null_equals)
		set_option(level, "transform_null_equals", "off");
	if (!Array_nulls)
		set_option(level, "array_nulls", "on");
}

/*
 * idv_canonical_sql_begin
 *		From here on SQL, too, is written and read independent of the session.
 *
 * For as long as a statement is made and prepared, and no longer: what a
 * session has set is how it reads its own functions.
 *
 * Returns what idv_canonical_text_end() is to be given.  An error undoes it
 * too.
 */
int
idv_canonical_sql_begin(void)
{
	int			level = idv_canonical_text_begin();

	idv_plain_sql(&level);
	return level;
}

/*
 * idv_canonical_text_end
 *		Go back to the session's settings.
 */
void
idv_canonical_text_end(int level)
{
	if (level != 0)
		AtEOXact_GUC(false, level);
}

/*
 * idv_is_canonical
 *		Does a type write its values the same under all settings, for certain?
 */
bool
idv_is_canonical(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID ||
		type == TEXTOID || type == VARCHAROID || type == UUIDOID;
}

/*
 * idv_value_text
 *		A value as its type writes it, under the settings of this moment.
 */
char *
idv_value_text(Oid type, Datum value)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

/*
 * idv_value_from_text
 *		A value by its type's own input function.
 *
 * type		below domains
 *
 * Never a CAST: somebody's own could stand in for it.
 */
Datum
idv_value_from_text(Oid type, int32 typmod, char *text)
{
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(type, &input, &ioparam);
	return OidInputFunctionCall(input, text, ioparam, typmod);
}
