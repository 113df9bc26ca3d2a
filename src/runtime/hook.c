/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "runtime/program_run.h"

#define STATE_VERSION "1.2.0"

static const struct {
	const char *name;
	const char *directory; /* NULL: the bundle */
} points[HOOK_POINTS] = {
	[HOOK_PRESTART] = { "prestart", NULL },
	[HOOK_CREATE_RUNTIME] = { "createRuntime", NULL },
	[HOOK_CREATE_CONTAINER] = { "createContainer", "." },
	[HOOK_START_CONTAINER] = { "startContainer", "/" },
	[HOOK_POSTSTART] = { "poststart", NULL },
	[HOOK_POSTSTOP] = { "poststop", NULL },
};

bool hooks_any(const struct spec *spec)
{
	for (int point = HOOK_PRESTART; point <= HOOK_START_CONTAINER; point++)
		if (spec->hooks[point].count > 0)
			return true;
	return false;
}

static struct json_object *annotations_json(char *const *annotations)
{
	struct json_object *json = json_object_new_object();

	for (; *annotations; annotations++) {
		const char *equals = strchr(*annotations, '=');
		cleanup_free char *key = NULL;

		if (!equals)
			continue;
		key = xstrndup(*annotations, (size_t)(equals - *annotations));
		json_put_text(json, key, equals + 1);
	}
	return json;
}

char *hook_state_text(const struct hook_state *state)
{
	cleanup_json struct json_object *json = json_object_new_object();

	json_put_text(json, "ociVersion", STATE_VERSION);
	json_put_text(json, "id", state->id);
	json_put_text(json, "status", state->status);
	if (state->pid > 0)
		json_put_int(json, "pid", state->pid);
	json_put_text(json, "bundle", state->bundle);
	if (state->annotations && state->annotations[0])
		json_put(json, "annotations", annotations_json(state->annotations));
	return json_compact(json);
}

/* One that is gone (after the container) is no reason not to run. */
static int open_directory(enum spec_hook_point point, const struct hook_state *state)
{
	const char *directory = points[point].directory;

	if (!directory)
		directory = state->bundle;
	return directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

int hooks_run(const struct spec *spec, enum spec_hook_point point, const struct hook_state *state,
	struct error **err)
{
	const struct spec_hooks *hooks = &spec->hooks[point];
	cleanup_free char *text = NULL;
	cleanup_close int cwd_fd = -1;

	if (hooks->count == 0)
		return 0;
	text = hook_state_text(state);
	cwd_fd = open_directory(point, state);
	for (size_t i = 0; i < hooks->count; i++) {
		const struct spec_hook *hook = &hooks->items[i];
		struct program_run run = { .path = hook->path,
			.args = hook->args,
			.env = hook->env,
			.input = text,
			.cwd_fd = cwd_fd,
			.timeout_s = hook->timeout };

		if (program_run(&run, err) < 0)
			return error_wrap(err, "%s hook %zu", points[point].name, i);
	}
	return 0;
}
