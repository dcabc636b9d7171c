/*-------------------------------------------------------------------------
 *
 * guard_funcs.c
 *	  A trigger that lets nobody but the verdict say who is verified.
 *
 * The application writes to its own contacts table as it always did, and
 * hands over the user_hash in a column.  Before a row is stored, the guard
 * judges what it claims, sets is_verified to the verdict, and empties
 * user_hash: it is a valid credential, and must not reach the table, its WAL
 * or a dump.
 *
 * The rules are in guard_rules.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/plannodes.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "guard/guard_columns.h"
#include "guard/foreign_key_action.h"
#include "guard/guard_rules.h"
#include "guard/partition_move.h"
#include "guard/proposed_row.h"
#include "references/contact_rows.h"
#include "server/sqlfunc.h"

IDV_ENTRY(idverify_guard);

/* The one kind of trigger that nothing slips past. */
#define GUARD_TYPE \
	(TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | \
	 TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE)

/* The trigger that we are called as.  39P01 if it is not of the right kind. */
static TriggerData *
trigger_called(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = idv_trigger_data(fcinfo);

	if (trigger->tg_trigger->tgtype != GUARD_TYPE ||
		trigger->tg_trigger->tgnattr > 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" must be BEFORE INSERT OR UPDATE, FOR EACH ROW",
						trigger->tg_trigger->tgname,
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Anything less, a list of columns included, leaves a way around the guard."),
				 errtable(trigger->tg_relation)));
	if (trigger->tg_trigger->tgqual != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" must not have a WHEN condition",
						trigger->tg_trigger->tgname,
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Rows that do not meet it would pass the guard unseen."),
				 errtable(trigger->tg_relation)));
	return trigger;
}

/*
 * Does nobody read the rows that the statement returns which we are called by?
 *
 * Certain only of a statement that a client has sent, alone in its portal, with
 * no RETURNING of its own or in a WITH.  It is the one that calls us if its
 * executor is: that keeps what it knows in a memory context below the portal's
 * own, and calls a trigger in one of a single row below that
 * (ExecCallTriggerFunc).  Statements of functions, triggers and of COPY have
 * contexts further down; EXPLAIN and CREATE TABLE AS are no such statement.
 *
 * Danger: "yes" by mistake would tell a claim that fails that a contact is
 * verified.  In doubt it is "no", and the row is not updated.
 */
static bool
returns_nothing(void)
{
	Portal		portal = ActivePortal;
	PlannedStmt *statement;

	if (portal == NULL || list_length(portal->stmts) != 1)
		return false;
	statement = linitial_node(PlannedStmt, portal->stmts);
	if (statement->commandType == CMD_UTILITY || statement->hasReturning ||
		statement->hasModifyingCTE)
		return false;

	return MemoryContextGetParent(MemoryContextGetParent(CurrentMemoryContext)) ==
		portal->portalContext;
}

/* Judge the row that the trigger was fired for: what becomes of it. */
static Datum
guard(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = trigger_called(fcinfo);
	bool		inserting = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	HeapTuple	tuple = inserting ? trigger->tg_trigtuple : trigger->tg_newtuple;
	IdvColumns *columns;
	IdvGuardedRow given;
	IdvGuardedRow wanted;

	columns = idv_columns(fcinfo->flinfo, trigger);
	idv_hide_rest();

	/* A fold knows who is verified; an unfold puts back what was. */
	if (idv_contact_row_fires(RelationGetRelid(trigger->tg_relation)))
	{
		if (!inserting)
			idv_guard_check_fold(columns, trigger);
		return PointerGetDatum(tuple);
	}

	idv_columns_read(&given, columns,
					 inserting ? trigger->tg_trigslot : trigger->tg_newslot);
	wanted = given;

	if (!inserting)
	{
		const IdvProposedRow *proposed = idv_proposed_row_take(columns, trigger);
		IdvGuardedRow old;

		idv_columns_read(&old, columns, trigger->tg_trigslot);
		switch (proposed == NULL ?
				idv_guard_update(columns, &wanted, &old, false) :
				idv_guard_conflict(columns, trigger, proposed, &wanted, &old))
		{
			case IDV_OUTCOME_STORE:
				if (proposed == NULL &&
					!idv_columns_present_hash(columns, &given, &old))
					idv_guard_check_key_action(columns, trigger, &given, &wanted);
				break;
			case IDV_OUTCOME_KEEP:
				if (!returns_nothing())
					return PointerGetDatum(NULL);
				tuple = trigger->tg_trigtuple;
				given = wanted = old;
				break;
			case IDV_OUTCOME_SKIP:
				return PointerGetDatum(NULL);
		}
	}
	else if (idv_moving_arrives(columns, trigger, &given))
		idv_proposed_row_forget(columns);
	else
		idv_guard_insert(columns, trigger, &wanted);

	wanted.of[IDV_ROLE_USER_HASH] = (NullableDatum)
	{
		(Datum) 0, true
	};
	tuple = idv_columns_store(tuple, columns,
							  RelationGetDescr(trigger->tg_relation),
							  &given, &wanted);

	if (!inserting)
		idv_moving_leaves(columns, trigger, tuple, &wanted);
	return PointerGetDatum(tuple);
}

/*
 * idverify_guard() returns trigger
 *
 * BEFORE INSERT OR UPDATE, for each row of somebody's contacts table.
 * Arguments 'role=column' name the columns that are not named for their role.
 *
 * 28000 where the app rejects a claim; 39P01 for a trigger of another kind;
 * see idv_columns() for columns that do not do, and
 * idv_guard_check_key_action() for foreign keys.
 *
 * No error that is raised in here, by whomever, has a context or is logged
 * with its statement: they would quote a line of COPY, a statement of a
 * function or a parameter, and these hold the user_hash.  Whoever catches the
 * error puts the stack back.
 */
Datum
idverify_guard(PG_FUNCTION_ARGS)
{
	ErrorContextCallback *context = error_context_stack;
	ErrorContextCallback hide = {NULL, idv_hide_statement, NULL};
	Datum		result;

	error_context_stack = &hide;
	result = guard(fcinfo);
	error_context_stack = context;

	return result;
}
