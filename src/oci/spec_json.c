/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

#define LIST_MAX 131072 /* execve() itself takes no more of them than some 10^5 */
#define MAP_MAX 4096

int spec_at(struct error **err, const char *fmt, ...)
{
	struct error *inner = take_ptr(*err);
	const char *text = error_message(inner), *hint = error_hint_text(inner);
	cleanup_free char *step = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&step, fmt, ap) < 0)
		step = NULL;
	va_end(ap);
	error_new(err, error_kind(inner), "%s%s%s", step ? step : "",
		*text == '[' || *text == ':' ? "" : ".", text);
	if (hint)
		error_hint(err, "%s", hint);
	error_free(inner);
	return -1;
}

int spec_missing(const char *key, struct error **err)
{
	return error_new(err, ERROR_INVALID, "%s: is missing", key);
}

static const char *type_name(enum json_type type)
{
	return type == json_type_object    ? "an object"
	       : type == json_type_array   ? "an array"
	       : type == json_type_string  ? "a string"
	       : type == json_type_boolean ? "true or false"
					   : "a whole number";
}

int spec_get(struct json_object *obj, const char *key, enum json_type type,
	struct json_object **ret, struct error **err)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(obj, json_type_object))
		return error_new(err, ERROR_INVALID, ": is not an object");
	if (!json_object_object_get_ex(obj, key, &value) || !value)
		return 0;
	if (!json_object_is_type(value, type))
		return error_new(err, ERROR_INVALID, "%s: is not %s", key, type_name(type));
	*ret = value;
	return 1;
}

/* What C cannot hold must not be cut: a path with a NUL would be another one. */
static bool is_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) &&
	       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

int spec_get_word(struct json_object *obj, const char *key, const char **ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = spec_get(obj, key, json_type_string, &value, err);

	if (found <= 0)
		return found;
	if (!is_text(value))
		return error_new(err, ERROR_INVALID, "%s: contains a NUL byte", key);
	*ret = json_object_get_string(value);
	return 1;
}

int spec_get_text(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	int found = spec_get_word(obj, key, &text, err);

	if (found > 0)
		replace_string(ret, xstrdup(text));
	return found;
}

int spec_get_bool(struct json_object *obj, const char *key, bool *ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = spec_get(obj, key, json_type_boolean, &value, err);

	if (found > 0)
		*ret = json_object_get_boolean(value);
	return found;
}

int spec_get_array(struct json_object *obj, const char *key, size_t max, struct json_object **ret,
	struct error **err)
{
	struct json_object *array = NULL;
	int found = spec_get(obj, key, json_type_array, &array, err);

	if (found <= 0)
		return found;
	if (json_object_array_length(array) > max)
		return error_new(err, ERROR_INVALID, "%s: has %zu entries; %zu is the most", key,
			json_object_array_length(array), max);
	*ret = array;
	return 1;
}

int spec_each(struct json_object *obj, const char *key, size_t max,
	int (*parse)(struct json_object *entry, void *arg, struct error **err), void *arg,
	struct error **err)
{
	struct json_object *array = NULL;
	int found = spec_get_array(obj, key, max, &array, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);

		if (!json_object_is_type(entry, json_type_object))
			return error_new(err, ERROR_INVALID, "%s[%zu]: is not an object", key, i);
		if (parse(entry, arg, err) < 0)
			return spec_at(err, "%s[%zu]", key, i);
	}
	return 1;
}

int spec_get_list(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	struct json_object *array = NULL;
	int found = spec_get_array(obj, key, LIST_MAX, &array, err);
	size_t count = array ? json_object_array_length(array) : 0;
	cleanup_strv strv texts = NULL;

	if (found <= 0)
		return found;
	texts = strv_room(count);
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		if (!is_text(item))
			return error_new(err, ERROR_INVALID, "%s[%zu]: is not a string", key, i);
		texts[i] = xstrdup(json_object_get_string(item));
	}
	strv_free(*ret);
	*ret = take_ptr(texts);
	return 1;
}

int spec_get_map(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	struct json_object *object = NULL;
	int found = spec_get(obj, key, json_type_object, &object, err);
	cleanup_strv strv map = NULL;
	size_t count = 0;

	if (found <= 0)
		return found;
	if (json_object_object_length(object) > MAP_MAX)
		return error_new(err, ERROR_INVALID, "%s: has %d entries; %d is the most", key,
			json_object_object_length(object), MAP_MAX);
	map = strv_room((size_t)json_object_object_length(object));
	json_object_object_foreach(object, name, value)
	{
		if (!is_text(value))
			return error_new(
				err, ERROR_INVALID, "%s[\"%s\"]: is not a string", key, name);
		if (!*name || strchr(name, '='))
			return error_new(err, ERROR_INVALID,
				"%s[\"%s\"]: is empty or has a '=' in its name", key, name);
		map[count++] = xasprintf("%s=%s", name, json_object_get_string(value));
	}
	strv_free(*ret);
	*ret = take_ptr(map);
	return 1;
}

int spec_get_int(struct json_object *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct error **err)
{
	struct json_object *value = NULL;
	int found = spec_get(obj, key, json_type_int, &value, err);
	int64_t number;

	if (found <= 0)
		return found;
	number = json_object_get_int64(value);
	if (number < min || number > max ||
		(number == INT64_MAX && json_object_get_uint64(value) > INT64_MAX))
		return error_new(err, ERROR_INVALID, "%s: %s is not from %lld to %lld", key,
			json_object_get_string(value), (long long)min, (long long)max);
	*ret = number;
	return 1;
}

int spec_get_number(
	struct json_object *obj, const char *key, int64_t max, int64_t *ret, struct error **err)
{
	return spec_get_int(obj, key, 0, max, ret, err);
}

int spec_get_u32(struct json_object *obj, const char *key, uint32_t *ret, struct error **err)
{
	int64_t number = 0;
	int found = spec_get_int(obj, key, 0, UINT32_MAX, &number, err);

	if (found > 0)
		*ret = (uint32_t)number;
	return found;
}

int spec_get_u64(struct json_object *obj, const char *key, uint64_t *ret, struct error **err)
{
	struct json_object *value = NULL;
	int found = spec_get(obj, key, json_type_int, &value, err);

	/* Above INT64_MAX json-c gives the signed form as INT64_MAX: only negatives are below 0. */
	if (found > 0 && json_object_get_int64(value) < 0)
		return error_new(err, ERROR_INVALID, "%s: %s is negative", key,
			json_object_get_string(value));
	if (found > 0)
		*ret = json_object_get_uint64(value);
	return found;
}

void spec_put_map(struct json_object *obj, const char *key, char *const *map)
{
	struct json_object *object;

	if (!map)
		return;
	object = json_object_new_object();
	for (; *map; map++) {
		const char *value = strchrnul(*map, '=');
		cleanup_free char *name = xstrndup(*map, (size_t)(value - *map));

		json_put_text(object, name, *value ? value + 1 : "");
	}
	json_put(obj, key, object);
}
