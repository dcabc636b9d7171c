/*-------------------------------------------------------------------------
 *
 * guard_rules.c
 *	  What is stored of a row, by the worth of its claim.
 *
 * Which field was signed matters beyond the verdict.  An email beside a signed
 * external_id is profile text, and anybody may edit it.  An external_id beside
 * a signed email is not: every reader of the table takes the external_id of a
 * verified contact for the signed one.  So a verified row never takes one that
 * was not signed.
 *
 *-------------------------------------------------------------------------
 */
#include "guard/guard_rules.h"

#include "utils/rel.h"

#include "secrets/app_cache.h"
#include "verdict/claim_count.h"
#include "verdict/unverified_log.h"
#include "verdict/verdict.h"

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

/* The app_key of a row; empty, as no app's is, if there is none. */
static IdvText
app_key_of(const IdvColumns *columns, const IdvGuardedRow *row)
{
	NullableDatum app_key = idv_columns_text(columns, IDV_ROLE_APP_KEY, row);
	IdvText		none = {"", 0};

	return app_key.isnull ? none : idv_text(app_key.value);
}

/* What stands in for the settings of an app that does not exist. */
#define DEFAULT_SETTINGS \
	{.on_unverified = IDV_POLICY_DROP,.on_wrong_hash = IDV_POLICY_DROP, \
		.signed_field = IDV_SIGNED_EITHER}

/* The settings of an app. */
static IdvAppRow
settings_of(const IdvApp *app)
{
	IdvAppRow	none = DEFAULT_SETTINGS;

	return idv_app_is_known(app) ? *idv_app_row(app) : none;
}

/* What a row claims. */
static IdvClaim
claim_of(const IdvColumns *columns, const IdvGuardedRow *row)
{
	return (IdvClaim)
	{
		.external_id = idv_columns_text(columns, IDV_ROLE_EXTERNAL_ID, row),
			.email = idv_columns_text(columns, IDV_ROLE_EMAIL, row),
			.user_hash = idv_columns_text(columns, IDV_ROLE_USER_HASH, row),
	};
}

/*
 * Judge what a row claims.
 *
 * A token says itself who it is for, but a row without an identity is nobody's.
 */
static IdvJudgement
judge(const IdvColumns *columns, const IdvGuardedRow *row)
{
	IdvClaim	claim = claim_of(columns, row);
	const IdvApp *app = idv_app_get(app_key_of(columns, row));
	IdvJudgement judgement = {.counted = false};
	IdvToken	token;

	if (idv_columns_claim_nothing(columns, row))
		claim.user_hash.isnull = true;
	judgement.verdict = idv_judge(app, &claim, &judgement.generation, &token);
	judgement.app = settings_of(app);
	return judgement;
}

/*
 * Count the claim of a row, once: the two rows of an upsert are one claim.
 *
 * Not whenever a row is judged: whoever only takes an identity away, or edits
 * what needs no signature, claims nothing.
 */
static void
count_claim(const IdvColumns *columns, const IdvGuardedRow *row,
			IdvJudgement *judgement)
{
	if (!judgement->counted)
	{
		IdvClaim	claim = {.token_names = false};

		if (judgement->verdict != IDV_VERIFIED)
			claim = claim_of(columns, row);
		idv_count_claim(judgement->verdict == IDV_UNKNOWN_APP ? NULL : &judgement->app,
						IDV_WAY_GUARD, judgement->verdict,
						judgement->generation, &claim);
	}
	judgement->counted = true;
}

/* The settings of the app that a row belongs to. */
static IdvAppRow
settings_over(const IdvColumns *columns, const IdvGuardedRow *row)
{
	return settings_of(idv_app_get(app_key_of(columns, row)));
}

/* What the app says about a claim that fails. */
static IdvPolicy
policy_of(const IdvJudgement *judgement)
{
	return idv_policy(&judgement->app, judgement->verdict);
}

