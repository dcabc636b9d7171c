/*-------------------------------------------------------------------------
 *
 * doctor.h
 *	  What is set up wrong, or will be in the way before long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_DOCTOR_H
#define IDV_DOCTOR_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "server/text.h"

/*
 * All that can be found, the most serious first: what is told has this order.
 *
 *		DIAGNOSIS(constant, name, level)
 */
#define IDV_DIAGNOSIS_LIST(DIAGNOSIS) \
	DIAGNOSIS(NO_KEY_RING,				no_key_ring,				error) \
	DIAGNOSIS(RING_REFUSED,				ring_refused,				error) \
	DIAGNOSIS(RING_KEY_MISSING,			ring_key_missing,			error) \
	DIAGNOSIS(SECRET_UNOPENABLE,		secret_unopenable,			error) \
	DIAGNOSIS(APP_WITHOUT_SECRET,		app_without_secret,			error) \
	DIAGNOSIS(SECRET_SIGNS_BOTH,		secret_shared,				error) \
	DIAGNOSIS(TRIGGER_MISSING,			trigger_missing,			error) \
	DIAGNOSIS(TRIGGER_NOT_ALWAYS,		trigger_not_always,			error) \
	DIAGNOSIS(LIBRARY_DIFFERS,			library_differs,			error) \
	DIAGNOSIS(PUBLIC_MAY,				public_may,					error) \
	DIAGNOSIS(REFERENCE_LOST,			reference_lost,				error) \
	DIAGNOSIS(GUARD_DISABLED,			guard_disabled,				error) \
	DIAGNOSIS(GUARD_MISSING_ON_CHILD,	guard_missing_on_child,		error) \
	DIAGNOSIS(CODE_OF_THIRD_ROLE,		code_of_third_role,			error) \
	DIAGNOSIS(REFERENCES_GRANTED,		references_granted,			error) \
	DIAGNOSIS(TRIGGER_GRANTED,			trigger_granted,			error) \
	DIAGNOSIS(SECRET_WEAK,				secret_weak,				warning) \
	DIAGNOSIS(SECRET_SHARED,			secret_shared,				warning) \
	DIAGNOSIS(PREVIOUS_STILL_USED,		previous_still_used,		warning) \
	DIAGNOSIS(SECRETS_READABLE,			secrets_readable,			warning) \
	DIAGNOSIS(ASKER_MAY_SIGN,			asker_may_sign,				warning) \
	DIAGNOSIS(INDEX_NOT_AS_INSTALLED,	index_not_as_installed,		warning) \
	DIAGNOSIS(GUARD_NOT_LAST,			guard_not_last,				warning) \
	DIAGNOSIS(GUARD_WITHOUT_UNIQUE_INDEX, guard_without_unique_index, warning) \
	DIAGNOSIS(GUARD_COLUMN_NOT_NULL,	guard_column_not_null,		warning) \
	DIAGNOSIS(GUARD_OWNER_LOGS_IN,		guard_owner_logs_in,		warning) \
	DIAGNOSIS(JOURNAL_LOST,				journal_lost,				warning) \
	DIAGNOSIS(REFERENCE_WITHOUT_INDEX,	reference_without_index,	warning) \
	DIAGNOSIS(HASH_LOGGED,				hash_logged,				warning) \
	DIAGNOSIS(SEQUENCE_BEHIND,			sequence_behind,			warning) \
	DIAGNOSIS(REKEY_PENDING,			rekey_pending,				note) \
	DIAGNOSIS(RING_KEY_UNUSED,			ring_key_unused,			note) \
	DIAGNOSIS(SECRET_OLD,				secret_old,					note) \
	DIAGNOSIS(SECRET_UNUSED,			secret_unused,				note) \
	DIAGNOSIS(STAGED_LONG,				staged_long,				note) \
	DIAGNOSIS(EXPIRED_UNPURGED,			expired_unpurged,			note) \
	DIAGNOSIS(REFERENCE_UNLISTED,		reference_unlisted,			note) \
	DIAGNOSIS(JOURNAL_OLD,				journal_old,				note) \
	DIAGNOSIS(STATISTICS_OFF,			statistics_off,				note) \
	DIAGNOSIS(STATISTICS_FULL,			statistics_full,			note) \
	DIAGNOSIS(COULD_ENFORCE,			could_enforce,				note)

typedef enum IdvDiagnosis
{
#define IDV_DIAGNOSIS_CONSTANT(constant, name, level) IDV_DIAGNOSIS_##constant,
	IDV_DIAGNOSIS_LIST(IDV_DIAGNOSIS_CONSTANT)
#undef IDV_DIAGNOSIS_CONSTANT
	IDV_DIAGNOSES
} IdvDiagnosis;

/* A row of the doctor's answer. */
typedef struct IdvDiagnosed
{
	IdvDiagnosis diagnosis;
	const char *object;
	const char *detail;			/* sentences */
	const char *remedy;			/* statements, one a line; or NULL */
} IdvDiagnosed;

/* A visit of the doctor. */
typedef struct IdvDoctor
{
	MemoryContext context;		/* of what is told */
	List	   *told;			/* of IdvDiagnosed */
	Oid			schema_oid;		/* of our functions */
	const char *schema;			/* its name, quoted */
	bool		sees_paths;		/* whoever asks may know paths */
	IdvDiagnosis of_error;		/* what an error in a look means, but for code
								 * of a third role */
	const char *of_error_remedy;
	bool		tables_differ;	/* which was told: errors may follow from it */
} IdvDoctor;

/* What is looked at in one go; argument is what was given to idv_doctor_look(). */
typedef void (*IdvDoctorLook) (IdvDoctor *doctor, void *argument);

extern const char *const idv_diagnosis_names[IDV_DIAGNOSES];
extern const char *const idv_diagnosis_levels[IDV_DIAGNOSES];

extern List *idv_doctor(Oid schema, bool sees_paths);
extern void idv_doctor_look(IdvDoctor *doctor, const char *object,
							IdvDoctorLook look, void *argument);
extern void idv_doctor_tell(IdvDoctor *doctor, IdvDiagnosis diagnosis,
							const char *object, const char *remedy,
							const char *detail,...) __attribute__((format(printf, 5, 6)));
extern bool idv_doctor_has_told(const IdvDoctor *doctor, IdvDiagnosis diagnosis,
								const char *object);
extern void idv_doctor_query(IdvDoctor *doctor, IdvDiagnosis diagnosis,
							 const char *sql);
extern void idv_doctor_look_by_query(IdvDoctor *doctor, const char *object,
									 IdvDiagnosis diagnosis, const char *sql);

/* A moment in SQL, NULL if it is infinite: such ones cannot be subtracted. */
#define IDV_FINITE(moment)	"nullif(nullif(" moment ", 'infinity'), '-infinity')"

/* The subjects, each in a file of its own. */
extern void idv_doctor_secrets(IdvDoctor *doctor);
extern void idv_doctor_tables(IdvDoctor *doctor);
extern void idv_doctor_rights(IdvDoctor *doctor);
extern void idv_doctor_log(IdvDoctor *doctor);
extern void idv_doctor_references(IdvDoctor *doctor);
extern void idv_doctor_guard(IdvDoctor *doctor);
extern void idv_doctor_stat(IdvDoctor *doctor);

#endif							/* IDV_DOCTOR_H */
