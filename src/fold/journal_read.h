/*-------------------------------------------------------------------------
 *
 * journal_read.h
 *	  Read a fold in the journal, in order to undo it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_JOURNAL_READ_H
#define IDV_JOURNAL_READ_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "references/contact_table.h"

/* In SQL: is a name that the journal has no table's now? */
#define IDV_NAMES_NO_TABLE(name) \
	"coalesce((SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = to_regclass(" name ")), true)"

/* A fold as the journal has it. */
typedef struct IdvJournaledFold
{
	int64		id;
	int32		app_id;
	IdvContactTable *contacts;
	char	   *source_id;
	char	   *target_id;
	Datum		source_row;		/* jsonb, as all that follow */
	Datum		filled;
	Datum		first_steps;
	Datum		owners;			/* of the tables that it wrote to */
	NullableDatum visitor;
	TimestampTz folded_at;
} IdvJournaledFold;

/* One step of it: rows that were moved, or a row that was dropped. */
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
	int32		moved;			/* how many rows */
	List	   *parts;			/* names of the partitions that they, or the
								 * dropped row, were in */
	NullableDatum dropped_row;	/* jsonb */
} IdvStep;

extern void idv_journal_open(IdvJournaledFold *fold, int64 id);
extern void idv_journal_lock(IdvJournaledFold *fold);
extern void idv_journal_report_altered(const IdvJournaledFold *fold,
									   const char *what) __attribute__((noreturn));
extern void idv_journal_report_no_table(int64 fold_id,
										const char *name) __attribute__((noreturn));
extern void idv_journal_check_parts(const IdvJournaledFold *fold,
									const IdvStep *step);
extern bool idv_journal_previous(IdvStep *step, const IdvJournaledFold *fold);
extern AttrNumber idv_journal_column(const IdvJournaledFold *fold,
									 const IdvTable *table, const char *name);

extern char *idv_journal_member(Jsonb *row, const char *name);
extern Datum idv_journal_value(const IdvJournaledFold *fold,
							   const IdvTable *table, AttrNumber column,
							   char *text);

#endif							/* IDV_JOURNAL_READ_H */
