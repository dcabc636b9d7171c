/*-------------------------------------------------------------------------
 *
 * hide_statement.h
 *	  Keep a statement that holds a user_hash or a secret out of the log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_HIDE_STATEMENT_H
#define IDV_HIDE_STATEMENT_H

#include "postgres.h"

extern void idv_hide_statement(void *arg);
extern void idv_hide_rest(void);
extern bool idv_has_hash(const char *value, size_t len);
extern void idv_hide_statement_init(void);

#endif							/* IDV_HIDE_STATEMENT_H */
