/*-------------------------------------------------------------------------
 *
 * secret_text.h
 *	  Secrets as other products write them: text, hex, base64.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_SECRET_TEXT_H
#define IDV_SECRET_TEXT_H

#include "postgres.h"

#include "core/seal.h"
#include "tables/apps.h"

extern IdvEncoding idv_encoding_argument(NullableDatum encoding);
extern size_t idv_secret_read(uint8 secret[IDV_SECRET_MAX],
							  IdvEncoding encoding, Datum written);
extern text *idv_secret_write(const uint8 *secret, size_t secret_len,
							  IdvEncoding encoding);

#endif							/* IDV_SECRET_TEXT_H */
