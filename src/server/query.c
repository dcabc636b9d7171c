/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Queries on our own tables that are run once.
 *
 * For SECURITY DEFINER functions with a search_path of their own, connected to
 * SPI, so that queries run as the extension's owner and find what they name.
 * These functions are called rarely; what is run often, on somebody's tables or
 * for many rows is a statement (server/statement.c).
 *
 *-------------------------------------------------------------------------
 */
#include "server/query.h"

#include "tcop/cmdtag.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "server/as_installed.h"
#include "server/exec_triggers.h"
#include "server/key_actions.h"
#include "server/trusted_code.h"

/*
 * The query that a plan is of.  XX002 if a rule has put others in its place, or
 * none.
 */
static const Query *
only_query(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	if (list_length(source->query_list) != 1 ||
		linitial_node(Query, source->query_list)->querySource != QSRC_ORIGINAL)
		idv_report_not_as_installed("a table in schema idverify has a rule that rewrites %s",
									GetCommandTagName(source->commandTag));
	return linitial_node(Query, source->query_list);
}

/*
 * idv_query
 *		Run a query once.
 *
 * sql			with schema-qualified names; values only ever as $n
 * nulls		a blank, or n for NULL, for each value; or NULL if none is NULL
 *
 * Under the latest snapshot, whatever the isolation level: a secret that was
 * staged after a REPEATABLE READ transaction began verifies, so that one has to
 * be able to revoke it.
 *
 * Returns how many rows it touched or returned; they are in SPI_tuptable.
 */
uint64
idv_query(const char *sql, int nargs, const Oid *types, const Datum *values,
		  const char *nulls)
{
	ErrorContextCallback expect = {error_context_stack, idv_expect_as_installed, NULL};
	SPIPlanPtr	plan;
	bool		watching;
	volatile int result = 0;

	error_context_stack = &expect;
	plan = SPI_prepare(sql, nargs, unconstify(Oid *, types));
	error_context_stack = expect.previous;
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	idv_check_plan(plan);
	idv_check_query_keys(only_query(plan));

	watching = idv_watch_deferred(true);
	PG_TRY();
	{
		result = SPI_execute_snapshot(plan, unconstify(Datum *, values), nulls,
									  GetLatestSnapshot(), InvalidSnapshot,
									  false, true, 0);
	}
	PG_FINALLY();
	{
		(void) idv_watch_deferred(watching);
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s",
			 SPI_result_code_string(result));
	SPI_freeplan(plan);
	return SPI_processed;
}

/*
 * idv_query_value
 *		A value of a row that idv_query() returned.
 *
 * rows			SPI_tuptable
 * row			counted from 0; column is counted from 1
 *
 * XX002 if it is NULL or of another type: the owner may have altered the table.
 */
Datum
idv_query_value(SPITupleTable *rows, uint64 row, int column, Oid type)
{
	bool		isnull;
	Datum		value = SPI_getbinval(rows->vals[row], rows->tupdesc, column, &isnull);
	Oid			found = SPI_gettypeid(rows->tupdesc, column);

	if (found != type)
		idv_report_not_as_installed("column \"%s\" of a table in schema idverify is of type %s",
									SPI_fname(rows->tupdesc, column),
									format_type_be(found));
	if (isnull)
		idv_report_not_as_installed("column \"%s\" of a row in schema idverify is NULL",
									SPI_fname(rows->tupdesc, column));
	return value;
}
