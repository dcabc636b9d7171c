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
 * An error of a parallel worker is raised again in the leader, and that it was to
 * be hidden is lost on the way.  What does get there is its context: a worker
 * puts a line into that, by which the leader knows it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server/hide_statement.h"

#include "access/parallel.h"

/* What the context of a worker's error says.  The client sees it, too. */
#define MARK	"idverify function in a parallel worker"

static emit_log_hook_type previous_hook = NULL;

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

	/* Here the server logs the statements of all who are involved. */
	if (geterrcode() == ERRCODE_T_R_DEADLOCK_DETECTED)
		errdetail_log("The statements are left out, as one may hold a user_hash.");
}

/*
 * Hide the statement of an error that a worker of ours has raised.
 *
 * A worker itself logs no statement at all: one that fails because another one
 * did has not called any function of ours.  The leader logs it, if it may.
 */
static void
hide_workers_statement(ErrorData *error)
{
	if (IsParallelWorker())
		error->hide_stmt = true;
	if (error->context != NULL && strstr(error->context, MARK) != NULL)
	{
		error->hide_stmt = true;
		error->hide_ctx = true;
	}
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
	emit_log_hook = hide_workers_statement;
}
