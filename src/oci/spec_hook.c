/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of a spec ("POSIX-platform Hooks"). */
#include <limits.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define HOOKS_MAX 1024 /* of one point */

static const char *const points[] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};
_Static_assert(LENGTH(points) == HOOK_POINTS, "every point has its name");

static int parse_hook(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_hooks *hooks = arg;
	struct spec_hook *hook;
	int64_t timeout = 0;
	int found;

	hooks->items = xrealloc(hooks->items, hooks->count + 1, sizeof(*hooks->items));
	hook = &hooks->items[hooks->count++];
	*hook = (struct spec_hook){ 0 };
	if (spec_get_text(obj, "path", &hook->path, err) < 0 ||
		spec_get_list(obj, "args", &hook->args, err) < 0 ||
		spec_get_list(obj, "env", &hook->env, err) < 0)
		return -1;
	found = spec_get_int(obj, "timeout", 1, INT_MAX, &timeout, err);
	if (found < 0)
		return -1;
	if (!hook->path)
		return spec_missing("path", err);
	if (hook->path[0] != '/')
		return error_new(err, ERROR_INVALID, "path: '%s' is not absolute", hook->path);
	hook->timeout = (int)timeout;
	return 0;
}

int spec_hooks_parse(struct json_object *top, struct spec *spec, struct error **err)
{
	struct json_object *obj = NULL;
	int found = spec_get(top, "hooks", json_type_object, &obj, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < LENGTH(points); i++)
		if (spec_each(obj, points[i], HOOKS_MAX, parse_hook, &spec->hooks[i], err) < 0)
			return spec_at(err, "hooks");
	return 0;
}

static struct json_object *hook_json(const struct spec_hook *hook)
{
	struct json_object *object = json_object_new_object();

	json_put_text(object, "path", hook->path);
	json_put_strv(object, "args", hook->args);
	json_put_strv(object, "env", hook->env);
	if (hook->timeout > 0)
		json_put_int(object, "timeout", hook->timeout);
	return object;
}

struct json_object *spec_hooks_json(const struct spec *spec)
{
	struct json_object *object = NULL;

	for (size_t i = 0; i < LENGTH(points); i++) {
		const struct spec_hooks *hooks = &spec->hooks[i];
		struct json_object *array;

		if (hooks->count == 0)
			continue;
		if (!object)
			object = json_object_new_object();
		array = json_object_new_array();
		for (size_t k = 0; k < hooks->count; k++)
			json_object_array_add(array, hook_json(&hooks->items[k]));
		json_put(object, points[i], array);
	}
	return object;
}
