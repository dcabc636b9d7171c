/*-------------------------------------------------------------------------
 *
 * builtin_code.h
 *	  Which of PostgreSQL's own functions do nothing but answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_BUILTIN_CODE_H
#define IDV_BUILTIN_CODE_H

#include "postgres.h"

#include "access/htup.h"
#include "catalog/pg_proc.h"
#include "nodes/nodes.h"

extern Form_pg_proc idv_function_form(Oid function, HeapTuple *tuple);
extern bool idv_builtin_is_closed(Oid function);
extern bool idv_builtin_only_answers(Oid function);
extern bool idv_could_be_lured(const Form_pg_proc form);
extern bool idv_reads_open_setting(const Node *node);

#endif							/* IDV_BUILTIN_CODE_H */
