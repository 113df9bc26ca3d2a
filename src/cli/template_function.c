/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that templates can call: Go's built-in ones and Docker's. */
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/quote.h"
#include "cli/template_value.h"

#define OUTPUT_MAX BUF_LARGE

static int give_buf(struct buf *out, struct json_object **ret, struct error **err)
{
	if (buf_check(out, "the result of a template's function", err) < 0)
		return -1;
	*ret = value_text(buf_text(out), out->length);
	return 0;
}

static int need_text(struct json_object *value, struct error **err)
{
	if (value_is(value, json_type_string))
		return 0;
	return error_new(err, ERROR_INVALID, "wrong type for value; expected string; got %s",
		value_type(value));
}

static int need_int(struct json_object *value, int64_t *ret, struct error **err)
{
	if (!value_is(value, json_type_int))
		return error_new(err, ERROR_INVALID, "wrong type for value; expected int; got %s",
			value_type(value));
	*ret = json_object_get_int64(value);
	return 0;
}

static int call_not(const struct template_call *call, struct json_object **ret, struct error **err)
{
	(void)err;
	*ret = json_object_new_boolean(!value_truth(call->args[0]));
	return 0;
}

static int call_len(const struct template_call *call, struct json_object **ret, struct error **err)
{
	struct json_object *value = call->args[0];
	size_t length = 0;

	if (value_is(value, json_type_string))
		length = (size_t)json_object_get_string_len(value);
	else if (value_is(value, json_type_array))
		length = json_object_array_length(value);
	else if (value_is(value, json_type_object))
		length = (size_t)json_object_object_length(value);
	else if (!value)
		return error_new(err, ERROR_INVALID, "len of nil pointer");
	else
		return error_new(err, ERROR_INVALID, "len of type %s", value_type(value));
	*ret = json_object_new_int64((int64_t)length);
	return 0;
}

/* A key that a map does not have gives the zero of its elements' type: "" where those are texts. */
static struct json_object *map_index(struct json_object *map, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_object_get_ex(map, key, &found))
		return json_object_get(found);
	json_object_object_foreach(map, name, member)
	{
		(void)name;
		return value_is(member, json_type_string) ? value_text("", 0) : NULL;
	}
	return value_text("", 0);
}

static int index_once(struct json_object *item, struct json_object *index, struct json_object **ret,
	struct error **err)
{
	int64_t at = 0, length;

	if (value_is(item, json_type_object)) {
		if (need_text(index, err) < 0)
			return -1;
		*ret = map_index(item, json_object_get_string(index));
		return 0;
	}
	if (!item || value_mark(item) == TEMPLATE_NIL)
		return error_new(err, ERROR_INVALID, "index of untyped nil");
	if (!value_is(item, json_type_array) && !value_is(item, json_type_string))
		return error_new(
			err, ERROR_INVALID, "can't index item of type %s", value_type(item));
	if (!value_is(index, json_type_int))
		return error_new(err, ERROR_INVALID, "cannot index slice/array with type %s",
			value_type(index));
	at = json_object_get_int64(index);
	length = value_is(item, json_type_array) ? (int64_t)json_object_array_length(item)
						 : json_object_get_string_len(item);
	if (at < 0 || at >= length)
		return error_new(err, ERROR_INVALID, "index out of range: %lld", (long long)at);
	if (value_is(item, json_type_array))
		*ret = json_object_get(json_object_array_get_idx(item, (size_t)at));
	else
		*ret = json_object_new_int((unsigned char)json_object_get_string(item)[at]);
	return 0;
}

static int call_index(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	struct json_object *item = json_object_get(call->args[0]);

	for (size_t i = 1; i < call->count; i++) {
		struct json_object *next = NULL;
		int result = index_once(item, call->args[i], &next, err);

		json_object_put(item);
		if (result < 0)
			return -1;
		item = next;
	}
	*ret = item;
	return 0;
}

