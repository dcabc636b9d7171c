/*-------------------------------------------------------------------------
 *
 * person_journal.c
 *	  The journal of a person: of the contacts that were folded into one.
 *
 * An id that is free can be given again, so an id alone does not tell whose a fold
 * is.  What is shown of a contact are folds that lead to it as idverify_resolve()
 * would: into it, since it was last folded away itself, and before that into each of
 * these, before they were.
 *
 * What is erased is all that names one of its ids, in both directions: else an old
 * id would go on to lead somewhere.  But a contact that is there is another person:
 * what was folded into that one since stays.
 *
 * The journal knows tables by name.  A fold of contacts whose table has another name
 * now may be of these: where it names one of the ids, nobody can tell, and it is an
 * error.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/person_journal.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fold/journal_owners.h"
#include "fold/journal_read.h"
#include "fold/resolve.h"
#include "references/contact_rows.h"
#include "server/canonical_text.h"

/* An id that folds are looked for of. */
typedef struct Visit
{
	char	   *id;				/* as the journal has it */
	int64		before;			/* only folds before this one, into it */
	bool		only_into;		/* somebody else has the id now */
} Visit;

/* A walk through the journal. */
typedef struct Walk
{
	IdvContactTable *contacts;
	int32		app_id;
	bool		written_once;	/* two ids are the same if their text is */
	List	   *visits;			/* of Visit; those that were made stay */
	bool		shows;			/* it reads as of the caller, and erases
								 * nothing */
} Walk;

#define NO_FOLD_BEFORE	PG_INT64_MAX

static void
begin(Walk *walk, const IdvPerson *person)
{
	Visit	   *visit = palloc0(sizeof(Visit));
	int			level = idv_canonical_text_begin();

	memset(walk, 0, sizeof(Walk));
	walk->contacts = person->contacts;
	walk->app_id = person->app_id;
	walk->written_once = idv_is_written_once(person->contacts);
	visit->id = idv_value_text(person->contacts->id_type, person->id);
	visit->before = NO_FOLD_BEFORE;
	walk->visits = list_make1(visit);
	idv_canonical_text_end(level);
}

static void
add_visit(Walk *walk, char *id, int64 before, bool only_into)
{
	Visit	   *visit = palloc(sizeof(Visit));

	visit->id = id;
	visit->before = before;
	visit->only_into = only_into;
	walk->visits = lappend(walk->visits, visit);
}

/* Is an id in the journal that of a visit? */
static bool
is_of_visit(const Walk *walk, const Visit *visit, char *id)
{
	if (walk->written_once || strcmp(visit->id, id) == 0)
		return strcmp(visit->id, id) == 0;
	return idv_contact_row_id_compare(walk->contacts,
									  idv_contact_row_id_from_text(walk->contacts, visit->id),
									  idv_contact_row_id_from_text(walk->contacts, id)) == 0;
}

/* Is there a contact of an id? */
static bool
is_there(const Walk *walk, char *id)
{
	Datum		key[2] = {
		idv_contact_row_id_from_text(walk->contacts, id),
		Int32GetDatum(walk->app_id)
	};

	return idv_statement_run(&walk->contacts->look, key, NULL) > 0;
}

/* The parameters of a statement about a visit. */
#define VISIT_PARAMETERS	4
static const Oid visit_types[VISIT_PARAMETERS] = {TEXTOID, INT4OID, INT8OID, TEXTOID};

static void
visit_values(Datum *values, const Walk *walk, const Visit *visit)
{
	values[0] = CStringGetTextDatum(walk->contacts->table->name);
	values[1] = Int32GetDatum(walk->app_id);
	values[2] = Int64GetDatum(visit->before);
	values[3] = CStringGetTextDatum(visit->id);
}

/*
 * The folds of a visit.
 *
 * Where one id can be written in several ways the journal may have it in another:
 * then they are among all folds, and the caller has to look.
 *
 * some, any	statements, prepared when they are first wanted, and their SQL: by the
 *				text of the id, $4, and without it
 */
