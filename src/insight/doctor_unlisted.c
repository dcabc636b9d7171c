/*-------------------------------------------------------------------------
 *
 * doctor_unlisted.c
 *	  Columns that look as if they pointed to contacts, and that a fold would
 *	  leave behind, since neither a foreign key nor the list tells of them.
 *
 * These are looked for:
 *
 *		contact_id, contactId, and names that end so
 *		a column that is named as one that is listed
 *		x_id beside x_type, xId beside xType, where the type's values have the
 *		name of the contacts among them, as a framework writes it
 *		object_id beside content_type_id, where django_content_type has the contacts
 *		parent_id and its like in the contacts themselves
 *		x_id, where rows of table xs may be dropped as duplicates by a fold
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_references.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "insight/column_content.h"
#include "insight/contact_naming.h"
#include "server/query.h"
#include "server/relation.h"
#include "tables/our_tables.h"

/* A look at candidates. */
typedef struct Look
{
	const IdvChart *chart;
	bool		own_is_empty;	/* idverify.contacts has no row */
	const IdvIdColumn *candidate;	/* the one that is looked at */
} Look;

/* Could a column of this type hold ids of that one, and a fold compare them? */
static bool
may_hold(Oid type, Oid id_type)
{
#define IS_INTEGER(t)	((t) == INT2OID || (t) == INT4OID || (t) == INT8OID)
#define IS_TEXT(t)		((t) == TEXTOID || (t) == VARCHAROID)
	return type == id_type || (IS_INTEGER(type) && IS_INTEGER(id_type)) ||
		(IS_TEXT(type) && IS_TEXT(id_type));
}

/* Is there a table of that name in a schema that we take for no contacts? */
static bool
has_strange_contacts(Oid schema)
{
	return OidIsValid(get_relname_relid("contacts", schema)) ||
		OidIsValid(get_relname_relid("Contact", schema));
}

/*
 * Which contacts does a column of a schema point to, by its name alone?
 *
 * Those of the schema.  If it has other contacts, to nobody's that we know of;
 * else to ours, unless these are empty, and there are others.
 */
static const IdvChartTable *
contacts_of(const Look *look, Oid schema, Oid type)
{
	const IdvChartTable *own = NULL;
	const IdvChartTable *other = NULL;
	ListCell   *lc;

	foreach(lc, look->chart->tables)
	{
		const IdvChartTable *table = lfirst(lc);

		if (!table->is_contacts || !may_hold(type, table->id_type))
			continue;
		if (table->relation == idv_our_table("contacts"))
			own = table;
		else if (table->schema == schema)
			return table;
		else if (other == NULL)
			other = table;
	}
	if (has_strange_contacts(schema))
		return NULL;
	return own == NULL || (look->own_is_empty && other != NULL) ? other : own;
}

/* Tell of a candidate that points to a table. */
static void
tell_unlisted(IdvDoctor *doctor, const IdvIdColumn *candidate, const IdvChartTable *to,
			  const char *condition)
{
	char	   *create = idv_doctor_missing_index(candidate->relation,
												  list_make1(unconstify(char *, candidate->column)),
												  condition);

	idv_doctor_tell(doctor, IDV_DIAGNOSIS_REFERENCE_UNLISTED,
					psprintf("%s.%s", idv_relation_label(candidate->relation), candidate->column),
					psprintf("SELECT %s.idverify_add_reference(%s, %s, %s%s%s);%s%s", doctor->schema,
							 quote_literal_cstr(idv_relation_name(to->relation)),
							 quote_literal_cstr(idv_relation_name(candidate->relation)),
							 quote_literal_cstr(candidate->column),
							 condition == NULL ? "" : ", ",
							 condition == NULL ? "" : quote_literal_cstr(condition),
							 create == NULL ? "" : "\n", create == NULL ? "" : create),
					"It looks as if it pointed to %s%s%s, and has no foreign key: a fold leaves its rows behind, unless it is listed.",
					idv_relation_label(to->relation),
					condition == NULL ? "" : " where ",
					condition == NULL ? "" : condition);
}

