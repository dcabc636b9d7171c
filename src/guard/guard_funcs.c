/*-------------------------------------------------------------------------
 *
 * guard_funcs.c
 *	  A trigger that lets nobody but the verdict say who is verified.
 *
 * The application writes to its own contacts table as it always did, and
 * hands over the user_hash in a column.  Before a row is stored, the guard
 * judges what it claims, sets is_verified to the verdict, and empties
 * user_hash: it is a valid credential, and must not reach the table, its WAL
 * or a dump.
 *
 * Which field was signed matters beyond the verdict.  An email beside a signed
 * external_id is profile text, and anybody may edit it.  An external_id beside
 * a signed email is not: every reader of the table takes the external_id of a
 * verified contact for the signed one.  So a verified row never takes one that
 * was not signed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/rel.h"

#include "guard/guard_columns.h"
#include "server/sqlfunc.h"
#include "guard/partition_move.h"
#include "references/contact_table.h"
#include "verdict/unverified_log.h"
#include "secrets/app_cache.h"
#include "verdict/verdict.h"

IDV_ENTRY(idverify_guard);

/* What the claim of a row is worth, and what the app has to say about it. */
typedef struct Judgement
{
	IdvVerdict	verdict;
	IdvPolicy	on_unverified;
	IdvSignedField signed_field;
} Judgement;

/* The one kind of trigger that nothing slips past. */
#define GUARD_TYPE \
	(TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | \
	 TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE)

/* The trigger that we are called as.  39P01 if it is not of the right kind. */
static TriggerData *
trigger_called(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = idv_trigger_data(fcinfo);

	if (trigger->tg_trigger->tgtype != GUARD_TYPE ||
		trigger->tg_trigger->tgnattr > 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" must be BEFORE INSERT OR UPDATE, FOR EACH ROW",
						trigger->tg_trigger->tgname,
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Anything less, a list of columns included, leaves a way around the guard."),
				 errtable(trigger->tg_relation)));
	return trigger;
}

static void
set_null(IdvGuardedRow *row, IdvRole role)
{
	row->of[role].value = (Datum) 0;
	row->of[role].isnull = true;
}

static void
set_verified(IdvGuardedRow *row, bool verified)
{
	row->of[IDV_ROLE_IS_VERIFIED].value = BoolGetDatum(verified);
	row->of[IDV_ROLE_IS_VERIFIED].isnull = false;
}

static bool
is_verified(const IdvGuardedRow *row)
{
	NullableDatum flag = row->of[IDV_ROLE_IS_VERIFIED];

	return !flag.isnull && DatumGetBool(flag.value);
}

/* Is there nothing in the column of that role? */
static bool
is_blank(const IdvColumns *columns, IdvRole role, const IdvGuardedRow *row)
{
	return idv_is_absent(idv_columns_text(columns, role, row));
}

static bool
claims_nothing(const IdvColumns *columns, const IdvGuardedRow *row)
{
	return is_blank(columns, IDV_ROLE_EXTERNAL_ID, row) &&
		is_blank(columns, IDV_ROLE_EMAIL, row);
}

/* The app_key of a row; empty, as no app's is, if there is none. */
static IdvText
app_key_of(const IdvColumns *columns, const IdvGuardedRow *row)
{
	NullableDatum app_key = idv_columns_text(columns, IDV_ROLE_APP_KEY, row);
	IdvText		none = {"", 0};

	return app_key.isnull ? none : idv_text(app_key.value);
}

/*
 * Judge what a row claims.
 *
 * An error of this, say that the key ring is missing, carries no context: it
 * would quote a line of COPY or the statement of a function, and these hold
 * the user_hash.  Whoever catches the error puts the stack back.
 */
static Judgement
judge(const IdvColumns *columns, const IdvGuardedRow *row)
{
	IdvClaim	claim = {
		.external_id = idv_columns_text(columns, IDV_ROLE_EXTERNAL_ID, row),
		.email = idv_columns_text(columns, IDV_ROLE_EMAIL, row),
		.user_hash = idv_columns_text(columns, IDV_ROLE_USER_HASH, row),
	};
	ErrorContextCallback *context = error_context_stack;
	const IdvApp *app;
	Judgement	judgement;

	error_context_stack = NULL;
	app = idv_app_get(app_key_of(columns, row));
	judgement.verdict = idv_judge(app, &claim);

	/* What does not exist has no policy: the default stands in. */
	judgement.on_unverified = idv_app_is_known(app) ?
		idv_app_row(app)->on_unverified : IDV_POLICY_DROP;
	judgement.signed_field = idv_app_row(app)->signed_field;
	error_context_stack = context;

	return judgement;
}

