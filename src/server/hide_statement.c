/*-------------------------------------------------------------------------
 *
 * hide_statement.c
 *	  Keep a statement that holds a user_hash or a secret out of the log.
 *
 * A user_hash that is right is a credential, and the statement that presents it
 * holds it, or the parameters do, which are logged as context.  What is logged
 * while our functions run must have neither, whoever logs it: an error of ours, a
 * lock_timeout, a line of log_lock_waits.  All of them call the error context
 * callbacks, so one of ours hides both.
 *
 * What is logged of the same statement after that comes past the log's hook: a
 * client that has gone away, a constraint that the guarded row violates, a deferred
 * trigger at the commit, log_statement_stats.  There the statement is left out if
 * it may hold a user_hash.
 *
 * An error of a parallel worker is raised again in the leader, and that it was to
 * be hidden is lost on the way.  What does get there is its context: a worker
 * puts a line into that, by which the leader knows it.  Somebody can make such a
 * line, by a function whose name has line breaks in it, and so keep the statement
 * of an error of their own out of the log.  They win nothing: an error that
 * is caught is not logged at all.
 *
 * A deadlock is logged by the session that finds it, with the statements of all
 * that are involved.  That session need not be inside any function of ours, so it
 * is looked at wherever this module is loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "server/hide_statement.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "tcop/tcopprot.h"

/* What the context of a worker's error says.  The client sees it, too. */
#define MARK	"idverify function in a parallel worker"

/* As many of the 64 hex digits of a user_hash are still worth hiding. */
#define HALF_A_HASH	32

/* What a token begins with, as nearly all are made: a JSON object in base64url. */
#define TOKEN_BEGINS	"eyJ"

/* So many digits of base64url before a dot could be the header of one. */
#define TOKEN_HEADER	16

static emit_log_hook_type previous_hook = NULL;

/* When the statement began in which we were last given what may be a user_hash. */
static TimestampTz given_in = 0;

/*
 * idv_hide_statement
 *		Error context callback: keep statement and context out of the log.
 */
void
idv_hide_statement(void *arg pg_attribute_unused())
{
	errhidestmt(true);
	errhidecontext(true);
	if (IsParallelWorker())
		errcontext(MARK);
}

/* Is the mark a line of its own in this context? */
static bool
has_mark(const char *context)
{
	const int	len = strlen(MARK);

	for (const char *found = context; (found = strstr(found, MARK)) != NULL; found += len)
	{
		if ((found == context || found[-1] == '\n') &&
			(found[len] == '\n' || found[len] == '\0'))
			return true;
	}
	return false;
}

/* Are there so many hex digits in a row? */
static bool
has_digits(const char *value, size_t len, int wanted)
{
	int			digits = 0;

	for (size_t i = 0; i < len; i++)
	{
		digits = isxdigit((unsigned char) value[i]) ? digits + 1 : 0;
		if (digits == wanted)
			return true;
	}
	return false;
}

/*
 * Could there be a token?
 *
 * Its header and its payload are JSON objects, of which one or both may be written
 * with blanks: "{ " and the like are "ey" or "ew".
 */
static bool
has_token(const char *value, size_t len)
{
	const size_t begins = strlen(TOKEN_BEGINS);
	size_t		digits = 0;

	for (size_t i = 0; i + begins <= len; i++)
	{
		if (memcmp(value + i, TOKEN_BEGINS, begins) == 0 ||
			(digits >= TOKEN_HEADER && value[i] == '.' && value[i + 1] == 'e' &&
			 (value[i + 2] == 'y' || value[i + 2] == 'w')))
			return true;
		digits = isalnum((unsigned char) value[i]) || value[i] == '-' || value[i] == '_' ?
			digits + 1 : 0;
	}
	return false;
}

/*
 * idv_has_hash
 *		May a value, or a row, as text hold a user_hash, a secret, or a token?
 *
 * Half a hash is not told from an app_key that was generated, and is none.
 */
bool
idv_has_hash(const char *value, size_t len)
{
	return has_digits(value, len, HALF_A_HASH + 1) || has_token(value, len);
}

/* Do these statements call us, in any spelling? */
static bool
name_us(const char *statements)
{
	for (const char *at = statements; *at != '\0'; at++)
	{
		if (pg_strncasecmp(at, "idverify", 8) == 0)
			return true;
	}
	return false;
}

/*
 * Is there what may be a user_hash, in these statements?
 *
 * It is told by its hex digits; half of them, as the server cuts long statements, and
 * less than half is worth nothing.
 */
static bool
present_hash(const char *statements)
{
	return has_digits(statements, strlen(statements), HALF_A_HASH) ||
		has_token(statements, strlen(statements));
}

/*
 * May there be a user_hash, or a secret, in these statements?
 *
 * One that calls us may hold either.  Others, say those of a guarded table, a
 * user_hash.
 */
static bool
may_hold_hash(const char *statements)
{
	return name_us(statements) || present_hash(statements);
}

/*
 * idv_hide_rest
 *		Note that the statement under way may hold a user_hash, or a secret, so that
 *		it is not logged with what comes after the function that was called.
 */
void
idv_hide_rest(void)
{
	given_in = GetCurrentStatementStartTimestamp();
}

/*
 * Leave out a statement that has given us what may be a user_hash, and its context.
 *
 * It may have given it to parallel workers alone, of which we know nothing.
 */
static void
hide_rest(ErrorData *error)
{
	if (debug_query_string != NULL && name_us(debug_query_string) &&
		present_hash(debug_query_string))
		error->hide_stmt = true;
	if (given_in == 0 || given_in != GetCurrentStatementStartTimestamp())
		return;
	if (debug_query_string != NULL && may_hold_hash(debug_query_string))
		error->hide_stmt = true;
	if (error->context != NULL && idv_has_hash(error->context, strlen(error->context)))
		error->hide_ctx = true;
}

/*
 * Leave the statements out of what is logged of a deadlock, if need be.
 *
 * The server logs what the client is told, and then the statements.
 */
static void
hide_others_statements(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->detail_log == NULL || !may_hold_hash(error->detail_log))
		return;
	error->detail_log = psprintf("%s%sThe statements are left out, as one may hold a user_hash.",
								 error->detail == NULL ? "" : error->detail,
								 error->detail == NULL ? "" : "\n");
}

/*
 * Look at what is about to be logged.
 *
 * A worker itself logs no statement at all: one that fails because another one
 * did has not called any function of ours.  The leader logs it, if it may.
 */
static void
look_at_log(ErrorData *error)
{
	if (IsParallelWorker())
		error->hide_stmt = true;
	if (error->context != NULL && has_mark(error->context))
	{
		error->hide_stmt = true;
		error->hide_ctx = true;
	}
	hide_rest(error);
	hide_others_statements(error);
	if (previous_hook != NULL)
		previous_hook(error);
}

/*
 * idv_hide_statement_init
 *		Look at what is logged.  Called once, when the module is loaded.
 */
void
idv_hide_statement_init(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = look_at_log;
}
