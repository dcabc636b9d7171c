/*-------------------------------------------------------------------------
 *
 * steps.h
 *	  Undo the steps of a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_STEPS_H
#define IDV_STEPS_H

#include "postgres.h"

#include "references/contact_table.h"
#include "fold/fold.h"
#include "references/table_description.h"

/* A fold that is being undone. */
typedef struct IdvUnfold
{
	int64		id;
	int32		app_id;
	IdvContacts *contacts;
	char	   *source_id;
	char	   *target_id;
	Datum		source_row;		/* jsonb, as all that follow */
	Datum		filled;
	Datum		first_steps;
	NullableDatum visitor;
	List	   *undone;			/* of IdvFolded */
	MemoryContext context;		/* where that is */

	/* The last statement that moved rows back; often the next step's too. */
	char	   *sql;
	char	   *places_sql;
	IdvStatement move_back;
	IdvStatement places;		/* of rows without a key: where they are */
	IdvStatement still_there;	/* rows that it should have moved */

	IdvStatement once;			/* one that is for nothing else */
} IdvUnfold;

extern IdvFolded *idv_undone_line(IdvUnfold *unfold, Oid relation);
extern Oid	idv_journaled_relation(const IdvUnfold *unfold, const char *name);
extern char *idv_column_type(const IdvTable *table, AttrNumber column);
extern void idv_put_back(IdvUnfold *unfold, IdvTable *table, Datum row);
extern void idv_undo_steps(IdvUnfold *unfold);

#endif							/* IDV_STEPS_H */
