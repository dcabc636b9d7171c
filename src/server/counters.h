/*-------------------------------------------------------------------------
 *
 * counters.h
 *	  Counters of claims in shared memory, for all sessions of the server.
 *
 * Sessions count for themselves (server/session_counts.c) and add here what they
 * have counted.  Nothing here knows what is counted: a kind is a number, and
 * an app is whatever has a key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COUNTERS_H
#define IDV_COUNTERS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "server/claim_counts.h"
/* The most that idverify.stat_apps can be. */
#define IDV_STAT_APPS_MAX	100000

/* How the counters are. */
typedef struct IdvCountersState
{
	int			room;			/* for so many apps */
	int			apps;			/* that have been counted */
	int64		displaced;		/* apps that have made room for another */
	TimestampTz displaced_at;	/* when the last one did; 0 if none has */
	TimestampTz since;			/* apps that are not in it had no claim since
								 * then, nor since displaced_at */
} IdvCountersState;

typedef enum IdvCountersPresence
{
	IDV_COUNTERS_UNTRIED,
	IDV_COUNTERS_THERE,
	IDV_COUNTERS_NONE
} IdvCountersPresence;

extern IdvCountersPresence idv_counters_presence;

extern void idv_counters_init(void);
extern bool idv_counters_attach(void);
extern void idv_counters_lock(void);
extern void idv_counters_add(const IdvClaimCounts *counts);
extern void idv_counters_add_refused(const IdvRefused *refused);
extern void idv_counters_unlock(void);
extern void idv_counters_state(IdvCountersState *state);
extern List *idv_counters_read(Oid table);
extern IdvAppCount *idv_counters_read_app(const IdvCounterKey *key);
extern List *idv_counters_read_refused(Oid table);
extern void idv_counters_reset(Oid table, const IdvCounterKey *key);
extern int32 idv_counters_day(TimestampTz at);
extern TimestampTz idv_day_last_at(const IdvDayCount *day, int kind);

/*
 * idv_counters_are_there
 *		Can this session count, and read what was counted?
 *
 * Not in PostgreSQL 15 and 16 unless the library was preloaded; nor where
 * there was no shared memory for it.
 */
static inline bool
idv_counters_are_there(void)
{
	return idv_counters_presence == IDV_COUNTERS_THERE ||
		(idv_counters_presence == IDV_COUNTERS_UNTRIED && idv_counters_attach());
}

#endif							/* IDV_COUNTERS_H */
