/*-------------------------------------------------------------------------
 *
 * idverify.c
 *	  The front door: everything that happens when the module is loaded.
 *
 * A visitor proves an identity by presenting HMAC-SHA256(secret, identity),
 * the user_hash.  The code that checks this, and keeps what follows from it,
 * is a house of rooms: each is a folder in src/ with a README of its own, and
 * uses the rooms that are named behind it and those that these use
 * ("make check-floors" sees to it):
 *
 *		core/		pure C and libcrypto, no server: hex, hmac, seal, ring text
 *		server/		what we need of the server				core
 *		tables/		rows of our own tables, their triggers	server
 *		secrets/	key ring, sealed secrets, their life	tables
 *		verdict/	what a claim is worth					secrets
 *		references/	anybody's tables, who points to whom	tables
 *		fold/		one contact into another, and back		references
 *		identify/	who is this visitor						fold, verdict
 *		guard/		the trigger on somebody's contacts		verdict, references
 *		privacy/	export, erase, forget					fold
 *		insight/	why a claim does not verify				all of them
 *
 * Two rules hold in every room.  An opened secret never leaves the process
 * except as the result of the function that mints or reveals it; and no
 * message, at any level, quotes a secret, a user_hash, or, to the client, a
 * path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/opensslv.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "references/description_cache.h"
#include "secrets/app_cache.h"
#include "secrets/keyring.h"
#include "server/code_cache.h"
#include "server/counters.h"
#include "server/exec_triggers.h"
#include "server/hide_statement.h"
#include "server/trusted_code.h"
#include "tables/changes.h"

#if PG_VERSION_NUM < 150000
#error "idverify needs PostgreSQL 15 or later"
#endif
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "idverify needs OpenSSL 3 or later"
#endif

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Module load callback
 */
void
_PG_init(void)
{
	idv_hide_statement_init();
	idv_counters_init();
	idv_exec_triggers_init();
	idv_keyring_init();
	idv_app_cache_init();
	idv_code_cache_init();
	idv_trusted_code_init();
	idv_changes_init();
	idv_description_cache_init();

	MarkGUCPrefixReserved("idverify");
}
