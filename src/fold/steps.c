/*-------------------------------------------------------------------------
 *
 * steps.c
 *	  Undo the steps of a fold: move rows back, put dropped ones back.
 *
 * Values are text in the journal.  They become values of their types in CASTs
 * within the statements, which run as the table's owner: a domain's CHECK may
 * call anything.
 *
 *-------------------------------------------------------------------------
 */
#include "fold/steps.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/varlena.h"

#include "fold/fold.h"
#include "fold/unmove.h"

static IdvStatement read_step;
static IdvStatement read_first_step;

/* What previous_step() reads, in its order. */
#define STEP \
	"SELECT step, relation, columns, old_values, new_values," \
	" condition, whole_row, key_columns, moved_keys, dropped_row"

/*
 * idv_undone_line
 *		The line of the result for this table.
 */
IdvFolded *
idv_undone_line(IdvUnfold *unfold, Oid relation)
{
	IdvFolded  *line;
	ListCell   *lc;
	MemoryContext caller;

	foreach(lc, unfold->undone)
	{
		line = lfirst(lc);
		if (line->relation == relation)
			return line;
	}
	caller = MemoryContextSwitchTo(unfold->context);
	line = palloc0(sizeof(IdvFolded));
	line->relation = relation;
	unfold->undone = lappend(unfold->undone, line);
	MemoryContextSwitchTo(caller);
	return line;
}

/*
 * idv_journaled_relation
 *		A table by the name that the journal has for it.
 */
Oid
idv_journaled_relation(const IdvUnfold *unfold, const char *name)
{
	Oid			relation;

	relation = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
								NoLock, true);
	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s, which fold " INT64_FORMAT " wrote to, does not exist any more",
						name, unfold->id),
				 errhint("If it was renamed, correct its name in the fold's rows of idverify.folds and idverify.fold_rows.")));
	return relation;
}

/*
 * idv_column_type
 *		The type of a column, as SQL.
 */
char *
idv_column_type(const IdvTable *table, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, column - 1);

	return format_type_extended(att->atttypid, att->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_FORCE_QUALIFY);
}

static List *
names_of(Datum array)
{
	Datum	   *elements;
	int			n;
	List	   *names = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(elements[i]));
	return names;
}

/*
 * idv_put_back
 *		Put a row back.  Columns that were added since get their defaults.
 */
void
idv_put_back(IdvUnfold *unfold, IdvTable *table, Datum row)
{
	static const Oid types[] = {JSONBOID};
	StringInfoData columns;
	StringInfoData values;
	JsonbContainer *object = &DatumGetJsonbP(row)->root;

	initStringInfo(&columns);
	initStringInfo(&values);
	for (int i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);
		const char *name = NameStr(att->attname);
		JsonbValue	value;

		if (att->attisdropped || att->attgenerated != '\0' ||
			getKeyJsonValueFromContainer(object, name, strlen(name), &value) == NULL)
			continue;
		appendStringInfo(&columns, "%s%s", columns.len == 0 ? "" : ", ",
						 quote_identifier(name));
		appendStringInfo(&values, "%sCAST($1 ->> %s AS %s)",
						 values.len == 0 ? "" : ", ",
						 quote_literal_cstr(name), idv_column_type(table, i + 1));
	}
	idv_statement_prepare(&unfold->once, table->owner,
						  psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s",
								   table->name, columns.data, values.data),
						  lengthof(types), types);
	if (table == unfold->contacts->table)
		idv_contacts_write(unfold->contacts, &unfold->once, &row, NULL);
	else if (idv_statement_run(&unfold->once, &row, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row of %s was not put back", table->name),
				 errhint("Look for a trigger on the table that returns NULL.")));
	idv_statement_free(&unfold->once);
	idv_undone_line(unfold, table->relation)->dropped++;
}

/*
 * Read the step before another.  Returns false if that was the first.
 *
 * The first ones are in the head of the journal.
 */
static bool
previous_step(IdvStep *step, const IdvUnfold *unfold)
{
	static const Oid types[] = {INT4OID, INT8OID, INT4OID};
	static const Oid first_types[] = {JSONBOID, INT4OID};
	Datum		values[3];
	Datum		first_values[2];
	IdvResult  *result;
	bool		found;

	values[0] = Int32GetDatum(unfold->app_id);
	values[1] = Int64GetDatum(unfold->id);
	values[2] = Int32GetDatum(step->step);
	result = idv_statement_ask(&read_step,
							   STEP " FROM idverify.fold_rows"
							   " WHERE app_id = $1 AND fold_id = $2 AND step < $3"
							   " ORDER BY step DESC LIMIT 1",
							   lengthof(types), types, values);
	found = idv_result_next(result);
	if (!found)
	{
		idv_result_end(result);
		first_values[0] = unfold->first_steps;
		first_values[1] = Int32GetDatum(step->step);
		result = idv_statement_ask(&read_first_step,
								   STEP " FROM jsonb_to_recordset($1) AS s(step int4,"
								   " relation text, columns text[], old_values text[],"
								   " new_values text[], condition text, whole_row bool,"
								   " key_columns text[], moved_keys text[], dropped_row jsonb)"
								   " WHERE step < $2 ORDER BY step DESC LIMIT 1",
								   lengthof(first_types), first_types, first_values);
		found = idv_result_next(result);
	}
	if (found)
	{
		step->step = DatumGetInt32(result->values[0]);
		step->table = idv_table(idv_journaled_relation(unfold,
													   TextDatumGetCString(result->values[1])));
		step->dropped_row.isnull = result->nulls[9];
		if (!result->nulls[9])
			step->dropped_row.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[9]));
		else
		{
			step->columns = names_of(result->values[2]);
			step->old_values = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[3]));
			step->new_values = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[4]));
			step->condition = result->nulls[5] ? NULL : TextDatumGetCString(result->values[5]);
			step->whole_row = DatumGetBool(result->values[6]);
			step->key_columns = names_of(result->values[7]);
			step->moved_keys = PointerGetDatum(PG_DETOAST_DATUM_COPY(result->values[8]));
		}
	}
	idv_result_end(result);
	return found;
}

/*
 * idv_undo_steps
 *		Undo all that a fold did to the tables that point to contacts.
 */
void
idv_undo_steps(IdvUnfold *unfold)
{
	IdvStep		step = {.step = PG_INT32_MAX};
	MemoryContext step_context;
	MemoryContext caller;

	step_context = AllocSetContextCreate(CurrentMemoryContext,
										 "idverify step",
										 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(step_context);
	while (previous_step(&step, unfold))
	{
		if (step.dropped_row.isnull)
			idv_move_back(unfold, &step);
		else
			idv_put_back(unfold, step.table, step.dropped_row.value);
		MemoryContextReset(step_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(step_context);
}
