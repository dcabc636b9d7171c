/*-------------------------------------------------------------------------
 *
 * json_merge.c
 *	  JSON objects, merged member by member.
 *
 * A patch wins over what is there (RFC 7396).  A fill adds what is lacking,
 * and can be taken back.
 *
 *-------------------------------------------------------------------------
 */
#include "server/json_merge.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Is this value an object? */
static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		JsonContainerIsObject(value->val.binary.data);
}

static JsonbValue *push_merged(JsonbParseState **state, JsonbContainer *target,
							   JsonbContainer *patch);

/*
 * Write one member of a merged object.  pushJsonbValue() unpacks what is an
 * object or array itself.
 *
 * A patch that is an object is merged, even into nothing: its nulls go.
 */
static void
push_member(JsonbParseState **state, JsonbValue *name,
			JsonbValue *old, JsonbValue *patch)
{
	(void) pushJsonbValue(state, WJB_KEY, name);
	if (patch == NULL)
		(void) pushJsonbValue(state, WJB_VALUE, old);
	else if (is_object(patch))
		(void) push_merged(state,
						   old != NULL && is_object(old) ?
						   old->val.binary.data : NULL,
						   patch->val.binary.data);
	else
		(void) pushJsonbValue(state, WJB_VALUE, patch);
}

/* Write what an object, or NULL for none, becomes by a patch. */
static JsonbValue *
push_merged(JsonbParseState **state, JsonbContainer *target,
			JsonbContainer *patch)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	name;
	JsonbValue	value;
	JsonbValue	other;

	check_stack_depth();
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);

	/* Members that are there: kept, changed, or, by a null, removed. */
	if (target != NULL)
	{
		iterator = JsonbIteratorInit(target);
		while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
		{
			JsonbValue *change;

			if (token != WJB_KEY)
				continue;
			(void) JsonbIteratorNext(&iterator, &value, true);
			change = getKeyJsonValueFromContainer(patch, name.val.string.val,
												  name.val.string.len, &other);
			if (change == NULL || change->type != jbvNull)
				push_member(state, &name, &value, change);
		}
	}

	/* Members that are new. */
	iterator = JsonbIteratorInit(patch);
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvNull &&
			(target == NULL ||
			 getKeyJsonValueFromContainer(target, name.val.string.val,
										  name.val.string.len,
										  &other) == NULL))
			push_member(state, &name, NULL, &value);
	}

	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * idv_json_empty_object
 *		The JSON object that has no members.
 */
Jsonb *
idv_json_empty_object(void)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* How many bytes a string takes in JSON, as escape_json() writes it. */
static size_t
string_size(const JsonbValue *string)
{
	size_t		size = 2;

	for (int i = 0; i < string->val.string.len; i++)
	{
		unsigned char c = (unsigned char) string->val.string.val[i];

		if (c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' ||
			c == '\r' || c == '\t')
			size += 2;
		else
			size += c < ' ' ? strlen("\\u0000") : 1;
	}
	return size;
}

/* The same of a value that holds no others. */
static size_t
scalar_size(const JsonbValue *value)
{
	char	   *number;
	size_t		size;

	switch (value->type)
	{
		case jbvString:
			return string_size(value);
		case jbvNumeric:
			number = DatumGetCString(DirectFunctionCall1(numeric_out,
														 NumericGetDatum(value->val.numeric)));
			size = strlen(number);
			pfree(number);
			return size;
		case jbvBool:
			return strlen(value->val.boolean ? "true" : "false");
		default:
			return strlen("null");
	}
}

/*
 * idv_json_size
 *		How many bytes a value takes as text, in the server encoding; if these are
 *		more than most, any number that is.
 *
 * As PostgreSQL writes it, so that octet_length(custom_data::text) says the same:
 * what jsonb takes inside depends on what is in it, and nobody else can tell.  It is
 * not written to count it: 1e131000 is a dozen bytes of jsonb.
 */
