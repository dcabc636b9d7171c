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
#include "port/pg_bswap.h"

#include "core/json_text.h"

/* Names that there is room for at first. */
#define FIRST_NAMES		32

/* So few names are not worth sorting. */
#define FEW_NAMES		12

/* jsonb takes any number of a token whose exponent has no more digits. */
#define EXPONENT_MAX	999

/* Integers of so many digits are the same as double precision. */
#define EXACT_DIGITS	15

/* Actions tell from 16 on whether to go on. */
#if PG_VERSION_NUM >= 160000
#define ACTION		static JsonParseErrorType
#define GO_ON		return JSON_SUCCESS
#else
#define ACTION		static void
#define GO_ON		return
#endif

/* The name of a member. */
typedef struct MemberName
{
	uint32		key;			/* names of other keys are other names */
	IdvText text;
} MemberName;

typedef struct Reader
{
	JsonLexContext *lex;
	bool		plain;			/* there are no escapes in the text */
	bool		is_object;
	bool		refused;
	IdvJsonMember member;
	void	   *state;
	int			depth;
	int			starts[IDV_JSON_DEPTH_MAX + 1]; /* where a level's names are */
	MemberName *names;			/* of all objects that are not over yet */
	int			count;
	int			room;
	uint64		bits;			/* one for each name so far, by its key */
	bool		same_bit;		/* two names had the same; else none is twice */
	MemberName	first_names[FIRST_NAMES];
} Reader;

/* Begin an object or an array. */
static void
begin(Reader *reader)
{
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
	Reader	   *reader = state;

	reader->is_object |= reader->depth == 0;
	begin(reader);
	GO_ON;
}

ACTION
begin_array(void *state)
{
	begin(state);
	GO_ON;
}

static int
compare_names(const void *a, const void *b)
{
	const MemberName *left = a;
	const MemberName *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return memcmp(left->text.bytes, right->text.bytes, left->text.len);
}

/* Is one of the names there twice? */
static bool
has_twice(MemberName *names, int count)
{
	/* Of few, each is compared with each before it. */
	if (count <= FEW_NAMES)
	{
		for (int i = 1; i < count; i++)
			for (int j = 0; j < i; j++)
				if (names[i].key == names[j].key &&
					compare_names(&names[i], &names[j]) == 0)
					return true;
		return false;
	}

	qsort(names, count, sizeof(MemberName), compare_names);
	for (int i = 1; i < count; i++)
		if (compare_names(&names[i - 1], &names[i]) == 0)
			return true;
	return false;
}

/* End an object or an array: see that it has no name twice. */
ACTION
end(void *state)
{
	Reader	   *reader = state;
	int			start;

	if (reader->depth-- > IDV_JSON_DEPTH_MAX)
		GO_ON;
	start = reader->starts[reader->depth + 1];
	if (reader->same_bit &&
		has_twice(reader->names + start, reader->count - start))
		reader->refused = true;
	reader->count = start;
	GO_ON;
}

/* Make room for more names. */
static pg_noinline void
double_room(Reader *reader)
{
	MemberName *more = palloc(2 * reader->room * sizeof(MemberName));

	memcpy(more, reader->names, reader->room * sizeof(MemberName));
	reader->names = more;
	reader->room *= 2;
}

/* Remember the name of a member, until its object is over. */
static void
add_name(Reader *reader, IdvText text)
{
	MemberName *name;

	/* The first byte is a quote where there is no other. */
	uint32		key = (uint32) text.len << 8 | (uint8) text.bytes[0];
	uint64		bit = UINT64CONST(1) << ((key ^ key >> 5) % 64);

	reader->same_bit |= (reader->bits & bit) != 0;
	reader->bits |= bit;
	if (reader->count == reader->room)
		double_room(reader);
	name = &reader->names[reader->count++];
	name->key = key;
	name->text = text;
}

/*
 * The name of a member, of which the colon is the token before this one.
 *
 * Without escapes it is what stands between two quotes.
 */
static IdvText
plain_name(const JsonLexContext *lex)
{
	const char *end = lex->prev_token_terminator - 1;
	IdvText		name;

	Assert(*end == ':');
	while (*--end != '"')		/* blanks */
		;
	name.bytes = end;
	while (name.bytes[-1] != '"')
		name.bytes--;
	name.len = end - name.bytes;
	return name;
}

/* Find a character that may be in capitals; NULL if it is not there. */
static const char *
find_e(IdvText number)
{
	const char *found = memchr(number.bytes, 'e', number.len);

	return found != NULL ? found : memchr(number.bytes, 'E', number.len);
}

/*
 * Read the number that eight digits make.  Returns false if one is none.
 *
 * All at once: each digit is put together with the next one, then pairs, then
 * fours.
 */
