/*-------------------------------------------------------------------------
 *
 * claim_count.c
 *	  Count claims, by their verdict and by the secret that they were signed with.
 *
 * Called by whoever is asked about a claim, once for each, and not by the
 * verdict itself: a claim may be judged twice, and idverify_explain() judges what
 * nobody has claimed.
 *
 * Nothing that a client makes up is counted by: a claim to an app that does not
 * exist is not counted.
 *
 *-------------------------------------------------------------------------
 */
#include "verdict/claim_count.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/counters.h"
#include "server/session_counts.h"
#include "verdict/masked_identity.h"

const char *const idv_way_labels[IDV_WAYS] = {
	[IDV_WAY_CHECK] = "check",
	[IDV_WAY_VERDICT] = "verdict",
	[IDV_WAY_IDENTIFY] = "identify",
	[IDV_WAY_GUARD] = "guard",
};

const char *const idv_shown_field_labels[IDV_SHOWN_FIELDS] = {
	[IDV_SHOWN_NOTHING] = NULL,
	[IDV_SHOWN_EXTERNAL_ID] = "external_id",
	[IDV_SHOWN_EMAIL] = "email",
	[IDV_SHOWN_VALUE] = "value",
};

/* A verdict is a kind of claim; of IDV_UNKNOWN_APP, which is 0, none is counted. */
StaticAssertDecl(IDV_UNKNOWN_APP == 0 && IDV_VERDICTS - 1 <= IDV_COUNTED_KINDS,
				 "each verdict but unknown_app has a counter");

/*
 * Keep a claim that did not verify.
 *
 * Its identity is masked now, so that no more of it is kept.
 */
static void
note_refused(const IdvAppRow *app, IdvWay way, IdvVerdict verdict,
			 IdvShownField field, NullableDatum identity, TimestampTz now)
{
	static StringInfoData masked = {.data = NULL};
	IdvRefused *refused;

	if (masked.data == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&masked);
		MemoryContextSwitchTo(caller);
	}
	resetStringInfo(&masked);
	if (field != IDV_SHOWN_NOTHING)
		idv_append_masked(&masked, identity.value);

	refused = idv_session_refused();
	refused->at = now;
	refused->key = app->counter_key;
	refused->kind = verdict;
	refused->way = way;
	refused->field = field;
	strlcpy(refused->identity, masked.data, sizeof(refused->identity));
}

/*
 * idv_count_claim
 *		Count a claim that was judged.
 *
 * app			NULL if it does not exist
 * claim		what it says of itself is not read if it is verified
 * generation	of the secret that it was signed with, whether or not it verifies;
 *				0 for none
 *
 * Counts even if the transaction is rolled back.  The verdict stands, whatever
 * becomes of it.
 */
void
idv_count_claim(const IdvAppRow *app, IdvWay way, IdvVerdict verdict,
				int32 generation, const IdvClaim *claim)
{
	TimestampTz now;
	IdvShownField field = IDV_SHOWN_NOTHING;

	if (app == NULL || !idv_counters_are_there())
		return;
	now = GetCurrentTimestamp();

	/*
	 * A secret was used where the claim was right, or would have been in
	 * time.
	 */
	if (verdict != IDV_VERIFIED && verdict != IDV_EXPIRED)
		generation = 0;
	idv_session_count(&app->counter_key, verdict, generation, now);
	if (verdict == IDV_VERIFIED || verdict == IDV_ANONYMOUS)
		return;

	/* What counts as signed, if it was claimed. */
	if (!idv_is_absent(claim->external_id) &&
		(app->signed_field != IDV_SIGNED_EMAIL ||
		 idv_is_absent(claim->email)))
		field = IDV_SHOWN_EXTERNAL_ID;
	else if (!idv_is_absent(claim->email))
		field = IDV_SHOWN_EMAIL;
	note_refused(app, way, verdict, field,
				 field == IDV_SHOWN_EMAIL ? claim->email : claim->external_id, now);
}

/*
 * idv_count_check
 *		Count a value that was checked, and is right or not.
 */
void
idv_count_check(const IdvApp *app, bool right, int32 generation,
				NullableDatum value)
{
	TimestampTz now;

	if (!idv_app_is_known(app) || !idv_counters_are_there())
		return;
	now = GetCurrentTimestamp();
	idv_session_count(&idv_app_row(app)->counter_key,
					  right ? IDV_VERIFIED : IDV_MISMATCH, right ? generation : 0, now);
	if (!right)
		note_refused(idv_app_row(app), IDV_WAY_CHECK, IDV_MISMATCH, IDV_SHOWN_VALUE, value, now);
}