size_t
idv_json_size(JsonbContainer *json, size_t most)
{
	JsonbIterator *it = JsonbIteratorInit(json);
	JsonbIteratorToken token;
	JsonbValue	value;
	size_t		size = 0;
	bool		first = true;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE && size <= most)
	{
		CHECK_FOR_INTERRUPTS();
		/* what comes before it, but within an object, whose keys have it */
		if (!first && (token == WJB_KEY || token == WJB_ELEM))
			size += strlen(", ");
		switch (token)
		{
			case WJB_KEY:
				size += string_size(&value) + strlen(": ");
				first = true;
				break;
			case WJB_VALUE:
			case WJB_ELEM:
				size += scalar_size(&value);
				first = false;
				break;
			case WJB_BEGIN_ARRAY:
			case WJB_BEGIN_OBJECT:
				if (!first)
					size += strlen(", ");
				size += strlen("[");
				first = true;
				break;
			default:
				size += strlen("]");
				first = false;
				break;
		}
	}
	return size;
}

/*
 * idv_json_outgrows
 *		Does a value take more than so many bytes as text, and more than the one
 *		before it did?
 */
bool
idv_json_outgrows(JsonbContainer *after, JsonbContainer *before, size_t most)
{
	size_t		size;

	if (idv_json_size(after, most) <= most)
		return false;
	size = idv_json_size(before, MaxAllocSize);
	return idv_json_size(after, size) > size;
}

/*
 * idv_json_merge_patch
 *		Apply a JSON Merge Patch (RFC 7396) that is an object to an object.
 *
 * Members that are null in the patch are removed, objects are merged, all
 * else is replaced.
 */
Jsonb *
idv_json_merge_patch(Jsonb *target, Jsonb *patch)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(push_merged(&state, &target->root,
										 &patch->root));
}

/* Find a member of an object; NULL if there is none, or no object. */
static JsonbValue *
member(JsonbContainer *object, const JsonbValue *name)
{
	return object == NULL ? NULL :
		getKeyJsonValueFromContainer(object, name->val.string.val,
									 name->val.string.len, NULL);
}

/* Is a member as good as none: null, "", only blanks, or {}? */
static bool
is_blank(const JsonbValue *value)
{
	IdvText		string;

	switch (value->type)
	{
		case jbvNull:
			return true;
		case jbvString:
			string.bytes = value->val.string.val;
			string.len = value->val.string.len;
			return idv_text_is_blank(string);
		case jbvBinary:
			return JsonContainerIsObject(value->val.binary.data) &&
				JsonContainerSize(value->val.binary.data) == 0;
		default:
			return false;
	}
}

/*
 * idv_json_is_blank
 *		Is a value as good as none: null, "", only blanks, or {}?
 */
bool
idv_json_is_blank(Jsonb *json)
{
	JsonbValue	scalar;

	if (JB_ROOT_IS_SCALAR(json))
		return JsonbExtractScalar(&json->root, &scalar) && is_blank(&scalar);
	return JB_ROOT_IS_OBJECT(json) && JB_ROOT_COUNT(json) == 0;
}

/* Text without the blanks that JSON allows around a value. */
static IdvText
trimmed(IdvText json)
{
	static const char blanks[] = " \t\n\r";

	while (json.len > 0 && strchr(blanks, json.bytes[0]) != NULL)
	{
		json.bytes++;
		json.len--;
	}
	while (json.len > 0 && strchr(blanks, json.bytes[json.len - 1]) != NULL)
		json.len--;
	return json;
}

/*
 * idv_json_text_is_blank
 *		The same of valid JSON as text, which may be none that jsonb can hold.
 *
 * Blanks that are escaped, as in "\u3000", count as something.
 */
