/*-------------------------------------------------------------------------
 *
 * doctor_log.c
 *	  What the log is told of statements.
 *
 * A user_hash stands in the statement that presents it, or in its parameters.
 * Where parameters are left out, so is it, if the application passes it as one.
 *
 * Settings are compared as values, as the server reads them: ALL, 0B and -1ms mean
 * what all, 0 and -1 do.  What a session will have is put together as the server
 * does it, from what was set for all, for the database, for the role, and for the
 * role in the database.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "server/query.h"

/* The settings that decide; those that tell come first. */
typedef enum LogSetting
{
	LOG_STATEMENT,
	MIN_DURATION_STATEMENT,
	MIN_DURATION_SAMPLE,
	TRANSACTION_SAMPLE_RATE,
	STATEMENT_SAMPLE_RATE,
	PARAMETER_MAX_LENGTH
} LogSetting;

#define LOG_SETTINGS		(PARAMETER_MAX_LENGTH + 1)
#define TELLING_SETTINGS	(TRANSACTION_SAMPLE_RATE + 1)

static const char *const setting_names[LOG_SETTINGS] = {
	[LOG_STATEMENT] = "log_statement",
	[MIN_DURATION_STATEMENT] = "log_min_duration_statement",
	[MIN_DURATION_SAMPLE] = "log_min_duration_sample",
	[TRANSACTION_SAMPLE_RATE] = "log_transaction_sample_rate",
	[STATEMENT_SAMPLE_RATE] = "log_statement_sample_rate",
	[PARAMETER_MAX_LENGTH] = "log_parameter_max_length",
};

/* Where a setting was made, the most general first: what is later goes before. */
typedef enum LogScope
{
	OF_SERVER,
	OF_ALL,						/* ALTER ROLE ALL */
	OF_DATABASE,
	OF_ROLE,
	OF_ROLE_IN_DATABASE,
	OF_SESSION
} LogScope;

/* Settings of a session, and where each of them comes from. */
typedef struct LogSettings
{
	const char *value[LOG_SETTINGS];
	LogScope	scope[LOG_SETTINGS];
	bool		on_command_line;	/* log_parameter_max_length is */
} LogSettings;

/* What was found of one setting that tells. */
typedef struct LogFound
{
	StringInfoData values;
	List	   *remedies;		/* each once */
} LogFound;

/* A setting in the unit of its kind, or what is not one. */
static double
number(const char *value, int unit, double otherwise)
{
	double		result;

	return parse_real(value, &result, unit, NULL) ? result : otherwise;
}

/* Does a setting tell the log of statements? */
static bool
tells(const LogSettings *settings, LogSetting which)
{
	const char *value = settings->value[which];

	switch (which)
	{
		case LOG_STATEMENT:
			return pg_strcasecmp(value, "mod") == 0 || pg_strcasecmp(value, "all") == 0;
		case MIN_DURATION_STATEMENT:
			return number(value, GUC_UNIT_MS, -1) > -0.5;
		case MIN_DURATION_SAMPLE:
			return number(value, GUC_UNIT_MS, -1) > -0.5 &&
				number(settings->value[STATEMENT_SAMPLE_RATE], 0, 1) > 0;
		case TRANSACTION_SAMPLE_RATE:
			return number(value, 0, 0) > 0;
		default:
			return false;
	}
}

/* Are the parameters of a statement told with it? */
static bool
tells_parameters(const LogSettings *settings)
{
	double		length = number(settings->value[PARAMETER_MAX_LENGTH], GUC_UNIT_BYTE, -1);

	return length < -0.5 || length > 0.5;
}

/* The setting of that name. */
static LogSetting
find_setting(const char *name)
{
	int			which = 0;

	while (strcmp(setting_names[which], name) != 0)
		which++;
	return which;
}

/*
 * Read what this session has, and what the server gives to a session that nothing
 * else was set for.
 *
 * If this session has another value, the server's is what stands in its files.
 */
static void
read_settings(LogSettings *server, LogSettings *session)
{
	uint64		n = idv_query("SELECT s.name, s.setting, s.source IN ('session', 'interactive', 'client', 'test'), s.source = 'command line',"
							  "  CASE WHEN s.source IN ('global', 'database', 'user', 'database user', 'session', 'interactive', 'client', 'test')"
							  "   THEN coalesce((SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name AND f.error IS NULL"
							  "     ORDER BY f.seqno DESC LIMIT 1), s.boot_val) ELSE s.setting END"
							  " FROM pg_settings s WHERE s.name IN ('log_statement', 'log_min_duration_statement', 'log_min_duration_sample',"
							  "  'log_transaction_sample_rate', 'log_statement_sample_rate', 'log_parameter_max_length')",
							  0, NULL, NULL, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		LogSetting	which = find_setting(SPI_getvalue(rows->vals[i], rows->tupdesc, 1));
		bool		own = DatumGetBool(idv_query_value(rows, i, 3, BOOLOID));

		session->value[which] = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		session->scope[which] = own ? OF_SESSION : OF_SERVER;
		server->value[which] = SPI_getvalue(rows->vals[i], rows->tupdesc, 5);
		server->scope[which] = OF_SERVER;
		if (which == PARAMETER_MAX_LENGTH)
			server->on_command_line = DatumGetBool(idv_query_value(rows, i, 4, BOOLOID));
	}
}

