/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

/* What a text has that the parser took. */
struct written {
	ssize_t members;
	const char *wrong; /* what no reader should take, and this parser does */
};

/* "\\uD8": the first half of a pair, or the second ("\\uDC"); 0: neither. */
static int surrogate(const char *escape, size_t left)
{
	if (left < 6 || escape[1] != 'u' || (escape[2] | 0x20) != 'd')
		return 0;
	if (strchr("89aAbB", escape[3]))
		return 1;
	return strchr("cCdDeEfF", escape[3]) ? 2 : 0;
}

/* Half of a character stands for none. Returns how many bytes of it are to be passed over. */
static size_t read_escape(const char *escape, size_t left, struct written *written)
{
	int half = surrogate(escape, left);

	if (half == 1 && left > 6 && escape[6] == '\\' && surrogate(escape + 6, left - 6) == 2)
		return 7;
	if (half != 0)
		written->wrong = "half of a character";
	return 1;
}

/* From behind the opening quote; returns where the closing one is. */
static size_t read_string(
	const char *text, size_t length, size_t at, bool *ret_nul, struct written *written)
{
	*ret_nul = false;
	for (; at < length && text[at] != '"'; at++) {
		if ((unsigned char)text[at] < ' ')
			written->wrong = "a control character in a string";
		if (text[at] != '\\')
			continue;
		if (length - at > 5 && memcmp(text + at, "\\u0000", 6) == 0)
			*ret_nul = true;
		at += read_escape(text + at, length - at, written);
	}
	return at;
}

/* A colon outside of strings stands behind the name of each member and nowhere else. */
static struct written read_text(const char *text, size_t length)
{
	struct written written = { 0 };
	bool has_nul = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"') {
			i = read_string(text, length, i + 1, &has_nul, &written);
		} else if (text[i] == ':') {
			written.members++;
			if (has_nul) /* the parser cuts it there, to another name */
				written.wrong = "a name with a NUL byte";
		} else if (text[i] == 'N' || text[i] == 'I') {
			written.wrong = "a number that is none"; /* NaN, Infinity */
		}
	}
	return written;
}

static ssize_t count_parsed(struct json_object *value);

/* NOLINTNEXTLINE(misc-no-recursion): to JSON_DEPTH_MAX */
static ssize_t count_members(struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object),
				    end = json_object_iter_end(object);
	ssize_t count = 0;

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		count += 1 + count_parsed(json_object_iter_peek_value(&at));
	return count;
}

/* NOLINTNEXTLINE(misc-no-recursion): to JSON_DEPTH_MAX */
static ssize_t count_parsed(struct json_object *value)
{
	ssize_t count = 0;

	if (json_object_is_type(value, json_type_object))
		return count_members(value);
	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			count += count_parsed(json_object_array_get_idx(value, i));
	return count;
}

/*
 * A name that stands twice in one object means one thing to us, who take the last, and another to
 * who takes the first: what was checked would not be what is used. The parser keeps one of them, so
 * members are missing then.
 */
static int check_text(struct json_object *value, const char *text, size_t length, const char *what,
	struct error **err)
{
	struct written written = read_text(text, length);

	if (!written.wrong && written.members != count_parsed(value))
		written.wrong = "a name twice in one object";
	if (!written.wrong)
		return 0;
	return error_new(
		err, ERROR_INVALID, "%s is not valid JSON: it has %s", what, written.wrong);
}

int json_parse(const char *text, size_t length, const char *what, struct json_object **ret,
	struct error **err)
{
	struct json_tokener *tokener;
	struct json_object *value = NULL;
	enum json_tokener_error why;
	size_t end;

	if (length > INT_MAX)
		return error_new(err, ERROR_INVALID, "%s is too large", what);
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text, (int)length);
	why = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (why == json_tokener_success && end < length && text[end] &&
		strchr(" \t\r\n", text[end]))
		end++;
	if (why == json_tokener_success && end < length)
		why = json_tokener_error_parse_unexpected;
	if (why != json_tokener_success) {
		json_object_put(value);
		return error_new(err, ERROR_INVALID, "%s is not valid JSON: %s at byte %zu", what,
			json_tokener_error_desc(why), end);
	}
	if (check_text(value, text, length, what, err) < 0) {
		json_object_put(value);
		return -1;
	}
	*ret = value;
	return 0;
}

static const char *type_name(enum json_type type)
{
	return type == json_type_object    ? "an object"
	       : type == json_type_array   ? "an array"
	       : type == json_type_string  ? "a string"
	       : type == json_type_boolean ? "true or false"
					   : "a number";
}

