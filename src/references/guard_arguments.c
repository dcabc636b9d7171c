/*-------------------------------------------------------------------------
 *
 * guard_arguments.c
 *	  Which columns of a contacts table a guard trigger looks after.
 *
 * The guard asks for its own trigger; a fold asks for those that hang on the
 * table, so as to know the same columns.
 *
 *-------------------------------------------------------------------------
 */
#include "references/guard_arguments.h"

const char *const idv_role_names[IDV_ROLES] = {
	[IDV_ROLE_APP_KEY] = "app_key",
	[IDV_ROLE_EXTERNAL_ID] = "external_id",
	[IDV_ROLE_EMAIL] = "email",
	[IDV_ROLE_USER_HASH] = "user_hash",
	[IDV_ROLE_IS_VERIFIED] = "is_verified",
};

/*
 * idv_role_is_optional
 *		May a table do without a column of this role?
 */
bool
idv_role_is_optional(IdvRole role)
{
	return role == IDV_ROLE_EXTERNAL_ID || role == IDV_ROLE_EMAIL;
}

/*
 * idv_guard_argument
 *		Read one argument of a guard trigger, 'role=column'.
 *
 * role		output: the role that it is about
 *
 * Returns the column's name, a part of argument; it is empty where the table
 * is said to have none.  NULL if the argument names no role.
 */
const char *
idv_guard_argument(IdvRole *role, const char *argument)
{
	const char *equals = strchr(argument, '=');
	size_t		len = equals ? equals - argument : 0;

	for (int i = 0; i < IDV_ROLES; i++)
	{
		if (strlen(idv_role_names[i]) != len ||
			strncmp(idv_role_names[i], argument, len) != 0)
			continue;
		*role = i;
		return equals + 1;
	}
	return NULL;
}

/*
 * idv_guard_arguments
 *		Read all arguments of a guard trigger.
 *
 * names	output: the name of each role's column, a part of the trigger or a
 *			constant; empty where the table is said to have none
 *
 * Returns what goes before the app key, NULL if nothing is said of that.
 *
 * 22023 for arguments that make no sense.
 */
const char *
idv_guard_arguments(const char *names[IDV_ROLES], const Trigger *trigger)
{
	static const char prefix[] = "app_prefix=";
	const char *app_prefix = NULL;

	for (int i = 0; i < IDV_ROLES; i++)
		names[i] = NULL;

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *argument = trigger->tgargs[i];
		IdvRole		role;
		const char *column = idv_guard_argument(&role, argument);

		if (column == NULL && app_prefix == NULL &&
			strncmp(argument, prefix, strlen(prefix)) == 0)
		{
			app_prefix = argument + strlen(prefix);
			continue;
		}
		if (column == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" of trigger \"%s\" is not \"role=column\"",
							argument, trigger->tgname),
					 errhint("Roles are app_key, external_id, email, user_hash and is_verified. What goes before the app key is said once, as 'app_prefix=text'.")));
		if (names[role] != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" of trigger \"%s\" repeats a role",
							argument, trigger->tgname),
					 errhint("Create the trigger with one column of each role.")));
		names[role] = column;
		if (*column == '\0' && !idv_role_is_optional(role))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" of trigger \"%s\" names no column",
							argument, trigger->tgname),
					 errhint("Only external_id or email can be left out.")));
	}

	for (int i = 0; i < IDV_ROLES; i++)
		if (names[i] == NULL)
			names[i] = idv_role_names[i];

	if (*names[IDV_ROLE_EXTERNAL_ID] == '\0' && *names[IDV_ROLE_EMAIL] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" has neither external_id nor email to verify",
						trigger->tgname),
				 errhint("Create the trigger with a column for one of them at least.")));

	return app_prefix;
}
