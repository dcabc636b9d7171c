/*-------------------------------------------------------------------------
 *
 * stat_funcs.c
 *	  What SQL can ask about claims that were counted.
 *
 * The views idverify.stat_claims, stat_secrets and stat_refused join what is
 * counted to the apps and secrets of this moment: by id and created_at, so that
 * an app that was renamed keeps its statistics, and another one of the same id
 * has its own.
 *
 * All work on a hot standby, which has counters of its own.  What this session
 * has counted is added first, so that it sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "server/counters.h"
#include "server/session_counts.h"
#include "server/sqlfunc.h"
#include "tables/apps.h"
#include "tables/our_tables.h"
#include "verdict/claim_count.h"

/* 15.0 has it by its first name alone, which all of 15 have kept. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

IDV_ENTRY(idverify_counting_since);
IDV_ENTRY(idverify_claim_counts);
IDV_ENTRY(idverify_secret_counts);
IDV_ENTRY(idverify_refused_claims);
IDV_ENTRY(idverify_coverage);
IDV_ENTRY(idverify_stat_reset);

/* Digits of a share after the point. */
#define SHARE_SCALE		4

/* Are there counters?  Then all that this session has counted is in them. */
static bool
find_counters(void)
{
	if (!idv_counters_are_there())
		return false;
	idv_session_counts_add();
	return true;
}

/* What was counted of the apps in this database: a list of IdvAppCount. */
static List *
read_counts(void)
{
	return find_counters() ? idv_counters_read(idv_our_table("apps")) : NIL;
}

/* Add a row to the result of a function. */
static void
put_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The type of a column of the result. */
static Oid
column_type(FunctionCallInfo fcinfo, int column)
{
	return TupleDescAttr(((ReturnSetInfo *) fcinfo->resultinfo)->setDesc,
						 column)->atttypid;
}

/*
 * idverify.counting_since() returns timestamptz
 *
 * Since when claims are counted on this server, all databases of it; NULL where
 * they are not.
 */
Datum
idverify_counting_since(PG_FUNCTION_ARGS)
{
	IdvCountersState state;

	idv_expect_arguments(fcinfo, 0);
	if (!find_counters())
		PG_RETURN_NULL();
	idv_counters_state(&state);
	PG_RETURN_TIMESTAMPTZ(state.since);
}

/* Put a row for each verdict of a day that has any. */
static void
put_day(FunctionCallInfo fcinfo, const IdvAppCount *app, const IdvDayCount *day)
{
	bool		nulls[6] = {false};

	for (int kind = 1; kind < IDV_VERDICTS; kind++)
	{
		Datum		values[6];

		if (day->claims[kind - 1] == 0)
			continue;
		values[0] = Int32GetDatum(app->key.app_id);
		values[1] = TimestampTzGetDatum(app->key.created_at);
		values[2] = DateADTGetDatum(day->day);
		values[3] = ObjectIdGetDatum(idv_verdict_value(column_type(fcinfo, 3), kind));
		values[4] = Int64GetDatum(day->claims[kind - 1]);
		values[5] = TimestampTzGetDatum(idv_day_last_at(day, kind));
		put_row(fcinfo, values, nulls);
	}
}

/* Is it today, or one of so many days before? */
static bool
is_recent(const IdvDayCount *day, int days)
{
	int32		today = idv_counters_day(GetCurrentTimestamp());

	return day->day <= today && day->day >= today - days;
}

/*
 * idverify.claim_counts() returns table (app_id integer,
 *		app_created_at timestamptz, day date, verdict idverify.verdict,
 *		claims bigint, last_at timestamptz)
 *
 * Claims by app, day and verdict.
 */
Datum
idverify_claim_counts(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	idv_expect_arguments(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, read_counts())
	{
		const IdvAppCount *app = lfirst(cell);

		for (int i = 0; i < IDV_COUNTED_DAYS; i++)
			if (is_recent(&app->days[i], IDV_COUNTED_DAYS - 1))
				put_day(fcinfo, app, &app->days[i]);
	}
	return (Datum) 0;
}

/*
 * idverify.secret_counts() returns table (app_id integer,
 *		app_created_at timestamptz, generation integer, claims bigint,
 *		first_at timestamptz, last_at timestamptz)
 *
 * Claims by the secret that they were signed with, of those that have any.
 */
Datum
idverify_secret_counts(PG_FUNCTION_ARGS)
{
	bool		nulls[6] = {false};
	ListCell   *cell;

	idv_expect_arguments(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, read_counts())
	{
		const IdvAppCount *app = lfirst(cell);

		for (int i = 0; i < app->nsecrets; i++)
		{
			const IdvSecretCount *secret = &app->secrets[i];
			Datum		values[6];

			values[0] = Int32GetDatum(app->key.app_id);
			values[1] = TimestampTzGetDatum(app->key.created_at);
			values[2] = Int32GetDatum(secret->generation);
			values[3] = Int64GetDatum(secret->claims);
			values[4] = TimestampTzGetDatum(secret->first_at);
			values[5] = TimestampTzGetDatum(secret->last_at);
			put_row(fcinfo, values, nulls);
		}
	}
	return (Datum) 0;
}

/*
 * idverify.refused_claims() returns table (at timestamptz, app_id integer,
 *		app_created_at timestamptz, verdict idverify.verdict, field text,
 *		identity text, way text)
 *
 * The last claims that did not verify.
 */
