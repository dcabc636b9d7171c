/*-------------------------------------------------------------------------
 *
 * try_out.h
 *	  Do something, and take it all back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_TRY_OUT_H
#define IDV_TRY_OUT_H

#include "postgres.h"

extern void idv_try_out(void (*run) (void *arg), void *arg);

#endif							/* IDV_TRY_OUT_H */
