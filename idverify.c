/*-------------------------------------------------------------------------
 *
 * idverify.c
 *	  The front door: everything that happens when the module is loaded.
 *
 * A visitor proves an identity by presenting HMAC-SHA256(secret, identity),
 * the user_hash.  The code that checks this is built in floors.  A file
 * includes headers from the floors below its own, and no others
 * ("make check-floors" sees to it):
 *
 *		idverify.c				floor 4		loads the module
 *		src/ask.c				floor 3		what SQL can call: it only reads,
 *		src/apps.c				floor 3		... it makes an app,
 *		src/lifecycle.c			floor 3		... it changes an app's secrets,
 *		src/identify.c			floor 3		... it finds a visitor's contact,
 *		src/fold.c				floor 3		... it folds contacts,
 *		src/tables.c			floor 3		... it is a trigger of our tables,
 *		src/guard.c				floor 3		... or of anybody's contacts
 *		src/moving.c			floor 3		rows that change partition under it
 *		src/columns.c			floor 3		the columns that it looks after
 *
 *		src/login.c				floor 2		what a login folds
 *		src/profile.c			floor 2		what a claim makes of a contact
 *		src/contacts.c			floor 2		rows of our contacts
 *		src/folding.c			floor 2		one contact into another,
 *		src/unfolding.c			floor 2		... and back,
 *		src/following.c			floor 2		... where folds lead,
 *		src/repointing.c		floor 2		... all that points to it,
 *		src/steps.c				floor 2		... the same backwards,
 *		src/moving_back.c		floor 2		... and for many rows at once,
 *		src/made.c				floor 2		... if that was just made,
 *		src/filling.c			floor 2		... what the one takes over,
 *		src/journal.c			floor 2		... and what is written down
 *		src/exact.c				floor 2		... as text that every session reads
 *		src/contact_rows.c		floor 2		rows of anybody's contacts
 *		src/moves.c				floor 2		statements that repoint rows
 *		src/collisions.c		floor 2		... that find what is in their way,
 *		src/pointing.c			floor 2		... and which rows are meant
 *		src/references.c		floor 2		who points to whom
 *		src/relations.c			floor 2		tables, described and cached
 *		src/condition.c			floor 2		conditions on such pointers
 *
 *		src/notice.c			floor 2		a claim that failed, for the log
 *		src/verdict.c			floor 2		a claim and what it is worth
 *		src/secrets.c			floor 2		opened secrets, cached
 *		src/minting.c			floor 2		new secrets, and queries on them
 *		src/sealed.c			floor 2		a row's secret, sealed and opened
 *		src/keyring.c			floor 2		the master keys' file
 *
 *		src/claim.c				floor 1		what a widget sent
 *		src/rows.c				floor 1		rows of our own tables
 *		src/probe.c				floor 1		... or found through an index
 *		src/statements.c		floor 1		statements, as a table's owner,
 *		src/vouching.c			floor 1		... that vouch for a foreign key
 *		src/coerce.c			floor 1		values of other types
 *		src/text.c				floor 1		text as UTF-8
 *		src/entry.c				floor 1		what all entry points share
 *
 *		src/core/				floor 0		pure C, no server headers
 *
 * Within floors 2 and 3 a file stands only on files that are listed below it.
 *
 * Two rules hold on every floor.  An opened secret never leaves the process
 * except as the result of the function that mints or reveals it; and no
 * message, at any level, quotes a secret, a user_hash, or, to the client, a
 * path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "src/keyring.h"
#include "src/relations.h"
#include "src/rows.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Module load callback
 */
void
_PG_init(void)
{
	idv_keyring_init();
	idv_rows_init();
	idv_relations_init();

	MarkGUCPrefixReserved("idverify");
}
