/*-------------------------------------------------------------------------
 *
 * person.c
 *	  The contact whose data is exported or erased.
 *
 *-------------------------------------------------------------------------
 */
#include "privacy/person.h"

#include "references/contact_rows.h"
#include "references/references.h"
#include "server/canonical_text.h"

/*
 * idv_report_no_person
 *		Raise the error that there is no contact of that id.  42704.
 */
void
idv_report_no_person(const IdvPerson *person)
{
	const IdvContactTable *contacts = person->contacts;

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("contact \"%s\" does not exist in \"%s\"",
					idv_value_text(contacts->id_type, person->id),
					contacts->table->label),
			 contacts->own ?
			 errhint("If it was folded, pass what it has become, which idverify_resolve tells. A contact in a table of your own needs the table's name as second argument.") :
			 errhint("If it was folded, pass what it has become, which idverify_resolve tells.")));
}

/*
 * idv_person
 *		Find a contact's table, with all that points to it locked, and its app.
 *
 * contacts		an ordinary or partitioned table of contacts, ours or not
 * id_type		of id; any that can be assigned to the ids'
 *
 * 42704 if there is no such contact, as far as is known before it is read.
 */
void
idv_person(IdvPerson *person, Oid contacts, Oid id_type, Datum id)
{
	do
	{
		person->contacts = idv_contact_table(contacts);
	} while (idv_references_changed(person->contacts->table));
	person->id = idv_contact_row_id(person->contacts, id, id_type);
	person->app_id = idv_contact_row_app_id(person->contacts, person->id,
											&person->is_verified);
	if (person->contacts->own && person->app_id == 0)
		idv_report_no_person(person);
}
