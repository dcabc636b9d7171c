/*-------------------------------------------------------------------------
 *
 * login.c
 *	  What a login brings together in one contact.
 *
 * Runs inside of a SECURITY DEFINER function, connected to SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "identify/login.h"

#include "fold/fold.h"

/* Fold a contact into that of the signed identity.  False if that is gone. */
static bool
fold_in(const IdvContactRow *source, const IdvContactRow *target,
		IdvIdentification *call, int how)
{
	int64		fold_id = idv_fold_by_claim(call->app.id, idv_contact_id(source),
											idv_contact_id(target), how);

	if (fold_id == IDV_FOLD_TARGET_GONE)
		return false;
	if (call->fold_id == 0)
		call->fold_id = fold_id;
	return true;
}

/*
 * Lock two contacts of a kind, either of which may be NULL: the lower id first.
 *
 * All but the target are locked as sources.  Returns false if that is gone.
 */
static bool
lock_two(int32 app_id, const IdvContactRow *one, const IdvContactRow *other,
		 const IdvContactRow *target)
{
	const IdvContactRow *ordered[] = {one, other};

	if (one != NULL && other != NULL && idv_contact_id(other) < idv_contact_id(one))
	{
		ordered[0] = other;
		ordered[1] = one;
	}
	for (size_t i = 0; i < lengthof(ordered); i++)
	{
		if (ordered[i] != NULL &&
			!idv_fold_lock(app_id, idv_contact_id(ordered[i]), ordered[i] != target) &&
			ordered[i] == target)
			return false;
	}
	return true;
}

/*
 * Find the contact that is known by nothing but the email that is signed, too.
 *
 * contact		that of the signed identity, which it is not; NULL: not there yet
 */
static bool
find_alone(IdvContactRow *alone, const IdvIdentification *call,
		   const IdvContactRow *contact)
{
	return !call->by_email && call->email_signed &&
		idv_contact_find(alone, call->app.id, IDV_BY_EMAIL_ALONE,
						 call->sent.field[IDV_CONTACT_EMAIL].value) &&
		(contact == NULL || idv_contact_id(alone) != idv_contact_id(contact));
}

/*
 * idv_login_lock
 *		Lock all that a login brings together, before the contact of the signed
 *		identity is made.
 *
 * own, heir	as for idv_login(), but there is an heir
 *
 * The new contact stands in the way of whoever undoes the fold that has made the
 * heir one: they hold the heir, and wait for us, who must not wait for the heir
 * then.
 *
 * Returns false if the heir is gone.
 */
bool
idv_login_lock(const IdvIdentification *call, const IdvContactRow *own,
			   const IdvContactRow *heir)
{
	IdvContactRow alone;

	if (find_alone(&alone, call, NULL))
		(void) idv_fold_lock(call->app.id, idv_contact_id(&alone), true);
	if (own != NULL && idv_contact_id(own) == idv_contact_id(heir))
		own = NULL;
	(void) lock_two(call->app.id, own, heir, NULL);
	return idv_fold_lock(call->app.id, idv_contact_id(heir), true);
}

/*
 * idv_login
 *		Fold into the contact of the signed identity whoever else is the same
 *		person.
 *
 * own		the visitor's own contact, or NULL
 * heir		another that is not verified, or NULL: see find_verified()
 *
 * There may be a third, known by nothing but the email that is signed, too.
 *
 * A fold locks its two contacts in the one order, but two folds one after the
 * other do not: the second would wait for a contact whose turn was before those
 * of the first, while somebody holds it who waits for one of these.  So where
 * there are several, all are locked first.
 *
 * Returns false if contact is gone: then the signed identity leads elsewhere.
 * That shows before any other lock is taken, but perhaps that of the third.
 */
bool
idv_login(IdvIdentification *call, const IdvContactRow *contact,
		  const IdvContactRow *own, const IdvContactRow *heir)
{
	IdvContactRow found;
	const IdvContactRow *alone = NULL;

	if (find_alone(&found, call, contact))
		alone = &found;
	if (own != NULL && heir != NULL && idv_contact_id(own) == idv_contact_id(heir))
		heir = NULL;

	if ((own != NULL) + (heir != NULL) + (alone != NULL) > 1)
	{
		if (!lock_two(call->app.id, contact, alone, contact))
			return false;
		(void) lock_two(call->app.id, own, heir, contact);
	}

	if (own != NULL && !fold_in(own, contact, call, 0))
		return false;
	if (heir != NULL && !fold_in(heir, contact, call, 0))
		return false;
	return alone == NULL || fold_in(alone, contact, call, IDV_FOLD_FORCE);
}
