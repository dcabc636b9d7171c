/*-------------------------------------------------------------------------
 *
 * signer.h
 *	  Which of an app's signers is meant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SIGNER_H
#define IDV_SIGNER_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "server/text.h"

extern bool idv_signer_exists(const List *signers, IdvText name);
extern bool idv_signer_is_only(const List *signers, IdvText signer);
extern IdvText idv_signer_choose(const List *signers, NullableDatum named);

#endif							/* IDV_SIGNER_H */
