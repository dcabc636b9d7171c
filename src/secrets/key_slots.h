/*-------------------------------------------------------------------------
 *
 * key_slots.h
 *	  Places in memory for keys that are kept ready.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEY_SLOTS_H
#define IDV_KEY_SLOTS_H

#include "postgres.h"

#include "core/hmac.h"

extern IdvHmac *idv_key_slot_take(void);
extern void idv_key_slot_return(IdvHmac *key);
extern Size idv_key_slots_bytes(void);
extern void idv_key_slots_trim(void);

#endif							/* IDV_KEY_SLOTS_H */
