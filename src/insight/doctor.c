/*-------------------------------------------------------------------------
 *
 * doctor.c
 *	  What is set up wrong, or will be in the way before long.
 *
 * The doctor looks at one thing after another, and tells of each that is not
 * well.  What it looks at may have been altered by hand in any way, or belong to
 * another release than this library: so each look is a subtransaction, and an
 * error in it is something that is told as well, not the end of the visit.
 *
 * Nothing is changed.  Every look is rolled back, whatever it has done, so its
 * locks on other people's tables end with it.
 *
 * And nobody's code is run: what is read is catalogs, our own tables, and the key
 * ring; of other people's tables their rows' bytes, without a query.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "server/canonical_text.h"
#include "server/query.h"
#include "server/try_out.h"

const char *const idv_diagnosis_names[IDV_DIAGNOSES] = {
#define DIAGNOSIS_NAME(constant, name, level) #name,
	IDV_DIAGNOSIS_LIST(DIAGNOSIS_NAME)
#undef DIAGNOSIS_NAME
};

const char *const idv_diagnosis_levels[IDV_DIAGNOSES] = {
#define DIAGNOSIS_LEVEL(constant, name, level) #level,
	IDV_DIAGNOSIS_LIST(DIAGNOSIS_LEVEL)
#undef DIAGNOSIS_LEVEL
};

/* Add what was found, in the visit's memory. */
static void
tell(IdvDoctor *doctor, IdvDiagnosis diagnosis, const char *object,
	 const char *detail, const char *remedy)
{
	MemoryContext caller = MemoryContextSwitchTo(doctor->context);
	IdvDiagnosed *told = palloc(sizeof(IdvDiagnosed));

	told->diagnosis = diagnosis;
	told->object = pstrdup(object);
	told->detail = pstrdup(detail);
	told->remedy = remedy == NULL ? NULL : pstrdup(remedy);
	doctor->told = lappend(doctor->told, told);
	MemoryContextSwitchTo(caller);
}

/*
 * idv_doctor_tell
 *		Tell of something that is not well.
 *
 * object		what it is about; of one finding each object is told once
 * remedy		statements to be pasted, one a line; or NULL
 * detail		and what follows: sentences, as of psprintf()
 */
void
idv_doctor_tell(IdvDoctor *doctor, IdvDiagnosis diagnosis, const char *object,
				const char *remedy, const char *detail,...)
{
	StringInfoData sentences;

	initStringInfo(&sentences);
	for (;;)
	{
		va_list		arguments;
		int			needed;

		va_start(arguments, detail);
		needed = appendStringInfoVA(&sentences, detail, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&sentences, needed);
	}
	tell(doctor, diagnosis, object, sentences.data, remedy);
}

/*
 * idv_doctor_query
 *		Tell of each row of a query: columns of text, object, detail and remedy,
 *		of which the last may be NULL.
 *
 * sql		on catalogs and our own tables; $1 is the schema of our functions, as
 *			text and quoted
 */
void
idv_doctor_query(IdvDoctor *doctor, IdvDiagnosis diagnosis, const char *sql)
{
	static const Oid types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(doctor->schema)};
	SPITupleTable *rows;
	uint64		n;
	int			level = idv_canonical_sql_begin();

	SPI_connect();
	n = idv_query(sql, lengthof(types), types, values, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *object = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *detail = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		tell(doctor, diagnosis, object == NULL ? "" : object,
			 detail == NULL ? "" : detail,
			 SPI_getvalue(rows->vals[i], rows->tupdesc, 3));
	}
	SPI_finish();
	idv_canonical_text_end(level);
}

/* What is looked at by a query, and what a row of it is. */
typedef struct LookedFor
{
	IdvDiagnosis diagnosis;
	const char *sql;
} LookedFor;

static void
look_by_query(IdvDoctor *doctor, void *argument)
{
	const LookedFor *looked_for = argument;

	idv_doctor_query(doctor, looked_for->diagnosis, looked_for->sql);
}

/*
 * idv_doctor_look_by_query
 *		The same, as a look of its own: an error in it keeps no other from being
 *		taken.
 *
 * object		what such an error is about
 */
void
idv_doctor_look_by_query(IdvDoctor *doctor, const char *object, IdvDiagnosis diagnosis,
						 const char *sql)
{
	LookedFor	looked_for = {diagnosis, sql};

	idv_doctor_look(doctor, object, look_by_query, &looked_for);
}

