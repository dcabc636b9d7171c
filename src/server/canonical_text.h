/*-------------------------------------------------------------------------
 *
 * canonical_text.h
 *	  Text that is the same in every session, and loses nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CANONICAL_TEXT_H
#define IDV_CANONICAL_TEXT_H

#include "postgres.h"

extern int	idv_canonical_reading_begin(void);
extern int	idv_canonical_text_begin(void);
extern void idv_plain_sql(int *level);
extern int	idv_canonical_sql_begin(void);
extern void idv_canonical_text_end(int level);
extern bool idv_is_canonical(Oid type);
extern char *idv_value_text(Oid type, Datum value);
extern Datum idv_value_from_text(Oid type, int32 typmod, char *text);

#endif							/* IDV_CANONICAL_TEXT_H */
