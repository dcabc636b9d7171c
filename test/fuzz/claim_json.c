/*-------------------------------------------------------------------------
 *
 * claim_json.c
 *	  Fuzz the reader of claims, identify/claim_json.c: a claim is read within its
 *	  limits, or refused in one of a few known sentences.
 *
 * Claims are jsonb, so this runs inside a server: a loadable module, of which
 * SQL calls fuzz_claim() in a single-user backend (dev/fuzz).  The code under
 * test is compiled into it, with the sanitizers.
 *
 * An input is the text of a claim and, on its second line, of the custom_data
 * that is there already; or, if its first byte is below a tab, a recipe of
 * which both are made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "core/jws.h"
#include "identify/claim_json.h"
#include "server/json_merge.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(fuzz_claim);

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*feed) (const uint8_t *data, size_t size));

/* A claim is parsed on the server's stack. */
#define DEPTH_MAX	12

/* What a recipe is read from, and the text it becomes. */
typedef struct Recipe
{
	const uint8 *at;
	const uint8 *end;
	StringInfoData text;
} Recipe;

static MemoryContext per_input = NULL;

/* What the fields of a claim may be called, and what they have to be. */
#define TEXT	"a string"
#define ID		"a string or a number"
#define COMPANY	"a string, or an object whose name is one"
#define OBJECT	"an object"

static const struct
{
	const char *name;
	const char *wanted;
}			fields[] = {
	{"external_id", ID}, {"externalId", ID}, {"userId", ID}, {"user_id", ID},
	{"identifier", ID}, {"distinct_id", ID}, {"identity_distinct_id", ID},
	{"sub", ID}, {"id", ID},
	{"email", TEXT}, {"userEmail", TEXT}, {"user_email", TEXT},
	{"name", TEXT}, {"userName", TEXT}, {"user_name", TEXT},
	{"company", COMPANY}, {"phone", TEXT},
	{"avatar_url", TEXT}, {"avatarUrl", TEXT}, {"shop", TEXT},
	{"user_hash", TEXT}, {"userHash", TEXT}, {"identifier_hash", TEXT},
	{"identifierHash", TEXT}, {"identity_hash", TEXT}, {"signature", TEXT},
	{"hash", TEXT}, {"token", TEXT}, {"jwt", TEXT}, {"user_jwt", TEXT},
	{"userJwt", TEXT}, {"intercom_user_jwt", TEXT}, {"identityToken", TEXT},
	{"identity_token", TEXT}, {"jwtToken", TEXT}, {"ssoToken", TEXT},
	{"featurebaseJwt", TEXT},
	{"email_hash", TEXT}, {"emailHash", TEXT},
	{"shop_hash", TEXT}, {"shopHash", TEXT},
	{"custom_data", OBJECT}, {"customData", OBJECT},
	{"custom_attributes", OBJECT}, {"customAttributes", OBJECT},
};

/* The next byte of a recipe; an exhausted one goes on in zeros. */
static uint8
next(Recipe *recipe)
{
	return recipe->at < recipe->end ? *recipe->at++ : 0;
}

static void
add_string(Recipe *recipe)
{
	static const char *const characters[] = {
		"a", " ", "0", "\\u0001", "\xC3\xA9", "\xF0\x9F\x98\x80", "\\\"",
		"\xE2\x80\xAE"
	};
	static const int lengths[] = {
		0, 1, 2, 64, 255, 256, IDV_FIELD_MAX / 4, IDV_FIELD_MAX / 2,
		IDV_FIELD_MAX - 1, IDV_FIELD_MAX, IDV_FIELD_MAX + 1,
		IDV_CUSTOM_DATA_MAX - 16, IDV_CUSTOM_DATA_MAX, 3, 4, 5
	};
	const char *character = characters[next(recipe) % lengthof(characters)];
	int			length = lengths[next(recipe) % lengthof(lengths)];

	appendStringInfoChar(&recipe->text, '"');
	for (int i = 0; i < length; i++)
		appendStringInfoString(&recipe->text, character);
	appendStringInfoChar(&recipe->text, '"');
}

