/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

#define LIST_MAX 131072 /* execve() itself takes no more of them than some 10^5 */
#define MAP_MAX 4096

int spec_get_text(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	int found = json_get_text(obj, key, &text, err);

	if (found > 0)
		replace_string(ret, xstrdup(text));
	return found;
}

int spec_get_array(struct json_object *obj, const char *key, size_t max, struct json_object **ret,
	struct error **err)
{
	struct json_object *array = NULL;
	int found = json_get(obj, key, json_type_array, &array, err);

	if (found <= 0)
		return found;
	if (json_object_array_length(array) > max)
		return error_new(err, ERROR_INVALID, "'%s' has %zu entries; %zu is the most", key,
			json_object_array_length(array), max);
	*ret = array;
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
		const char *text = json_object_get_string(item);

		if (!json_object_is_type(item, json_type_string) ||
			strlen(text) != (size_t)json_object_get_string_len(item))
			return error_new(
				err, ERROR_INVALID, "'%s' is not an array of strings", key);
		texts[i] = xstrdup(text);
	}
	strv_free(*ret);
	*ret = take_ptr(texts);
	return 1;
}

int spec_get_map(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	struct json_object *object = NULL;
	int found = json_get(obj, key, json_type_object, &object, err);
	cleanup_strv strv map = NULL;
	size_t count = 0;

	if (found <= 0)
		return found;
	if (json_object_object_length(object) > MAP_MAX)
		return error_new(err, ERROR_INVALID, "'%s' has %d entries; %d is the most", key,
			json_object_object_length(object), MAP_MAX);
	map = strv_room((size_t)json_object_object_length(object));
	json_object_object_foreach(object, name, value)
	{
		const char *text = NULL;

		(void)value;
		found = json_get_text(object, name, &text, err);
		if (found < 0)
			return error_wrap(err, "'%s'", key);
		if (found == 0 || strchr(name, '='))
			return error_new(err, ERROR_INVALID, "'%s': '%s' is not a key with a text",
				key, name);
		map[count++] = xasprintf("%s=%s", name, text);
	}
	strv_free(*ret);
	*ret = take_ptr(map);
	return 1;
}

int spec_get_number(
	struct json_object *obj, const char *key, int64_t max, int64_t *ret, struct error **err)
{
	int64_t number = 0;
	int found = json_get_int(obj, key, &number, err);

	if (found <= 0)
		return found;
	if (number < 0 || number > max)
		return error_new(err, ERROR_INVALID, "'%s' is not a number from 0 to %lld", key,
			(long long)max);
	*ret = number;
	return 1;
}

int spec_get_u32(struct json_object *obj, const char *key, uint32_t *ret, struct error **err)
{
	int64_t number = 0;
	int found = spec_get_number(obj, key, UINT32_MAX, &number, err);

	if (found > 0)
		*ret = (uint32_t)number;
	return found;
}

static bool is_nothing(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return true;
	case json_type_boolean:
		return !json_object_get_boolean(value);
	case json_type_int:
		return json_object_get_int64(value) == 0;
	case json_type_string:
		return json_object_get_string_len(value) == 0;
	case json_type_array:
		return json_object_array_length(value) == 0;
	case json_type_object:
		return json_object_object_length(value) == 0;
	default:
		return false;
	}
}

/* Also { "prestart": [] }: an object of nothing. */
static bool asks_nothing(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return is_nothing(value);
	json_object_object_foreach(value, key, inner)
	{
		(void)key;
		if (!is_nothing(inner))
			return false;
	}
	return true;
}

int spec_refuse(
	struct json_object *obj, const char *const *keys, const char *where, struct error **err)
{
	for (; *keys; keys++) {
		struct json_object *value = NULL;

		if (!json_object_object_get_ex(obj, *keys, &value) || asks_nothing(value))
			continue;
		return error_new(err, ERROR_UNSUPPORTED, "%s.%s is not supported", where, *keys);
	}
	return 0;
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
