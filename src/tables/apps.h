/*-------------------------------------------------------------------------
 *
 * apps.h
 *	  Rows of idverify.apps and idverify.secrets, as committed this instant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_APPS_H
#define IDV_APPS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

#include "server/text.h"

#define IDV_APP_KEY_MAX		128 /* characters in the longest app key */
#define IDV_LIVE_MAX		64	/* secrets of an app that verify */
#define IDV_SIGNER_MAX		64	/* characters in the longest name of a signer */
#define IDV_MAIN_SIGNER		"main"	/* an app's first signer */

/* The enum types, in the order of their labels. */

typedef enum IdvPolicy
{
	IDV_POLICY_ACCEPT,
	IDV_POLICY_DROP,
	IDV_POLICY_REJECT
} IdvPolicy;

typedef enum IdvSignedField
{
	IDV_SIGNED_EITHER,
	IDV_SIGNED_EXTERNAL_ID,
	IDV_SIGNED_EMAIL
} IdvSignedField;

typedef enum IdvSecretState
{
	IDV_STATE_STAGED,
	IDV_STATE_CURRENT,
	IDV_STATE_PREVIOUS
} IdvSecretState;

/* A row of idverify.apps. */
typedef struct IdvAppRow
{
	int32		id;
	IdvPolicy	on_unverified;
	IdvPolicy	on_wrong_hash;	/* on_unverified, unless the app says
								 * otherwise */
	IdvSignedField signed_field;
	bool		revealable;
} IdvAppRow;

/* An app, by name. */
typedef struct IdvAppName
{
	int32		id;
	IdvText		app_key;
} IdvAppName;

/* A row of idverify.secrets. */
typedef struct IdvSecretRow
{
	int32		generation;
	IdvText		signer;
	IdvSecretState state;
	bytea	   *sealed;
	int32		key_id;
	text	   *hint;
	TimestampTz expires_at;		/* DT_NOEND unless state is previous */
} IdvSecretRow;

extern void idv_app_lock(int32 app_id, LOCKMODE mode);
extern bool idv_app_read(IdvAppRow *app, IdvText app_key);
extern void idv_apps_check_node(void);
extern List *idv_apps_list(void);
extern List *idv_secrets_read(int32 app_id);
extern IdvText idv_app_key_argument(NullableDatum app_key);
extern void idv_report_unknown_app(IdvText app_key) __attribute__((noreturn));

#endif							/* IDV_APPS_H */
