/*-------------------------------------------------------------------------
 *
 * try_out.c
 *	  Do something, and take it all back: what is asked for as a dry run.
 *
 *-------------------------------------------------------------------------
 */
#include "server/try_out.h"

#include "access/xact.h"
#include "utils/resowner.h"

/*
 * idv_try_out
 *		Run something in a subtransaction that is rolled back.
 *
 * Also where it fails; its error is raised again.  Nobody else knows of this
 * subtransaction: left open, it would be taken for the one of the statement or block
 * that catches the error.
 */
void
idv_try_out(void (*run) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run(arg);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		ReThrowError(error);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}
