/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  The errors that stop rows from being moved, and contacts from being folded.
 *
 * An error of a constraint or of a condition does not tell what was moved, and
 * may quote a row.  Another one is raised in its place.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/refusal.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "server/hide_statement.h"
#include "server/relation.h"

/*
 * Is an error of the table whose rows are moved?
 *
 * may_look		may the catalog be looked at, for the name of a partition?  While an
 *				error is handled it may not.
 */
static bool
is_of_table(const ErrorData *error, const IdvTable *table, bool may_look)
{
	Oid			schema;
	Oid			relation;

	/* From another node come neither, and the statement was on this table. */
	if (error->schema_name == NULL || error->table_name == NULL)
		return table->distribution.rows != IDV_ROWS_HERE;
	if (strcmp(quote_qualified_identifier(error->schema_name, error->table_name),
			   table->name) == 0)
		return true;
	if (!table->has_parts)
		return false;
	if (!may_look)
		return true;
	schema = get_namespace_oid(error->schema_name, true);
	relation = OidIsValid(schema) ?
		get_relname_relid(error->table_name, schema) : InvalidOid;
	return OidIsValid(relation) &&
		idv_root_relation(relation) == idv_root_relation(table->relation);
}

/*
 * idv_refusal_text
 *		What the server says of a constraint, in one piece.
 *
 * It may quote a row, or values of one.  If there may be a user_hash among them
 * these are left out: a table of somebody's own may have stored one.
 */
char *
idv_refusal_text(const ErrorData *error)
{
	if (idv_has_hash(error->message, strlen(error->message)))
		return pstrdup("The message is left out, as it may hold a user_hash.");
	if (error->detail == NULL)
		return pstrdup(error->message);
	if (idv_has_hash(error->detail, strlen(error->detail)))
		return psprintf("%s (the row is left out, as it may hold a user_hash)",
						error->message);
	return psprintf("%s: %s", error->message, error->detail);
}

/* Is an error one of a constraint by which one row keeps another out? */
static bool
is_of_two_rows(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
		error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION;
}

/*
 * idv_is_refusal
 *		Is an error one of a constraint, and of the table whose rows are moved?
 *
 * So is one that no partition takes a row, or a domain of the value.
 *
 * may_look		may the catalog be looked at?  Not while an error is handled; then
 *				any partition's error is taken for one of a partitioned table
 */
bool
idv_is_refusal(const ErrorData *error, const IdvTable *table, bool may_look)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		return false;
	return (error->schema_name != NULL && error->datatype_name != NULL) ||
		is_of_table(error, table, may_look);
}

/*
 * idv_refusal_cause
 *		What does not allow something, for a message: ", because of constraint ...".
 *
 * error	one of integrity constraints
 */
char *
idv_refusal_cause(const ErrorData *error)
{
	const char *of = error->table_name ? error->table_name :
	error->datatype_name ? error->datatype_name : "";

	/* Other nodes do not tell which. */
	if (error->schema_name == NULL)
		return is_of_two_rows(error) ? "a unique constraint" : "a constraint";
	if (error->constraint_name != NULL)
		return psprintf("constraint \"%s\" of \"%s.%s\"",
						error->constraint_name, error->schema_name, of);
	if (error->column_name != NULL)
		return psprintf("column \"%s\" of \"%s.%s\", which is not null",
						error->column_name, error->schema_name, of);
	return psprintf("the partitions of \"%s.%s\", none of which takes them",
					error->schema_name, of);
}

/*
 * idv_report_refusal
 *		Raise the error that rows cannot be moved.
 *
 * error		the one that says so.  It quotes a row, which a visitor's login
 *				would be shown: so it goes to the log alone
 * by_others	another transaction is in the way: 40001, which drivers and
 *				applications know how to try again.  Else 55000
 */
