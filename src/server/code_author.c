/*-------------------------------------------------------------------------
 *
 * code_author.c
 *	  Whose code it is, whether a role may run it, and what is said if not.
 *
 *-------------------------------------------------------------------------
 */
#include "server/code_author.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "server/builtin_code.h"

/*
 * idv_role_may_run_as
 *		May code of one role run as another?
 *
 * It may if its author could become that role, or has its rights, anyway.
 */
bool
idv_role_may_run_as(Oid author, Oid role)
{
	return author == role || superuser_arg(author) ||
#if PG_VERSION_NUM >= 160000
		member_can_set_role(author, role) || has_privs_of_role(author, role);
#else
		is_member_of_role_nosuper(author, role);
#endif
}

/*
 * idv_object_to_code
 *		Object to the code at a place, for this reason.
 *
 * The first objection is the one that is told.
 */
void
idv_object_to_code(const IdvCodePlace *place, char *reason)
{
	IdvObjection *objection;

	if (place->code->objection != NULL)
		return;
	objection = palloc(sizeof(IdvObjection));
	objection->reason = reason;
	objection->detail = pstrdup(place->use);
	objection->hint = pstrdup(place->hint);
	objection->remedy = place->remedy == NULL ? NULL : pstrdup(place->remedy);
	place->code->objection = objection;
}

/*
 * idv_role_is_trusted
 *		May code of this role run as the role that the statement runs as?
 *
 * What is found rests on it from now on.
 */
bool
idv_role_is_trusted(IdvTableCode *code, Oid author)
{
	bool		trusted;

	if (list_member_oid(code->trusted, author))
		return true;
	idv_code_watch(AUTHOID, author);
	trusted = idv_role_may_run_as(author, code->role);
	if (trusted)
		code->trusted = lappend_oid(code->trusted, author);
	return trusted;
}

/*
 * idv_object_to_owner
 *		Object to what belongs to a third role.
 *
 * what			its kind and its name
 */
void
idv_object_to_owner(const IdvCodePlace *place, const char *what, Oid owner)
{
	idv_object_to_code(place, psprintf("%s belongs to role \"%s\"", what,
									   GetUserNameFromId(owner, false)));
}

/*
 * idv_function_is_ours
 *		Is this function one of this extension?
 */
bool
idv_function_is_ours(Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);

	return OidIsValid(extension) &&
		extension == get_extension_oid("idverify", true);
}

/*
 * The first role that is not trusted and has one of these privileges, as text
 * for a message; or NULL.
 */
static char *
untrusted_holder(IdvTableCode *code, Datum datum, AclMode privileges)
{
	Acl		   *acl = DatumGetAclPCopy(datum);
	AclItem    *items = ACL_DAT(acl);
	char	   *holder = NULL;

	for (int i = 0; holder == NULL && i < ACL_NUM(acl); i++)
	{
		if ((items[i].ai_privs & privileges) == 0)
			continue;
		if (items[i].ai_grantee == ACL_ID_PUBLIC)
			holder = pstrdup("PUBLIC");
		else if (!idv_role_is_trusted(code, items[i].ai_grantee))
			holder = pstrdup(quote_identifier(GetUserNameFromId(items[i].ai_grantee, false)));
	}
	return holder;
}

/*
 * idv_trigger_holder
 *		The first role that is not trusted and may hang triggers on a table, as
 *		text for a message; or NULL.
 */
char *
idv_trigger_holder(IdvTableCode *code, Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool		isnull;
	Datum		acl;
	Oid			owner;
	char	   *holder = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
		holder = untrusted_holder(code, acl, ACL_TRIGGER);

	/* The owner of another table needs no grant. */
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	if (holder == NULL && code->any_owner && !idv_role_is_trusted(code, owner))
		holder = pstrdup(quote_identifier(GetUserNameFromId(owner, false)));
	ReleaseSysCache(tuple);
	return holder;
}

/*
 * idv_function_is_open
 *		May a role that is not trusted call a function?
 */
bool
idv_function_is_open(IdvTableCode *code, Oid function)
{
	HeapTuple	tuple;
	bool		isnull;
	Datum		acl;
	bool		is_open;

	(void) idv_function_form(function, &tuple);
	acl = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	is_open = isnull || untrusted_holder(code, acl, ACL_EXECUTE) != NULL;
	ReleaseSysCache(tuple);
	return is_open;
}
