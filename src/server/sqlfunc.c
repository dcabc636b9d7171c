/*-------------------------------------------------------------------------
 *
 * sqlfunc.c
 *	  What all functions that SQL can call have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server/sqlfunc.h"

/*
 * idv_hide_statement
 *		Error context callback: keep the statement out of the log.
 *
 * For functions that are given a secret or a user_hash: the statement holds
 * it, whatever the error is about and whoever raises it.
 */
void
idv_hide_statement(void *arg pg_attribute_unused())
{
	errhidestmt(true);
	errhidecontext(true);
}
