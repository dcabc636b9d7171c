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
 * Values are looked for in what the catalog has of them: CHECK constraints, labels
 * of enums, statistics; and then in rows, the first ones of the table, which are
 * read as they lie there, without a query.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_references.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "server/query.h"
#include "server/relation.h"
#include "tables/our_tables.h"

/* Of a table so many rows are read, at most, and so many ids looked up. */
#define ROWS_READ		10000
#define IDS_LOOKED_UP	100

/* What columns of contacts that point to other contacts have in their names. */
static const char *const self_words[] = {"parent", "refer", "merged", "duplicate", "master"};

/* A column of ids. */
typedef struct Candidate
{
	Oid			relation;
	Oid			schema;
	const char *column;
	Oid			type;			/* below domains */
	const char *type_column;	/* beside it; or NULL */
	bool		is_content_type;	/* that is a number of django_content_type */
	const char *listed_for;		/* the name is one that is listed, of what
								 * points to this OID; or NULL */
} Candidate;

/* A look at candidates. */
typedef struct Look
{
	const IdvChart *chart;
	bool		own_is_empty;	/* idverify.contacts has no row */
} Look;

/* A name as all frameworks would write it: letters and digits, lowered. */
static char *
plain_name(const char *name)
{
	char	   *plain = palloc(strlen(name) + 1);
	char	   *end = plain;

	for (; *name != '\0'; name++)
	{
		if (*name != '_')
			*end++ = pg_ascii_tolower((unsigned char) *name);
	}
	*end = '\0';
	return plain;
}

static bool
ends_in(const char *text, const char *end)
{
	size_t		len = strlen(text);
	size_t		end_len = strlen(end);

	return len >= end_len && strcmp(text +len - end_len, end) == 0;
}

/* One of what a table's name says in the plural. */
static char *
singular(const char *plural)
{
	static const char *const in_es[] = {"xes", "sses", "ches", "shes"};
	char	   *name = pstrdup(plural);
	size_t		len = strlen(name);

	if (strcmp(name, "people") == 0)
		return pstrdup("person");
	if (len > 3 && ends_in(name, "ies"))
	{
		strcpy(name + len - 3, "y");
		return name;
	}
	for (int i = 0; i < (int) lengthof(in_es); i++)
	{
		if (ends_in(name, in_es[i]))
		{
			name[len - 2] = '\0';
			return name;
		}
	}
	if (len > 1 && name[len - 1] == 's')
		name[len - 1] = '\0';
	return name;
}

/* Could a column of this type hold ids of that one, and a fold compare them? */
static bool
may_hold(Oid type, Oid id_type)
{
#define IS_INTEGER(t)	((t) == INT2OID || (t) == INT4OID || (t) == INT8OID)
#define IS_TEXT(t)		((t) == TEXTOID || (t) == VARCHAROID)
	return type == id_type || (IS_INTEGER(type) && IS_INTEGER(id_type)) ||
		(IS_TEXT(type) && IS_TEXT(id_type));
}

/* Is this value what a framework calls one of the contacts? */
static bool
names_contacts(const char *value, const IdvChartTable *contacts)
{
	const char *last = value;
	char	   *name;
	char	   *plain = plain_name(contacts->name);

	for (const char *at = value; *at != '\0'; at++)
	{
		if (strchr("\\./:#", *at) != NULL)
			last = at + 1;
	}
	name = plain_name(last);
	return *name != '\0' && (strcmp(name, plain) == 0 || strcmp(name, singular(plain)) == 0);
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

static char *
text_of(Datum value)
{
	return text_to_cstring(DatumGetTextPP(value));
}

/* Add a value that is not there yet. */
static List *
add_value(List *values, const char *value)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		if (strcmp(lfirst(lc), value) == 0)
			return values;
	}
	return lappend(values, pstrdup(value));
}