static void
add_name(Recipe *recipe)
{
	static const char *const others[] = {"a", "b", "c", "", "is_verified"};
	int			choice = next(recipe) % (lengthof(fields) + lengthof(others));

	appendStringInfo(&recipe->text, "\"%s\"",
					 choice < (int) lengthof(fields) ? fields[choice].name :
					 others[choice - lengthof(fields)]);
}

static void
add_value(Recipe *recipe, int depth)
{
	static const char *const plain[] = {
		"null", "true", "false", "0", "-0.00", "4711", "1e1020", "1e1023",
		"1e1024", "1e131071", "1e-1022", "1e-16383", "1.50", "[]", "{}"
	};
	int			members;
	bool		object;

	switch (depth < DEPTH_MAX ? next(recipe) % 4 : 0)
	{
		case 0:
			appendStringInfoString(&recipe->text,
								   plain[next(recipe) % lengthof(plain)]);
			return;
		case 1:
			add_string(recipe);
			return;
		case 2:
			object = false;
			break;
		default:
			object = true;
			break;
	}

	members = next(recipe) % 8;
	appendStringInfoChar(&recipe->text, object ? '{' : '[');
	for (int i = 0; i < members; i++)
	{
		if (i > 0)
			appendStringInfoChar(&recipe->text, ',');
		if (object)
		{
			add_name(recipe);
			appendStringInfoChar(&recipe->text, ':');
		}
		add_value(recipe, depth + 1);
	}
	appendStringInfoChar(&recipe->text, object ? '}' : ']');
}

/*
 * Read text as jsonb; NULL if it is none.
 *
 * The result is in memory that ends where the value ends, where
 * AddressSanitizer notices whoever reads on.
 */