bool
idv_json_text_is_blank(IdvText json)
{
	IdvText		inner;
	bool		in_braces;

	json = trimmed(json);
	if (json.len == 4 && memcmp(json.bytes, "null", 4) == 0)
		return true;
	if (json.len < 2 || (json.bytes[0] != '"' && json.bytes[0] != '{'))
		return false;
	in_braces = json.bytes[0] == '{';
	inner.bytes = json.bytes + 1;
	inner.len = json.len - 2;
	return in_braces ? trimmed(inner).len == 0 : idv_text_is_blank(inner);
}

static bool
is_same(JsonbValue *a, JsonbValue *b)
{
	return compareJsonbContainers(&JsonbValueToJsonb(a)->root,
								  &JsonbValueToJsonb(b)->root) == 0;
}

/* Write target with what it lacks taken from source. */
static JsonbValue *
push_filled(JsonbParseState **state, JsonbContainer *target,
			JsonbContainer *source)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	name;
	JsonbValue	value;

	check_stack_depth();
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(target);
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		JsonbValue *other;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		other = member(source, &name);
		(void) pushJsonbValue(state, WJB_KEY, &name);
		if (other != NULL && is_object(&value) && is_object(other))
			(void) push_filled(state, value.val.binary.data,
							   other->val.binary.data);
		else
			(void) pushJsonbValue(state, WJB_VALUE,
								  other != NULL && is_blank(&value) &&
								  !is_blank(other) ? other : &value);
	}
	iterator = JsonbIteratorInit(source);
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (member(target, &name) == NULL)
		{
			(void) pushJsonbValue(state, WJB_KEY, &name);
			(void) pushJsonbValue(state, WJB_VALUE, &value);
		}
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * idv_json_fill
 *		What an object becomes by one that is folded into it.
 *
 * Members that target lacks, or has as null, "" or {}, are taken from source
 * as they are; where both have an object, member by member within it.  All
 * others stay as they are in target.
 */
Jsonb *
idv_json_fill(Jsonb *target, Jsonb *source)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(push_filled(&state, &target->root,
										 &source->root));
}

/* Write current without what was filled in; before is NULL for {}. */
static JsonbValue *
push_unfilled(JsonbParseState **state, JsonbContainer *current,
			  JsonbContainer *before, JsonbContainer *after)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	name;
	JsonbValue	value;

	check_stack_depth();
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(current);
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		JsonbValue *was;
		JsonbValue *became;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		was = member(before, &name);
		became = member(after, &name);

		if (became != NULL && is_same(&value, became) &&
			(was == NULL || !is_same(was, became)))
		{
			/* Filled in, and it still stands. */
			if (was == NULL)
				continue;
			(void) pushJsonbValue(state, WJB_KEY, &name);
			(void) pushJsonbValue(state, WJB_VALUE, was);
			continue;
		}
		if (became != NULL && is_object(&value) && is_object(became) &&
			(was == NULL || is_object(was)))
		{
			JsonbParseState *inner = NULL;
			Jsonb	   *left = JsonbValueToJsonb(push_unfilled(&inner, value.val.binary.data,
															   was == NULL ? NULL : was->val.binary.data,
															   became->val.binary.data));

			/* Nothing of it is left but what was filled in. */
			if (was == NULL && JB_ROOT_COUNT(left) == 0 &&
				JsonContainerSize(value.val.binary.data) > 0)
				continue;
			value.type = jbvBinary;
			value.val.binary.data = &left->root;
			value.val.binary.len = VARSIZE(left) - VARHDRSZ;
		}
		(void) pushJsonbValue(state, WJB_KEY, &name);
		(void) pushJsonbValue(state, WJB_VALUE, &value);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * idv_json_unfill
 *		Take back what idv_json_fill() has made of an object, where it still
 *		stands.
 *
 * current	what the object is now
 * before	what it was, and
 * after	what it was filled to; all three are objects
 */
Jsonb *
idv_json_unfill(Jsonb *current, Jsonb *before, Jsonb *after)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(push_unfilled(&state, &current->root,
										   &before->root, &after->root));
}