/* Values of a column, as the catalog has them. */
static List *
catalog_values(Oid relation, const char *column)
{
	static const Oid types[] = {OIDOID, TEXTOID};
	Datum		arguments[] = {ObjectIdGetDatum(relation), CStringGetTextDatum(column)};
	MemoryContext context = CurrentMemoryContext;
	List	   *values = NIL;
	uint64		n;

	SPI_connect();
	n = idv_query("SELECT e.enumlabel::text FROM pg_attribute a JOIN pg_enum e ON e.enumtypid = a.atttypid"
				  "  WHERE a.attrelid = $1 AND a.attname = $2"
				  " UNION SELECT (regexp_matches(pg_get_constraintdef(k.oid), '''([^'']+)''', 'g'))[1]"
				  "  FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid"
				  "  WHERE k.conrelid = $1 AND k.contype = 'c' AND a.attname = $2 AND a.attnum = ANY (k.conkey)"
				  " UNION SELECT unnest(s.most_common_vals::text::text[])"
				  "  FROM pg_stats s JOIN pg_class c ON c.relname = s.tablename"
				  "   JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname"
				  "   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname"
				  "  WHERE c.oid = $1 AND s.attname = $2 AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)",
				  lengthof(types), types, arguments, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi;

		if (value == NULL)
			continue;
		spi = MemoryContextSwitchTo(context);
		values = add_value(values, value);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return values;
}

/* What is done with a row that is read; false: enough. */
typedef bool (*RowReader) (TupleTableSlot *slot, void *context);

/* Read rows of a table, or of its partitions, as they lie there. */
static void
read_rows(Oid relation, RowReader reader, void *context)
{
	List	   *all = find_all_inheritors(relation, AccessShareLock, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int			left = ROWS_READ;
	ListCell   *lc;

	foreach(lc, all)
	{
		Relation	table = relation_open(lfirst_oid(lc), NoLock);
		TableScanDesc scan;
		TupleTableSlot *slot;

		if (table->rd_rel->relkind != RELKIND_RELATION || left <= 0)
		{
			relation_close(table, NoLock);
			continue;
		}
		slot = table_slot_create(table, NULL);
		scan = table_beginscan(table, snapshot, 0, NULL);
		while (left-- > 0 && table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			if (!reader(slot, context))
				left = 0;
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		relation_close(table, NoLock);
	}
	UnregisterSnapshot(snapshot);
}

/* Values of a column that are gathered from rows. */
typedef struct Gathered
{
	const char *column;
	List	   *values;
} Gathered;

static bool
gather_text(TupleTableSlot *slot, void *context)
{
	Gathered   *gathered = context;
	bool		isnull;
	Datum		value = slot_getattr(slot, SPI_fnumber(slot->tts_tupleDescriptor, gathered->column), &isnull);

	if (!isnull)
	{
		char	   *text = text_of(value);

		gathered->values = add_value(gathered->values, text);
		pfree(text);
	}
	return list_length(gathered->values) < 1000;
}

/* Values of a column that say what its rows point to: some of them. */
static List *
values_of(const Candidate *candidate, const IdvChartTable *contacts)
{
	List	   *values = catalog_values(candidate->relation, candidate->type_column);
	ListCell   *lc;
	AttrNumber	column = get_attnum(candidate->relation, candidate->type_column);
	Oid			type = get_atttype(candidate->relation, column);

	/* To read rows costs more. */
	foreach(lc, values)
	{
		if (names_contacts(lfirst(lc), contacts))
			return values;
	}
	if (type == TEXTOID || type == VARCHAROID)
	{
		Gathered	gathered = {candidate->type_column, values};

		read_rows(candidate->relation, gather_text, &gathered);
		values = gathered.values;
	}
	return values;
}

/* Of which of the contacts is django_content_type, and by which number? */
typedef struct ContentType
{
	const IdvChartTable *contacts;
	int64		id;				/* 0: none */
} ContentType;

static bool
find_content_type(TupleTableSlot *slot, void *context)
{
	ContentType *wanted = context;
	TupleDesc	desc = slot->tts_tupleDescriptor;
	int			columns[] = {SPI_fnumber(desc, "id"), SPI_fnumber(desc, "app_label"), SPI_fnumber(desc, "model")};
	Datum		values[3];
	char	   *model;

	for (int i = 0; i < 3; i++)
	{
		bool		isnull;
		Oid			type;

		if (columns[i] <= 0)
			return false;
		type = TupleDescAttr(desc, columns[i] - 1)->atttypid;
		if (i == 0 ? type != INT4OID && type != INT8OID : type != VARCHAROID && type != TEXTOID)
			return false;
		values[i] = slot_getattr(slot, columns[i], &isnull);
		if (isnull)
			return true;
	}
	model = text_of(values[2]);
	if (names_contacts(model, wanted->contacts) ||
		names_contacts(psprintf("%s_%s", text_of(values[1]), model), wanted->contacts))
	{
		wanted->id = TupleDescAttr(desc, columns[0] - 1)->atttypid == INT4OID ?
			DatumGetInt32(values[0]) : DatumGetInt64(values[0]);
		return false;
	}
	return true;
}

/* The condition under which a candidate points to contacts, or NULL: it does not. */
static char *
condition_of(const Candidate *candidate, const IdvChartTable *contacts)
{
	StringInfoData condition;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&condition);
	if (candidate->is_content_type)
	{
		ContentType wanted = {contacts, 0};
		Oid			types = get_relname_relid("django_content_type", candidate->schema);

		if (OidIsValid(types) && get_rel_relkind(types) == RELKIND_RELATION)
			read_rows(types, find_content_type, &wanted);
		return wanted.id == 0 ? NULL :
			psprintf("%s = " INT64_FORMAT, quote_identifier(candidate->type_column), wanted.id);
	}
	foreach(lc, values_of(candidate, contacts))
	{
		if (names_contacts(lfirst(lc), contacts))
			appendStringInfo(&condition, "%s%s", n++ == 0 ? "" : ", ",
							 quote_literal_cstr(lfirst(lc)));
	}
	return n == 0 ? NULL :
		psprintf(n == 1 ? "%s = %s" : "%s IN (%s)",
				 quote_identifier(candidate->type_column), condition.data);
}

/* Tell of a candidate that points to a table. */
static void
tell_unlisted(IdvDoctor *doctor, const Candidate *candidate, const IdvChartTable *to,
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

/* Ids that have to be those of contacts. */
typedef struct Ids
{
	const char *column;
	Relation	contacts;
	Relation	index;
	Oid			id_type;
	int			left;
	bool		all;			/* are, as far as was looked */
} Ids;

static bool
look_up_id(TupleTableSlot *slot, void *context)
{
	Ids		   *ids = context;
	int			column = SPI_fnumber(slot->tts_tupleDescriptor, ids->column);
	Oid			type = TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid;
	ScanKeyData key;
	SysScanDesc scan;
	int64		id;
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	if (isnull)
		return true;
	id = type == INT8OID ? DatumGetInt64(value) : type == INT4OID ? DatumGetInt32(value) :
		DatumGetInt16(value);
	if (ids->id_type == INT4OID && (id < PG_INT32_MIN || id > PG_INT32_MAX))
	{
		ids->all = false;
		return false;
	}
	ScanKeyInit(&key, ids->index->rd_index->indkey.values[0], BTEqualStrategyNumber,
				ids->id_type == INT8OID ? F_INT8EQ : F_INT4EQ,
				ids->id_type == INT8OID ? Int64GetDatum(id) : Int32GetDatum((int32) id));
	scan = systable_beginscan(ids->contacts, RelationGetRelid(ids->index), true, NULL, 1, &key);
	ids->all = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return ids->all && --ids->left > 0;
}

/*
 * Are the values of a column of contacts ids of contacts?
 *
 * Looked up where ids are integers in an index that is PostgreSQL's own; else
 * the column's name has to do.
 */
static bool
holds_ids(const Candidate *candidate, const IdvChartTable *contacts)
{
	Ids			ids = {.column = candidate->column,.left = IDS_LOOKED_UP,.all = true};
	Oid			primary;

	if (contacts->id_type != INT4OID && contacts->id_type != INT8OID)
		return true;
	ids.id_type = get_atttype(contacts->relation, contacts->id);
	if (ids.id_type != contacts->id_type || get_rel_relkind(contacts->relation) != RELKIND_RELATION)
		return true;
	if (get_atttype(candidate->relation, get_attnum(candidate->relation, candidate->column)) >= FirstUnpinnedObjectId)
		return true;
	ids.contacts = relation_open(contacts->relation, AccessShareLock);
#if PG_VERSION_NUM >= 180000
	primary = RelationGetPrimaryKeyIndex(ids.contacts, false);
#else
	primary = RelationGetPrimaryKeyIndex(ids.contacts);
#endif
	if (OidIsValid(primary))
	{
		ids.index = index_open(primary, AccessShareLock);
		if (ids.index->rd_rel->relam == BTREE_AM_OID &&
			ids.index->rd_opfamily[0] < FirstUnpinnedObjectId &&
			ids.index->rd_index->indkey.values[0] == contacts->id)
			read_rows(contacts->relation, look_up_id, &ids);
		index_close(ids.index, NoLock);
	}
	relation_close(ids.contacts, NoLock);
	return ids.all;
}

/* Is a column of contacts named as one that points to other contacts? */
static bool
is_named_after_contacts(const Candidate *candidate)
{
	char	   *plain = plain_name(candidate->column);

	for (int i = 0; i < (int) lengthof(self_words); i++)
	{
		if (strstr(plain, self_words[i]) != NULL)
			return true;
	}
	return false;
}

/* Is a column named as one of contacts' ids? */
static bool
is_named_contact(const char *column)
{
	return strcmp(column, "contact_id") == 0 || ends_in(column, "_contact_id") ||
		strcmp(column, "contactId") == 0 || ends_in(column, "ContactId");
}

/* Look at an id that has its type beside it: of the likeliest contacts, or of ours. */
static void
look_at_pair(IdvDoctor *doctor, const Look *look, const Candidate *candidate,
			 const IdvChartTable *likeliest)
{
	char	   *condition = likeliest == NULL ? NULL : condition_of(candidate, likeliest);
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
			condition = condition_of(candidate, table);
		if (condition != NULL)
		{
			tell_unlisted(doctor, candidate, table, condition);
			return;
		}
	}
}

/* Look at one candidate. */
static void
look_at_candidate(IdvDoctor *doctor, const Look *look, const Candidate *candidate)
{
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
	if (is_named_contact(candidate->column))
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
			is_named_after_contacts(candidate) && holds_ids(candidate, table))
			tell_unlisted(doctor, candidate, table, NULL);
	}
}

/* Was a candidate told of? */
static bool
is_told(const IdvDoctor *doctor, const Candidate *candidate)
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
look_deeper(IdvDoctor *doctor, const IdvChart *chart, int known, const Candidate *candidate)
{
	if (candidate->type_column != NULL || is_told(doctor, candidate))
		return;
	for (int i = known; i < list_length(chart->tables); i++)
	{
		const IdvChartTable *table = list_nth(chart->tables, i);

		if (!table->is_contacts && candidate->schema == table->schema &&
			may_hold(candidate->type, table->id_type) &&
			strcmp(plain_name(candidate->column),
				   psprintf("%sid", singular(plain_name(table->name)))) == 0)
		{
			tell_unlisted(doctor, candidate, table, NULL);
			return;
		}
	}
}

/* Tables to which a fold would come, were the candidates listed. */
static void
add_deeper(IdvDoctor *doctor, IdvChart *chart, const Candidate *candidate)
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
		Candidate  *candidate = palloc0(sizeof(Candidate));
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

	foreach(lc, candidates)
		look_at_candidate(doctor, look, lfirst(lc));

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