static Jsonb *
read_jsonb(const char *text, size_t len)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile exact = NULL;

	if (!pg_verify_mbstr(GetDatabaseEncoding(), text, (int) len, true))
		return NULL;

	PG_TRY();
	{
		Datum		value = DirectFunctionCall1(jsonb_in,
												CStringGetDatum(pnstrdup(text, len)));

		exact = malloc(VARSIZE(DatumGetPointer(value)));
		if (exact == NULL)
			abort();
		memcpy(exact, DatumGetPointer(value), VARSIZE(DatumGetPointer(value)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return exact;
}

static bool
same(Jsonb *a, Jsonb *b)
{
	return compareJsonbContainers(&a->root, &b->root) == 0;
}

/* Is this an error that a caller was promised, and no other? */
static void
check_error(const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE)
	{
		if (strcmp(error->message, "claim must be a JSON object") == 0)
			return;
		for (size_t i = 0; i < lengthof(fields); i++)
		{
			if (strcmp(error->message,
					   psprintf("field \"%s\" of the claim must be %s",
								fields[i].name, fields[i].wanted)) == 0)
				return;
			for (size_t j = 0; j < lengthof(fields); j++)
				if (i != j &&
					strcmp(error->message,
						   psprintf("fields \"%s\" and \"%s\" of the claim differ",
									fields[i].name, fields[j].name)) == 0)
					return;
		}
	}
	if (error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		for (size_t i = 0; i < lengthof(fields); i++)
			if (strcmp(error->message,
					   psprintf("field \"%s\" of the claim is too large",
								fields[i].name)) == 0)
				return;

	fprintf(stderr, "unexpected error: %s\n", error->message);
	abort();
}

/* A claim that was read: every field within its limits. */
static void
check_fields(const IdvClaimJson *sent)
{
	for (int i = 0; i < IDV_CLAIM_FIELDS; i++)
	{
		text	   *value;

		if (sent->field[i].isnull)
			continue;
		value = DatumGetTextPP(sent->field[i].value);
		if (VARSIZE_ANY_EXHDR(value) >
			(i == IDV_FIELD_USER_HASH ? IDV_TOKEN_MAX : IDV_FIELD_MAX) ||
			!pg_verify_mbstr(GetDatabaseEncoding(), VARDATA_ANY(value),
							 VARSIZE_ANY_EXHDR(value), true))
			abort();
		if (VARSIZE_ANY_EXHDR(value) == 0 &&
			!idv_field_is_blank(sent->field[i]))
			abort();
	}
}

/* What RFC 7396 promises about any two objects. */
static void
check_merge(Jsonb *target, Jsonb *patch)
{
	Jsonb	   *empty = idv_json_empty_object();
	Jsonb	   *merged = idv_json_merge_patch(target, patch);
	Jsonb	   *kept = idv_json_merge_patch(empty, patch);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(merged) ||
		!same(idv_json_merge_patch(merged, patch), merged) ||
		!same(idv_json_merge_patch(target, empty), target) ||
		!same(idv_json_merge_patch(kept, kept), kept))
		abort();

	/* A patch's nulls remove, also where there is nothing. */
	iterator = JsonbIteratorInit(&kept->root);
	for (bool nested = false; (token = JsonbIteratorNext(&iterator, &value, nested)) != WJB_DONE;)
	{
		/* what an array holds is not looked into, and may be null */
		nested = token == WJB_KEY;
		if (token == WJB_VALUE && value.type == jbvNull)
			abort();
		if (token == WJB_VALUE && value.type == jbvBinary)
		{
			Jsonb	   *member = JsonbValueToJsonb(&value);

			if (JB_ROOT_IS_OBJECT(member) &&
				!same(idv_json_merge_patch(empty, member), member))
				abort();
		}
	}
}

static void
try_claim(Jsonb *claim, Jsonb *target)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		IdvClaimJson sent;

		idv_claim_read(&sent, claim);
		idv_claim_add_token(&sent, claim);
		check_fields(&sent);
		if (sent.custom_data != NULL)
		{
			if (!JB_ROOT_IS_OBJECT(sent.custom_data) ||
				VARSIZE(sent.custom_data) > IDV_CUSTOM_DATA_MAX + VARHDRSZ)
				abort();
			if (target != NULL && JB_ROOT_IS_OBJECT(target))
				check_merge(target, sent.custom_data);
			check_merge(idv_json_empty_object(), sent.custom_data);
		}
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		check_error(error);
	}
	PG_END_TRY();
}

static int
feed(const uint8_t *data, size_t size)
{
	MemoryContext before = MemoryContextSwitchTo(per_input);
	Jsonb	   *claim;
	Jsonb	   *target = NULL;

	if (size > 0 && data[0] < '\t')
	{
		Recipe		recipe = {.at = data + 1,.end = data + size};

		initStringInfo(&recipe.text);
		add_value(&recipe, 0);
		claim = read_jsonb(recipe.text.data, recipe.text.len);
		resetStringInfo(&recipe.text);
		add_value(&recipe, 0);
		target = read_jsonb(recipe.text.data, recipe.text.len);
	}
	else
	{
		const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
		size_t		len = newline ? (size_t) (newline - data) : size;

		claim = read_jsonb((const char *) data, len);
		if (newline != NULL)
			target = read_jsonb((const char *) newline + 1, size - len - 1);
	}

	if (claim != NULL)
		try_claim(claim, target);

	free(claim);
	free(target);
	MemoryContextSwitchTo(before);
	MemoryContextReset(per_input);
	return 0;
}

/*
 * fuzz_claim(options text) returns integer
 *
 * The options are libFuzzer's, separated by blanks.
 */
Datum
fuzz_claim(PG_FUNCTION_ARGS)
{
	char	   *options = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	  **argv = palloc0(64 * sizeof(char *));
	int			argc = 0;

	argv[argc++] = "fuzz_claim";
	for (char *option = strtok(options, " "); option != NULL && argc < 63;
		 option = strtok(NULL, " "))
		argv[argc++] = option;

	per_input = AllocSetContextCreate(TopMemoryContext, "fuzz_claim",
									  ALLOCSET_DEFAULT_SIZES);
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&argc, &argv, feed));
}