static int call_slice(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	struct json_object *item = call->args[0], *part;
	bool is_text = value_is(item, json_type_string);
	int64_t from = 0, to;

	if (!is_text && !value_is(item, json_type_array))
		return error_new(
			err, ERROR_INVALID, "can't slice item of type %s", value_type(item));
	to = is_text ? json_object_get_string_len(item) : (int64_t)json_object_array_length(item);
	for (size_t i = 1; i < call->count; i++) {
		int64_t at = 0;

		if (need_int(call->args[i], &at, err) < 0)
			return -1;
		if (at < 0 || at > to)
			return error_new(
				err, ERROR_INVALID, "index out of range: %lld", (long long)at);
		*(i == 1 ? &from : &to) = at;
	}
	if (from > to)
		return error_new(err, ERROR_INVALID, "invalid slice index: %lld > %lld",
			(long long)from, (long long)to);
	if (is_text) {
		*ret = value_text(json_object_get_string(item) + from, (size_t)(to - from));
		return 0;
	}
	part = json_object_new_array();
	for (; from < to; from++)
		json_object_array_add(
			part, json_object_get(json_object_array_get_idx(item, (size_t)from)));
	*ret = part;
	return 0;
}

static int call_printf(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);

	if (need_text(call->args[0], err) < 0)
		return -1;
	value_printf(&out, json_object_get_string(call->args[0]), call->args + 1, call->count - 1);
	return give_buf(&out, ret, err);
}

static int call_print(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);

	value_sprint(&out, call->args, call->count, false);
	return give_buf(&out, ret, err);
}

static int call_println(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);

	value_sprint(&out, call->args, call->count, true);
	return give_buf(&out, ret, err);
}

/* What print would give, each byte through a table of replacements. */
static int escape(const struct template_call *call,
	void (*put)(struct buf *out, const char *text, size_t length), struct json_object **ret,
	struct error **err)
{
	cleanup_buf struct buf plain = BUF_INIT(OUTPUT_MAX), out = BUF_INIT(OUTPUT_MAX);

	value_sprint(&plain, call->args, call->count, false);
	put(&out, buf_text(&plain), plain.length);
	return give_buf(&out, ret, err);
}

static void put_html(struct buf *out, const char *text, size_t length)
{
	static const char *const names[128] = { [0] = "\xef\xbf\xbd",
		['"'] = "&#34;",
		['\''] = "&#39;",
		['&'] = "&amp;",
		['<'] = "&lt;",
		['>'] = "&gt;" };

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 128 && names[c])
			buf_puts(out, names[c]);
		else
			buf_putc(out, text[i]);
	}
}

static void put_js(struct buf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\\' || c == '\'' || c == '"')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || (c < 128 && strchr("<>&=", c)))
			buf_printf(out, "\\u%04X", c);
		else
			buf_putc(out, text[i]);
	}
}

static void put_query(struct buf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == ' ')
			buf_putc(out, '+');
		else if (c < 128 && (isalnum(c) || (c && strchr("-_.~", c))))
			buf_putc(out, text[i]);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static int call_html(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return escape(call, put_html, ret, err);
}

static int call_js(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return escape(call, put_js, ret, err);
}

static int call_urlquery(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	return escape(call, put_query, ret, err);
}

#define DIFFERENT 2 /* they are not equal, and have no order */
#define NOT_COMPARABLE (-2)

static int compare_numbers(struct json_object *a, struct json_object *b)
{
	double x, y;

	if (value_is(a, json_type_int) && value_is(b, json_type_int)) {
		int64_t left = json_object_get_int64(a), right = json_object_get_int64(b);

		return left < right ? -1 : left > right;
	}
	x = json_object_get_double(a);
	y = json_object_get_double(b);
	return x < y ? -1 : x > y;
}

static bool is_container(struct json_object *value)
{
	return value_is(value, json_type_object) || value_is(value, json_type_array);
}

static int compare_texts(struct json_object *a, struct json_object *b)
{
	int order = strcmp(json_object_get_string(a), json_object_get_string(b));

	return order < 0 ? -1 : order > 0;
}

