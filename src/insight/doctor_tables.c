/*-------------------------------------------------------------------------
 *
 * doctor_tables.c
 *	  Our own tables, and whether they are what CREATE EXTENSION has made.
 *
 * The lists below say what the install script makes; sql/insight_doctor.sql takes
 * each trigger and each index away, and sees that it is missed.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "fold/journal_read.h"
#include "server/canonical_text.h"
#include "server/query.h"
#include "tables/apps.h"
#include "tables/our_tables.h"

/* The events of a trigger, as pg_trigger.tgtype has them. */
#define BEFORE_DELETE		(TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_ROW)
#define BEFORE_TRUNCATE		(TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE)
#define AFTER_DELETE		(TRIGGER_TYPE_DELETE | TRIGGER_TYPE_ROW)
#define AFTER_TRUNCATE		TRIGGER_TYPE_TRUNCATE
#define AFTER_ANY_CHANGE	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_ROW)

/* A trigger on a table of ours. */
typedef struct OurTrigger
{
	IdvOurTable table;
	const char *name;
	const char *function;
	int16		type;
	bool		always;			/* it fires for replicated changes, too */
} OurTrigger;

static const OurTrigger our_triggers[] = {
	{IDV_APPS, "idverify_drop_all_secrets", "drop_secrets", AFTER_TRUNCATE, true},
	{IDV_APPS, "idverify_drop_secrets", "drop_secrets", AFTER_DELETE, true},
	{IDV_APPS, "idverify_keep_all_contacts", "keep_contacts", BEFORE_TRUNCATE, false},
	{IDV_APPS, "idverify_keep_contacts", "keep_contacts", BEFORE_DELETE, false},
	{IDV_APPS, "idverify_note_change", "note_change", AFTER_ANY_CHANGE, true},
	{IDV_APPS, "idverify_note_truncate", "note_change", AFTER_TRUNCATE, true},
	{IDV_SECRETS, "idverify_note_change", "note_change", AFTER_ANY_CHANGE, true},
	{IDV_SECRETS, "idverify_note_truncate", "note_change", AFTER_TRUNCATE, true},
	{IDV_CONTACT_REFERENCES, "idverify_note_change", "note_change", AFTER_ANY_CHANGE, true},
	{IDV_CONTACT_REFERENCES, "idverify_note_truncate", "note_change", AFTER_TRUNCATE, true},
	{IDV_CONTACT_OPTIONS, "idverify_note_change", "note_change", AFTER_ANY_CHANGE, true},
	{IDV_CONTACT_OPTIONS, "idverify_note_truncate", "note_change", AFTER_TRUNCATE, true},
};

/* An index of a table of ours, as pg_get_indexdef() writes it. */
typedef struct OurIndex
{
	const char *table;
	const char *name;
	const char *constraint;		/* PRIMARY KEY or UNIQUE, with columns; NULL:
								 * it is no constraint's */
	const char *definition;
} OurIndex;

#define BTREE(unique, table, name, rest) \
	"CREATE " unique "INDEX " name " ON idverify." table " USING btree " rest