/* Raise the error that a claim is refused. */
static void
report_rejected(const IdvColumns *columns, const IdvGuardedRow *row,
				IdvVerdict verdict)
{
	IdvText		app_key = app_key_of(columns, row);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("claim to app \"%s\" is not verified: %s",
					pnstrdup(app_key.bytes, app_key.len),
					idv_verdict_labels[verdict]),
			 errdetail("The app rejects claims that do not verify."),
			 errhint("Pass the user_hash that was made of the value, or a token, or leave external_id and email empty for an anonymous contact.")));
}

/*
 * Count the claim of a row that fails, and write a line to the server's log.
 * 0A000 where no claim can be judged, on a node that has no apps.
 */
static void
note_unverified(const IdvColumns *columns, const IdvGuardedRow *row,
				IdvJudgement *judgement)
{
	if (judgement->verdict == IDV_UNKNOWN_APP)
		idv_apps_check_node();
	count_claim(columns, row, judgement);
	idv_log_unverified(app_key_of(columns, row), judgement->verdict,
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
	if (idv_columns_blank(columns, IDV_ROLE_EXTERNAL_ID, row))
		return;
	if (old != NULL)
		row->of[IDV_ROLE_EXTERNAL_ID] = old->of[IDV_ROLE_EXTERNAL_ID];
	else
		set_null(row, IDV_ROLE_EXTERNAL_ID);
}

/* Which column holds what has to be signed, in an app that signs this field? */
static IdvRole
signed_role(const IdvColumns *columns, IdvSignedField field,
			const IdvGuardedRow *row)
{
	if (field == IDV_SIGNED_EMAIL ||
		(field == IDV_SIGNED_EITHER &&
		 idv_columns_blank(columns, IDV_ROLE_EXTERNAL_ID, row)))
		return IDV_ROLE_EMAIL;
	return IDV_ROLE_EXTERNAL_ID;
}

/*
 * idv_guard_insert
 *		Decide what is stored of a row that is about to be inserted.
 *
 * row		in: what was given; out: what is stored
 *
 * 28000 if the app rejects its claim.
 */
void
idv_guard_insert(IdvColumns *columns, const TriggerData *trigger,
				 IdvGuardedRow *row)
{
	IdvJudgement judgement = {.verdict = IDV_ANONYMOUS,.app = DEFAULT_SETTINGS};

	set_verified(row, false);
	if (!idv_columns_claim_nothing(columns, row))
		judgement = judge(columns, row);
	if (judgement.verdict == IDV_VERIFIED)
		count_claim(columns, row, &judgement);
	idv_proposed_row_set(columns, trigger, &judgement, row);

	if (judgement.verdict == IDV_ANONYMOUS)
		return;
	if (judgement.verdict == IDV_VERIFIED)
	{
		if (judgement.app.signed_field == IDV_SIGNED_EMAIL)
			keep_external_id(columns, row, NULL);
		set_verified(row, true);
		return;
	}

	/*
	 * Somebody who saves a row that is there, by its primary key, claims
	 * nothing.  The row cannot be inserted, so nothing of it is refused or
	 * forgotten before the UPDATE tells what it changes.
	 */
	if (!idv_columns_present_hash(columns, row, NULL) &&
		policy_of(&judgement) != IDV_POLICY_ACCEPT &&
		idv_proposed_row_exists(columns, trigger))
		return;

	note_unverified(columns, row, &judgement);
	idv_proposed_row_counted(columns);
	switch (policy_of(&judgement))
	{
		case IDV_POLICY_ACCEPT:
			break;
		case IDV_POLICY_DROP:
			set_null(row, IDV_ROLE_EXTERNAL_ID);
			set_null(row, IDV_ROLE_EMAIL);
			idv_proposed_row_cleared(columns);
			break;
		case IDV_POLICY_REJECT:
			report_rejected(columns, row, judgement.verdict);
			break;
	}
}

/*
 * Is the column of that role another than before?
 *
 * NULL and an empty value compare as equal, and so do emails that differ in
 * the case of letters only.
 */
static bool
is_changed(const IdvColumns *columns, IdvRole role,
		   const IdvGuardedRow *row, const IdvGuardedRow *old)
{
	return !idv_columns_same_identity(columns, role, row, old) &&
		!(idv_columns_blank(columns, role, row) && idv_columns_blank(columns, role, old));
}

/*
 * A claim fails that would change a row which is there: log it, and apply the
 * policy of the app.
 *
 * A row that is verified is not written, and verified says what becomes of
 * the UPDATE instead.  What its own app says counts for it: a claim cannot
 * choose the app that is laxer.
 */
static IdvOutcome
apply_policy(const IdvColumns *columns, IdvJudgement *judgement,
			 IdvGuardedRow *row, const IdvGuardedRow *old, IdvOutcome verified)
{
	bool		was_verified = is_verified(old);
	IdvAppRow	app = was_verified ?
	settings_over(columns, old) : judgement->app;
	IdvPolicy	policy = idv_policy(&app, judgement->verdict);

	note_unverified(columns, row, judgement);
	if (policy == IDV_POLICY_REJECT)
		report_rejected(columns, was_verified ? old : row, judgement->verdict);
	if (was_verified && verified != IDV_OUTCOME_STORE)
		return verified;

	if (policy == IDV_POLICY_ACCEPT)
		set_verified(row, false);
	else
	{
		row->of[IDV_ROLE_APP_KEY] = old->of[IDV_ROLE_APP_KEY];
		row->of[IDV_ROLE_EXTERNAL_ID] = old->of[IDV_ROLE_EXTERNAL_ID];
		row->of[IDV_ROLE_EMAIL] = old->of[IDV_ROLE_EMAIL];
	}
	return IDV_OUTCOME_STORE;
}

/*
 * Is it the identity that an UPDATE changes, of which the flag says that it
 * was signed?  An email is, unless there was an external_id that was signed
 * instead.
 */
static bool
changes_identity(const IdvColumns *columns, IdvSignedField field,
				 const IdvGuardedRow *row, const IdvGuardedRow *old)
{
	IdvRole		role = signed_role(columns,
								   field == IDV_SIGNED_EMAIL ?
								   IDV_SIGNED_EMAIL : IDV_SIGNED_EITHER, old);

	return is_changed(columns, IDV_ROLE_APP_KEY, row, old) ||
		is_changed(columns, IDV_ROLE_EXTERNAL_ID, row, old) ||
		(role == IDV_ROLE_EMAIL && is_changed(columns, IDV_ROLE_EMAIL, row, old));
}

/*
 * idv_guard_update
 *		Decide what is stored of a row that is about to be updated.
 *
 * row		in: what was given; out: what is stored
 * counted	the claim was counted already
 *
 * 28000 if the app rejects its claim.
 */
IdvOutcome
idv_guard_update(const IdvColumns *columns, IdvGuardedRow *row,
				 const IdvGuardedRow *old, bool counted)
{
	bool		app = is_changed(columns, IDV_ROLE_APP_KEY, row, old);
	bool		external_id = is_changed(columns, IDV_ROLE_EXTERNAL_ID, row, old);
	bool		email = is_changed(columns, IDV_ROLE_EMAIL, row, old);
	bool		hash = idv_columns_present_hash(columns, row, old);
	bool		no_hash = row->of[IDV_ROLE_USER_HASH].isnull;
	bool		identity;
	IdvJudgement judgement;

	/* Whatever was given, the flag stays, unless what follows moves it. */
	row->of[IDV_ROLE_IS_VERIFIED] = old->of[IDV_ROLE_IS_VERIFIED];
	if (!app && !external_id && !email && !hash)
		return IDV_OUTCOME_STORE;

	judgement = judge(columns, row);
	judgement.counted = counted;
	if (judgement.verdict == IDV_VERIFIED)
	{
		count_claim(columns, row, &judgement);
		if (judgement.app.signed_field == IDV_SIGNED_EMAIL)
			keep_external_id(columns, row,
							 is_verified(old) && !app && !email ? old : NULL);
		set_verified(row, true);
		return IDV_OUTCOME_STORE;
	}

	/* Whoever has a wrong hash writes nothing to a verified contact. */
	if (hash && is_verified(old))
		return apply_policy(columns, &judgement, row, old, IDV_OUTCOME_KEEP);

	identity = changes_identity(columns, judgement.app.signed_field, row, old);

	/*
	 * Whoever only takes away claims nothing.  A person must be able to be
	 * forgotten under every policy.
	 */
	if (idv_columns_claim_nothing(columns, row) ||
		(no_hash && !app &&
		 (!external_id || idv_columns_blank(columns, IDV_ROLE_EXTERNAL_ID, row)) &&
		 (!email || idv_columns_blank(columns, IDV_ROLE_EMAIL, row))))
	{
		if (identity)
			set_verified(row, false);
		return IDV_OUTCOME_STORE;
	}

	/* Profile text, which needs no signature */
	if (no_hash && !identity && is_verified(old))
		return IDV_OUTCOME_STORE;

	return apply_policy(columns, &judgement, row, old, IDV_OUTCOME_STORE);
}

/*
 * Was the identity signed that a row has after the UPDATE of a conflict?
 *
 * The conflict was found by an index, perhaps one to which two identities are
 * equal that are not the same to the byte: then the row that is there is
 * somebody else's.  So is a verified row of another identity, unless the
 * proposed row names it by its primary key, as an UPDATE would.
 */
static bool
is_what_was_signed(IdvColumns *columns, const TriggerData *trigger,
				   const IdvProposedRow *proposed, IdvSignedField field,
				   const IdvGuardedRow *claimed,
				   const IdvGuardedRow *row, const IdvGuardedRow *old)
{
	IdvRole		role = signed_role(columns, field, claimed);

	if (!idv_columns_same(columns, IDV_ROLE_APP_KEY, row, claimed) ||
		signed_role(columns, field, row) != role ||
		!idv_columns_same_identity(columns, role, row, claimed))
		return false;

	if (idv_columns_same(columns, IDV_ROLE_APP_KEY, old, claimed) &&
		signed_role(columns, field, old) == role &&
		idv_columns_same_identity(columns, role, old, claimed))
		return true;
	if (idv_columns_equal(columns, role, old, claimed))
		return false;
	return !is_verified(old) ||
		idv_proposed_row_names(proposed, columns, trigger);
}

/*
 * The app drops claims, and has dropped that of the proposed row: what is NULL
 * because of it stays as it is in the row that is there.
 */
static void
put_back_cleared(IdvGuardedRow *row, const IdvGuardedRow *old)
{
	if (row->of[IDV_ROLE_EXTERNAL_ID].isnull)
		row->of[IDV_ROLE_EXTERNAL_ID] = old->of[IDV_ROLE_EXTERNAL_ID];
	if (row->of[IDV_ROLE_EMAIL].isnull)
		row->of[IDV_ROLE_EMAIL] = old->of[IDV_ROLE_EMAIL];
}

/*
 * Decide about the UPDATE of a row that the proposed one does not name by its
 * primary key, and of which it claims nothing.
 *
 * Whoever shares a telephone number with somebody may not take from them who
 * they are, not even with a signature of their own.
 */
static IdvOutcome
update_unnamed(const IdvColumns *columns, IdvGuardedRow *row,
			   const IdvGuardedRow *old, bool counted)
{
	if (is_verified(old))
	{
		IdvJudgement judgement = judge(columns, row);

		judgement.counted = counted;
		if (changes_identity(columns, judgement.app.signed_field, row, old))
		{
			judgement.verdict = row->of[IDV_ROLE_USER_HASH].isnull ?
				IDV_UNSIGNED : IDV_MISMATCH;
			return apply_policy(columns, &judgement, row, old, IDV_OUTCOME_SKIP);
		}
	}
	return idv_guard_update(columns, row, old, counted);
}

/* The user_hash that a proposed row came with, which keeps it. */
static NullableDatum
hash_of(const IdvProposedRow *proposed)
{
	return (NullableDatum)
	{
		PointerGetDatum(proposed->user_hash), false
	};
}

/*
 * idv_guard_conflict
 *		Decide what is stored of a row that is about to be updated because a
 *		proposed one conflicts with it.
 *
 * row		in: what was given; out: what is stored
 *
 * 28000 if the app rejects the claim.
 *
 * Both are one claim, which has been judged.  A right user_hash is judged
 * again: the statement may have waited for the row, and a secret been revoked
 * meanwhile.  One that comes in the UPDATE alone counts where the proposed row
 * claims nothing; and one that came with such a row is for the row that is
 * there, as in an UPDATE.
 */
IdvOutcome
idv_guard_conflict(IdvColumns *columns, const TriggerData *trigger,
				   const IdvProposedRow *proposed, IdvGuardedRow *row,
				   const IdvGuardedRow *old)
{
	IdvJudgement judgement = proposed->judgement;
	IdvGuardedRow claimed;

	if (proposed->cleared)
		put_back_cleared(row, old);
	if (judgement.verdict == IDV_ANONYMOUS && proposed->keeps_hash &&
		!idv_columns_present_hash(columns, row, old))
		row->of[IDV_ROLE_USER_HASH] = hash_of(proposed);
	if ((!proposed->signed_at_all || judgement.verdict == IDV_ANONYMOUS) &&
		idv_proposed_row_names(proposed, columns, trigger))
		return idv_guard_update(columns, row, old, judgement.counted);
	if (judgement.verdict == IDV_ANONYMOUS)
		return update_unnamed(columns, row, old, judgement.counted);

	row->of[IDV_ROLE_IS_VERIFIED] = old->of[IDV_ROLE_IS_VERIFIED];
	if (judgement.verdict == IDV_VERIFIED)
	{
		idv_columns_read(&claimed, columns, proposed->slot);
		claimed.of[IDV_ROLE_USER_HASH] = hash_of(proposed);
		judgement = judge(columns, &claimed);
		judgement.counted = proposed->judgement.counted;
	}
	if (judgement.verdict == IDV_VERIFIED)
	{
		if (is_what_was_signed(columns, trigger, proposed,
							   judgement.app.signed_field, &claimed, row, old))
		{
			bool		same = !is_changed(columns, IDV_ROLE_APP_KEY, row, old) &&
			!is_changed(columns, IDV_ROLE_EMAIL, row, old);

			/* The signature counts for the spelling that was signed. */
			if (signed_role(columns, judgement.app.signed_field, row) == IDV_ROLE_EMAIL)
				row->of[IDV_ROLE_EMAIL] = claimed.of[IDV_ROLE_EMAIL];
			if (judgement.app.signed_field == IDV_SIGNED_EMAIL)
				keep_external_id(columns, row,
								 is_verified(old) && same ? old : NULL);
			set_verified(row, true);
			return IDV_OUTCOME_STORE;
		}
		judgement.verdict = IDV_MISMATCH;
	}

	return apply_policy(columns, &judgement, row, old, IDV_OUTCOME_SKIP);
}

/*
 * idv_guard_check_fold
 *		See that a fold gives no verified contact another identity.  55000.
 *
 * It knows the columns of a guard that hangs on its table, and does not do so.
 * A guard that hangs on a partition alone may have other ones.
 */
void
idv_guard_check_fold(const IdvColumns *columns, const TriggerData *trigger)
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
