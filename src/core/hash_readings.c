/*-------------------------------------------------------------------------
 *
 * hash_readings.c
 *	  What a text may mean that was presented as a user_hash.
 *
 * Each reading takes something off another one: blanks, a prefix, a layer of
 * base64 or hex.  So what has several mistakes is read as well.
 *
 *-------------------------------------------------------------------------
 */
#include "core/hash_readings.h"

#include <string.h>

#include <openssl/crypto.h>

#include "core/bad_identity.h"
#include "core/base64.h"
#include "core/hex.h"

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

/* Shorter texts are no encoding of a hash, not of 16 digits of one. */
#define ENCODED_MIN	11

/* The character c in lower case, if it is an ASCII letter. */
static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t) (c - 'A' + 'a') : c;
}

static bool
is_hex(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
			  (lower(text[i]) >= 'a' && lower(text[i]) <= 'f')))
			return false;
	return len > 0;
}

/* May bytes be text that somebody would have encoded? */
static bool
is_text(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != '\n' && bytes[i] != '\r')
			return false;
	return len > 0;
}

/*
 * Add a reading of what is left of another one when a mistake is taken out.
 *
 * A mistake that the other one has already is not counted twice.  What there is
 * already is not added.
 */
static void
add(IdvReadings *readings, const IdvReading *from, IdvFinding finding,
	const char *what, const uint8_t *text, size_t len)
{
	IdvReading *reading = &readings->readings[readings->n];
	bool		repeated = finding == IDV_FOUND_NOTHING;

	if (readings->n == IDV_READINGS_MAX || len == 0 || len > IDV_PRESENTED_MAX)
		return;
	reading->nmistakes = 0;
	for (int i = 0; from != NULL && i < from->nmistakes; i++)
	{
		reading->mistakes[reading->nmistakes++] = from->mistakes[i];
		repeated = repeated || from->mistakes[i].finding == finding;
	}
	if (!repeated)
	{
		if (reading->nmistakes == IDV_READING_MISTAKES)
			return;
		reading->mistakes[reading->nmistakes++] = (IdvMistake)
		{
			finding, what
		};
	}

	reading->len = len;
	reading->is_hex = is_hex(text, len);
	for (size_t i = 0; i < len; i++)
		reading->text[i] = reading->is_hex ? lower(text[i]) : text[i];
	for (size_t i = 0; i < readings->n; i++)
		if (readings->readings[i].len == len &&
			memcmp(readings->readings[i].text, reading->text, len) == 0)
			return;
	readings->n++;
}

/* Without the blanks around it, or what commands write behind a hash. */
static void
read_trimmed(IdvReadings *readings, const IdvReading *from)
{
	/* openssl dgst -r, sha256sum */
	static const char *const names[] = {" *stdin", "  -", " *-"};
	const char *text = (const char *) from->text;
	size_t		len = from->len;

	for (size_t i = 0; i < LENGTHOF(names); i++)
	{
		size_t		n = strlen(names[i]);

		if (len > n && memcmp(text + len - n, names[i], n) == 0)
			add(readings, from, IDV_FOUND_HASH_NOT_TRIMMED,
				"with the name of a file behind it", from->text, len - n);
	}

	idv_trim(&text, &len);
	if (len < from->len)
		add(readings, from, IDV_FOUND_HASH_NOT_TRIMMED,
			from->text[from->len - 1] == '\n' ? "with a line feed behind it" :
			"with blanks around it", (const uint8_t *) text, len);
}

/* Without what is put in front of hashes. */
static void
read_unprefixed(IdvReadings *readings, const IdvReading *from)
{
	static const struct
	{
		const char *prefix;		/* in lower case */
		const char *what;
	}			prefixes[] = {
		{"hmac-sha256=", "with \"hmac-sha256=\" in front"},
		{"hmac-sha256:", "with \"hmac-sha256:\" in front"},
		{"sha256=", "with \"sha256=\" in front"},
		{"sha256:", "with \"sha256:\" in front"},
		{"sha-256=", "with \"sha-256=\" in front"},
		{"0x", "with \"0x\" in front"},
		{"\\x", "with \"\\x\" in front"},
		{"(stdin)= ", "with \"(stdin)= \" in front"},
		{"sha2-256(stdin)= ", "with \"SHA2-256(stdin)= \" in front"},
		{"hmac-sha2-256(stdin)= ", "with \"HMAC-SHA2-256(stdin)= \" in front"},
		{"hmac-sha256(stdin)= ", "with \"HMAC-SHA256(stdin)= \" in front"},
		{"sha256(stdin)= ", "with \"SHA256(stdin)= \" in front"},
	};

	for (size_t i = 0; i < LENGTHOF(prefixes); i++)
	{
		size_t		n = strlen(prefixes[i].prefix);
		size_t		same = 0;

		while (same < n && same < from->len &&
			   lower(from->text[same]) == (uint8_t) prefixes[i].prefix[same])
			same++;
		if (same == n)
			add(readings, from, IDV_FOUND_HASH_PREFIXED, prefixes[i].what,
				from->text + n, from->len - n);
	}
}

/* Without what stands between the bytes: AB-CD-..., ab:cd:..., ab cd ... */
static void
read_unseparated(IdvReadings *readings, const IdvReading *from)
{
	uint8_t		digits[IDV_PRESENTED_MAX];
	size_t		n = 0;
	uint8_t		separator = from->len > 2 ? from->text[2] : 0;

	if (strchr("-: ", separator) == NULL || separator == 0)
		return;
	for (size_t i = 0; i < from->len; i++)
	{
		if (i % 3 != 2)
			digits[n++] = from->text[i];
		else if (from->text[i] != separator)
			return;
	}
	if (is_hex(digits, n))
		add(readings, from, IDV_FOUND_HASH_NOT_TRIMMED,
			"with a character between each two digits", digits, n);
	OPENSSL_cleanse(digits, sizeof(digits));
}