static const OurIndex our_indexes[] = {
	{"apps", "apps_pkey", "PRIMARY KEY (id)", BTREE("UNIQUE ", "apps", "apps_pkey", "(id)")},
	{"apps", "apps_app_key_key", "UNIQUE (app_key)", BTREE("UNIQUE ", "apps", "apps_app_key_key", "(app_key)")},
	{"secrets", "secrets_pkey", "PRIMARY KEY (app_id, generation)",
	BTREE("UNIQUE ", "secrets", "secrets_pkey", "(app_id, generation)")},
	{"secrets", "secrets_one_current", NULL,
	BTREE("UNIQUE ", "secrets", "secrets_one_current", "(app_id, signer) WHERE (state = 'current'::idverify.secret_state)")},
	{"secrets", "secrets_one_staged", NULL,
	BTREE("UNIQUE ", "secrets", "secrets_one_staged", "(app_id, signer) WHERE (state = 'staged'::idverify.secret_state)")},
	{"contacts", "contacts_pkey", "PRIMARY KEY (app_id, id)",
	BTREE("UNIQUE ", "contacts", "contacts_pkey", "(app_id, id)")},
	{"contacts", "contacts_id_key", "UNIQUE (id)", BTREE("UNIQUE ", "contacts", "contacts_id_key", "(id)")},
	{"contacts", "contacts_visitor", NULL,
	BTREE("UNIQUE ", "contacts", "contacts_visitor", "(app_id, visitor) WHERE (visitor IS NOT NULL)")},
	{"contacts", "contacts_verified_external_id", NULL,
	BTREE("UNIQUE ", "contacts", "contacts_verified_external_id", "(app_id, external_id) WHERE is_verified")},
	{"contacts", "contacts_verified_email_alone", NULL,
	BTREE("UNIQUE ", "contacts", "contacts_verified_email_alone", "(app_id, lower(email)) WHERE (is_verified AND (external_id IS NULL))")},
	{"contacts", "contacts_verified_email", NULL,
	BTREE("", "contacts", "contacts_verified_email", "(app_id, lower(email)) WHERE email_verified")},
	{"contact_references", "contact_references_contacts_relation_column_name_condition_key",
		"UNIQUE NULLS NOT DISTINCT (contacts, relation, column_name, condition)",
	BTREE("UNIQUE ", "contact_references", "contact_references_contacts_relation_column_name_condition_key", "(contacts, relation, column_name, condition) NULLS NOT DISTINCT")},
	{"contact_options", "contact_options_pkey", "PRIMARY KEY (contacts)",
	BTREE("UNIQUE ", "contact_options", "contact_options_pkey", "(contacts)")},
	{"folds", "folds_pkey", "PRIMARY KEY (id, app_id)", BTREE("UNIQUE ", "folds", "folds_pkey", "(id, app_id)")},
	{"folds", "folds_source", NULL,
	BTREE("", "folds", "folds_source", "(source_id, contacts, app_id) WHERE (undone_at IS NULL)")},
	{"folds", "folds_target", NULL,
	BTREE("", "folds", "folds_target", "(target_id, contacts, app_id) WHERE (undone_at IS NULL)")},
	{"folds", "folds_visitor", NULL, BTREE("", "folds", "folds_visitor", "(app_id, visitor) WHERE (visitor IS NOT NULL)")},
	{"folds", "folds_external_id", NULL,
	BTREE("", "folds", "folds_external_id", "(app_id, external_id) WHERE ((external_id IS NOT NULL) AND (undone_at IS NULL))")},
	{"folds", "folds_email", NULL,
	BTREE("", "folds", "folds_email", "(app_id, lower(email)) WHERE ((email IS NOT NULL) AND (undone_at IS NULL))")},
	{"fold_rows", "fold_rows_pkey", "PRIMARY KEY (app_id, fold_id, step)",
	BTREE("UNIQUE ", "fold_rows", "fold_rows_pkey", "(app_id, fold_id, step)")},
	{"fold_rows", "fold_rows_dropped", NULL,
	BTREE("", "fold_rows", "fold_rows_dropped", "(relation, fold_id) WHERE (dropped_row IS NOT NULL)")},
};

/* The trigger of that name, or NULL. */
static const Trigger *
find_trigger(const TriggerDesc *triggers, const char *name)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (strcmp(triggers->triggers[i].tgname, name) == 0)
			return &triggers->triggers[i];
	}
	return NULL;
}

/* Does a trigger do what the one does that was installed? */
static bool
is_as_installed(const Trigger *trigger, const OurTrigger *ours)
{
	char	   *function = get_func_name(trigger->tgfoid);

	return trigger->tgtype == ours->type && trigger->tgqual == NULL &&
		trigger->tgnattr == 0 && function != NULL && strcmp(function, ours->function) == 0 &&
		get_func_namespace(trigger->tgfoid) == get_namespace_oid("idverify", true);
}

/* The statement that makes a trigger. */
static char *
create_trigger(const OurTrigger *ours, const char *table)
{
	return psprintf("CREATE TRIGGER %s %s%s ON %s FOR EACH %s EXECUTE FUNCTION idverify.%s();",
					ours->name,
					TRIGGER_FOR_BEFORE(ours->type) ? "BEFORE " : "AFTER ",
					ours->type == AFTER_ANY_CHANGE ? "INSERT OR UPDATE OR DELETE" :
					TRIGGER_FOR_TRUNCATE(ours->type) ? "TRUNCATE" : "DELETE",
					table,
					TRIGGER_FOR_ROW(ours->type) ? "ROW" : "STATEMENT",
					ours->function);
}

