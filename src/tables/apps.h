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

#include "server/claim_counts.h"
#include "server/text.h"
#include "tables/our_tables.h"

#define IDV_APP_KEY_MAX		128 /* characters in the longest app key */
#define IDV_LIVE_MAX		64	/* secrets of an app that verify */
#define IDV_SIGNER_MAX		64	/* characters in the longest name of a signer */
#define IDV_TOKEN_LIFETIME_MAX	(10 * INT64CONST(360) * USECS_PER_DAY)	/* 10 years */
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

/*
 * What a secret signs, and how it is written.  These numbers are sealed with
 * it: never change them.
 */
typedef enum IdvSignature
{
	IDV_SIGNS_HASH = 0,
	IDV_SIGNS_TOKEN = 1
} IdvSignature;

#define IDV_SIGNATURES	(IDV_SIGNS_TOKEN + 1)

typedef enum IdvEncoding
{
	IDV_ENCODING_TEXT = 0,
	IDV_ENCODING_HEX = 1,
	IDV_ENCODING_BASE64 = 2
} IdvEncoding;

/* A row of idverify.apps. */
typedef struct IdvAppRow
{
	int32		id;
	IdvPolicy	on_unverified;
	IdvPolicy	on_wrong_hash;	/* on_unverified, unless the app says
								 * otherwise */
	IdvSignedField signed_field;
	IdvSignature signs;			/* what a new secret of it does */
	int64		token_lifetime; /* microseconds; 0: exp is not asked for */
	bool		revealable;
	IdvCounterKey counter_key;	/* what its claims are counted by */
} IdvAppRow;

/* An app, by name. */
typedef struct IdvAppName
{
	int32		id;
	IdvText		app_key;
	IdvCounterKey counter_key;
} IdvAppName;

/* A row of idverify.secrets. */
typedef struct IdvSecretRow
{
	int32		generation;
	IdvText		signer;
	IdvSignature signs;
	IdvEncoding encoding;
	IdvSecretState state;
	bytea	   *sealed;
	int32		key_id;
	text	   *hint;
	TimestampTz expires_at;		/* DT_NOEND unless state is previous */
} IdvSecretRow;

extern const char *const idv_signature_labels[];
extern const char *const idv_encoding_labels[];

extern void idv_apps_check_columns(IdvOurTable which);
extern void idv_app_lock(int32 app_id, LOCKMODE mode);
extern bool idv_app_read(IdvAppRow *app, IdvText app_key);
extern void idv_apps_check_node(void);
extern List *idv_apps_list(void);
extern List *idv_secrets_read(int32 app_id);
extern IdvSignature idv_signature_read(IdvText label);
extern bool idv_encoding_find(IdvEncoding *encoding, IdvText label);
extern IdvEncoding idv_encoding_read(IdvText label);
extern IdvText idv_signed_value(IdvSignedField field, IdvText external_id,
								IdvText email);
extern IdvText idv_app_key_argument(NullableDatum app_key);
extern void idv_report_unknown_app(IdvText app_key) __attribute__((noreturn));

#endif							/* IDV_APPS_H */
