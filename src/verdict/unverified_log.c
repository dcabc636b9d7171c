/*-------------------------------------------------------------------------
 *
 * unverified_log.c
 *	  Tell the server's log, and nobody else, of a claim that did not verify.
 *
 * What is logged was sent by a stranger's browser.  It must not be able to
 * forge lines of the log, nor fill the disk; and the log must not become a
 * list of visitors, nor of user_hashes, each of which is a valid credential.
 *
 *-------------------------------------------------------------------------
 */
#include "verdict/unverified_log.h"

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "server/hide_statement.h"
#include "tables/apps.h"
#include "verdict/masked_identity.h"

/* How many lines a session may write a minute. */
#define LINES_PER_MINUTE	10

/* Since when lines are counted, how many there were, and how many were not. */
static TimestampTz minute_began = 0;
static int	lines = 0;
static uint64 suppressed = 0;

/* May another line be written?  If not, count it as suppressed. */
static bool
may_write(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < minute_began || now - minute_began >= USECS_PER_MINUTE)
	{
		minute_began = now;
		lines = 0;
	}
	if (lines >= LINES_PER_MINUTE)
	{
		suppressed++;
		return false;
	}
	lines++;
	return true;
}

/* Append a field that was claimed, if it was; joined to one before it. */
static void
append_field(StringInfo line, const char *name, NullableDatum value)
{
	if (idv_is_absent(value))
		return;
	appendStringInfo(line, "%s%s \"", line->len > 0 ? " and " : "", name);
	idv_append_masked(line, value.value);
	appendStringInfoChar(line, '"');
}

/*
 * idv_log_unverified
 *		Write one line to the server's log about a claim that did not verify.
 *
 * app_key		in the server encoding, empty if there was none; need not exist
 * external_id, email
 *				what was claimed, as given; neither, where a token alone was
 *				presented that the app has not signed
 *
 * It never reaches a client.  Nothing in it can end the line.  The statement
 * and the context are left out, as both can quote the user_hash.  A session
 * writes at most ten lines a minute, and the next one tells how many were
 * left out.
 */
void
idv_log_unverified(IdvText app_key, IdvVerdict verdict,
				   NullableDatum external_id, NullableDatum email)
{
	StringInfoData claimed;
	StringInfoData app;
	StringInfoData others;

	if (!message_level_is_interesting(LOG_SERVER_ONLY) || !may_write())
		return;

	initStringInfo(&claimed);
	append_field(&claimed, "external_id", external_id);
	append_field(&claimed, "email", email);
	if (claimed.len == 0)
		appendStringInfoString(&claimed, "an unnamed identity");

	initStringInfo(&app);
	if (idv_has_hash(app_key.bytes, app_key.len))
		appendStringInfoString(&app, "***");
	else
		idv_append_escaped(&app, app_key.bytes,
						   pg_mbcharcliplen(app_key.bytes, (int) app_key.len,
											IDV_APP_KEY_MAX));

	initStringInfo(&others);
	if (suppressed > 0)
		appendStringInfo(&others,
						 " (" UINT64_FORMAT " more were not logged)",
						 suppressed);
	suppressed = 0;

	ereport(LOG_SERVER_ONLY,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("claim of %s to app \"%s\" is not verified: %s%s",
					claimed.data, app.data, idv_verdict_labels[verdict],
					others.data),
			 errhidestmt(true), errhidecontext(true)));

	pfree(claimed.data);
	pfree(app.data);
	pfree(others.data);
}
