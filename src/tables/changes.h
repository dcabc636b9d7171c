/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  What was changed in apps and secrets: may what was read no longer be so?
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CHANGES_H
#define IDV_CHANGES_H

#include "postgres.h"

/*
 * Did apps or secrets change?  Set by callbacks, which can run in the middle of
 * anything; cleared by idv_changes_forget().
 */
extern bool idv_changes_noted;

extern void idv_changes_init(void);
extern void idv_changes_note_reading(void);
extern void idv_changes_forget(void);
extern bool idv_changes_are_watched(void);

#endif							/* IDV_CHANGES_H */
