/*-------------------------------------------------------------------------
 *
 * notice.h
 *	  Tell the server's log, and nobody else, of a claim that did not verify.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_NOTICE_H
#define IDV_NOTICE_H

#include "postgres.h"

#include "text.h"
#include "verdict.h"

extern void idv_note_unverified(IdvText app_key, IdvVerdict verdict,
								NullableDatum external_id,
								NullableDatum email);

#endif							/* IDV_NOTICE_H */
