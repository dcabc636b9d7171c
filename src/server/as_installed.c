/*-------------------------------------------------------------------------
 *
 * as_installed.c
 *	  The error that something is not as CREATE EXTENSION has made it.
 *
 * There are two ways to come here.  The files of the extension were updated,
 * and ALTER EXTENSION idverify UPDATE was not run yet (or it was, and a session
 * still has the library of before): then tables, types and functions belong to
 * another release than the library.  Or somebody has altered them by hand.
 *
 * Whoever meets that must see it in a sentence that says what to do.  So where
 * the library looks at tables itself, it looks at names, types and NULLs before
 * it reads a value (tables/our_tables.c); and where a statement of ours does not
 * even compile, the server's error is given our code and hint.
 *
 *-------------------------------------------------------------------------
 */
#include "server/as_installed.h"

#define HINT \
	"If the files of idverify were updated, run ALTER EXTENSION idverify UPDATE in this database, and connect anew. " \
	"If not, undo what was altered by hand in schema idverify."

/*
 * idv_report_not_as_installed
 *		Raise the error that something is not as it was installed.  XX002.
 *
 * format		what and how, as of errmsg()
 *
 * The statement is left out of the log, as it may hold a user_hash.
 */
void
idv_report_not_as_installed(const char *format,...)
{
	char		message[512];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg_internal("%s", message),
			 errhint(HINT),
			 errhidestmt(true), errhidecontext(true)));
	pg_unreachable();
}

/*
 * idv_expect_as_installed
 *		Error context callback: a statement of ours, on tables of ours, is
 *		being compiled.
 *
 * That it does not compile says that a column, a type or a function is missing
 * or another one.  The server's message names it.
 */
void
idv_expect_as_installed(void *arg pg_attribute_unused())
{
	int			code = geterrcode();

	if (ERRCODE_TO_CATEGORY(code) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
		code != ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		errcode(ERRCODE_INDEX_CORRUPTED);
		errhint(HINT);
	}
}