static IdvResult *
ask(const Walk *walk, const Visit *visit, bool as_of_caller,
	IdvStatement *some, const char *some_sql, IdvStatement *any, const char *any_sql)
{
	IdvStatement *statement = walk->written_once ? some : any;
	Datum		values[VISIT_PARAMETERS];

	visit_values(values, walk, visit);
	if (statement->plan == NULL)
		idv_statement_prepare(statement, InvalidOid,
							  walk->written_once ? some_sql : any_sql,
							  walk->written_once ? VISIT_PARAMETERS : VISIT_PARAMETERS - 1,
							  visit_types);
	statement->as_of_caller = as_of_caller;
	return idv_statement_query(statement, values, NULL);
}

/* Of these contacts and this app; of others $2 is 0. */
#define OF_CONTACTS		"contacts = $1 AND ($2 = 0 OR app_id = $2)"

#define STANDING		" AND undone_at IS NULL"

/* What is known of a fold. */
#define FOLD_COLUMNS	"id, app_id, source_id, target_id, owners ->> contacts"
#define FOLD_ID			0
#define FOLD_APP_ID		1
#define FOLD_SOURCE_ID	2
#define FOLD_TARGET_ID	3
#define FOLD_OWNER		4
#define FOLD_REST		5

static char *
text_of(const IdvResult *fold, int column)
{
	return TextDatumGetCString(fold->values[column]);
}

/* See that a fold is of these contacts, and not of another role's of that name. */
static void
check_owner(const Walk *walk, const IdvResult *fold)
{
	idv_journal_check_owner(DatumGetInt64(fold->values[FOLD_ID]),
							walk->contacts->table->relation,
							walk->contacts->table->name,
							fold->nulls[FOLD_OWNER] ? NULL : text_of(fold, FOLD_OWNER));
}

/* Add a text of a fold to those by which the person was known. */
static List *
add_identity(List *identities, const IdvResult *fold, int column)
{
	if (fold->nulls[column])
		return identities;
	return lappend(identities, PG_DETOAST_DATUM_COPY(fold->values[column]));
}

/*
 * Delete the steps of a fold, and the fold.
 *
 * Returns false if another session has deleted it meanwhile.
 */
static bool
delete_fold(int32 app_id, int64 fold_id)
{
	static const Oid types[] = {INT4OID, INT8OID};
	static IdvStatement delete_steps;
	static IdvStatement delete_head;
	Datum		values[lengthof(types)] = {Int32GetDatum(app_id), Int64GetDatum(fold_id)};

	if (delete_steps.plan == NULL)
		idv_statement_prepare(&delete_steps, InvalidOid,
							  "DELETE FROM idverify.fold_rows WHERE app_id = $1 AND fold_id = $2",
							  lengthof(types), types);
	if (delete_head.plan == NULL)
		idv_statement_prepare(&delete_head, InvalidOid,
							  "DELETE FROM idverify.folds WHERE app_id = $1 AND id = $2",
							  lengthof(types), types);
	(void) idv_statement_run(&delete_steps, values, NULL);
	return idv_statement_run(&delete_head, values, NULL) > 0;
}

/* Delete a fold that was found, and take down by what its source was known. */
static bool
erase_fold(const Walk *walk, const IdvResult *fold, IdvIdentities *identities)
{
	check_owner(walk, fold);
	for (int i = 0; i < 2; i++)
	{
		identities->external_ids = add_identity(identities->external_ids, fold, FOLD_REST + i);
		identities->emails = add_identity(identities->emails, fold, FOLD_REST + 2 + i);
	}
	return delete_fold(DatumGetInt32(fold->values[FOLD_APP_ID]),
					   DatumGetInt64(fold->values[FOLD_ID]));
}

/* And by what they were known: FOLD_REST and what follows. */
#define WITH_IDENTITIES \
	", external_id, source_row ->> 'external_id'," \
	" lower(email), lower((source_row ->> 'email') COLLATE \"C\")"

/* The folds that stand into an id, and unless somebody else has it, from it. */
static IdvResult *
standing_folds(const Walk *walk, const Visit *visit)
{
	static IdvStatement into;
	static IdvStatement both;
	static IdvStatement any;

	return ask(walk, visit, false,
			   visit->only_into ? &into : &both,
			   visit->only_into ?
			   "SELECT " FOLD_COLUMNS WITH_IDENTITIES " FROM idverify.folds"
			   " WHERE " OF_CONTACTS " AND id < $3 AND target_id = $4" STANDING :
			   "SELECT " FOLD_COLUMNS WITH_IDENTITIES " FROM idverify.folds"
			   " WHERE " OF_CONTACTS " AND id < $3 AND target_id = $4" STANDING
			   " UNION ALL SELECT " FOLD_COLUMNS WITH_IDENTITIES " FROM idverify.folds"
			   " WHERE " OF_CONTACTS " AND source_id = $4" STANDING,
			   &any,
			   "SELECT " FOLD_COLUMNS WITH_IDENTITIES " FROM idverify.folds"
			   " WHERE " OF_CONTACTS " AND id < $3" STANDING);
}