/*
 * idv_doctor_has_told
 *		Was that told of an object?
 */
bool
idv_doctor_has_told(const IdvDoctor *doctor, IdvDiagnosis diagnosis, const char *object)
{
	ListCell   *lc;

	foreach(lc, doctor->told)
	{
		const IdvDiagnosed *told = lfirst(lc);

		if (told->diagnosis == diagnosis && strcmp(told->object, object) == 0)
			return true;
	}
	return false;
}

/*
 * Is an error one that tells something about what was looked at?  Else it is
 * about us: a cancel, a timeout, no memory.
 */
static bool
is_symptom(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_DATA_CORRUPTED:
		case ERRCODE_CONFIG_FILE_ERROR:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return true;
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE;
	}
	return sqlerrcode == ERRCODE_DATA_CORRUPTED || sqlerrcode == ERRCODE_INDEX_CORRUPTED;
}

/* Tell of an error that a look has ended with. */
static void
tell_error(IdvDoctor *doctor, const char *object, const ErrorData *error)
{
	IdvDiagnosis diagnosis = error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ?
	IDV_DIAGNOSIS_CODE_OF_THIRD_ROLE : doctor->of_error;

	/* Who reads a table that is not what it was finds the same as others. */
	if ((diagnosis == IDV_DIAGNOSIS_LIBRARY_DIFFERS && doctor->tables_differ) ||
		idv_doctor_has_told(doctor, diagnosis, object))
		return;
	idv_doctor_tell(doctor, diagnosis, object,
					diagnosis == doctor->of_error ? doctor->of_error_remedy : NULL,
					"%c%s.%s%s%s%s",
					pg_toupper((unsigned char) error->message[0]), error->message + 1,
					error->detail == NULL ? "" : " ",
					error->detail == NULL ? "" : error->detail,
					error->hint == NULL ? "" : " ",
					error->hint == NULL ? "" : error->hint);
}

/* A look, for idv_try_out(). */
typedef struct Trial
{
	IdvDoctor  *doctor;
	IdvDoctorLook look;
	void	   *argument;
} Trial;

static void
look_on_trial(void *argument)
{
	Trial	   *trial = argument;

	trial->look(trial->doctor, trial->argument);
}

/*
 * idv_doctor_look
 *		Look at one thing.  An error that tells something about it is told; any
 *		other is raised.
 *
 * object		what such an error is about
 */
void
idv_doctor_look(IdvDoctor *doctor, const char *object, IdvDoctorLook look,
				void *argument)
{
	Trial		trial = {doctor, look, argument};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "idverify doctor",
												  ALLOCSET_DEFAULT_SIZES);

	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		idv_try_out(look_on_trial, &trial);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (!is_symptom(error->sqlerrcode))
			ReThrowError(error);
		tell_error(doctor, object, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* The most serious first, then by name. */
static int
compare_told(const ListCell *a, const ListCell *b)
{
	const IdvDiagnosed *left = lfirst(a);
	const IdvDiagnosed *right = lfirst(b);

	if (left->diagnosis != right->diagnosis)
		return (int) left->diagnosis - (int) right->diagnosis;
	return strcmp(left->object, right->object);
}

/*
 * idv_doctor
 *		Look at all that is known to go wrong.
 *
 * schema		of our functions
 * sees_paths	whoever asks may know where files are
 *
 * Returns a list of IdvDiagnosed, the most serious first; NIL: all is well.  Runs
 * as the extension's owner, with a search_path that is pinned.
 */
List *
idv_doctor(Oid schema, bool sees_paths)
{
	IdvDoctor	doctor = {
		.context = CurrentMemoryContext,
		.schema_oid = schema,
		.schema = quote_identifier(get_namespace_name(schema)),
		.sees_paths = sees_paths,
		.of_error = IDV_DIAGNOSIS_LIBRARY_DIFFERS
	};

	idv_doctor_tables(&doctor);
	idv_doctor_secrets(&doctor);
	idv_doctor_rights(&doctor);
	idv_doctor_log(&doctor);
	idv_doctor_guard(&doctor);
	idv_doctor_references(&doctor);
	idv_doctor_stat(&doctor);
	list_sort(doctor.told, compare_told);
	return doctor.told;
}