static void
append_line(StringInfo lines, const char *line)
{
	appendStringInfo(lines, "%s%s", lines->len == 0 ? "" : "\n", line);
}

static void
append_name(StringInfo names, const char *name)
{
	appendStringInfo(names, "%s\"%s\"", names->len == 0 ? "" : ", ", name);
}

/* Look at the triggers of a table of ours. */
static void
look_at_triggers(IdvDoctor *doctor, IdvOurTable which, const char *object)
{
	Relation	table = idv_our_table_open(which);
	StringInfoData missing;
	StringInfoData make;
	StringInfoData tired;
	StringInfoData enable;

	initStringInfo(&missing);
	initStringInfo(&make);
	initStringInfo(&tired);
	initStringInfo(&enable);
	for (int i = 0; i < (int) lengthof(our_triggers); i++)
	{
		const OurTrigger *ours = &our_triggers[i];
		const Trigger *trigger;
		char	   *to_enable;

		if (ours->table != which)
			continue;
		to_enable = psprintf("ALTER TABLE %s ENABLE %sTRIGGER %s;", object,
							 ours->always ? "ALWAYS " : "", ours->name);
		trigger = find_trigger(table->trigdesc, ours->name);
		if (trigger == NULL || !is_as_installed(trigger, ours))
		{
			append_name(&missing, ours->name);
			if (trigger != NULL)
				append_line(&make, psprintf("DROP TRIGGER %s ON %s;", ours->name, object));
			append_line(&make, create_trigger(ours, object));
			if (ours->always)
				append_line(&make, to_enable);
		}
		else if (trigger->tgenabled == TRIGGER_DISABLED ||
				 trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA)
		{
			append_name(&missing, ours->name);
			append_line(&make, to_enable);
		}
		else if (ours->always && trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
		{
			append_name(&tired, ours->name);
			append_line(&enable, to_enable);
		}
	}
	if (missing.len > 0)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_TRIGGER_MISSING, object, make.data,
						"Missing, disabled or altered: %s. Without them sessions go on with what they have read before, and what belongs to an app stays when it is deleted.",
						missing.data);
	if (tired.len > 0)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_TRIGGER_NOT_ALWAYS, object, enable.data,
						"Not for replicated changes and restores: %s. Then sessions go on with what they have read before.",
						tired.data);
	table_close(table, AccessShareLock);
}

/* An index of a table as it is, without how it is stored; NULL: there is none. */
static char *
index_definition(const char *name, bool *usable, char **constraint)
{
	static const Oid types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};
	char	   *definition = NULL;
	bool		isnull;

	if (idv_query("SELECT regexp_replace(pg_get_indexdef(i.indexrelid), ' WITH \\([^)]*\\)', ''),"
				  "  i.indisvalid AND i.indisready AND i.indislive, quote_ident(c.conname)"
				  " FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')"
				  "   AND c.conrelid = i.indrelid"
				  " WHERE i.indexrelid = (SELECT oid FROM pg_class"
				  "   WHERE relname = $1 AND relnamespace = 'idverify'::regnamespace)",
				  1, types, values, NULL) > 0)
	{
		definition = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		*usable = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
		*constraint = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	}
	return definition;
}

/* Look at the indexes of a table of ours. */
static void
look_at_indexes(IdvDoctor *doctor, const char *table, const char *object)
{
	StringInfoData missing;
	StringInfoData make;

	initStringInfo(&missing);
	initStringInfo(&make);
	for (int i = 0; i < (int) lengthof(our_indexes); i++)
	{
		const OurIndex *ours = &our_indexes[i];
		char	   *constraint = NULL;
		bool		usable = true;
		char		name[NAMEDATALEN];
		char	   *definition;

		if (strcmp(ours->table, table) != 0)
			continue;
		/* The server has cut the name of one that is long. */
		strlcpy(name, ours->name, NAMEDATALEN);
		definition = index_definition(name, &usable, &constraint);
		if (definition != NULL && strcmp(definition, ours->definition) == 0 && usable)
			continue;
		append_name(&missing, name);
		if (definition != NULL && strcmp(definition, ours->definition) == 0)
		{
			append_line(&make, psprintf("REINDEX INDEX idverify.%s;", name));
			continue;
		}
		if (constraint != NULL)
			append_line(&make, psprintf("ALTER TABLE %s DROP CONSTRAINT %s;", object, constraint));
		else if (definition != NULL)
			append_line(&make, psprintf("DROP INDEX idverify.%s;", name));
		append_line(&make, ours->constraint == NULL ?
					psprintf("%s;", ours->definition) :
					psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s;", object, name, ours->constraint));
	}
	if (missing.len > 0)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_INDEX_NOT_AS_INSTALLED, object, make.data,
						"Missing, invalid or altered: %s. Without them what is unique may be there twice, and rows are found by reading all of them.",
						missing.data);
}

