/*-------------------------------------------------------------------------
 *
 * guard_arguments.h
 *	  Which columns of a contacts table a guard trigger looks after.
 *
 * Each has a role.  A column is known by the name of its role, unless an
 * argument of the trigger, 'role=column', says otherwise.  'app_prefix=text'
 * goes before what the column of the app key holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_GUARD_ARGUMENTS_H
#define IDV_GUARD_ARGUMENTS_H

#include "postgres.h"

#include "utils/reltrigger.h"

/* What a column means to the guard. */
typedef enum IdvRole
{
	IDV_ROLE_APP_KEY,
	IDV_ROLE_EXTERNAL_ID,
	IDV_ROLE_EMAIL,
	IDV_ROLE_USER_HASH,
	IDV_ROLE_IS_VERIFIED
} IdvRole;

#define IDV_ROLES	(IDV_ROLE_IS_VERIFIED + 1)

extern const char *const idv_role_names[IDV_ROLES];

extern bool idv_role_is_optional(IdvRole role);
extern const char *idv_guard_argument(IdvRole *role, const char *argument);
extern const char *idv_guard_arguments(const char *names[IDV_ROLES],
									   const Trigger *trigger);

#endif							/* IDV_GUARD_ARGUMENTS_H */