static bool both(struct json_object *a, struct json_object *b, enum json_type type)
{
	return value_is(a, type) && value_is(b, type);
}

static struct json_object *unless_nil(struct json_object *value)
{
	return value_mark(value) == TEMPLATE_NIL ? NULL : value;
}

/* -1, 0, 1, or DIFFERENT; NOT_COMPARABLE with *err. */
static int compare(struct json_object *a, struct json_object *b, struct error **err)
{
	a = unless_nil(a);
	b = unless_nil(b);
	if (!a || !b)
		return a == b ? 0 : DIFFERENT;
	if (value_is_number(a) && value_is_number(b))
		return compare_numbers(a, b);
	if (both(a, b, json_type_string))
		return compare_texts(a, b);
	if (both(a, b, json_type_boolean))
		return json_object_get_boolean(a) == json_object_get_boolean(b) ? 0 : DIFFERENT;
	if (is_container(a) || is_container(b))
		error_new(err, ERROR_INVALID, "non-comparable type %s: cannot compare",
			value_type(a));
	else
		error_new(err, ERROR_INVALID, "incompatible types for comparison");
	return NOT_COMPARABLE;
}

static int call_eq(const struct template_call *call, struct json_object **ret, struct error **err)
{
	bool equal = false;

	for (size_t i = 1; i < call->count && !equal; i++) {
		int order = compare(call->args[0], call->args[i], err);

		if (order == NOT_COMPARABLE)
			return -1;
		equal = order == 0;
	}
	*ret = json_object_new_boolean(equal);
	return 0;
}

static int call_ne(const struct template_call *call, struct json_object **ret, struct error **err)
{
	int order = compare(call->args[0], call->args[1], err);

	if (order == NOT_COMPARABLE)
		return -1;
	*ret = json_object_new_boolean(order != 0);
	return 0;
}

static int ordered(const struct template_call *call, bool less, bool equal, bool greater,
	struct json_object **ret, struct error **err)
{
	int order = compare(call->args[0], call->args[1], err);

	if (order == NOT_COMPARABLE)
		return -1;
	if (order == DIFFERENT || !call->args[0] || value_is(call->args[0], json_type_boolean))
		return error_new(err, ERROR_INVALID, "invalid type for comparison");
	*ret = json_object_new_boolean(order < 0 ? less : order > 0 ? greater : equal);
	return 0;
}

static int call_lt(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return ordered(call, true, false, false, ret, err);
}

static int call_le(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return ordered(call, true, true, false, ret, err);
}

static int call_gt(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return ordered(call, false, false, true, ret, err);
}

static int call_ge(const struct template_call *call, struct json_object **ret, struct error **err)
{
	return ordered(call, false, true, true, ret, err);
}

/* ---- Docker's ---- */

static int give_same(const struct template_call *call, struct json_object **ret)
{
	*ret = json_object_get(call->args[0]);
	return 0;
}

static int call_json(const struct template_call *call, struct json_object **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);

	if (call->host->header)
		return give_same(call, ret);
	quote_json(&out, call->args[0]);
	return give_buf(&out, ret, err);
}

static int call_split(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	struct json_object *parts;
	const char *text, *separator, *end;
	long rune;

	if (need_text(call->args[0], err) < 0 || need_text(call->args[1], err) < 0)
		return -1;
	text = json_object_get_string(call->args[0]);
	separator = json_object_get_string(call->args[1]);
	parts = json_object_new_array();
	while (*separator && (end = strstr(text, separator)) != NULL) {
		json_object_array_add(parts, value_text(text, (size_t)(end - text)));
		text = end + strlen(separator);
	}
	if (*separator)
		json_object_array_add(parts, value_text(text, strlen(text)));
	while (!*separator && *text) { /* into its characters */
		size_t length = quote_rune(text, strlen(text), &rune);

		json_object_array_add(parts, value_text(text, length));
		text += length;
	}
	*ret = parts;
	return 0;
}

