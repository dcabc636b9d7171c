/*-------------------------------------------------------------------------
 *
 * identify.h
 *	  The contact that a visitor is, found or made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_IDENTIFY_H
#define IDV_IDENTIFY_H

#include "postgres.h"

#include "identify/profile.h"

extern void idv_identify_verified(IdvIdentification *call);
extern void idv_identify_visitor(IdvIdentification *call);
extern void idv_identify_refused(IdvIdentification *call);

#endif							/* IDV_IDENTIFY_H */