/* Go on to a fold that stands, and delete it. */
static bool
erase_standing(Walk *walk, const Visit *visit, const IdvResult *fold,
			   IdvIdentities *identities)
{
	char	   *source = text_of(fold, FOLD_SOURCE_ID);
	char	   *target = text_of(fold, FOLD_TARGET_ID);
	int64		fold_id = DatumGetInt64(fold->values[FOLD_ID]);
	bool		into = is_of_visit(walk, visit, target);

	if (!into && (visit->only_into || !is_of_visit(walk, visit, source)))
		return false;
	if (!into)
	{
		if (!is_there(walk, target))
			add_visit(walk, target, NO_FOLD_BEFORE, false);
	}
	else if (is_there(walk, source))
		add_visit(walk, source, fold_id, true);
	else
		add_visit(walk, source, NO_FOLD_BEFORE, false);
	return erase_fold(walk, fold, identities);
}

/* Is a fold one of an id that was visited? */
static bool
is_visited(const Walk *walk, const IdvResult *fold)
{
	char	   *source = text_of(fold, FOLD_SOURCE_ID);
	char	   *target = text_of(fold, FOLD_TARGET_ID);
	ListCell   *lc;

	foreach(lc, walk->visits)
	{
		const Visit *visit = lfirst(lc);

		if (!visit->only_into &&
			(is_of_visit(walk, visit, source) || is_of_visit(walk, visit, target)))
			return true;
	}
	return false;
}

