/*-------------------------------------------------------------------------
 *
 * key_slots.c
 *	  Places in memory for keys that are kept ready.
 *
 * A session keeps as many keys as it asks for, up to a limit that is a setting.
 * libcrypto's secure heap would be no good place for them: its size is fixed when
 * it is made, and all of it is locked against swapping or nothing is, so that room
 * for many keys, past "ulimit -l", would leave the master keys unlocked, too.
 *
 * So keys lie in blocks, made one after the other when there is no room left.
 * Each is treated as libcrypto treats its heap: left out of core dumps, locked as
 * far as the limits allow, between two pages that nobody may touch.
 *
 *-------------------------------------------------------------------------
 */
#include "secrets/key_slots.h"

#include <sys/mman.h>
#include <unistd.h>

/* Bytes of a block, which is a thousand keys; a multiple of every page's size. */
#define BLOCK_BYTES		(64 * 1024)

/* A key, or the next of the slots that are free. */
typedef union KeySlot
{
	IdvHmac		key;
	union KeySlot *next;
} KeySlot;

#define BLOCK_SLOTS		((int) (BLOCK_BYTES / sizeof(KeySlot)))

/* Blocks, the newest first; the first slot of each holds the place of the next. */
static KeySlot *blocks = NULL;

static int	nblocks = 0;

/* Slots of the newest block that have been handed out so far, the first too. */
static int	begun = BLOCK_SLOTS;

/* Slots that were handed out and returned. */
static KeySlot *returned = NULL;

/* Make a block the newest.  False if there is no memory. */
static bool
add_block(void)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	char	   *mapped = mmap(NULL, BLOCK_BYTES + 2 * page, PROT_NONE,
							  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	KeySlot    *block;

	if (mapped == MAP_FAILED)
		return false;
	block = (KeySlot *) (mapped + page);
	if (mprotect(block, BLOCK_BYTES, PROT_READ | PROT_WRITE) != 0)
	{
		(void) munmap(mapped, BLOCK_BYTES + 2 * page);
		return false;
	}

	(void) mlock(block, BLOCK_BYTES);
#ifdef MADV_DONTDUMP
	(void) madvise(block, BLOCK_BYTES, MADV_DONTDUMP);
#endif

	block->next = blocks;
	blocks = block;
	nblocks++;
	begun = 1;
	return true;
}

/*
 * idv_key_slot_take
 *		A place for a key.  NULL if there is no memory.
 *
 * Raises no error.  It is given back by idv_key_slot_return().
 */
IdvHmac *
idv_key_slot_take(void)
{
	KeySlot    *slot = returned;

	if (slot != NULL)
		returned = slot->next;
	else if (begun < BLOCK_SLOTS || add_block())
		slot = &blocks[begun++];
	else
		return NULL;
	return &slot->key;
}

/*
 * idv_key_slot_return
 *		Wipe a key, and give its place back.  NULL is fine.
 */
void
idv_key_slot_return(IdvHmac *key)
{
	KeySlot    *slot = (KeySlot *) key;

	if (slot == NULL)
		return;
	idv_hmac_wipe(key);
	slot->next = returned;
	returned = slot;
}

/*
 * idv_key_slots_bytes
 *		How many bytes the slots take, in use or not.
 */
Size
idv_key_slots_bytes(void)
{
	return (Size) nblocks * BLOCK_BYTES;
}

/*
 * idv_key_slots_trim
 *		Give all blocks but one back to the system.  All slots have been returned.
 */
void
idv_key_slots_trim(void)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);

	if (blocks == NULL)
		return;
	for (KeySlot *next = blocks->next; next != NULL; next = blocks->next)
	{
		(void) munmap((char *) blocks - page, BLOCK_BYTES + 2 * page);
		blocks = next;
		nblocks--;
	}
	returned = NULL;
	begun = 1;
}
