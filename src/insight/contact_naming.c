/*-------------------------------------------------------------------------
 *
 * contact_naming.c
 *	  How frameworks name tables of contacts, and columns that point to them.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/contact_naming.h"

/* What columns of contacts that point to other contacts have in their names. */
static const char *const self_words[] = {"parent", "refer", "merged", "duplicate", "master"};

/*
 * idv_plain_name
 *		A name as all frameworks would write it, palloc'd: letters and digits,
 *		lowered, without underscores.
 */
char *
idv_plain_name(const char *name)
{
	char	   *plain = palloc(strlen(name) + 1);
	char	   *end = plain;

	for (; *name != '\0'; name++)
	{
		if (*name != '_')
			*end++ = pg_ascii_tolower((unsigned char) *name);
	}
	*end = '\0';
	return plain;
}

static bool
ends_in(const char *name, const char *end)
{
	size_t		len = strlen(name);
	size_t		end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/*
 * idv_singular
 *		One of what a table's name says in the plural, palloc'd.
 */
char *
idv_singular(const char *plural)
{
	static const char *const in_es[] = {"xes", "sses", "ches", "shes"};
	char	   *name = pstrdup(plural);
	size_t		len = strlen(name);

	if (strcmp(name, "people") == 0)
		return pstrdup("person");
	if (len > 3 && ends_in(name, "ies"))
	{
		strcpy(name + len - 3, "y");
		return name;
	}
	for (int i = 0; i < (int) lengthof(in_es); i++)
	{
		if (ends_in(name, in_es[i]))
		{
			name[len - 2] = '\0';
			return name;
		}
	}
	if (len > 1 && name[len - 1] == 's')
		name[len - 1] = '\0';
	return name;
}

/*
 * idv_names_table
 *		Is a value what a framework calls a row of the table, as "Contact",
 *		"App\\Models\\Contact" or "crm.contact"?
 */
bool
idv_names_table(const char *value, const char *table)
{
	const char *last = value;
	char	   *name;
	char	   *plain = idv_plain_name(table);

	for (const char *at = value; *at != '\0'; at++)
	{
		if (strchr("\\./:#", *at) != NULL)
			last = at + 1;
	}
	name = idv_plain_name(last);
	return *name != '\0' && (strcmp(name, plain) == 0 || strcmp(name, idv_singular(plain)) == 0);
}

/*
 * idv_names_other_contact
 *		Is a column of contacts named as one that points to other contacts?
 */
bool
idv_names_other_contact(const char *column)
{
	char	   *plain = idv_plain_name(column);

	for (int i = 0; i < (int) lengthof(self_words); i++)
	{
		if (strstr(plain, self_words[i]) != NULL)
			return true;
	}
	return false;
}

/*
 * idv_names_contact
 *		Is a column named as one of contacts' ids?
 */
bool
idv_names_contact(const char *column)
{
	return strcmp(column, "contact_id") == 0 || ends_in(column, "_contact_id") ||
		strcmp(column, "contactId") == 0 || ends_in(column, "ContactId");
}