/* Look at an id that has its type beside it: of the likeliest contacts, or of ours. */
static void
look_at_pair(IdvDoctor *doctor, const Look *look, const IdvIdColumn *candidate,
			 const IdvChartTable *likeliest)
{
	char	   *condition = likeliest == NULL ? NULL : idv_content_condition(candidate, likeliest);
	ListCell   *lc;

	if (condition != NULL)
	{
		tell_unlisted(doctor, candidate, likeliest, condition);
		return;
	}
	foreach(lc, look->chart->tables)
	{
		const IdvChartTable *table = lfirst(lc);

		if (table != likeliest && table->relation == idv_our_table("contacts") &&
			may_hold(candidate->type, table->id_type) &&
			!has_strange_contacts(candidate->schema))
			condition = idv_content_condition(candidate, table);
		if (condition != NULL)
		{
			tell_unlisted(doctor, candidate, table, condition);
			return;
		}
	}
}

/* Look at one candidate. */
static void
look_at_candidate(IdvDoctor *doctor, void *argument)
{
	const Look *look = argument;
	const IdvIdColumn *candidate = look->candidate;
	const IdvChartTable *contacts = contacts_of(look, candidate->schema, candidate->type);
	ListCell   *lc;

	/* Their own ids point nowhere. */
	if (contacts != NULL && candidate->relation == contacts->relation &&
		get_attnum(candidate->relation, candidate->column) == contacts->id)
		return;
	if (candidate->type_column != NULL)
	{
		look_at_pair(doctor, look, candidate, contacts);
		return;
	}
	if (candidate->listed_for != NULL)
	{
		foreach(lc, look->chart->tables)
		{
			const IdvChartTable *table = lfirst(lc);

			if (table->relation == strtoul(candidate->listed_for, NULL, 10) &&
				may_hold(candidate->type, table->id_type))
			{
				tell_unlisted(doctor, candidate, table, NULL);
				return;
			}
		}
	}
	if (idv_names_contact(candidate->column))
	{
		if (contacts != NULL)
			tell_unlisted(doctor, candidate, contacts, NULL);
		return;
	}
	foreach(lc, look->chart->tables)
	{
		const IdvChartTable *table = lfirst(lc);

		if (table->is_contacts && candidate->relation == table->relation &&
			may_hold(candidate->type, table->id_type) &&
			idv_names_other_contact(candidate->column) && idv_content_is_ids(candidate, table))
			tell_unlisted(doctor, candidate, table, NULL);
	}
}

/* Was a candidate told of? */
static bool
is_told(const IdvDoctor *doctor, const IdvIdColumn *candidate)
{
	char	   *object = psprintf("%s.%s", idv_relation_label(candidate->relation), candidate->column);

	return idv_doctor_has_told(doctor, IDV_DIAGNOSIS_REFERENCE_UNLISTED, object);
}

/*
 * Look whether a candidate points to rows that may be dropped: by its name, to a
 * table of its schema.
 *
 * known	so many tables were looked at before
 */
static void
look_deeper(IdvDoctor *doctor, const IdvChart *chart, int known, const IdvIdColumn *candidate)
{
	if (candidate->type_column != NULL || is_told(doctor, candidate))
		return;
	for (int i = known; i < list_length(chart->tables); i++)
	{
		const IdvChartTable *table = list_nth(chart->tables, i);

		if (!table->is_contacts && candidate->schema == table->schema &&
			may_hold(candidate->type, table->id_type) &&
			strcmp(idv_plain_name(candidate->column),
				   psprintf("%sid", idv_singular(idv_plain_name(table->name)))) == 0)
		{
			tell_unlisted(doctor, candidate, table, NULL);
			return;
		}
	}
}

/* Tables to which a fold would come, were the candidates listed. */
static void
add_deeper(IdvDoctor *doctor, IdvChart *chart, const IdvIdColumn *candidate)
{
	ListCell   *lc;
	IdvChartPointer pointer = {
		.relation = candidate->relation,
		.columns = list_make1(unconstify(char *, candidate->column))
	};
	IdvChartTable *table;
	Oid			constraint;
	Bitmapset  *key;
	bool		told = is_told(doctor, candidate);

	foreach(lc, chart->tables)
		told = told && ((IdvChartTable *) lfirst(lc))->relation != candidate->relation;
	if (!told || !idv_doctor_may_drop(&pointer))
		return;
	key = get_primary_key_attnos(candidate->relation, true, &constraint);
	if (bms_membership(key) != BMS_SINGLETON)
		return;
	table = palloc0(sizeof(IdvChartTable));
	table->relation = candidate->relation;
	table->schema = candidate->schema;
	table->name = get_rel_name(candidate->relation);
	table->id = bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber;
	table->id_type = getBaseType(get_atttype(candidate->relation, table->id));
	chart->tables = lappend(chart->tables, table);
}

