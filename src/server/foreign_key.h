/*-------------------------------------------------------------------------
 *
 * foreign_key.h
 *	  What the catalog says of foreign keys, of their triggers, and of the columns
 *	  that they are made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_FOREIGN_KEY_H
#define IDV_FOREIGN_KEY_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "utils/reltrigger.h"

/* A foreign key, as far as its actions go. */
typedef struct IdvKey
{
	Bitmapset  *pointing;		/* its columns */
	Bitmapset  *pointed_to;		/* what they point to */
	char		on_update;
	char		on_delete;
	bool		may_follow;		/* could be ON UPDATE CASCADE */
	bool		to_primary;		/* points to the primary key */
} IdvKey;

extern IdvKey idv_key_read(Oid constraint);
extern bool idv_key_fires(const Trigger *trigger);
extern bool idv_key_is_part_of(Oid key, Oid whole);
extern TriggerDesc *idv_triggers(Oid relation);
extern Bitmapset *idv_columns_add(Bitmapset *set, const AttrNumber *columns, int n);
extern Bitmapset *idv_columns_of_part(const Bitmapset *columns, Oid whole, Oid part);
extern Bitmapset *idv_columns_with_generated(Bitmapset *columns, Oid relation);
extern bool idv_row_may_leave(Oid part, const TriggerDesc *triggers,
							  const Bitmapset *updated);

#endif							/* IDV_FOREIGN_KEY_H */
