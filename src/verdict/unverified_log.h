/*-------------------------------------------------------------------------
 *
 * unverified_log.h
 *	  Tell the server's log, and nobody else, of a claim that did not verify.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNVERIFIED_LOG_H
#define IDV_UNVERIFIED_LOG_H

#include "postgres.h"

#include "server/text.h"
#include "verdict/verdict.h"

extern void idv_log_unverified(IdvText app_key, IdvVerdict verdict,
							   NullableDatum external_id,
							   NullableDatum email);

#endif							/* IDV_UNVERIFIED_LOG_H */