static int call_join(const struct template_call *call, struct json_object **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	struct json_object *list = call->args[0];

	if (!value_is(list, json_type_array))
		return error_new(err, ERROR_INVALID,
			"wrong type for value; expected []string; got %s", value_type(list));
	if (need_text(call->args[1], err) < 0)
		return -1;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (i > 0)
			buf_puts(&out, json_object_get_string(call->args[1]));
		value_print(&out, json_object_array_get_idx(list, i));
	}
	return give_buf(&out, ret, err);
}

/* Case is ASCII's: names of images, containers and states have no other letters. */
static int change_case(const struct template_call *call, int (*change)(int), bool first_only,
	struct json_object **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	bool inside = false;

	if (need_text(call->args[0], err) < 0)
		return -1;
	if (call->host->header && first_only)
		return give_same(call, ret);
	text = xstrdup(json_object_get_string(call->args[0]));
	for (char *c = text; *c; c++) {
		if (!inside || !first_only)
			*c = (char)change((unsigned char)*c);
		inside = isalnum((unsigned char)*c) || *c == '_' || (unsigned char)*c >= 128;
	}
	*ret = value_text(text, strlen(text));
	return 0;
}

static int call_title(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	return change_case(call, toupper, true, ret, err);
}

static int call_lower(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	return call->host->header ? give_same(call, ret)
				  : change_case(call, tolower, false, ret, err);
}

static int call_upper(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	return call->host->header ? give_same(call, ret)
				  : change_case(call, toupper, false, ret, err);
}

static int call_pad(const struct template_call *call, struct json_object **ret, struct error **err)
{
	int64_t before = 0, after = 0;
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	const char *text;

	if (need_text(call->args[0], err) < 0 || need_int(call->args[1], &before, err) < 0 ||
		need_int(call->args[2], &after, err) < 0)
		return -1;
	text = json_object_get_string(call->args[0]);
	if (before < 0 || after < 0 || before > 10000 || after > 10000)
		return error_new(err, ERROR_INVALID, "padding is not between 0 and 10000");
	if (*text)
		buf_printf(&out, "%*s%s%*s", (int)before, "", text, (int)after, "");
	return give_buf(&out, ret, err);
}

static int call_truncate(
	const struct template_call *call, struct json_object **ret, struct error **err)
{
	int64_t length = 0;

	if (need_text(call->args[0], err) < 0 || need_int(call->args[1], &length, err) < 0)
		return -1;
	if (call->host->header || json_object_get_string_len(call->args[0]) < length)
		return give_same(call, ret);
	if (length < 0)
		return error_new(err, ERROR_INVALID, "slice bounds out of range");
	*ret = value_text(json_object_get_string(call->args[0]), (size_t)length);
	return 0;
}

static const struct template_function functions[] = {
	{ "and", 1, -1, NULL }, /* these two stop at the first answer: the interpreter does them */
	{ "or", 1, -1, NULL },
	{ "not", 1, 1, call_not },
	{ "len", 1, 1, call_len },
	{ "index", 1, -1, call_index },
	{ "slice", 1, 3, call_slice },
	{ "printf", 1, -1, call_printf },
	{ "print", 0, -1, call_print },
	{ "println", 0, -1, call_println },
	{ "html", 0, -1, call_html },
	{ "js", 0, -1, call_js },
	{ "urlquery", 0, -1, call_urlquery },
	{ "eq", 2, -1, call_eq },
	{ "ne", 2, 2, call_ne },
	{ "lt", 2, 2, call_lt },
	{ "le", 2, 2, call_le },
	{ "gt", 2, 2, call_gt },
	{ "ge", 2, 2, call_ge },
	{ "json", 1, 1, call_json },
	{ "split", 2, 2, call_split },
	{ "join", 2, 2, call_join },
	{ "title", 1, 1, call_title },
	{ "lower", 1, 1, call_lower },
	{ "upper", 1, 1, call_upper },
	{ "pad", 3, 3, call_pad },
	{ "truncate", 2, 2, call_truncate },
};

const struct template_function *template_function(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (strncmp(functions[i].name, name, length) == 0 && !functions[i].name[length])
			return &functions[i];
	return NULL;
}