/* The ids that were visited, as an array; those, too, that somebody else has now? */
static Datum
visited_ids(const Walk *walk, bool all)
{
	int			n = 0;
	Datum	   *ids = palloc(sizeof(Datum) * list_length(walk->visits));
	ListCell   *lc;

	foreach(lc, walk->visits)
	{
		const Visit *visit = lfirst(lc);

		if (all || !visit->only_into)
			ids[n++] = CStringGetTextDatum(visit->id);
	}
	return PointerGetDatum(construct_array(ids, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* A fold of contacts that have no table now. */
#define OF_NO_TABLE		"app_id = 0 AND " IDV_NAMES_NO_TABLE("contacts")

/*
 * See that no fold which stands, and leads to one of the ids that were visited, is of
 * contacts whose table is not there by that name: it may have been this one.  Nor one
 * that leads from there, unless what is done is to show.  55000.
 *
 * Where one id can be written in several ways, any such fold may be meant.
 */
static void
check_no_table_lost(const Walk *walk)
{
	static const Oid types[] = {TEXTARRAYOID};
	static IdvStatement into;
	static IdvStatement both;
	static IdvStatement any;
	Datum		ids[] = {visited_ids(walk, true)};
	IdvStatement *statement = !walk->written_once ? &any : walk->shows ? &into : &both;
	IdvResult  *folds;

	/* Those in our own table are known by their app. */
	if (walk->contacts->own)
		return;
	if (statement->plan == NULL)
		idv_statement_prepare(statement, InvalidOid,
							  statement == &any ?
							  "SELECT id, contacts FROM (SELECT min(id) AS id, contacts, app_id"
							  "  FROM idverify.folds WHERE undone_at IS NULL"
							  "  GROUP BY contacts, app_id OFFSET 0) f"
							  " WHERE $1 IS NOT NULL AND " OF_NO_TABLE :
							  statement == &into ?
							  "SELECT id, contacts FROM idverify.folds"
							  " WHERE undone_at IS NULL AND target_id = ANY ($1) AND " OF_NO_TABLE :
							  "SELECT id, contacts FROM idverify.folds"
							  " WHERE undone_at IS NULL AND (target_id = ANY ($1) OR source_id = ANY ($1)) AND " OF_NO_TABLE,
							  lengthof(types), types);
	statement->as_of_caller = walk->shows;
	folds = idv_statement_query(statement, ids, NULL);
	if (idv_result_next(folds))
		idv_journal_report_no_table(DatumGetInt64(folds->values[0]), text_of(folds, 1));
	idv_result_end(folds);
}

#define UNDONE_CONTACTS	(FOLD_REST + 4)

/*
 * The folds that were undone, and may name one of the ids that were visited; those,
 * too, of contacts whose table is not there.
 */
static IdvResult *
undone_folds(const Walk *walk)
{
	static const Oid types[] = {TEXTOID, INT4OID, TEXTARRAYOID};
	static IdvStatement undone;
	Datum		values[lengthof(types)];
	bool		nulls[lengthof(types)] = {false};

	values[0] = CStringGetTextDatum(walk->contacts->table->name);
	values[1] = Int32GetDatum(walk->app_id);
	values[2] = visited_ids(walk, false);
	nulls[2] = !walk->written_once;
	if (undone.plan == NULL)
		idv_statement_prepare(&undone, InvalidOid,
							  "SELECT " FOLD_COLUMNS WITH_IDENTITIES ", contacts"
							  " FROM idverify.folds WHERE undone_at IS NOT NULL"
							  " AND ($3 IS NULL OR source_id = ANY ($3) OR target_id = ANY ($3))"
							  " AND (" OF_CONTACTS " OR $2 = 0 AND " OF_NO_TABLE ")",
							  lengthof(types), types);
	return idv_statement_query(&undone, values, nulls);
}

/*
 * idv_person_journal_erase
 *		Delete all of the journal that names a contact, or one that was folded into
 *		it, or into which it was.
 *
 * identities	by what these were known is added to it
 * person		whose contact is gone already
 *
 * Returns how many folds they were.  55000 for one of a table that was another
 * role's.
 */
int64
idv_person_journal_erase(IdvIdentities *identities, const IdvPerson *person)
{
	Walk		walk;
	IdvResult  *folds;
	int64		erased = 0;

	begin(&walk, person);

	/* It grows meanwhile, by one for each fold that is deleted. */
	for (int i = 0; i < list_length(walk.visits); i++)
	{
		const Visit *visit = list_nth(walk.visits, i);

		CHECK_FOR_INTERRUPTS();
		folds = standing_folds(&walk, visit);
		while (idv_result_next(folds))
			erased += erase_standing(&walk, visit, folds, identities) ? 1 : 0;
		idv_result_end(folds);
	}
	check_no_table_lost(&walk);
	folds = undone_folds(&walk);
	while (idv_result_next(folds))
	{
		CHECK_FOR_INTERRUPTS();
		if (strcmp(text_of(folds, UNDONE_CONTACTS), walk.contacts->table->name) != 0)
			idv_journal_report_no_table(DatumGetInt64(folds->values[FOLD_ID]),
										text_of(folds, UNDONE_CONTACTS));
		if (is_visited(&walk, folds))
			erased += erase_fold(&walk, folds, identities) ? 1 : 0;
	}
	idv_result_end(folds);
	return erased;
}

/* The last fold that stands from an id, before another; 0: there is none. */
static int64
last_fold_from(const Walk *walk, const Visit *visit)
{
	static IdvStatement from;
	static IdvStatement any;
	IdvResult  *folds;
	int64		last = 0;

	folds = ask(walk, visit, true,
				&from,
				"SELECT " FOLD_COLUMNS " FROM idverify.folds"
				" WHERE " OF_CONTACTS " AND id < $3 AND source_id = $4" STANDING,
				&any,
				"SELECT " FOLD_COLUMNS " FROM idverify.folds"
				" WHERE " OF_CONTACTS " AND id < $3" STANDING);
	while (idv_result_next(folds))
	{
		if (is_of_visit(walk, visit, text_of(folds, FOLD_SOURCE_ID)))
			last = Max(last, DatumGetInt64(folds->values[FOLD_ID]));
	}
	idv_result_end(folds);
	return last;
}

/*
 * idv_person_journal_show
 *		The rows of contacts that were folded into one, and still are.
 *
 * receive		is handed each of them, as jsonb
 *
 * As of the snapshot of the caller.  55000 for a fold of a table that was another
 * role's.
 */
void
idv_person_journal_show(const IdvPerson *person,
						void (*receive) (Datum record, void *context), void *context)
{
	static IdvStatement into;
	static IdvStatement any;
	Walk		walk;

	begin(&walk, person);
	walk.shows = true;
	for (int i = 0; i < list_length(walk.visits); i++)
	{
		const Visit *visit = list_nth(walk.visits, i);
		int64		last = last_fold_from(&walk, visit);
		IdvResult  *folds;

		CHECK_FOR_INTERRUPTS();
		folds = ask(&walk, visit, true,
					&into,
					"SELECT " FOLD_COLUMNS ", source_row::jsonb FROM idverify.folds"
					" WHERE " OF_CONTACTS " AND id < $3 AND target_id = $4" STANDING
					" ORDER BY id",
					&any,
					"SELECT " FOLD_COLUMNS ", source_row::jsonb FROM idverify.folds"
					" WHERE " OF_CONTACTS " AND id < $3" STANDING " ORDER BY id");
		while (idv_result_next(folds))
		{
			int64		fold_id = DatumGetInt64(folds->values[FOLD_ID]);

			if (fold_id <= last ||
				!is_of_visit(&walk, visit, text_of(folds, FOLD_TARGET_ID)))
				continue;
			check_owner(&walk, folds);
			receive(folds->values[FOLD_REST], context);
			add_visit(&walk, text_of(folds, FOLD_SOURCE_ID), fold_id, true);
		}
		idv_result_end(folds);
	}
	check_no_table_lost(&walk);
}

/* How many folds are forgotten at once. */
#define FORGOTTEN_AT_ONCE	1000

/* Delete the journal of some folds of an app.  Returns how many there were. */
static int64
delete_folds(int32 app_id, Datum *ids, int n)
{
	static const Oid types[] = {INT4OID, INT8ARRAYOID};
	static IdvStatement delete_steps;
	static IdvStatement delete_heads;
	Datum		values[lengthof(types)];

	if (n == 0)
		return 0;
	if (delete_steps.plan == NULL)
		idv_statement_prepare(&delete_steps, InvalidOid,
							  "DELETE FROM idverify.fold_rows WHERE app_id = $1 AND fold_id = ANY ($2)",
							  lengthof(types), types);
	if (delete_heads.plan == NULL)
		idv_statement_prepare(&delete_heads, InvalidOid,
							  "DELETE FROM idverify.folds WHERE app_id = $1 AND id = ANY ($2)",
							  lengthof(types), types);
	values[0] = Int32GetDatum(app_id);
	values[1] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) idv_statement_run(&delete_steps, values, NULL);
	return (int64) idv_statement_run(&delete_heads, values, NULL);
}

/*
 * idv_journal_forget
 *		Delete the journal of all folds that were made before a time.
 *
 * A thousand at once, so that it takes no more memory for many than for few.
 *
 * Returns how many they were.
 */
int64
idv_journal_forget(TimestampTz before)
{
	static const Oid types[] = {TIMESTAMPTZOID};
	static IdvStatement old;
	Datum		values[] = {TimestampTzGetDatum(before)};
	IdvResult  *folds = idv_statement_ask(&old,
										  "SELECT id, app_id FROM idverify.folds"
										  " WHERE folded_at < $1 ORDER BY app_id, id",
										  lengthof(types), types, values);
	Datum	   *ids = palloc(sizeof(Datum) * FORGOTTEN_AT_ONCE);
	int			n = 0;
	int32		app_id = 0;
	int64		forgotten = 0;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "idverify forgotten folds",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		found;

	do
	{
		found = idv_result_next(folds);
		if (!found || n == FORGOTTEN_AT_ONCE ||
			DatumGetInt32(folds->values[FOLD_APP_ID]) != app_id)
		{
			CHECK_FOR_INTERRUPTS();
			forgotten += delete_folds(app_id, ids, n);
			MemoryContextReset(context);
			n = 0;
		}
		if (found)
		{
			app_id = DatumGetInt32(folds->values[FOLD_APP_ID]);
			ids[n++] = Int64GetDatum(DatumGetInt64(folds->values[FOLD_ID]));
		}
	} while (found);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	idv_result_end(folds);
	return forgotten;
}
