/*-------------------------------------------------------------------------
 *
 * moving_back.h
 *	  Move rows back to where they pointed before a fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_MOVING_BACK_H
#define IDV_MOVING_BACK_H

#include "postgres.h"

#include "steps.h"

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

#endif							/* IDV_MOVING_BACK_H */
