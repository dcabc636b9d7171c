/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  Statements: kept, run as the owner of somebody's table where it is one,
 *	  and always under a fresh snapshot.
 *
 * The caller is connected to SPI, and its search_path is pinned to
 * "pg_catalog, pg_temp".
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_STATEMENT_H
#define IDV_STATEMENT_H

#include "postgres.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "server/key_actions.h"

/* A prepared statement that outlives the transaction. */
typedef struct IdvStatement
{
	SPIPlanPtr	plan;			/* NULL: not prepared yet */
	Oid			owner;			/* InvalidOid: the current user */
	bool		ours;			/* on a table of ours, by a key */
	bool		unreferenced;	/* deletes rows that nothing points to any
								 * more */
	IdvPointers pointers;		/* see server/key_actions.h */
	const List *done_keys;		/* likewise */
	bool		as_of_caller;	/* under the snapshot of the caller, not the
								 * latest: it only reads */
	Oid		   *returned;		/* the types of its result, or of the first */
	int			nreturned;		/* columns of it: those that are read */
	struct IdvChecked *checked; /* that its tables' code was trusted */
} IdvStatement;

/* One row: its columns in order, or those of a table by their numbers. */
typedef struct IdvRow
{
	Datum	   *values;
	bool	   *nulls;
} IdvRow;

/* What a statement returned.  Spills to disk, so it may be any size. */
typedef struct IdvResult
{
	Tuplestorestate *store;
	TupleTableSlot *slot;		/* the row that idv_result_next() found */
	Datum	   *values;			/* its columns */
	bool	   *nulls;
	uint64		processed;		/* rows that the statement touched */
} IdvResult;

extern void idv_row_copy(IdvRow *row, TupleTableSlot *slot);
extern void idv_statement_prepare(IdvStatement *statement, Oid owner,
								  const char *sql, int nargs,
								  const Oid *types);
extern void idv_report_altered(const char *label) __attribute__((noreturn));
extern void idv_statement_free(IdvStatement *statement);
extern uint64 idv_statement_run(const IdvStatement *statement,
								const Datum *values, const bool *nulls);
extern uint64 idv_statement_first(const IdvStatement *statement,
								  const Datum *values, const bool *nulls,
								  IdvRow *first);
extern IdvResult *idv_statement_query(const IdvStatement *statement,
									  const Datum *values, const bool *nulls);
extern IdvResult *idv_statement_move(const IdvStatement *statement,
									 const Datum *values, const bool *nulls,
									 Oid skipped_key);
extern IdvResult *idv_statement_ask(IdvStatement *statement, const char *sql,
									int nargs, const Oid *types,
									const Datum *values);
extern bool idv_result_next(IdvResult *result);
extern Datum idv_result_record(IdvResult *result, int first);
extern void idv_result_end(IdvResult *result);

#endif							/* IDV_STATEMENT_H */
