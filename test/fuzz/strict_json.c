/*-------------------------------------------------------------------------
 *
 * strict_json.c
 *	  Fuzz the reader of a token's header and payload: what it takes is one object
 *	  that names each of its members once, and means the same when it is read
 *	  again.
 *
 * PostgreSQL's parser is that of its programs, libpgcommon; the reader is
 * compiled as one of them.  So it takes memory by malloc(), each piece of which
 * the sanitizer watches; all of it is given back after each input.
 *
 *-------------------------------------------------------------------------
 */
#define FRONTEND
#include "postgres_fe.h"

/* What the reader includes of the server is there already. */
#define POSTGRES_H
typedef uintptr_t Datum;

#include "../../src/server/strict_json.c"

#define PIECES_MAX	100000

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *pieces[PIECES_MAX];
static int	npieces = 0;

static void *
keep(void *piece)
{
	if (piece == NULL || npieces == PIECES_MAX)
		abort();
	pieces[npieces++] = piece;
	return piece;
}

/* In place of those of libpgcommon. */

void *
palloc(Size size)
{
	return keep(malloc(size > 0 ? size : 1));
}

void *
palloc0(Size size)
{
	return keep(calloc(1, size > 0 ? size : 1));
}

void *
repalloc(void *pointer, Size size)
{
	for (int i = 0; i < npieces; i++)
		if (pieces[i] == pointer)
		{
			pieces[i] = realloc(pointer, size);
			if (pieces[i] == NULL)
				abort();
			return pieces[i];
		}
	abort();
}

void
pfree(void *pointer)
{
	for (int i = 0; i < npieces; i++)
		if (pieces[i] == pointer)
		{
			free(pointer);
			pieces[i] = pieces[--npieces];
			return;
		}
	abort();
}

char *
pnstrdup(const char *in, Size size)
{
	char	   *copy = palloc(size + 1);

	memcpy(copy, in, size);
	copy[size] = '\0';
	return copy;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

bool
pg_verify_mbstr(int encoding, const char *mbstr, int len,
				bool noError pg_attribute_unused())
{
	return pg_encoding_verifymbstr(encoding, mbstr, len) == len;
}

/* What was handed over of an object. */
typedef struct Members
{
	int			n;
	struct
	{
		IdvText		name;
		IdvJsonValue value;
	}			member[2000];
} Members;

static void
note_member(void *state, IdvText name, const IdvJsonValue *value)
{
	Members    *members = state;

	if (members->n == lengthof(members->member))
		abort();
	members->member[members->n].name = name;
	members->member[members->n++].value = *value;
}

static bool
is_same(IdvText a, IdvText b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

static void
look_at(const Members *members)
{
	for (int i = 0; i < members->n; i++)
	{
		const IdvJsonValue *value = &members->member[i].value;
		IdvText		name = members->member[i].name;
		bool		has_text = value->kind == JSON_TOKEN_STRING || value->kind == JSON_TOKEN_NUMBER;

		if (!pg_verify_mbstr(PG_UTF8, name.bytes, (int) name.len, true) ||
			memchr(name.bytes, '\0', name.len) != NULL)
			abort();
		if (has_text && (!pg_verify_mbstr(PG_UTF8, value->text.bytes, (int) value->text.len, true) ||
						 memchr(value->text.bytes, '\0', value->text.len) != NULL))
			abort();
		if (value->kind == JSON_TOKEN_NUMBER &&
			value->number != strtod(pnstrdup(value->text.bytes, value->text.len), NULL))
			abort();
		for (int j = 0; j < i; j++)
			if (is_same(name, members->member[j].name))
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Members first;
	static Members second;
	IdvText		once;
	IdvText		twice;

	first.n = second.n = 0;
	/* No token has a longer payload; few members keep the comparison short. */
	if (size <= 6000 &&
		idv_strict_json_read(&once, data, size, note_member, &first))
	{
		look_at(&first);
		if (once.len > size || once.bytes[once.len] != '\0' ||
			!idv_strict_json_read(&twice, (const uint8 *) once.bytes, once.len, note_member, &second) ||
			!is_same(once, twice) || first.n != second.n)
			abort();
		for (int i = 0; i < first.n; i++)
			if (!is_same(first.member[i].name, second.member[i].name) ||
				first.member[i].value.kind != second.member[i].value.kind ||
				!is_same(first.member[i].value.text, second.member[i].value.text))
				abort();
	}
	while (npieces > 0)
		free(pieces[--npieces]);
	return 0;
}
