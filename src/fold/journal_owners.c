/*-------------------------------------------------------------------------
 *
 * journal_owners.c
 *	  Whose the tables were that a fold wrote to.
 *
 * The journal knows tables by their names, and holds rows of theirs.  Whoever
 * owns a schema may drop what others have in it, without a right to read it, and
 * make a table of that name; an undo would put the rows into that.  So the
 * journal says of each table whose it was, and who reads it for a table compares.
 *
 * The owner is written down by name, as the table is: an OID means nothing once
 * a dump is restored, and may mean another table by chance.  The price is that a
 * table which was handed over has to be said to be by hand; the error says how.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/journal_owners.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "server/code_author.h"
#include "server/relation.h"

/*
 * idv_journal_owners_begin
 *		Begin without a table, in the current memory context.
 */
void
idv_journal_owners_begin(IdvJournalOwners *owners)
{
	owners->relations = NIL;
	owners->context = CurrentMemoryContext;
	initStringInfo(&owners->json);
	appendStringInfoChar(&owners->json, '{');
}

/*
 * idv_journal_owners_add
 *		Add a table, unless it is there.
 */
void
idv_journal_owners_add(IdvJournalOwners *owners, const IdvTable *table)
{
	MemoryContext caller;

	if (list_member_oid(owners->relations, table->relation))
		return;
	if (owners->relations != NIL)
		appendStringInfoChar(&owners->json, ',');
	escape_json(&owners->json, table->name);
	appendStringInfoChar(&owners->json, ':');
	escape_json(&owners->json, GetUserNameFromId(table->owner, false));
	caller = MemoryContextSwitchTo(owners->context);
	owners->relations = lappend_oid(owners->relations, table->relation);
	MemoryContextSwitchTo(caller);
}

/*
 * idv_journal_owners_json
 *		The names of the tables, each with that of its owner, as json.
 */
Datum
idv_journal_owners_json(const IdvJournalOwners *owners)
{
	return CStringGetTextDatum(psprintf("%s}", owners->json.data));
}

/*
 * idv_journal_check_owner
 *		See that what the journal has of a table may be put into the one of that
 *		name, or taken for that.  55000.
 *
 * relation		the table that has the name now
 * name, owner	as the journal has them; no owner: it does not say
 *
 * It may where the table is the same role's as it was, or that of one who may
 * become it anyway.
 */
void
idv_journal_check_owner(int64 fold_id, Oid relation, const char *name, const char *owner)
{
	Oid			role = idv_relation_owner(relation);
	Oid			was = owner == NULL ? InvalidOid : get_role_oid(owner, true);
	const char *label = idv_relation_label(relation);
	StringInfoData json;
	StringInfoData key;

	if (superuser_arg(role) ||
		(OidIsValid(was) && idv_role_may_run_as(role, was)))
		return;
	initStringInfo(&key);
	escape_json(&key, name);
	initStringInfo(&json);
	appendStringInfo(&json, "{%s: ", key.data);
	escape_json(&json, GetUserNameFromId(role, false));
	appendStringInfoChar(&json, '}');
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 owner == NULL ?
			 errmsg("relation \"%s\" belongs to \"%s\", and fold " INT64_FORMAT " does not say whose it was",
					label, GetUserNameFromId(role, false), fold_id) :
			 errmsg("relation \"%s\" belongs to \"%s\", and belonged to \"%s\" at fold " INT64_FORMAT,
					label, GetUserNameFromId(role, false), owner, fold_id),
			 errdetail("The journal holds rows of the table that it was, which its new owner may not have been allowed to read."),
			 errhint("If the table was handed over or renamed, say so: UPDATE idverify.folds SET owners = owners::jsonb || %s WHERE %s. If it is another table of that name, delete these folds from the journal.",
					 quote_literal_cstr(json.data),
					 owner == NULL ? psprintf("id = " INT64_FORMAT, fold_id) :
					 psprintf("owners::jsonb ? %s", quote_literal_cstr(name)))));
}
