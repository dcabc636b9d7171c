/*-------------------------------------------------------------------------
 *
 * counters_file.h
 *	  The file that keeps the counters while the server is down.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_COUNTERS_FILE_H
#define IDV_COUNTERS_FILE_H

#include "postgres.h"

#include "server/counters_layout.h"

extern bool idv_counters_server_was_shut_down(void);
extern void idv_counters_save(IdvCounters *counters, bool durable);
extern void idv_counters_load(IdvCounters *counters);
extern void idv_counters_forget_file(void);

#endif							/* IDV_COUNTERS_FILE_H */
