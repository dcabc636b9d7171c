/*-------------------------------------------------------------------------
 *
 * keyring.h
 *	  The key ring: the master keys that seal every secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_KEYRING_H
#define IDV_KEYRING_H

#include "postgres.h"

#include "core/ring_text.h"

extern void idv_keyring_init(void);
extern const IdvRing *idv_keyring(void);
extern const IdvMasterKey *idv_keyring_find(uint32 key_id);
extern uint64 idv_keyring_number(void);
extern const IdvRing *idv_keyring_needed(void);
extern const IdvRing *idv_keyring_read(void);
extern const char *idv_keyring_fault(bool *missing);
extern const char *idv_keyring_path(void);
extern const char *idv_keyring_recipe(void);
extern void idv_keyring_report_missing(void) __attribute__((noreturn));

#endif							/* IDV_KEYRING_H */
