/*-------------------------------------------------------------------------
 *
 * strict_json.c
 *	  Read a JSON object that has one meaning only.
 *
 * JSON allows an object to have a member twice, and readers differ in which one
 * they take.  What is signed must not mean one thing to its author and another
 * here, so such objects are refused.  jsonb would have dropped all but one: this
 * is PostgreSQL's parser without it.
 *
 * Nothing raises an error, but for memory: what is read was sent by somebody's
 * browser.
 *
 *-------------------------------------------------------------------------
 */
#include "server/strict_json.h"

#include "mb/pg_wchar.h"

#include "core/json_text.h"

/* Names that there is room for at first. */
#define FIRST_NAMES		32

/* So few names are not worth sorting. */
#define FEW_NAMES		12

/* jsonb takes any number of a token whose exponent has no more digits. */
#define EXPONENT_MAX	999

/* Actions tell from 16 on whether to go on. */
#if PG_VERSION_NUM >= 160000
#define ACTION		static JsonParseErrorType
#define GO_ON		return JSON_SUCCESS
#else
#define ACTION		static void
#define GO_ON		return
#endif

typedef struct Reader
{
	JsonLexContext *lex;
	bool		plain;			/* there are no escapes in the text */
	IdvJsonMember member;
	void	   *state;
	const char *name;			/* of the member that is being read */
	bool		refused;
	int			depth;
	int			starts[IDV_JSON_DEPTH_MAX + 1]; /* where a level's names are */
	const char **names;			/* of all objects that are not over yet */
	int			count;
	int			room;
} Reader;

/*
 * The text of the string that ends here, where there are no escapes: what stands
 * between two quotes.  The closing one is overwritten, as it has been read.
 *
 * PostgreSQL's lexer would copy it character by character, and this once more.
 */
static char *
plain_string(char *end)
{
	char	   *start = --end;

	Assert(*end == '"');
	*end = '\0';
	while (*--start != '"')
		;
	return start + 1;
}

/* The name of a member, of which the colon has just been read. */
static char *
plain_name(const JsonLexContext *lex)
{
	char	   *end = (char *) lex->prev_token_terminator;

	Assert(end[-1] == ':');
	end--;
	while (end[-1] != '"')		/* blanks */
		end--;
	return plain_string(end);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Begin an object or an array. */
static void
begin(Reader *reader, JsonTokenType kind)
{
	if (reader->depth == 1 && !reader->refused)
		reader->member(reader->state, reader->name, NULL, kind);
	reader->depth++;
	/* The text had no more levels than that when they were counted. */
	if (reader->depth > IDV_JSON_DEPTH_MAX)
		reader->refused = true;
	else
		reader->starts[reader->depth] = reader->count;
}

ACTION
begin_object(void *state)
{
	begin(state, JSON_TOKEN_OBJECT_START);
	GO_ON;
}

ACTION
begin_array(void *state)
{
	Reader	   *reader = state;

	reader->refused |= reader->depth == 0;
	begin(reader, JSON_TOKEN_ARRAY_START);
	GO_ON;
}

/* Is one of the names there twice? */
static bool
has_twice(const char **names, int count)
{
	/* Of few, each is compared with each before it. */
	if (count <= FEW_NAMES)
	{
		for (int i = 1; i < count; i++)
			for (int j = 0; j < i; j++)
				if (names[i][0] == names[j][0] && strcmp(names[i], names[j]) == 0)
					return true;
		return false;
	}

	qsort(names, count, sizeof(const char *), compare_names);
	for (int i = 1; i < count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return true;
	return false;
}

/* End an object or an array: see that it has no name twice. */
ACTION
end(void *state)
{
	Reader	   *reader = state;
	const char **names;
	int			count;

	if (reader->depth-- > IDV_JSON_DEPTH_MAX)
		GO_ON;
	names = reader->names + reader->starts[reader->depth + 1];
	count = reader->count - reader->starts[reader->depth + 1];
	if (has_twice(names, count))
		reader->refused = true;
	reader->count -= count;
	GO_ON;
}

ACTION
read_name(void *state, char *name, bool isnull pg_attribute_unused())
{
	Reader	   *reader = state;

	if (reader->plain)
		name = plain_name(reader->lex);
	if (reader->count == reader->room)
	{
		reader->room *= 2;
		reader->names = repalloc(reader->names,
								 reader->room * sizeof(const char *));
	}
	reader->names[reader->count++] = name;
	if (reader->depth == 1)
		reader->name = name;
	GO_ON;
}

ACTION
read_scalar(void *state, char *value, JsonTokenType kind)
{
	Reader	   *reader = state;

	if (kind == JSON_TOKEN_STRING && reader->plain)
		value = plain_string((char *) reader->lex->prev_token_terminator);
	if (kind == JSON_TOKEN_NUMBER)
	{
		const char *digits = strpbrk(value, "eE");
		long		exponent = digits == NULL ? 0 : strtol(digits + 1, NULL, 10);

		if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
			reader->refused = true;
	}
	if (reader->depth == 0)
		reader->refused = true;
	else if (reader->depth == 1 && !reader->refused)
		reader->member(reader->state, reader->name, value, kind);
	GO_ON;
}

/*
 * idv_strict_json_read
 *		Read an object, member by member.
 *
 * text		out: the object as jsonb_in() takes it, once it is converted from UTF-8;
 *			a zero follows.  No escape is left but those of ASCII.
 *
 * Returns false for anything but one object in UTF-8 that has, in itself and in
 * what is in it, no member twice and no U+0000, and that is not nested deeper
 * than IDV_JSON_DEPTH_MAX.  Members may have been handed over until that was
 * seen.
 */
bool
idv_strict_json_read(IdvText *text, const uint8 *utf8, size_t len,
					 IdvJsonMember member, void *state)
{
	Reader		reader = {.member = member,.state = state,.room = FIRST_NAMES};
	JsonSemAction actions = {
		.semstate = &reader,
		.object_start = begin_object,
		.object_end = end,
		.array_start = begin_array,
		.array_end = end,
		.object_field_start = read_name,
		.scalar = read_scalar,
	};
	char	   *json;

	if (!pg_verify_mbstr(PG_UTF8, (const char *) utf8, (int) len, true))
		return false;
	json = palloc(len + 1);
	if (!idv_json_text(json, &text->len, utf8, len))
		return false;
	json[text->len] = '\0';
	text	  ->bytes = json;

	/* What is parsed is a copy: plain_string() writes into it. */
	reader.plain = memchr(json, '\\', text->len) == NULL;
	if (reader.plain)
		json = memcpy(palloc(text->len + 1), json, text->len + 1);
#if PG_VERSION_NUM >= 170000
	reader.lex = makeJsonLexContextCstringLen(NULL, json, text->len, PG_UTF8, !reader.plain);
#else
	reader.lex = makeJsonLexContextCstringLen(json, (int) text->len, PG_UTF8, !reader.plain);
#endif
	reader.names = palloc(reader.room * sizeof(const char *));
	return pg_parse_json(reader.lex, &actions) == JSON_SUCCESS && !reader.refused;
}