/* With the characters of base64 that a URL has escaped. */
static void
read_unescaped(IdvReadings *readings, const IdvReading *from)
{
	uint8_t		plain[IDV_PRESENTED_MAX];
	size_t		n = 0;

	if (memchr(from->text, '%', from->len) == NULL)
		return;
	for (size_t i = 0; i < from->len; i++)
	{
		plain[n] = from->text[i];
		if (from->text[i] == '%' && from->len - i > 2 &&
			idv_hex_decode(&plain[n], 1, (const char *) &from->text[i + 1], 2))
			i += 2;
		n++;
	}
	add(readings, from, IDV_FOUND_NOTHING, NULL, plain, n);
	OPENSSL_cleanse(plain, sizeof(plain));
}

/* Decoded from base64, into bytes or into text. */
static void
read_base64(IdvReadings *readings, const IdvReading *from)
{
	uint8_t		bytes[IDV_BASE64_DECODED(IDV_PRESENTED_MAX)];
	char		digits[IDV_PRESENTED_MAX];
	size_t		len;
	bool		url = memchr(from->text, '-', from->len) != NULL ||
	memchr(from->text, '_', from->len) != NULL;

	if (from->is_hex || from->len < ENCODED_MIN ||
		!idv_base64_decode(bytes, &len, from->text, from->len))
		return;
	if (is_text(bytes, len))
		add(readings, from, IDV_FOUND_HASH_BASE64,
			url ? "in base64url, of its text" : "in base64, of its text", bytes, len);
	else if (2 * len <= sizeof(digits))
	{
		idv_hex_encode(digits, bytes, len);
		add(readings, from, IDV_FOUND_HASH_BASE64,
			url ? "in base64url" : "in base64", (uint8_t *) digits, 2 * len);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(digits, sizeof(digits));
}

/* Decoded from hex, if that is text again. */
static void
read_hex(IdvReadings *readings, const IdvReading *from)
{
	uint8_t		bytes[IDV_PRESENTED_MAX / 2];
	size_t		len = from->len / 2;

	if (!from->is_hex || from->len < 2 * ENCODED_MIN || from->len % 2 != 0)
		return;
	if (idv_hex_decode(bytes, len, (const char *) from->text, from->len) &&
		is_text(bytes, len))
		add(readings, from, IDV_FOUND_HASH_HEX_TWICE, "as the hex digits of its text",
			bytes, len);
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

/*
 * idv_hash_readings
 *		All that was presented may mean, as it is first.
 *
 * presented	if it is empty, or has more than IDV_PRESENTED_MAX bytes, there
 *				are none
 */
void
idv_hash_readings(IdvReadings *readings, const char *presented, size_t len)
{
	readings->n = 0;
	add(readings, NULL, IDV_FOUND_NOTHING, NULL, (const uint8_t *) presented, len);
	for (size_t i = 0; i < readings->n; i++)
	{
		const IdvReading *from = &readings->readings[i];

		read_trimmed(readings, from);
		read_unprefixed(readings, from);
		read_unseparated(readings, from);
		read_unescaped(readings, from);
		read_base64(readings, from);
		read_hex(readings, from);
	}
}

/*
 * idv_token_offset
 *		How many bytes stand in front of a token that are none of it: blanks, the
 *		quote of a string, and what HTTP writes before one, "Bearer ".
 */
size_t
idv_token_offset(const char *presented, size_t len)
{
	static const char scheme[] = "bearer ";
	const size_t scheme_len = sizeof(scheme) - 1;
	const char *token = presented;
	size_t		same = 0;

	idv_trim(&token, &len);
	if (len > 0 && (*token == '"' || *token == '\''))
	{
		token++;
		len--;
	}
	while (same < scheme_len && same < len &&
		   lower((uint8_t) token[same]) == (uint8_t) scheme[same])
		same++;
	if (same == scheme_len)
	{
		token += same;
		len -= same;
		idv_trim(&token, &len);
	}
	return (size_t) (token - presented);
}

/* Do digits of base64, of either alphabet, begin the text of an object? */
static bool
begin_object(const char *digits, size_t len)
{
	for (size_t at = 0; at < len; at += 4)
	{
		uint8_t		bytes[IDV_BASE64_DECODED(4)];
		size_t		n;

		if (!idv_base64_decode(bytes, &n, (const uint8_t *) digits + at,
							   len - at < 4 ? len - at : 4))
			return false;
		for (size_t i = 0; i < n; i++)
		{
			if (bytes[i] == '{')
				return true;
			if (bytes[i] == 0 || strchr(" \t\n\r", bytes[i]) == NULL)
				return false;
		}
	}
	return false;
}

/*
 * idv_looks_like_token
 *		Was this meant as a JSON Web Token, right or wrong?
 *
 * It begins with the text of an object in base64, of either alphabet, and a dot;
 * what may stand in front of it does not count.  Whatever asks whether a token is
 * there asks this.
 */
bool
idv_looks_like_token(const char *presented, size_t len)
{
	size_t		at = idv_token_offset(presented, len);
	const char *dot = memchr(presented + at, '.', len - at);

	return dot != NULL && begin_object(presented + at, (size_t) (dot - presented) - at);
}