/* The statement that leaves the parameters out, where it counts. */
static char *
remedy(const LogSettings *settings, LogSetting which, const char *role)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));

	switch (Max(settings->scope[which], settings->scope[PARAMETER_MAX_LENGTH]))
	{
		case OF_SESSION:
			return "SET log_parameter_max_length = 0;";
		case OF_ROLE_IN_DATABASE:
			return psprintf("ALTER ROLE %s IN DATABASE %s SET log_parameter_max_length = 0;",
							quote_identifier(role), database);
		case OF_ROLE:
			return psprintf("ALTER ROLE %s SET log_parameter_max_length = 0;", quote_identifier(role));
		case OF_DATABASE:
			return psprintf("ALTER DATABASE %s SET log_parameter_max_length = 0;", database);
		case OF_ALL:
			return "ALTER ROLE ALL SET log_parameter_max_length = 0;";
		default:
			return settings->on_command_line ?
				"-- Have the server started without log_parameter_max_length on its command line, or with 0." :
				"ALTER SYSTEM SET log_parameter_max_length = 0;\nSELECT pg_reload_conf();";
	}
}

/*
 * Look at the settings of some sessions.
 *
 * role		whose they are; NULL: of all that are not looked at by themselves
 * from		only at what was set there, or more specially
 */
static void
look_at_settings(LogFound *found, const LogSettings *settings, const char *role, LogScope from)
{
	if (!tells_parameters(settings))
		return;
	for (LogSetting which = 0; which < TELLING_SETTINGS; which++)
	{
		LogScope	scope = Max(settings->scope[which], settings->scope[PARAMETER_MAX_LENGTH]);
		char	   *line;
		ListCell   *lc;

		if (which == MIN_DURATION_SAMPLE)
			scope = Max(scope, settings->scope[STATEMENT_SAMPLE_RATE]);
		if (!tells(settings, which) || scope < from)
			continue;
		appendStringInfo(&found[which].values, "%s%s%s%s%s%s", found[which].values.len == 0 ? "" : ", ",
						 settings->value[which],
						 role == NULL ? "" : " for role ", role == NULL ? "" : role,
						 scope == OF_DATABASE || scope == OF_ROLE_IN_DATABASE ? " in database " : "",
						 scope == OF_DATABASE || scope == OF_ROLE_IN_DATABASE ? get_database_name(MyDatabaseId) : "");
		line = remedy(settings, which, role);
		foreach(lc, found[which].remedies)
		{
			if (strcmp(lfirst(lc), line) == 0)
				line = NULL;
			if (line == NULL)
				break;
		}
		if (line != NULL)
			found[which].remedies = lappend(found[which].remedies, line);
	}
}

/* Look at what sessions in this database log, whoever's they are. */
static void
look_at_log(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	LogSettings all = {.on_command_line = false};
	LogSettings session = {.on_command_line = false};
	LogSettings role = {.on_command_line = false};
	LogFound	found[TELLING_SETTINGS];
	const char *of_role = NULL;
	uint64		n;
	SPITupleTable *rows;

	for (int i = 0; i < TELLING_SETTINGS; i++)
	{
		initStringInfo(&found[i].values);
		found[i].remedies = NIL;
	}
	SPI_connect();
	read_settings(&all, &session);
	n = idv_query("SELECT r.rolname::text, s.setdatabase <> 0, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)"
				  " FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_roles r ON r.oid = s.setrole"
				  " WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
				  "  AND (s.setrole = 0 OR r.oid IS NOT NULL)"
				  "  AND split_part(c, '=', 1) IN ('log_statement', 'log_min_duration_statement', 'log_min_duration_sample',"
				  "   'log_transaction_sample_rate', 'log_statement_sample_rate', 'log_parameter_max_length')"
				  " ORDER BY r.rolname NULLS FIRST, s.setdatabase <> 0",
				  0, NULL, NULL, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i <= n; i++)
	{
		char	   *name = i == n ? NULL : SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		bool		ends = i == n || (name != NULL && (of_role == NULL || strcmp(name, of_role) != 0));
		LogSettings *settings = name == NULL ? &all : &role;
		LogSetting	which;

		/* What was set for all comes first, then one role after another. */
		if (ends)
		{
			if (of_role == NULL)
				look_at_settings(found, &all, NULL, OF_SERVER);
			else
				look_at_settings(found, &role, of_role, OF_ROLE);
			role = all;
			of_role = name;
		}
		if (i == n)
			break;
		which = find_setting(SPI_getvalue(rows->vals[i], rows->tupdesc, 3));
		settings->value[which] = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		settings->scope[which] = (name == NULL ? OF_ALL : OF_ROLE) +
			(DatumGetBool(idv_query_value(rows, i, 2, BOOLOID)) ? 1 : 0);
	}
	look_at_settings(found, &session, NULL, OF_SESSION);
	for (LogSetting which = 0; which < TELLING_SETTINGS; which++)
	{
		StringInfoData remedies;
		ListCell   *lc;

		if (found[which].values.len == 0)
			continue;
		initStringInfo(&remedies);
		foreach(lc, found[which].remedies)
			appendStringInfo(&remedies, "%s%s", remedies.len == 0 ? "" : "\n", (char *) lfirst(lc));
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_HASH_LOGGED, setting_names[which], remedies.data,
						"It is %s, and parameters of statements are logged with them: so is each user_hash that an application presents. Not, if it passes it as a parameter and these are left out.",
						found[which].values.data);
	}
	SPI_finish();
}

/*
 * idv_doctor_log
 *		Look at the settings that say which statements are logged.
 */
void
idv_doctor_log(IdvDoctor *doctor)
{
	idv_doctor_look(doctor, "idverify", look_at_log, NULL);
}
