/*-------------------------------------------------------------------------
 *
 * unmove.h
 *	  Move rows back to where they pointed before a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_UNMOVE_H
#define IDV_UNMOVE_H

#include "postgres.h"

#include "fold/steps.h"

/* One step of the journal. */
typedef struct IdvStep
{
	int32		step;
	IdvTable   *table;
	List	   *columns;		/* names; as are key_columns */
	List	   *key_columns;
	Datum		old_values;		/* arrays of text */
	Datum		new_values;
	Datum		moved_keys;
	char	   *condition;
	bool		whole_row;
	NullableDatum dropped_row;
} IdvStep;

extern void idv_move_back(IdvUnfold *unfold, const IdvStep *step);
extern void idv_move_back_end(IdvUnfold *unfold);

#endif							/* IDV_UNMOVE_H */
