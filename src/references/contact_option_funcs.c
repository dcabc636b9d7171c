/*-------------------------------------------------------------------------
 *
 * contact_option_funcs.c
 *	  What SQL can call to say something of a table of contacts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "references/contact_table.h"
#include "server/query.h"
#include "server/sqlfunc.h"
#include "tables/our_tables.h"

IDV_ENTRY(idverify_set_contacts);

/*
 * See that an argument lists columns of a table: 42703, 22004 for a NULL, 22023
 * for an array of several dimensions.
 *
 * name			of the argument
 * unlike		a column that it must not list: 22023.  0: it may list any
 */
static void
check_columns(const IdvContactTable *contacts, Datum names, const char *name,
			  AttrNumber unlike)
{
	List	   *listed = idv_names(names);
	ListCell   *lc;

	if (ARR_NDIM(DatumGetArrayTypeP(names)) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be an array of one dimension", name),
				 errhint("Name columns of \"%s\".", contacts->table->label)));
	foreach(lc, listed)
	{
		const char *column_name = lfirst(lc);
		AttrNumber	column;

		if (column_name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an element of %s must not be null", name),
					 errhint("Name columns of \"%s\".", contacts->table->label)));
		column = get_attnum(contacts->table->relation, column_name);
		if (column <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist",
							column_name, contacts->table->label),
					 errhint("Name columns of that table in %s.", name)));
		if (column == unlike)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("contacts cannot agree in column \"%s\", which is their id",
							column_name),
					 errhint("Leave it out of %s.", name)));
	}
}

/*
 * idverify_set_contacts(contacts regclass, same name[], never_filled name[])
 *		returns void
 *
 * Says in which columns contacts have to agree to be folded, and which are never
 * taken over.  A call says both: what it gives no columns for is as if nothing
 * was ever said.
 */
Datum
idverify_set_contacts(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {OIDOID, NAMEARRAYOID, NAMEARRAYOID};
	Oid			relation = DatumGetObjectId(idv_argument(fcinfo->args[0], "contacts",
														 "Name the table of contacts: 'idverify.contacts', say."));
	IdvContactTable *contacts;
	Datum		values[lengthof(types)];
	char		nulls[] = "   ";

	idv_expect_arguments(fcinfo, lengthof(types));
	PreventCommandIfReadOnly("idverify_set_contacts()");
	idv_our_tables_check();
	SPI_connect();
	contacts = idv_contact_table(relation);
	values[0] = ObjectIdGetDatum(contacts->table->relation);
	for (int i = 1; i < (int) lengthof(types); i++)
	{
		values[i] = fcinfo->args[i].value;
		if (fcinfo->args[i].isnull)
			nulls[i] = 'n';
		else
			check_columns(contacts, values[i], i == 1 ? "same" : "never_filled",
						  i == 1 ? contacts->id : 0);
	}

	/*
	 * What is left of a table that was dropped is none of one with its
	 * number.
	 */
	idv_query("DELETE FROM idverify.contact_options o WHERE NOT EXISTS"
			  " (SELECT FROM pg_class c WHERE c.oid = o.contacts)",
			  0, NULL, NULL, NULL);
	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		idv_query("DELETE FROM idverify.contact_options WHERE contacts = $1",
				  1, types, values, NULL);
	else
		idv_query("INSERT INTO idverify.contact_options (contacts, same, never_filled)"
				  " VALUES ($1, $2, $3) ON CONFLICT (contacts) DO UPDATE"
				  " SET same = EXCLUDED.same, never_filled = EXCLUDED.never_filled",
				  lengthof(types), types, values, nulls);
	SPI_finish();
	PG_RETURN_VOID();
}
