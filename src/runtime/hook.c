/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "runtime/program_run.h"

#define STATE_VERSION "1.2.1"

static const char *const names[HOOK_POINTS] = {
	[HOOK_PRESTART] = "prestart hook",
	[HOOK_CREATE_RUNTIME] = "createRuntime hook",
	[HOOK_CREATE_CONTAINER] = "createContainer hook",
	[HOOK_START_CONTAINER] = "startContainer hook",
	[HOOK_POSTSTART] = "poststart hook",
	[HOOK_POSTSTOP] = "poststop hook",
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

	json_put_text(json, "ociVersion", state->version ? state->version : STATE_VERSION);
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
static int open_directory(enum spec_hook_point point, const char *bundle)
{
	if (point == HOOK_START_CONTAINER || !bundle)
		return -1;
	return open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * One that brings no environment gets ours, as with other runtimes; inside the container that is
 * the program's: ours may hold what the container must not know. What an image sets never reaches a
 * hook outside (LD_PRELOAD: CVE-2025-23266).
 */
static char *const *environment_of(
	const struct spec *spec, enum spec_hook_point point, const struct spec_hook *hook)
{
	if (hook->env)
		return hook->env;
	return point == HOOK_START_CONTAINER ? spec->process.env : environ;
}

int hooks_run(const struct spec *spec, enum spec_hook_point point, const struct hook_state *state,
	struct error **err)
{
	cleanup_free char *text = NULL;

	if (spec->hooks[point].count == 0)
		return 0;
	text = hook_state_text(state);
	return hooks_run_text(spec, point, state->bundle, text, err);
}

int hooks_run_text(const struct spec *spec, enum spec_hook_point point, const char *bundle,
	const char *text, struct error **err)
{
	const struct spec_hooks *hooks = &spec->hooks[point];
	cleanup_close int cwd_fd = hooks->count > 0 ? open_directory(point, bundle) : -1;

	for (size_t i = 0; i < hooks->count; i++) {
		const struct spec_hook *hook = &hooks->items[i];
		struct program_run run = { .name = names[point],
			.path = hook->path,
			.args = hook->args,
			.env = environment_of(spec, point, hook),
			.input = text,
			.cwd_fd = cwd_fd,
			.timeout_s = hook->timeout };

		/* Who calls runc looks for these words. */
		if (program_run(&run, err) < 0)
			return error_wrap(err, "error running hook");
	}
	return 0;
}
