/*-------------------------------------------------------------------------
 *
 * asan-first.c
 *	  Preloaded with AddressSanitizer into a server that was built without it.
 *
 * The constructor of libgpg-error allocates while it holds a lock of gettext.
 * If that is the first allocation, AddressSanitizer starts then, asks gettext
 * for a message, and waits for that lock for ever.  Linked with -z initfirst,
 * this allocates before any other constructor runs.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

__attribute__((constructor)) static void
allocate_first(void)
{
	void	   *volatile memory = malloc(1);

	free(memory);
}
