/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

/*
 * The members that a valid text has, or -1 when a name has a NUL in it: the parser would cut it
 * there, to another name. A colon outside of strings stands behind each name and nowhere else.
 */
static ssize_t count_written(const char *text, size_t length)
{
	bool in_string = false, has_nul = false;
	ssize_t count = 0;

	for (size_t i = 0; i < length; i++) {
		if (in_string && text[i] == '\\') {
			has_nul =
				has_nul || (length - i > 5 && memcmp(text + i, "\\u0000", 6) == 0);
			i++;
		} else if (text[i] == '"') {
			in_string = !in_string;
			has_nul = has_nul && !in_string;
		} else if (text[i] == ':' && !in_string) {
			if (has_nul)
				return -1;
			count++;
		}
	}
	return count;
}

/* NOLINTNEXTLINE(misc-no-recursion): to JSON_DEPTH_MAX */
static ssize_t count_parsed(struct json_object *value)
{
	ssize_t count = 0;

	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			(void)key;
			count += 1 + count_parsed(member);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			count += count_parsed(json_object_array_get_idx(value, i));
	}
	return count;
}

/*
 * A name that stands twice in one object means one thing to us, who take the last, and another to
 * who takes the first: what was checked would not be what is used. The parser keeps one of them, so
 * members are missing then.
 */
static int check_names(struct json_object *value, const char *text, size_t length, const char *what,
	struct error **err)
{
	ssize_t written = count_written(text, length);

	if (written < 0)
		return error_new(err, ERROR_INVALID, "%s has a name with a NUL byte", what);
	if (written != count_parsed(value))
		return error_new(err, ERROR_INVALID, "%s has a name twice in one object", what);
	return 0;
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
	if (check_names(value, text, length, what, err) < 0) {
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
