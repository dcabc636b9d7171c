/*-------------------------------------------------------------------------
 *
 * claim_counts.h
 *	  What is counted of claims, and by what.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CLAIM_COUNTS_H
#define IDV_CLAIM_COUNTS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#define IDV_COUNTED_DAYS	32	/* today, and the 31 days before, in UTC */
#define IDV_COUNTED_KINDS	9	/* kinds are 1 to 9 */
#define IDV_REFUSED_MAX		1024	/* refused claims that are kept */
#define IDV_MASKED_MAX		72	/* bytes of a masked identity, and a zero */

/*
 * What is counted together: an app, whatever its app_key is at the moment.
 *
 * Another app may get the same id, by hand: it is made at another time.  And
 * another CREATE EXTENSION makes another table.
 */
typedef struct IdvCounterKey
{
	Oid			database;
	Oid			table;			/* idverify.apps */
	int32		app_id;
	int32		unused;			/* always 0 */
	TimestampTz created_at;
} IdvCounterKey;

/* Claims that were signed with a secret, whether or not they verified. */
typedef struct IdvSecretCount
{
	int32		generation;
	int64		claims;
	TimestampTz first_at;
	TimestampTz last_at;
} IdvSecretCount;

/* What a session has counted of an app within one day, by kind - 1. */
typedef struct IdvClaimCounts
{
	IdvCounterKey key;
	int64		claims[IDV_COUNTED_KINDS];
	TimestampTz last_at[IDV_COUNTED_KINDS];
	int			nsecrets;
	IdvSecretCount *secrets;
} IdvClaimCounts;

/* A day of an app, by kind - 1. */
typedef struct IdvDayCount
{
	int32		day;			/* days since 2000-01-01, in UTC */
	uint32		last[IDV_COUNTED_KINDS];	/* see idv_day_last_at() */
	int64		claims[IDV_COUNTED_KINDS];
} IdvDayCount;

/* All that was counted of an app. */
typedef struct IdvAppCount
{
	IdvCounterKey key;
	TimestampTz since;			/* nothing from before is in it */
	IdvDayCount days[IDV_COUNTED_DAYS]; /* in no order; also older ones */
	int			nsecrets;
	IdvSecretCount *secrets;
} IdvAppCount;

/* A claim that did not verify. */
typedef struct IdvRefused
{
	TimestampTz at;
	IdvCounterKey key;
	uint8		kind;
	uint8		way;
	uint8		field;
	char		identity[IDV_MASKED_MAX];	/* empty if there was none */
} IdvRefused;

#endif							/* IDV_CLAIM_COUNTS_H */
