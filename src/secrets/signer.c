/*-------------------------------------------------------------------------
 *
 * signer.c
 *	  Which of an app's signers is meant.
 *
 * A signer is there as long as it has a secret, whatever the state of it: the
 * name stands in the rows of idverify.secrets, and nowhere else.  An app that has
 * lost all its secrets has the one that it began with.
 *
 * Functions here are told the signers of an app as a list of IdvText, which
 * may name each of them more than once.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/signer.h"

#include "utils/builtins.h"

#include "tables/apps.h"

static const IdvText main_signer = {IDV_MAIN_SIGNER, sizeof(IDV_MAIN_SIGNER) - 1};

/* By name, as "C" has it. */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	const IdvText *left = lfirst(a);
	const IdvText *right = lfirst(b);
	int			order = memcmp(left->bytes, right->bytes,
							   Min(left->len, right->len));

	if (order != 0)
		return order;
	return left->len < right->len ? -1 : left->len > right->len;
}

/* Raise the error that nobody has said which of several is meant.  22023. */
static void
report_several(const List *signers)
{
	List	   *sorted = list_copy(signers);
	const IdvText *last = NULL;
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	list_sort(sorted, compare_names);
	foreach(cell, sorted)
	{
		const IdvText *name = lfirst(cell);

		if (last == NULL || !idv_text_is_same(*last, *name))
			appendStringInfo(&names, "%s\"%s\"", last == NULL ? "" : ", ",
							 idv_text_shown(*name, IDV_SIGNER_MAX));
		last = name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the app has several signers"),
			 errdetail("They are %s.", names.data),
			 errhint("Say which one: signer => %s, say.",
					 quote_literal_cstr(idv_text_shown(*(const IdvText *) llast(sorted), IDV_SIGNER_MAX)))));
}

/*
 * idv_signer_exists
 *		Does the app have a signer of that name?
 */
bool
idv_signer_exists(const List *signers, IdvText name)
{
	const ListCell *cell;

	foreach(cell, signers)
	{
		if (idv_text_is_same(*(const IdvText *) lfirst(cell), name))
			return true;
	}
	return false;
}

/*
 * idv_signer_is_only
 *		Does the app have no signer but this one?
 */
bool
idv_signer_is_only(const List *signers, IdvText signer)
{
	const ListCell *cell;

	foreach(cell, signers)
	{
		if (!idv_text_is_same(*(const IdvText *) lfirst(cell), signer))
			return false;
	}
	return true;
}

/*
 * idv_signer_choose
 *		The signer that a function was called for.
 *
 * named		as the function was; NULL is the only signer there is
 *
 * 42704 if the app has no signer of that name, 22023 if none was named and
 * there are several.
 */
IdvText
idv_signer_choose(const List *signers, NullableDatum named)
{
	IdvText		chosen = signers == NIL ? main_signer :
	*(const IdvText *) linitial(signers);

	if (named.isnull)
	{
		if (!idv_signer_is_only(signers, chosen))
			report_several(signers);
		return chosen;
	}

	chosen = idv_text(named.value);
	if (signers == NIL ? idv_text_is_same(chosen, main_signer) :
		idv_signer_exists(signers, chosen))
		return chosen;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("signer \"%s\" does not exist",
					idv_text_shown(chosen, IDV_SIGNER_MAX)),
			 errhint("The view idverify.app_status lists the signers of each app.")));
	pg_unreachable();
}