/* Look at one table of ours. */
static void
look_at_table(IdvDoctor *doctor, void *argument)
{
	IdvOurTable which = *(IdvOurTable *) argument;
	const char *table = idv_our_table_name(which);
	char	   *object = psprintf("idverify.%s", table);
	int			level;

	look_at_triggers(doctor, which, object);
	level = idv_canonical_sql_begin();
	SPI_connect();
	look_at_indexes(doctor, table, object);
	SPI_finish();
	idv_canonical_text_end(level);
	idv_our_table_check_columns(which);
	if (which == IDV_APPS || which == IDV_SECRETS)
		idv_apps_check_columns(which);
}

/* Look at what belongs to the extension as a whole. */
static void
look_at_extension(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	uint64		n;
	SPITupleTable *rows;

	idv_doctor_query(doctor, IDV_DIAGNOSIS_LIBRARY_DIFFERS,
					 "SELECT 'idverify', format('This session has the library of idverify " IDV_VERSION ", and installed in this database is version %s. Update it, and connect anew.', extversion),"
					 "  'ALTER EXTENSION idverify UPDATE;'"
					 " FROM pg_extension WHERE extname = 'idverify' AND extversion <> '" IDV_VERSION "'");

	/* Functions that are declared, and that this library does not have. */
	SPI_connect();
	n = idv_query("SELECT format('%s.%s(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),"
				  "  p.probin, p.prosrc"
				  " FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_proc p ON p.oid = d.objid"
				  "  JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang"
				  " WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass"
				  "  AND d.deptype = 'e' AND e.extname = 'idverify' AND l.lanname = 'c'",
				  0, NULL, NULL, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *library = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		char	   *symbol = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);

		if (library != NULL && symbol != NULL &&
			load_external_function(library, symbol, false, NULL) == NULL)
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_LIBRARY_DIFFERS,
							SPI_getvalue(rows->vals[i], rows->tupdesc, 1), NULL,
							"The library that this session has loaded does not have this function. If the files of idverify were updated, connect anew.");
	}
	SPI_finish();
}

/* Look at the sequences that number rows. */
static void
look_at_sequences(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
#define BEHIND(table) \
	"SELECT 'idverify." table "' AS object, (SELECT max(id) FROM idverify." table ") AS used," \
	"  pg_sequence_last_value(s) AS last, s" \
	" FROM CAST(pg_get_serial_sequence('idverify." table "', 'id') AS regclass) s"

	idv_doctor_query(doctor, IDV_DIAGNOSIS_SEQUENCE_BEHIND,
					 "SELECT object, format('There is a row of id %s, and the sequence is at %s: new rows will get ids that are taken.', used, coalesce(last::text, 'its start')),"
					 "  format('SELECT setval(%L, %s);', s::text, used)"
					 " FROM (" BEHIND("apps") " UNION ALL " BEHIND("contacts") " UNION ALL " BEHIND("folds") ") q"
					 " WHERE s IS NOT NULL AND used > coalesce(last, 0)");
}

/* Look at how old the journal is. */
static void
look_at_journal(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	idv_doctor_query(doctor, IDV_DIAGNOSIS_JOURNAL_OLD,
					 "SELECT 'idverify.folds', format('%s of %s folds are older than 90 days; the journal takes %s. It holds what was in the folded contacts.',"
					 "    count(*) FILTER (WHERE folded_at < clock_timestamp() - interval '90 days'), count(*),"
					 "    pg_size_pretty(pg_total_relation_size('idverify.folds') + pg_total_relation_size('idverify.fold_rows'))),"
					 "  format('SELECT %s.idverify_forget(interval ''90 days'');', $1)"
					 " FROM idverify.folds"
					 " HAVING count(*) FILTER (WHERE folded_at < clock_timestamp() - interval '90 days') > 0");
}

