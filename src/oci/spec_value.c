/* SPDX-License-Identifier: Apache-2.0 */
/* Values that more than one member of a spec has: names for numbers, lists of numbers, id maps. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define ID_MAPS_MAX 340 /* the kernel's own limit (user_namespaces(7)) */
#define FLAGS_MAX 64
#define NUMBER_LIST_MAX 4096 /* bytes of text */

static const struct spec_name *find_name(const struct spec_name *names, const char *name)
{
	for (; names->name; names++)
		if (strcmp(names->name, name) == 0)
			return names;
	return NULL;
}

int spec_get_name(struct json_object *obj, const char *key, const struct spec_name *names,
	int64_t *ret, struct error **err)
{
	const struct spec_name *name;
	const char *text = NULL;
	int found = spec_get_word(obj, key, &text, err);

	if (found <= 0)
		return found;
	name = find_name(names, text);
	if (!name)
		return error_new(err, ERROR_INVALID, "%s: \"%s\" is not known", key, text);
	*ret = name->value;
	return 1;
}

int spec_get_flags(struct json_object *obj, const char *key, const struct spec_name *names,
	uint64_t *ret, struct error **err)
{
	struct json_object *array = NULL;
	int found = spec_get_array(obj, key, FLAGS_MAX, &array, err);
	uint64_t flags = 0;

	if (found <= 0)
		return found;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		const char *text = json_object_get_string(item);
		const struct spec_name *name;

		if (!json_object_is_type(item, json_type_string))
			return error_new(err, ERROR_INVALID, "%s[%zu]: is not a string", key, i);
		name = find_name(names, text);
		if (!name)
			return error_new(
				err, ERROR_INVALID, "%s[%zu]: \"%s\" is not known", key, i, text);
		flags |= (uint64_t)name->value;
	}
	*ret = flags;
	return 1;
}

void spec_put_name(
	struct json_object *obj, const char *key, const struct spec_name *names, int64_t value)
{
	for (; names->name; names++)
		if (names->value == value) {
			json_put_text(obj, key, names->name);
			return;
		}
}

void spec_put_flags(
	struct json_object *obj, const char *key, const struct spec_name *names, uint64_t value)
{
	struct json_object *array;

	if (value == 0)
		return;
	array = json_object_new_array();
	for (; names->name; names++)
		if ((value & (uint64_t)names->value) == (uint64_t)names->value)
			json_object_array_add(array, json_object_new_string(names->name));
	json_put(obj, key, array);
}

/* One of "3" and "0-3"; what follows, or NULL. */
static const char *skip_range(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *end = text + digits;

	if (digits == 0 || digits > 5)
		return NULL;
	if (*end == '-') {
		digits = strspn(end + 1, "0123456789");
		if (digits == 0 || digits > 5 || strtol(end + 1, NULL, 10) < strtol(text, NULL, 10))
			return NULL;
		end += 1 + digits;
	}
	return end;
}

static bool is_number_list(const char *text)
{
	for (;;) {
		text = skip_range(text);
		if (!text || !*text)
			return text != NULL;
		if (*text++ != ',')
			return false;
	}
}

int spec_get_number_list(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	int found = spec_get_word(obj, key, &text, err);

	if (found <= 0 || !*text)
		return found < 0 ? -1 : 0;
	if (strlen(text) > NUMBER_LIST_MAX || !is_number_list(text))
		return error_new(err, ERROR_INVALID,
			"%s: '%.64s' is not a list of numbers (\"0-3,7\")", key, text);
	replace_string(ret, xstrdup(text));
	return 1;
}

struct id_maps {
	struct spec_id_map *items;
	size_t count;
};

static int parse_id_map(struct json_object *obj, void *arg, struct error **err)
{
	struct id_maps *maps = arg;
	struct spec_id_map map = { 0 };
	int has_container = spec_get_u32(obj, "containerID", &map.container, err);
	int has_host = has_container < 0 ? -1 : spec_get_u32(obj, "hostID", &map.host, err);
	int has_size = has_host < 0 ? -1 : spec_get_u32(obj, "size", &map.size, err);

	if (has_size < 0)
		return -1;
	if (!has_container || !has_host || !has_size)
		return spec_missing(!has_container ? "containerID"
				    : !has_host    ? "hostID"
						   : "size",
			err);
	if (map.size == 0)
		return error_new(err, ERROR_INVALID, "size: is 0");
	if (map.size > UINT32_MAX - map.container || map.size > UINT32_MAX - map.host)
		return error_new(
			err, ERROR_INVALID, "size: %u reaches beyond the last id", map.size);
	maps->items = xrealloc(maps->items, maps->count + 1, sizeof(*maps->items));
	maps->items[maps->count++] = map;
	return 0;
}

int spec_get_id_map(struct json_object *obj, const char *key, struct spec_id_map **ret,
	size_t *ret_count, struct error **err)
{
	struct id_maps maps = { 0 };
	int found = spec_each(obj, key, ID_MAPS_MAX, parse_id_map, &maps, err);

	if (found <= 0 || maps.count == 0) {
		free(maps.items);
		return found < 0 ? -1 : 0;
	}
	free(*ret);
	*ret = maps.items;
	*ret_count = maps.count;
	return 1;
}

void spec_put_id_map(
	struct json_object *obj, const char *key, const struct spec_id_map *map, size_t count)
{
	struct json_object *array;

	if (count == 0)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		json_put_int(object, "containerID", map[i].container);
		json_put_int(object, "hostID", map[i].host);
		json_put_int(object, "size", map[i].size);
		json_object_array_add(array, object);
	}
	json_put(obj, key, array);
}
