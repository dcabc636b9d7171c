/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Read base64 as leniently as careless code writes it; write it strictly.
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* The character of the standard alphabet that c stands for, or 0. */
static uint8_t
standard(uint8_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c >= '0' && c <= '9') || c == '+' || c == '/')
		return c;
	switch (c)
	{
		case '-':
		case ' ':				/* a plus, read from a form */
			return '+';
		case '_':
			return '/';
	}
	return 0;
}

/*
 * idv_base64_decode
 *		Decode src, of either alphabet, padded or not.
 *
 * dst has room for IDV_BASE64_DECODED(src_len) bytes.
 *
 * Returns false, with dst unspecified and dst_len 0, for anything else, and for
 * more than IDV_BASE64_MAX characters.  Bits that are left over are ignored.
 */
bool
idv_base64_decode(uint8_t *dst, size_t *dst_len,
				  const uint8_t *src, size_t src_len)
{
	uint8_t		text[IDV_BASE64_MAX];
	size_t		len = src_len;
	size_t		padding = 0;
	bool		valid;

	*dst_len = 0;
	if (src_len > IDV_BASE64_MAX)
		return false;
	while (len > 0 && padding < 2 && src[len - 1] == '=')
	{
		len--;
		padding++;
	}
	/* A single character holds no byte. */
	valid = len > 0 && len % 4 != 1;
	for (size_t i = 0; valid && i < len; i++)
	{
		text[i] = standard(src[i]);
		valid = text[i] != 0;
	}
	if (valid)
	{
		size_t		whole = (len + 3) / 4 * 4;

		/* libcrypto wants whole groups, and decodes what pads them to zeros. */
		for (size_t i = len; i < whole; i++)
			text[i] = 'A';
		valid = EVP_DecodeBlock(dst, text, (int) whole) >= 0;
		*dst_len = valid ? len * 3 / 4 : 0;
	}
	OPENSSL_cleanse(text, sizeof(text));
	return valid;
}

/*
 * idv_base64_encode
 *		Write src in base64 (RFC 4648, section 4), padded, to dst, which has room
 *		for IDV_BASE64_ENCODED(src_len) characters.
 *
 * Returns how many were written; a zero follows them, which is not counted.
 */
size_t
idv_base64_encode(char *dst, const uint8_t *src, size_t src_len)
{
	return (size_t) EVP_EncodeBlock((unsigned char *) dst, src, (int) src_len);
}