/*
 * Look at whether the tables that the journal names are there.
 *
 * It knows them by name, so what was renamed is as one that was dropped.  Which of
 * both it was, and what the name is now, nobody can tell: the remedies are comments.
 */
static void
look_at_journaled_names(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
#define STEPS(each, where) \
	"steps = (SELECT coalesce(json_agg(" each "), ''[]'') FROM json_array_elements(steps) s" where ")"

	idv_doctor_query(doctor, IDV_DIAGNOSIS_JOURNAL_LOST,
					 "SELECT name,"
					 "  format('%s in the journal, and there is no such table. They cannot be undone or followed, and idverify_export() and idverify_erase() of a contact that they may be about fail. If the table or its schema was renamed, run the first line, without what makes it a comment, and with the name of today in it: with the schema, and each part quoted where SQL wants it. If it was dropped, run the others.',"
					 "    CASE folds WHEN 1 THEN '1 fold names it' ELSE folds || ' folds name it' END),"
					 "  format('-- WITH t(name) AS (VALUES (''SCHEMA.TABLE'')), r AS (UPDATE idverify.fold_rows SET relation = name FROM t WHERE relation = %1$L)"
					 " UPDATE idverify.folds SET contacts = CASE contacts WHEN %1$L THEN name ELSE contacts END,"
					 " owners = (owners::jsonb - %1$L || jsonb_build_object(name, owners -> %1$L))::json,"
					 " " STEPS("CASE s ->> ''relation'' WHEN %1$L THEN s::jsonb || jsonb_build_object(''relation'', name) ELSE s::jsonb END", "")
					 " FROM t WHERE contacts = %1$L OR owners::jsonb ? %1$L;', name) ||"
					 "  CASE WHEN is_contacts THEN format(E'\n-- WITH f AS (DELETE FROM idverify.folds WHERE contacts = %1$L RETURNING app_id, id)"
					 " DELETE FROM idverify.fold_rows r USING f WHERE r.app_id = f.app_id AND r.fold_id = f.id;', name) ELSE '' END ||"
					 "  CASE WHEN is_pointing THEN format(E'\n-- WITH r AS (DELETE FROM idverify.fold_rows WHERE relation = %1$L)"
					 " UPDATE idverify.folds SET owners = (owners::jsonb - %1$L)::json,"
					 " " STEPS("s", " WHERE s ->> ''relation'' <> %1$L") " WHERE owners::jsonb ? %1$L;', name) ELSE '' END"
					 " FROM (SELECT name, sum(folds) AS folds, bool_or(name = contacts) AS is_contacts, bool_or(name <> contacts) AS is_pointing"
					 "   FROM (SELECT contacts, owners::text::jsonb AS owners, folds"
					 "     FROM (SELECT contacts, owners::text, count(*) AS folds FROM idverify.folds GROUP BY 1, 2) g) f,"
					 "    LATERAL (SELECT contacts UNION SELECT jsonb_object_keys(owners)) k(name)"
					 "   GROUP BY name OFFSET 0) n"
					 " WHERE " IDV_NAMES_NO_TABLE("name"));
#undef STEPS
}

/*
 * idv_doctor_tables
 *		Look at our own tables: columns, triggers, indexes, sequences, the names of
 *		tables in the journal; and at the versions of library and extension.
 */
void
idv_doctor_tables(IdvDoctor *doctor)
{
	ListCell   *lc;

	idv_doctor_look(doctor, "idverify", look_at_extension, NULL);
	for (IdvOurTable which = 0; which < IDV_OUR_TABLES; which++)
		idv_doctor_look(doctor, psprintf("idverify.%s", idv_our_table_name(which)),
						look_at_table, &which);
	foreach(lc, doctor->told)
		doctor->tables_differ = doctor->tables_differ ||
		((IdvDiagnosed *) lfirst(lc))->diagnosis == IDV_DIAGNOSIS_LIBRARY_DIFFERS;
	idv_doctor_look(doctor, "idverify", look_at_sequences, NULL);
	idv_doctor_look(doctor, "idverify.folds", look_at_journal, NULL);
	idv_doctor_look(doctor, "idverify.folds", look_at_journaled_names, NULL);
}
