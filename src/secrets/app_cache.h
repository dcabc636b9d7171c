/*-------------------------------------------------------------------------
 *
 * app_cache.h
 *	  Apps and their opened secrets, kept ready in this backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_APP_CACHE_H
#define IDV_APP_CACHE_H

#include "postgres.h"

#include "tables/apps.h"

/*
 * An app and its secrets.  Good until the next call of idv_app_get(), and until
 * anything runs that could call it, any SQL for example.
 */
typedef struct IdvApp IdvApp;

extern void idv_app_cache_init(void);
extern const IdvApp *idv_app_get(IdvText app_key);
extern bool idv_app_is_known(const IdvApp *app);
extern bool idv_app_has_secrets(const IdvApp *app);
extern const IdvAppRow *idv_app_row(const IdvApp *app);

#endif							/* IDV_APP_CACHE_H */