static inline bool
read_eight_digits(uint64 *number, const char *digits)
{
	uint64		bytes;

	memcpy(&bytes, digits, sizeof(bytes));
#ifdef WORDS_BIGENDIAN
	bytes = pg_bswap64(bytes);
#endif
	bytes ^= UINT64CONST(0x3030303030303030);
	/* A byte of 10 and more gets its highest bit by 0x76, or has it. */
	if (((bytes + UINT64CONST(0x7676767676767676)) | bytes) &
		UINT64CONST(0x8080808080808080))
		return false;
	bytes = (bytes * 10 + (bytes >> 8)) & UINT64CONST(0x00FF00FF00FF00FF);
	bytes = (bytes * 100 + (bytes >> 16)) & UINT64CONST(0x0000FFFF0000FFFF);
	*number = (uint32) (bytes * 10000 + (bytes >> 32));
	return true;
}

/*
 * Read a number of any form.
 *
 * What follows a number in the text is none of its characters.
 */
static pg_noinline double
read_any_number(Reader *reader, IdvText number)
{
	const char *e = find_e(number);

	if (e != NULL)
	{
		long		exponent = strtol(e + 1, NULL, 10);

		if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
			reader->refused = true;
	}
	return strtod(number.bytes, NULL);
}

/* Read a number.  Nearly all are a few digits, as many as times have. */
static inline double
read_number(Reader *reader, IdvText number)
{
	const char *at = number.bytes;
	const char *end = at + number.len;
	uint64		integer = 0;
	uint64		digit;

	if (number.len > EXACT_DIGITS)
		return read_any_number(reader, number);
	if (number.len >= 8 && read_eight_digits(&integer, at))
		at += 8;
	for (; at < end && (digit = (uint64) *at - '0') <= 9; at++)
		integer = integer * 10 + digit;
	return at == end ? (double) integer : read_any_number(reader, number);
}

/* Read the token that was read last: a value, or the first one of it. */
static inline void
read_value(IdvJsonValue *value, Reader *reader)
{
	const JsonLexContext *lex = reader->lex;

	value->kind = lex->token_type;
	value->text.bytes = lex->token_start;
	value->text.len = lex->token_terminator - lex->token_start;
	if (value->kind == JSON_TOKEN_NUMBER)
		value->number = read_number(reader, value->text);
	else if (value->kind == JSON_TOKEN_STRING && reader->plain)
	{
		value->text.bytes++;
		value->text.len -= 2;
	}
	else if (value->kind == JSON_TOKEN_STRING)
	{
		value->text.bytes = pnstrdup(lex->strval->data, lex->strval->len);
		value->text.len = lex->strval->len;
	}
}

/*
 * Look at a member, before its value is parsed.
 *
 * So there is no action for scalars: the parser would copy each one for that.
 */
ACTION
read_member(void *state, char *name, bool isnull pg_attribute_unused())
{
	Reader	   *reader = state;
	IdvText		member = {name, 0};
	IdvJsonValue value;

	if (reader->plain)
		member = plain_name(reader->lex);
	else
		member.len = strlen(name);
	add_name(reader, member);
	read_value(&value, reader);
	if (reader->depth == 1 && !reader->refused)
		reader->member(reader->state, member, &value);
	GO_ON;
}

/* Look at what is in an array, as at a member. */
ACTION
read_element(void *state, bool isnull pg_attribute_unused())
{
	IdvJsonValue value;

	read_value(&value, state);
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
 * seen, the last one with a value that is none.
 */
bool
idv_strict_json_read(IdvText *text, const uint8 *utf8, size_t len,
					 IdvJsonMember member, void *state)
{
	Reader		reader;
	JsonSemAction actions = {
		.semstate = &reader,
		.object_start = begin_object,
		.object_end = end,
		.array_start = begin_array,
		.array_end = end,
		.object_field_start = read_member,
		.array_element_start = read_element,
	};
	char	   *json;

	if (!pg_verify_mbstr(PG_UTF8, (const char *) utf8, (int) len, true))
		return false;
	json = palloc(len + 1);
	if (!idv_json_text(json, &text->len, &reader.plain, utf8, len))
		return false;
	json[text->len] = '\0';
	text	  ->bytes = json;

#if PG_VERSION_NUM >= 170000
	reader.lex = makeJsonLexContextCstringLen(NULL, json, text->len, PG_UTF8, !reader.plain);
#else
	reader.lex = makeJsonLexContextCstringLen(json, (int) text->len, PG_UTF8, !reader.plain);
#endif
	reader.is_object = false;
	reader.refused = false;
	reader.member = member;
	reader.state = state;
	reader.depth = 0;
	reader.names = reader.first_names;
	reader.count = 0;
	reader.room = FIRST_NAMES;
	reader.bits = 0;
	reader.same_bit = false;
	return pg_parse_json(reader.lex, &actions) == JSON_SUCCESS &&
		reader.is_object && !reader.refused;
}
