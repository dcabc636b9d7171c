/*-------------------------------------------------------------------------
 *
 * doctor_code.c
 *	  Whose code a fold would run.
 *
 * It is looked at by the same functions that a fold asks: what they object to, it
 * would refuse.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor_references.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server/key_actions.h"
#include "server/relation.h"
#include "server/table_owner.h"
#include "server/trusted_code.h"

/*
 * idv_doctor_trusts
 *		May everything that a table can run be run as its owner?
 */
bool
idv_doctor_trusts(Oid relation)
{
	return idv_code_objection(relation, idv_relation_owner(relation),
							  get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE,
							  RowExclusiveLock) == NULL;
}

/* How many columns a relation has, with those that were dropped. */
static int
relation_columns(Oid relid)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	int			columns = RelationGetNumberOfAttributes(relation);

	relation_close(relation, NoLock);
	return columns;
}

/*
 * idv_doctor_tell_objection
 *		Tell that a table's code may not run, unless that was told of this table.
 */
void
idv_doctor_tell_objection(IdvDoctor *doctor, Oid relation, const IdvObjection *objection)
{
	if (!idv_doctor_has_told(doctor, IDV_DIAGNOSIS_CODE_OF_THIRD_ROLE, idv_relation_label(relation)))
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_CODE_OF_THIRD_ROLE, idv_relation_label(relation),
						objection->remedy,
						"%c%s. %s %s", pg_toupper((unsigned char) objection->reason[0]),
						objection->reason + 1, objection->detail, objection->hint);
}

/*
 * idv_doctor_look_at_code
 *		Look at what of a table's code may not run as its owner, or would run by its
 *		foreign keys when these columns change.
 *
 * columns	names; NIL: all but the primary key
 *
 * Raises what a fold of such a row would raise.
 */
void
idv_doctor_look_at_code(IdvDoctor *doctor, Oid relation, const List *columns)
{
	bool		has_parts = get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
	Oid			owner = idv_relation_owner(relation);
	const IdvObjection *objection = idv_code_objection(relation, owner, has_parts,
													   RowExclusiveLock);
	Bitmapset  *updated = NULL;
	const ListCell *lc;
	IdvCaller	before;

	if (objection != NULL)
	{
		idv_doctor_tell_objection(doctor, relation, objection);
		return;
	}
	foreach(lc, columns)
		updated = bms_add_member(updated, get_attnum(relation, lfirst(lc)) -
								 FirstLowInvalidHeapAttributeNumber);
	if (columns == NIL)
	{
		Oid			constraint;

		updated = bms_add_range(updated, 1 - FirstLowInvalidHeapAttributeNumber,
								relation_columns(relation) - FirstLowInvalidHeapAttributeNumber);
		updated = bms_del_members(updated, get_primary_key_attnos(relation, true, &constraint));
	}
	idv_become_owner(&before, owner);
	idv_check_fold_keys(relation, updated,
						idv_code_runs(relation, owner, has_parts, RowExclusiveLock));
	idv_become_caller(&before);
}
