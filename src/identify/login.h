/*-------------------------------------------------------------------------
 *
 * login.h
 *	  What a login brings together in one contact.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_LOGIN_H
#define IDV_LOGIN_H

#include "postgres.h"

#include "tables/contacts.h"
#include "identify/profile.h"

extern bool idv_login_lock(const IdvIdentification *call, const IdvContactRow *own,
						   const IdvContactRow *heir);
extern bool idv_login(IdvIdentification *call, const IdvContactRow *contact,
					  const IdvContactRow *own, const IdvContactRow *heir);

#endif							/* IDV_LOGIN_H */