Datum
idverify_refused_claims(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	idv_expect_arguments(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	if (!find_counters())
		return (Datum) 0;
	foreach(cell, idv_counters_read_refused(idv_our_table("apps")))
	{
		const IdvRefused *refused = lfirst(cell);
		bool		shown = refused->field != IDV_SHOWN_NOTHING;
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = TimestampTzGetDatum(refused->at);
		values[1] = Int32GetDatum(refused->key.app_id);
		values[2] = TimestampTzGetDatum(refused->key.created_at);
		values[3] = ObjectIdGetDatum(idv_verdict_value(column_type(fcinfo, 3),
													   refused->kind));
		nulls[4] = nulls[5] = !shown;
		values[4] = shown ? CStringGetTextDatum(idv_shown_field_labels[refused->field]) : (Datum) 0;
		values[5] = shown ? CStringGetTextDatum(refused->identity) : (Datum) 0;
		values[6] = CStringGetTextDatum(idv_way_labels[refused->way]);
		put_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/* Which part of all is that?  Cut off, so that 1 means all of them. */
static Datum
share_of(int64 part, int64 all)
{
	return DirectFunctionCall2(numeric_trunc,
							   DirectFunctionCall2(numeric_div,
												   NumericGetDatum(int64_to_numeric(part)),
												   NumericGetDatum(int64_to_numeric(all))),
							   Int32GetDatum(SHARE_SCALE));
}

/* Put a row of coverage.  counts is NULL for an app that has no claims. */
static void
put_coverage(FunctionCallInfo fcinfo, const IdvAppName *app,
			 const IdvAppCount *counts, const IdvCountersState *state, int days)
{
	int32		first = idv_counters_day(GetCurrentTimestamp()) - days;
	int64		claims = 0;
	int64		verified = 0;
	Datum		values[6];
	bool		nulls[6] = {false, true, true, true, true, true};

	values[0] = idv_text_datum(app->app_key);
	if (state != NULL)
	{
		TimestampTz since = counts != NULL ? counts->since :
		Max(state->since, state->displaced_at);

		for (int i = 0; counts != NULL && i < IDV_COUNTED_DAYS; i++)
		{
			const IdvDayCount *day = &counts->days[i];

			if (!is_recent(day, days))
				continue;
			verified += day->claims[IDV_VERIFIED - 1];
			for (int kind = 1; kind < IDV_VERDICTS; kind++)
				if (kind != IDV_ANONYMOUS)
					claims += day->claims[kind - 1];
		}
		memset(nulls, false, sizeof(nulls));
		values[1] = Int64GetDatum(claims);
		values[2] = Int64GetDatum(verified);
		nulls[3] = claims == 0;
		values[3] = claims == 0 ? (Datum) 0 : share_of(verified, claims);
		values[4] = Int64GetDatum(claims - verified);
		values[5] = TimestampTzGetDatum(Max(since, first * USECS_PER_DAY));
	}
	put_row(fcinfo, values, nulls);
}

/*
 * idverify_coverage(app_key text, days integer) returns table (app_key text,
 *		claims bigint, verified bigint, share numeric, would_refuse bigint,
 *		since timestamptz)
 *
 * How many of the claims of somebody were signed, of today and so many days
 * before; of one app, or of all if app_key is NULL.  42704 for an unknown app,
 * 22004 and 22023 for days.
 */
Datum
idverify_coverage(PG_FUNCTION_ARGS)
{
	int32		days;
	IdvCountersState state;
	bool		there;
	ListCell   *cell;
	IdvAppRow	row;

	idv_expect_arguments(fcinfo, 2);
	days = DatumGetInt32(idv_argument(fcinfo->args[1], "days",
									  "Leave it out for 7."));
	if (days < 0 || days >= IDV_COUNTED_DAYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("days must be between 0 and %d", IDV_COUNTED_DAYS - 1),
				 errhint("Claims are counted for today and %d days before.",
						 IDV_COUNTED_DAYS - 1)));
	if (!PG_ARGISNULL(0) && !idv_app_read(&row, idv_text(PG_GETARG_DATUM(0))))
		idv_report_unknown_app(idv_text(PG_GETARG_DATUM(0)));

	InitMaterializedSRF(fcinfo, 0);
	there = find_counters();
	if (there)
		idv_counters_state(&state);
	foreach(cell, idv_apps_list())
	{
		const IdvAppName *app = lfirst(cell);

		if (PG_ARGISNULL(0) || app->id == row.id)
			put_coverage(fcinfo, app,
						 there ? idv_counters_read_app(&app->counter_key) : NULL,
						 there ? &state : NULL, days);
	}
	return (Datum) 0;
}

/*
 * idverify_stat_reset(app_key text) returns void
 *
 * Forgets what was counted of an app, or of all apps in this database if app_key
 * is NULL; at once, also if the transaction is rolled back.  42704 for an
 * unknown app.
 */
Datum
idverify_stat_reset(PG_FUNCTION_ARGS)
{
	IdvAppRow	row;

	idv_expect_arguments(fcinfo, 1);
	if (!PG_ARGISNULL(0) && !idv_app_read(&row, idv_text(PG_GETARG_DATUM(0))))
		idv_report_unknown_app(idv_text(PG_GETARG_DATUM(0)));
	if (find_counters())
		idv_counters_reset(idv_our_table("apps"),
						   PG_ARGISNULL(0) ? NULL : &row.counter_key);
	else
		ereport(NOTICE,
				(errmsg("there are no statistics of claims on this server"),
				 errhint("In PostgreSQL 15 and 16 claims are counted if shared_preload_libraries has idverify.")));
	PG_RETURN_VOID();
}
