/*-------------------------------------------------------------------------
 *
 * last_claims.c
 *	  What other visitors have claimed in a person's name.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/last_claims.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"

/* Add a value of a contact to those by which a person was known. */
static List *
add_identity(List *identities, IdvRow row, AttrNumber column, bool lowered)
{
	Datum		value;

	if (column == 0 || row.nulls[column - 1])
		return identities;
	value = row.values[column - 1];
	if (lowered)
		value = DirectFunctionCall1Coll(lower, C_COLLATION_OID, value);
	return lappend(identities, DatumGetPointer(value));
}

/*
 * idv_identities_of
 *		By what a contact was known: its row as it is stored.
 */
IdvIdentities
idv_identities_of(const IdvContactTable *contacts, IdvRow row)
{
	return (IdvIdentities)
	{
		.external_ids = add_identity(NIL, row, contacts->external_id, false),
			.emails = add_identity(NIL, row, contacts->email, true)
	};
}

/* A list of values as an array of text. */
static Datum
text_array(const List *values)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(values), 1));
	ListCell   *lc;

	foreach(lc, values)
		elements[foreach_current_index(lc)] = PointerGetDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, list_length(values), TEXTOID, -1,
										   false, TYPALIGN_INT));
}

/*
 * idv_last_claims_clear
 *		Clear the last claim of other visitors who claimed to be this person.
 *
 * There is no index to find them by: it is one pass over the contacts of the app.
 *
 * Returns how many they were.
 */
int64
idv_last_claims_clear(const IdvPerson *person, const IdvIdentities *identities)
{
	static const Oid types[] = {INT4OID, TEXTARRAYOID, TEXTARRAYOID};
	static IdvStatement clear;
	Datum		values[lengthof(types)];

	if (!person->contacts->own ||
		(identities->external_ids == NIL && identities->emails == NIL))
		return 0;
	if (clear.plan == NULL)
		idv_statement_prepare(&clear, InvalidOid,
							  "UPDATE idverify.contacts SET last_claim = NULL"
							  " WHERE app_id = $1 AND last_claim IS NOT NULL"
							  " AND (last_claim ->> 'external_id' = ANY ($2)"
							  " OR lower((last_claim ->> 'email') COLLATE \"C\") = ANY ($3))",
							  lengthof(types), types);
	values[0] = Int32GetDatum(person->app_id);
	values[1] = text_array(identities->external_ids);
	values[2] = text_array(identities->emails);
	return (int64) idv_statement_run(&clear, values, NULL);
}
