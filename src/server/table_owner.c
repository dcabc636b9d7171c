/*-------------------------------------------------------------------------
 *
 * table_owner.c
 *	  To be the owner of somebody's table for a while.
 *
 * As its owner, like the queries of foreign keys: a trigger on the table runs
 * with its owner's rights, not with those of whoever owns this extension, and
 * the caller needs none.  The caller's security flags are or-ed, not replaced.
 * There is no PG_TRY: when a (sub)transaction aborts it restores the user.
 *
 * But an owner's code could leave something for later, when the session's user
 * is the session's user again: a cursor WITH HOLD, whose query runs at the commit;
 * a deferred trigger, before PostgreSQL 18; a temporary view in the way of a table.
 * If that user is a superuser, and the owner is none, what is done is a
 * security-restricted operation, in which the server refuses all of these.  So
 * it is if a foreign key runs a query as such an owner: server/key_actions.c.
 *
 *-------------------------------------------------------------------------
 */
#include "server/table_owner.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "server/canonical_text.h"

/*
 * idv_endangers_caller
 *		Could the owner of a table want to be who has called us all?
 *
 * Not the owner of the function that has called: that is who checks out what the
 * owner leaves behind.
 */
bool
idv_endangers_caller(Oid owner)
{
	/*
	 * With a RESET, a superuser who has become somebody else, that owner
	 * perhaps, is one again.
	 */
	return !superuser_arg(owner) &&
		(superuser_arg(GetOuterUserId()) || superuser_arg(GetAuthenticatedUserId()));
}

/*
 * idv_become_owner
 *		Become the owner of a table; for InvalidOid stay who we are.
 *
 * Undone by idv_become_caller(), or when the (sub)transaction aborts.
 */
void
idv_become_owner(IdvCaller *caller, Oid owner)
{
	GetUserIdAndSecContext(&caller->user, &caller->sec_context);
	caller->guc_level = 0;
	if (!OidIsValid(owner))
		return;
	SetUserIdAndSecContext(owner,
						   caller->sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS |
						   (idv_endangers_caller(owner) ?
							SECURITY_RESTRICTED_OPERATION : 0));
	caller->guc_level = NewGUCNestLevel();

	/* The owner's code was not written for what the caller has set. */
	idv_plain_sql(&caller->guc_level);
}

/*
 * idv_become_caller
 *		Stop being the owner.
 *
 * Settings that the owner's code has changed go back, too: with a search_path
 * of its own the next statement of ours would find its operators, and run them
 * as the extension's owner.
 */
void
idv_become_caller(const IdvCaller *caller)
{
	if (caller->guc_level != 0)
		AtEOXact_GUC(false, caller->guc_level);
	SetUserIdAndSecContext(caller->user, caller->sec_context);
}