/* Look at all columns that could be meant. */
static void
look_at_columns(IdvDoctor *doctor, void *argument)
{
	Look	   *look = argument;
	IdvChart	chart = {list_copy(look->chart->tables), look->chart->pointers};
	MemoryContext context = CurrentMemoryContext;
	List	   *candidates = NIL;
	IdvDiagnosis of_error;
	uint64		n;
	ListCell   *lc;

	look->chart = &chart;
	SPI_connect();
	look->own_is_empty = idv_query("SELECT FROM idverify.contacts LIMIT 1", 0, NULL, NULL, NULL) == 0;
	n = idv_query("WITH columns AS ("
				  "  SELECT c.oid, c.relnamespace, a.attname, a.attnum, a.atttypid,"
				  "   CASE WHEN a.attname ~ '(^|_)object_id$' THEN regexp_replace(a.attname, 'object_id$', 'content_type_id') END AS content_type,"
				  "   CASE WHEN a.attname ~ '_id$' THEN regexp_replace(a.attname, '_id$', '_type')"
				  "    WHEN a.attname ~ 'Id$' THEN regexp_replace(a.attname, 'Id$', 'Type') END AS type_name"
				  "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
				  "   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
				  "  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"
				  "   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
				  "   AND (n.nspname <> 'idverify' OR c.relname = 'contacts')"
				  "   AND a.attinhcount = 0 AND a.attgenerated = '' AND a.attidentity <> 'a'"
				  "   AND (a.attname ~ '(_id|Id)$' OR a.attname IN (SELECT column_name FROM idverify.contact_references))),"
				  " candidates AS ("
				  "  SELECT c.*, t.attname AS type_column, t.attname = c.content_type AS is_content_type,"
				  "   (SELECT min(r.contacts::oid)::text FROM idverify.contact_references r"
				  "    WHERE r.column_name = c.attname AND r.condition IS NULL) AS listed_for"
				  "  FROM columns c LEFT JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped"
				  "   AND t.attname IN (c.type_name, c.content_type))"
				  " SELECT c.oid, c.relnamespace, c.attname::text, c.atttypid, c.type_column::text, c.is_content_type, c.listed_for"
				  " FROM candidates c"
				  " WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND c.attnum = ANY (k.conkey))"
				  "  AND NOT EXISTS (SELECT FROM idverify.contact_references r WHERE r.relation = c.oid AND r.column_name = c.attname)"
				  "  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
				  " ORDER BY c.oid, c.attnum",
				  0, NULL, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(context);
		IdvIdColumn *candidate = palloc0(sizeof(IdvIdColumn));
		SPITupleTable *rows = SPI_tuptable;
		bool		isnull;
		Datum		value;

		candidate->relation = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		candidate->schema = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		candidate->column = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
		candidate->type = getBaseType(DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 4, &isnull)));
		candidate->type_column = SPI_getvalue(rows->vals[i], rows->tupdesc, 5);
		value = SPI_getbinval(rows->vals[i], rows->tupdesc, 6, &isnull);
		candidate->is_content_type = !isnull && DatumGetBool(value);
		candidate->listed_for = SPI_getvalue(rows->vals[i], rows->tupdesc, 7);
		candidates = lappend(candidates, candidate);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();

	/* An error is about one column, and no alarm: anybody may make a table. */
	of_error = doctor->of_error;
	doctor->of_error = IDV_DIAGNOSIS_REFERENCE_UNLISTED;
	foreach(lc, candidates)
	{
		look->candidate = lfirst(lc);
		idv_doctor_look(doctor, psprintf("%s.%s", idv_relation_label(look->candidate->relation),
										 look->candidate->column),
						look_at_candidate, look);
	}
	doctor->of_error = of_error;

	/* What is found leads to tables whose rows may be dropped, and so on. */
	for (int known = 0, grown = 0; known < list_length(chart.tables); known = grown)
	{
		foreach(lc, candidates)
			add_deeper(doctor, &chart, lfirst(lc));
		grown = list_length(chart.tables);
		foreach(lc, candidates)
			look_deeper(doctor, &chart, known, lfirst(lc));
	}
}

/*
 * idv_doctor_unlisted
 *		Look for columns that look as if they pointed to contacts.
 */
void
idv_doctor_unlisted(IdvDoctor *doctor, const IdvChart *chart)
{
	Look		look = {.chart = chart};

	idv_doctor_look(doctor, "idverify.contact_references", look_at_columns, &look);
}