void
idv_report_refusal(const IdvTable *table, const ErrorData *error, bool by_others)
{
	by_others = by_others && is_of_two_rows(error);
	ereport(ERROR,
			(errcode(by_others ? ERRCODE_T_R_SERIALIZATION_FAILURE :
					 ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 by_others ?
			 errmsg("could not move rows of \"%s\" due to a concurrent insert or update",
					table->label) :
			 errmsg("rows of \"%s\" cannot be moved, because of %s",
					table->label, idv_refusal_cause(error)),
			 errdetail_log("%s", idv_refusal_text(error)),
			 by_others ? errhint("Try again.") :
			 !is_of_two_rows(error) ?
			 errhint("They may not point to the target. Change these rows, or what does not allow it.") :
			 errhint("Two rows of the source may collide once they have moved, or a row that a foreign key or a trigger writes with them may be there already. Change or delete one of them.")));
}

/* Is an error one of a table whose rows follow, but not of where they point? */
static bool
is_of_follower(const ErrorData *error, const List *followers)
{
	ListCell   *lc;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION ||
		error->schema_name == NULL || error->table_name == NULL)
		return false;
	foreach(lc, followers)
	{
		if (strcmp(psprintf("%s.%s", error->schema_name, error->table_name),
				   lfirst(lc)) == 0)
			return true;
	}
	return false;
}

/*
 * idv_rethrow_refusal
 *		In PG_CATCH(): raise a refusal as idv_report_refusal() does, and any
 *		other error as it is.
 *
 * followers	names of tables whose rows follow those that are moved (idv_key_followers)
 *
 * The error is copied into the current memory context.
 */
void
idv_rethrow_refusal(const IdvTable *table, const List *followers, bool by_others)
{
	ErrorData  *error = CopyErrorData();

	if (is_of_follower(error, followers))
		PG_RE_THROW();
	if (!idv_is_refusal(error, table, false))
		PG_RE_THROW();
	FlushErrorState();
	idv_report_refusal(table, error, by_others);
}

/*
 * idv_rethrow_other_refusal
 *		In PG_CATCH(): where a constraint of another table keeps a row where it
 *		is, raise an error that names it, 55000.  Any other error as it is.
 *
 * Those of the table itself have been raised anew by the time.
 *
 * followers	as for idv_rethrow_refusal()
 *
 * A foreign key of that table holds it there; or its rows follow by such a key,
 * and a unique index has no room for them.  What PostgreSQL says of it quotes a
 * row, so it goes to the log alone.
 */
void
idv_rethrow_other_refusal(const IdvTable *table, const List *followers)
{
	ErrorData  *error = CopyErrorData();
	bool		named = error->constraint_name != NULL &&
	error->schema_name != NULL && error->table_name != NULL;

	if (is_of_follower(error, followers))
	{
		FlushErrorState();
		idv_report_refusal(table, error, false);
	}
	if (error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION ||
		(!named && table->distribution.rows == IDV_ROWS_HERE))
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 !named ?
			 errmsg("rows of \"%s\" cannot be moved, because of a foreign key",
					table->label) :
			 errmsg("rows of \"%s\" cannot be moved, because of foreign key \"%s\" of \"%s.%s\"",
					table->label, error->constraint_name,
					error->schema_name, error->table_name),
			 errdetail_log("%s", idv_refusal_text(error)),
			 errhint("Delete or change the rows that it keeps together.")));
}

/*
 * idv_rethrow_contact_refusal
 *		In PG_CATCH(): where a constraint does not let the target take over the
 *		source's values, or the source go, raise an error that names it, 55000.
 *		Any other error as it is.
 *
 * source	the id of the source, as text
 */
void
idv_rethrow_contact_refusal(const IdvTable *contacts, const char *source)
{
	ErrorData  *error = CopyErrorData();

	if (!idv_is_refusal(error, contacts, false) &&
		(error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION ||
		 error->schema_name == NULL || error->constraint_name == NULL))
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("contact \"%s\" cannot be folded, because of %s",
					source, idv_refusal_cause(error)),
			 errdetail_log("%s", idv_refusal_text(error)),
			 errhint("The target would take over a value that is not allowed there. Change one of the two, or have idverify_set_contacts say that the column is never_filled.")));
}

/*
 * idv_rethrow_condition_failure
 *		In PG_CATCH(): where a reference's condition fails on a row, raise an
 *		error that names the reference, 55000.  Any other error as it is.
 *
 * What the server says may quote a value of a row that the caller may not read: so
 * it goes to the log alone.
 */
void
idv_rethrow_condition_failure(const IdvReference *reference)
{
	ErrorData  *error = CopyErrorData();

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 reference->condition_text != NULL ?
			 errmsg("could not move rows of \"%s\" where %s",
					reference->table->label, reference->condition_text) :
			 errmsg("could not move rows of \"%s\" under a condition",
					reference->table->label),
			 errdetail_log("%s", idv_refusal_text(error)),
			 errhint("Correct the condition in idverify.contact_references.")));
}
