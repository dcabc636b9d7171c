/*-------------------------------------------------------------------------
 *
 * builtin_code.c
 *	  Which of PostgreSQL's own functions do nothing but answer.
 *
 * An expression of somebody who is not trusted is computed as the owner of a
 * table.  If it calls nothing but PostgreSQL's own functions it is still not
 * harmless: some run code that they find by what they are given, some tell what
 * the owner may know and its author may not, and some do things.
 *
 *-------------------------------------------------------------------------
 */
#include "server/builtin_code.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Stable or volatile functions that only answer.  They tell something, or make
 * text of values whose types are looked at elsewhere.
 */
static const Oid harmless_functions[] = {
	F_PG_TRIGGER_DEPTH,
	F_NOW, F_TRANSACTION_TIMESTAMP, F_STATEMENT_TIMESTAMP, F_CLOCK_TIMESTAMP,
	F_CURRENT_USER, F_SESSION_USER, F_CURRENT_DATABASE, F_CURRENT_SCHEMA,
	F_TO_JSON, F_TO_JSONB, F_ROW_TO_JSON_RECORD, F_CONCAT, F_CONCAT_WS,
	F_FORMAT_TEXT, F_FORMAT_TEXT_ANY, F_ARRAY_TO_STRING_ANYARRAY_TEXT,
	F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT,
	F_TO_CHAR_NUMERIC_TEXT, F_TO_CHAR_INT4_TEXT, F_TO_CHAR_INT8_TEXT,
	F_TO_CHAR_FLOAT4_TEXT, F_TO_CHAR_FLOAT8_TEXT
};

/*
 * Functions that run a query which they are given as text, or code of a type that is
 * named there.  What that names without a schema is looked for when they run.
 */
static const Oid functions_of_names[] = {
	F_TS_REWRITE_TSQUERY_TEXT, F_TS_STAT_TEXT, F_TS_STAT_TEXT_TEXT,
	F_QUERY_TO_XML, F_QUERY_TO_XMLSCHEMA, F_QUERY_TO_XML_AND_XMLSCHEMA,
	F_CURSOR_TO_XML, F_CURSOR_TO_XMLSCHEMA,
	F_TABLE_TO_XML, F_TABLE_TO_XMLSCHEMA, F_TABLE_TO_XML_AND_XMLSCHEMA,
	F_SCHEMA_TO_XML, F_SCHEMA_TO_XMLSCHEMA, F_SCHEMA_TO_XML_AND_XMLSCHEMA,
	F_DATABASE_TO_XML, F_DATABASE_TO_XMLSCHEMA, F_DATABASE_TO_XML_AND_XMLSCHEMA,
#if PG_VERSION_NUM >= 160000
	F_PG_INPUT_IS_VALID, F_PG_INPUT_ERROR_INFO
#endif
};

/* Types of values that are no more than they say. */
static bool
is_time(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMETZOID ||
		type == TIMESTAMPOID || type == TIMESTAMPTZOID || type == INTERVALOID;
}

static bool
is_number(Oid type)
{
	return type == BOOLOID || type == INT2OID || type == INT4OID ||
		type == INT8OID || type == FLOAT4OID || type == FLOAT8OID ||
		type == NUMERICOID;
}

/* Types of values that lead to an object of the catalog, and to its code. */
static bool
is_object(Oid type)
{
	switch (type)
	{
		case OIDOID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCOLLATIONOID:
			return true;
		default:

			/*
			 * regconfig and regdictionary, too, but text search runs only the
			 * templates of dictionaries, which are a superuser's.
			 */
			return false;
	}
}

/*
 * Does a function take an object, and do more than compare or convert it?
 *
 * satisfies_hash_partition(), which is immutable, runs the expressions of the
 * partition key of the table that it is given.
 */
static bool
looks_into_object(const Form_pg_proc form)
{
	bool		takes_object = false;
	bool		takes_more = false;

	for (int i = 0; i < form->pronargs; i++)
	{
		Oid			type = form->proargtypes.values[i];

		takes_object = takes_object || is_object(type);
		takes_more = takes_more || type != OIDOID;
	}
	return takes_object && takes_more;
}