int json_get(struct json_object *obj, const char *key, enum json_type type,
	struct json_object **ret, struct error **err)
{
	struct json_object *value = NULL;

	if (!obj || !json_object_is_type(obj, json_type_object))
		return error_new(err, ERROR_INVALID, "the value around '%s' is not an object", key);
	if (!json_object_object_get_ex(obj, key, &value) || !value)
		return 0;
	if (!json_object_is_type(value, type))
		return error_new(err, ERROR_INVALID, "'%s' is not %s", key, type_name(type));
	*ret = value;
	return 1;
}

int json_get_text(struct json_object *obj, const char *key, const char **ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = json_get(obj, key, json_type_string, &value, err);

	if (found <= 0)
		return found;
	if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return error_new(err, ERROR_INVALID, "'%s' contains a NUL byte", key);
	*ret = json_object_get_string(value);
	return 1;
}

int json_get_bool(struct json_object *obj, const char *key, bool *ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = json_get(obj, key, json_type_boolean, &value, err);

	if (found > 0)
		*ret = json_object_get_boolean(value);
	return found;
}

int json_get_int(struct json_object *obj, const char *key, int64_t *ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = json_get(obj, key, json_type_int, &value, err);

	if (found > 0)
		*ret = json_object_get_int64(value);
	return found;
}

int json_get_strv(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	cleanup_strv strv texts = xcalloc(1, sizeof(char *));
	struct json_object *value = NULL, *item;
	int found = json_get(obj, key, json_type_array, &value, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		item = json_object_array_get_idx(value, i);
		if (!item || !json_object_is_type(item, json_type_string) ||
			strlen(json_object_get_string(item)) !=
				(size_t)json_object_get_string_len(item))
			return error_new(
				err, ERROR_INVALID, "'%s' is not an array of strings", key);
		strv_append(&texts, json_object_get_string(item));
	}
	*ret = take_ptr(texts);
	return 1;
}

void json_put(struct json_object *obj, const char *key, struct json_object *value)
{
	if (json_object_object_add(obj, key, value) < 0)
		abort();
}

void json_put_text(struct json_object *obj, const char *key, const char *text)
{
	if (text)
		json_put(obj, key, json_object_new_string(text));
}

void json_put_bool(struct json_object *obj, const char *key, bool value)
{
	json_put(obj, key, json_object_new_boolean(value));
}

void json_put_int(struct json_object *obj, const char *key, int64_t value)
{
	json_put(obj, key, json_object_new_int64(value));
}

struct json_object *json_from_strv(char *const *v)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; v && v[i]; i++)
		json_object_array_add(array, json_object_new_string(v[i]));
	return array;
}

void json_put_strv(struct json_object *obj, const char *key, char *const *v)
{
	if (v)
		json_put(obj, key, json_from_strv(v));
}

char *json_compact(struct json_object *obj)
{
	return xstrdup(json_object_to_json_string_ext(
		obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void indent(struct buf *out, int depth)
{
	buf_putc(out, '\n');
	for (int i = 0; i < depth; i++)
		buf_puts(out, "    ");
}

static void pretty(struct buf *out, struct json_object *value, int depth);

static void pretty_text(struct buf *out, struct json_object *value)
{
	buf_puts(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void pretty_object(struct buf *out, struct json_object *value, int depth)
{
	bool first = true;

	buf_putc(out, '{');
	json_object_object_foreach(value, key, member)
	{
		cleanup_json struct json_object *name = json_object_new_string(key);

		buf_puts(out, first ? "" : ",");
		first = false;
		indent(out, depth + 1);
		pretty_text(out, name);
		buf_puts(out, ": ");
		pretty(out, member, depth + 1);
	}
	if (!first)
		indent(out, depth);
	buf_putc(out, '}');
}

static void pretty_array(struct buf *out, struct json_object *value, int depth)
{
	size_t count = json_object_array_length(value);

	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? "," : "");
		indent(out, depth + 1);
		pretty(out, json_object_array_get_idx(value, i), depth + 1);
	}
	if (count > 0)
		indent(out, depth);
	buf_putc(out, ']');
}

/* json-c indents by two and breaks empty containers over lines; docker's users know it otherwise.
 */
static void pretty(struct buf *out, struct json_object *value, int depth)
{
	if (json_object_is_type(value, json_type_object))
		pretty_object(out, value, depth);
	else if (json_object_is_type(value, json_type_array))
		pretty_array(out, value, depth);
	else
		pretty_text(out, value);
}

char *json_pretty(struct json_object *obj)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);

	pretty(&out, obj, 0);
	return buf_take(&out);
}
