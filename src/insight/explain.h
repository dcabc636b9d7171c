/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  By which mistakes was a claim made that does not verify?
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_EXPLAIN_H
#define IDV_EXPLAIN_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "core/finding.h"
#include "verdict/verdict.h"

/* HMACs, or hashes, that are made for one answer, at most. */
#define IDV_EXPLAIN_HMACS	100000

/* One thing that was found. */
typedef struct IdvExplained
{
	IdvFinding	finding;
	const char *detail;
	const char *hint;
} IdvExplained;

extern List *idv_explain(IdvVerdict *verdict, NullableDatum app_key,
						 const IdvClaim *claim);

#endif							/* IDV_EXPLAIN_H */