/* Is it stable, and reckons with times, which depend on the time zone? */
static bool
reckons_with_time(const Form_pg_proc form)
{
	bool		takes_time = false;

	if (form->provolatile != PROVOLATILE_STABLE || form->proretset)
		return false;
	for (int i = 0; i < form->pronargs; i++)
	{
		Oid			type = form->proargtypes.values[i];

		if (is_time(type))
			takes_time = true;
		/* Text beside a time may be the name of a field, or a format. */
		else if (!is_number(type) && (type != TEXTOID || form->pronargs != 2))
			return false;
	}
	return takes_time;
}

/* Does it depend on its arguments alone, and run no code that they lead to? */
static bool
is_closed(const Form_pg_proc form)
{
	return form->provolatile == PROVOLATILE_IMMUTABLE && !looks_into_object(form);
}

/*
 * idv_function_form
 *		A function's row in pg_proc.
 *
 * tuple		output: what the caller is to release
 */
Form_pg_proc
idv_function_form(Oid function, HeapTuple *tuple)
{
	*tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(*tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	return (Form_pg_proc) GETSTRUCT(*tuple);
}

/*
 * idv_builtin_is_closed
 *		Does a function that is built in depend on its arguments alone, and run
 *		no code that they lead to?
 */
bool
idv_builtin_is_closed(Oid function)
{
	HeapTuple	tuple;
	bool		closed = is_closed(idv_function_form(function, &tuple));

	ReleaseSysCache(tuple);
	return closed;
}

/*
 * idv_builtin_only_answers
 *		Can a function that is built in do nothing but answer, and only what
 *		everybody may know?
 */
bool
idv_builtin_only_answers(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		harmless;

	for (int i = 0; i < (int) lengthof(harmless_functions); i++)
		if (harmless_functions[i] == function)
			return true;

	form = idv_function_form(function, &tuple);
	harmless = is_closed(form) || reckons_with_time(form);
	ReleaseSysCache(tuple);
	return harmless;
}

/*
 * idv_could_be_lured
 *		Could a function look up something by its name, in text that it is given, and
 *		run code that it finds there?
 *
 * form		of one in C, or that is built in
 *
 * Of those of others it is told by their arguments: one that runs a query is given
 * it as text, as crosstab() is, and is not immutable.  Functions of types and of
 * index methods are given what they work on.
 */
bool
idv_could_be_lured(const Form_pg_proc form)
{
	if (form->oid < FirstUnpinnedObjectId)
	{
		for (int i = 0; i < (int) lengthof(functions_of_names); i++)
			if (functions_of_names[i] == form->oid)
				return true;
		return false;
	}
	if (form->provolatile == PROVOLATILE_IMMUTABLE)
		return false;
	for (int i = 0; i < form->pronargs; i++)
	{
		char		category;
		bool		preferred;

		get_type_category_preferred(form->proargtypes.values[i], &category, &preferred);
		if (category == TYPCATEGORY_STRING)
			return true;
	}
	return false;
}

/*
 * idv_reads_open_setting
 *		Is this a call of current_setting(), for a setting that is named there and
 *		that everybody may read?
 *
 * Others the owner of a table may be allowed to read, and the author not.
 */
bool
idv_reads_open_setting(const Node *node)
{
	const FuncExpr *call = (const FuncExpr *) node;
	const Const *name;
	char	   *setting;

	if (!IsA(node, FuncExpr) ||
		(call->funcid != F_CURRENT_SETTING_TEXT &&
		 call->funcid != F_CURRENT_SETTING_TEXT_BOOL))
		return false;
	name = linitial(call->args);
	if (!IsA(name, Const) || name->constisnull || name->consttype != TEXTOID)
		return false;

	setting = TextDatumGetCString(name->constvalue);

	/* One that nobody has defined is a word of the session. */
	return (GetConfigOptionFlags(setting, true) & GUC_SUPERUSER_ONLY) == 0;
}