/*
 * Raise the error that a claim is refused.
 *
 * Neither statement nor context: see judge().
 */
static void
report_rejected(const IdvColumns *columns, const IdvGuardedRow *row,
				IdvVerdict verdict)
{
	IdvText		app_key = app_key_of(columns, row);

	error_context_stack = NULL;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("claim to app \"%s\" is not verified: %s",
					pnstrdup(app_key.bytes, app_key.len),
					idv_verdict_labels[verdict]),
			 errdetail("The app rejects claims that do not verify."),
			 errhint("Pass the user_hash that was made of the value, or leave external_id and email empty for an anonymous contact."),
			 errhidestmt(true)));
}

/* Write a line to the server's log about the claim of a row. */
static void
note_unverified(const IdvColumns *columns, const IdvGuardedRow *row,
				IdvVerdict verdict)
{
	idv_log_unverified(app_key_of(columns, row), verdict,
					   idv_columns_text(columns, IDV_ROLE_EXTERNAL_ID, row),
					   idv_columns_text(columns, IDV_ROLE_EMAIL, row));
}

/*
 * A row is verified by an app whose servers sign the email: do not take an
 * external_id from it.  One that it held before, when the same email was
 * verified already, may stay; old is NULL if there is none.
 */
static void
keep_external_id(const IdvColumns *columns, IdvGuardedRow *row, const IdvGuardedRow *old)
{
	if (is_blank(columns, IDV_ROLE_EXTERNAL_ID, row))
		return;
	if (old != NULL)
		row->of[IDV_ROLE_EXTERNAL_ID] = old->of[IDV_ROLE_EXTERNAL_ID];
	else
		set_null(row, IDV_ROLE_EXTERNAL_ID);
}

/* A row that is about to be inserted: decide what is stored of it. */
static void
guard_insert(const IdvColumns *columns, IdvGuardedRow *row)
{
	Judgement	judgement;

	set_verified(row, false);
	if (claims_nothing(columns, row))
		return;

	judgement = judge(columns, row);
	if (judgement.verdict == IDV_VERIFIED)
	{
		if (judgement.signed_field == IDV_SIGNED_EMAIL)
			keep_external_id(columns, row, NULL);
		set_verified(row, true);
		return;
	}

	note_unverified(columns, row, judgement.verdict);
	switch (judgement.on_unverified)
	{
		case IDV_POLICY_ACCEPT:
			break;
		case IDV_POLICY_DROP:
			set_null(row, IDV_ROLE_EXTERNAL_ID);
			set_null(row, IDV_ROLE_EMAIL);
			break;
		case IDV_POLICY_REJECT:
			report_rejected(columns, row, judgement.verdict);
			break;
	}
}

/*
 * Is the column of that role another than before?
 *
 * Nothing is nothing: NULL and an empty value are the same.
 */
static bool
is_changed(const IdvColumns *columns, IdvRole role,
		   const IdvGuardedRow *row, const IdvGuardedRow *old)
{
	return !idv_columns_same(columns, role, row, old) &&
		!(is_blank(columns, role, row) && is_blank(columns, role, old));
}

