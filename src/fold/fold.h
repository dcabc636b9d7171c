/*-------------------------------------------------------------------------
 *
 * fold.h
 *	  Fold one contact into another; take a fold back.
 *
 * Callers are SECURITY DEFINER functions with SET search_path = pg_catalog,
 * pg_temp, of the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOLD_H
#define IDV_FOLD_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* What a fold did to one table: a row of idverify_fold()'s result. */
typedef struct IdvFolded
{
	Oid			relation;
	NameData	column_name;	/* the one that holds the contact's id */
	int64		moved;
	int64		dropped;
} IdvFolded;

/* How to fold; none of these by default. */
#define IDV_FOLD_DRY_RUN	1	/* count, change nothing */
#define IDV_FOLD_FORCE		2	/* even a verified source */
#define IDV_FOLD_BY_CLAIM	4	/* because a visitor logged in: what was
								 * claimed unsigned does not become identity */

/* No fold's id: somebody has folded the target, and what it has become is to
 * be looked for again. */
#define IDV_FOLD_TARGET_GONE	(-1)

extern int64 idv_fold(List **folded, Oid contacts, Oid id_type,
					  Datum source, Datum target, int how);

/*
 * The same by claim, for contacts of ours whose app is known.
 *
 * It locks both rows, the verified one first and two of a kind by their ids.
 * Who is going to fold several contacts locks all of them first, in that
 * order, and holds no other: a fold alone keeps to it, but not one after
 * another.
 */
extern int64 idv_fold_own(List **folded, int32 app_id, int64 source,
						  int64 target, int how);
extern bool idv_fold_lock_own(int32 app_id, int64 id, bool as_source);

/*
 * The same into a contact that this very call has made: nobody else
 * sees it, so it is neither locked nor read.
 *
 * The caller may have given it the source's created_at already, so that there
 * is less to write now.
 */
typedef struct IdvNewContact
{
	int64		id;
	Datum	   *values;			/* all its columns */
	bool	   *nulls;
	TimestampTz made_at;		/* its created_at by right */
} IdvNewContact;

extern int64 idv_fold_into_new(List **folded, int32 app_id, int64 source,
							   const IdvNewContact *target);

extern void idv_unfold(List **undone, int64 fold_id);

/* Where an id, or what was signed for a contact of ours, leads to now. */
extern Datum idv_resolve(Oid contacts, Oid id_type, Datum id);
extern bool idv_fold_of_external_id(int32 app_id, Datum external_id,
									int64 *contact);
extern bool idv_fold_of_email(int32 app_id, Datum email, int64 *contact);

#endif							/* IDV_FOLD_H */
