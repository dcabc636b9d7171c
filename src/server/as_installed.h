/*-------------------------------------------------------------------------
 *
 * as_installed.h
 *	  The error that something is not as CREATE EXTENSION has made it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_AS_INSTALLED_H
#define IDV_AS_INSTALLED_H

#include "postgres.h"

extern void idv_report_not_as_installed(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));
extern void idv_expect_as_installed(void *arg);

#endif							/* IDV_AS_INSTALLED_H */