/* A row that is about to be updated: decide what is stored of it. */
static void
guard_update(const IdvColumns *columns, IdvGuardedRow *row, const IdvGuardedRow *old)
{
	bool		app = is_changed(columns, IDV_ROLE_APP_KEY, row, old);
	bool		external_id = is_changed(columns, IDV_ROLE_EXTERNAL_ID, row, old);
	bool		email = is_changed(columns, IDV_ROLE_EMAIL, row, old);
	bool		hash = is_changed(columns, IDV_ROLE_USER_HASH, row, old);
	bool		no_hash = is_blank(columns, IDV_ROLE_USER_HASH, row);
	bool		identity;
	Judgement	judgement;

	/* Whatever was given, the flag stays, unless what follows moves it. */
	row->of[IDV_ROLE_IS_VERIFIED] = old->of[IDV_ROLE_IS_VERIFIED];
	if (!app && !external_id && !email && (no_hash || !hash))
		return;

	judgement = judge(columns, row);
	if (judgement.verdict == IDV_VERIFIED)
	{
		if (judgement.signed_field == IDV_SIGNED_EMAIL)
			keep_external_id(columns, row,
							 is_verified(old) && !app && !email ? old : NULL);
		set_verified(row, true);
		return;
	}

	/*
	 * Is it the identity that changed, of which the flag says that it was
	 * signed?  An email is, unless there was an external_id that was signed
	 * instead.
	 */
	identity = app || external_id ||
		(email && (judgement.signed_field == IDV_SIGNED_EMAIL ||
				   is_blank(columns, IDV_ROLE_EXTERNAL_ID, old)));

	/*
	 * Whoever only takes away claims nothing.  A person must be able to be
	 * forgotten under every policy.
	 */
	if (claims_nothing(columns, row) ||
		(no_hash && !app &&
		 (!external_id || is_blank(columns, IDV_ROLE_EXTERNAL_ID, row)) &&
		 (!email || is_blank(columns, IDV_ROLE_EMAIL, row))))
	{
		if (identity)
			set_verified(row, false);
		return;
	}

	/* Profile text, which needs no signature */
	if (no_hash && !identity && is_verified(old))
		return;

	note_unverified(columns, row, judgement.verdict);
	switch (judgement.on_unverified)
	{
		case IDV_POLICY_ACCEPT:
			set_verified(row, false);
			break;
		case IDV_POLICY_DROP:
			row->of[IDV_ROLE_APP_KEY] = old->of[IDV_ROLE_APP_KEY];
			row->of[IDV_ROLE_EXTERNAL_ID] = old->of[IDV_ROLE_EXTERNAL_ID];
			row->of[IDV_ROLE_EMAIL] = old->of[IDV_ROLE_EMAIL];
			break;
		case IDV_POLICY_REJECT:
			report_rejected(columns, row, judgement.verdict);
			break;
	}
}

/*
 * See that a fold gives no verified contact another identity.
 *
 * It knows the columns of a guard that hangs on its table, and does not do so.
 * A guard that hangs on a partition alone may have other ones.
 */
static void
check_fold(const IdvColumns *columns, const TriggerData *trigger)
{
	IdvGuardedRow row;
	IdvGuardedRow old;

	idv_columns_read(&row, columns, trigger->tg_newslot);
	idv_columns_read(&old, columns, trigger->tg_trigslot);
	if (is_verified(&old) &&
		(is_changed(columns, IDV_ROLE_APP_KEY, &row, &old) ||
		 is_changed(columns, IDV_ROLE_EXTERNAL_ID, &row, &old) ||
		 is_changed(columns, IDV_ROLE_EMAIL, &row, &old)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a fold would give a verified contact in %s another identity",
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Create trigger \"%s\" on the partitioned table, so that the fold knows its columns.",
						 trigger->tg_trigger->tgname)));
}

/*
 * idverify_guard() returns trigger
 *
 * BEFORE INSERT OR UPDATE, for each row of somebody's contacts table.
 * Arguments 'role=column' name the columns that are not named for their role.
 *
 * 28000 where the app rejects a claim; 39P01 for a trigger of another kind;
 * see idv_columns() for columns that do not do.
 */
Datum
idverify_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_called(fcinfo);
	bool		inserting = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	HeapTuple	tuple = inserting ? trigger->tg_trigtuple : trigger->tg_newtuple;
	IdvColumns *columns;
	IdvGuardedRow given;
	IdvGuardedRow wanted;

	columns = idv_columns(fcinfo->flinfo, trigger);

	/* A fold knows who is verified; an unfold puts back what was. */
	if (idv_contact_table_fires(RelationGetRelid(trigger->tg_relation)))
	{
		if (!inserting)
			check_fold(columns, trigger);
		return PointerGetDatum(tuple);
	}

	idv_columns_read(&given, columns,
					 inserting ? trigger->tg_trigslot : trigger->tg_newslot);
	wanted = given;

	if (!inserting)
	{
		IdvGuardedRow old;

		idv_columns_read(&old, columns, trigger->tg_trigslot);
		guard_update(columns, &wanted, &old);
	}
	else if (!idv_moving_arrives(columns, trigger, &given))
		guard_insert(columns, &wanted);

	set_null(&wanted, IDV_ROLE_USER_HASH);
	tuple = idv_columns_store(tuple, columns,
							  RelationGetDescr(trigger->tg_relation),
							  &given, &wanted);

	if (!inserting && !claims_nothing(columns, &wanted))
		idv_moving_leaves(columns, trigger, tuple, &wanted);
	return PointerGetDatum(tuple);
}
