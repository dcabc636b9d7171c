/*-------------------------------------------------------------------------
 *
 * move_check.c
 *	  What points to the source, before a move and after it.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/move_check.h"

#include "catalog/partition.h"
#include "utils/lsyscache.h"

#include "fold/move_parameters.h"
#include "fold/move_sql.h"
#include "references/source_rows.h"
#include "server/canonical_text.h"
#include "server/relation.h"

/*
 * idv_move_check_not_pointing
 *		See that no row of a table that is not trusted points to the source.
 *
 * table	what the reference points to, with the source
 *
 * 42501 if one does, or may.
 */
void
idv_move_check_not_pointing(IdvTable *table, IdvReference *reference, IdvRow from)
{
	if (idv_reference_may_point(reference, table, from))
		idv_report_objection(reference->table->relation,
							 idv_table_objection(reference->table));
}

/*
 * idv_move_leaves_alone
 *		Is a table none of whose rows points to the source, to be left alone?
 *
 * table	what the reference points to, with the source
 *
 * Whoever may alter a table that points to contacts could otherwise stop every
 * fold, and so every login, by what refuses an UPDATE of no rows as well.
 */
bool
idv_move_leaves_alone(IdvTable *table, IdvReference *reference, IdvRow from)
{
	return reference->may_refuse &&
		!idv_reference_may_point(reference, table, from);
}

static void report_detaching(const IdvTable *table, Oid part) __attribute__((noreturn));

static void
report_detaching(const IdvTable *table, Oid part)
{
	Oid			whole = get_rel_relispartition(part) ?
	get_partition_parent(part, true) : table->relation;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows of \"%s\" cannot be moved while partition \"%s\" is being detached from \"%s\"",
					table->label, idv_relation_label(part), idv_relation_label(whole)),
			 errhint("Wait until that is done. If it was interrupted: ALTER TABLE %s DETACH PARTITION %s FINALIZE;",
					 idv_relation_name(whole), idv_relation_name(part))));
}

/*
 * idv_move_check_detaching
 *		See that no row of a partition that is being detached points to the
 *		source.  55000.
 *
 * table	what the reference points to, with the source
 *
 * No statement on the reference's table would find it.
 */
void
idv_move_check_detaching(IdvTable *table, IdvReference *reference, IdvRow from)
{
	Oid			part = idv_reference_detaching(reference, table, from);

	if (OidIsValid(part))
		report_detaching(reference->table, part);
}

/*
 * idv_move_check_followers
 *		See that no partition is being detached of tables whose rows have followed
 *		those of table.  55000.
 *
 * followers	OIDs of tables; those that are not partitioned have none
 *
 * The foreign keys that make them follow would not find its rows.  Asked when that
 * is done, since a partition may be detached at any moment before.
 */
void
idv_move_check_followers(const IdvTable *table, const List *followers)
{
	ListCell   *lc;

	foreach(lc, followers)
	{
		List	   *parts = idv_detaching_parts(lfirst_oid(lc));

		if (parts != NIL)
			report_detaching(table, linitial_oid(parts));
	}
}

static void report_left_behind(const IdvContactTable *contacts, const IdvTable *table,
							   const IdvReference *reference, IdvRow from,
							   int depth) __attribute__((noreturn));

static void
report_left_behind(const IdvContactTable *contacts, const IdvTable *table,
				   const IdvReference *reference, IdvRow from, int depth)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 depth == 0 ?
			 errmsg("rows of \"%s\" still reference contact \"%s\"",
					reference->table->label,
					idv_value_text(contacts->id_type,
								   from.values[contacts->id - 1])) :
			 errmsg("rows of \"%s\" still reference a duplicate row of \"%s\"",
					reference->table->label, table->label),
			 errhint("Look for a trigger on \"%s\" that returns NULL, or sets the column back.",
					 reference->table->label)));
}

/*
 * idv_move_check_complete
 *		Before a row is deleted: see that nothing points to it any more.
 *
 * contacts	the table whose contacts are folded
 * from		the row of table to be deleted; what pointed to it was moved to the
 *			row to
 * depth	0 if it is the source, else it is a duplicate
 *
 * 55000 if something does, 42501 if a table that is not trusted may.
 *
 * Only a trigger could have kept or brought something back, since its lock
 * keeps everybody else away.
 */
void
idv_move_check_complete(const IdvContactTable *contacts, IdvTable *table,
						IdvRow from, IdvRow to, int depth)
{
	ListCell   *lc;

	foreach(lc, idv_table_references(table))
	{
		IdvReference *reference = lfirst(lc);
		Datum		values[2 * INDEX_MAX_KEYS];
		bool		nulls[2 * INDEX_MAX_KEYS];
		uint32		changed;

		if (idv_table_objection(reference->table) != NULL)
		{
			idv_move_check_not_pointing(table, reference, from);
			continue;
		}
		if (!table->references_have_triggers ||
			idv_move_leaves_alone(table, reference, from))
			continue;
		if (idv_move_source_parameters(values, nulls, &changed, table, reference, from, to) &&
			idv_statement_run(&idv_move_statements(table, reference, changed)->left,
							  values, nulls) > 0)
			report_left_behind(contacts, table, reference, from, depth);
	}
}

/*
 * idv_move_check_generated
 *		See that a generated column has moved, now that all else is moved.
 *
 * It moves by what it is generated from.  55000 if that is not moved.
 */
void
idv_move_check_generated(IdvTable *table, IdvReference *reference, IdvRow from, IdvRow to)
{
	Datum		values[2 * INDEX_MAX_KEYS];
	bool		nulls[2 * INDEX_MAX_KEYS];
	uint32		changed;
	IdvMove    *move;

	if (!idv_move_source_parameters(values, nulls, &changed, table, reference, from, to) ||
		idv_move_leaves_alone(table, reference, from))
		return;
	move = idv_move_statements(table, reference, changed);
	if (move->generated && idv_statement_run(&move->left, values, nulls) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of \"%s\" cannot be moved, because column \"%s\" is generated",
						reference->table->label,
						NameStr(TupleDescAttr(reference->table->desc,
											  reference->columns[0] - 1)->attname)),
				 errhint("List the column that it is generated from: idverify_add_reference.")));
}
