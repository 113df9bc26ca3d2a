/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/state_file.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/state.h"

#define STATE_FILE "state.json"
#define STATE_MAX (1024UL * 1024)
#define VERSION_DEFAULT "1.2.1"

static int get_text(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;

	if (json_get_text(obj, key, &text, err) < 0)
		return -1;
	replace_string(ret, xstrdup_null(text));
	return 0;
}

static int get_number(
	struct json_object *obj, const char *key, int64_t max, int64_t *ret, struct error **err)
{
	if (json_get_int(obj, key, ret, err) < 0)
		return -1;
	if (*ret < 0 || *ret > max)
		return error_new(err, ERROR_INVALID, "'%s' is out of range", key);
	return 0;
}

static int get_annotations(struct json_object *obj, strv *ret, struct error **err)
{
	if (json_get_strv(obj, "annotations", ret, err) < 0)
		return -1;
	for (char *const *at = *ret; at && *at; at++)
		if (!strchr(*at, '='))
			return error_new(err, ERROR_INVALID, "annotation '%s' has no value", *at);
	return 0;
}

static int get_all(struct json_object *obj, struct state *state, struct error **err)
{
	int64_t pid = 0, start = 0, owner = 0;
	bool systemd = false, shares = false;

	if (get_text(obj, "ociVersion", &state->version, err) < 0 ||
		get_text(obj, "bundle", &state->bundle, err) < 0 ||
		get_text(obj, "rootfs", &state->rootfs, err) < 0 ||
		get_text(obj, "cgroup", &state->cgroup, err) < 0 ||
		json_get_bool(obj, "systemd", &systemd, err) < 0 ||
		json_get_bool(obj, "sharesCgroup", &shares, err) < 0 ||
		get_number(obj, "pid", INT_MAX, &pid, err) < 0 ||
		get_number(obj, "pidStart", INT64_MAX, &start, err) < 0 ||
		get_number(obj, "created", INT64_MAX, &state->created_ns, err) < 0 ||
		get_number(obj, "owner", UINT32_MAX, &owner, err) < 0 ||
		get_annotations(obj, &state->annotations, err) < 0)
		return -1;
	state->driver = systemd ? CGROUP_SYSTEMD : CGROUP_FS;
	state->shares_cgroup = shares;
	state->pid = (pid_t)pid;
	state->pid_start = (uint64_t)start;
	state->owner = (uid_t)owner;
	return 0;
}

int state_parse(const char *text, size_t length, struct state *state, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;

	if (json_parse(text, length, STATE_FILE, &obj, err) < 0)
		return -1;
	return get_all(obj, state, err);
}

int state_read(struct state *state, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(state->dir_fd, STATE_FILE, STATE_MAX, &text, &failed);

	if (length < 0 && error_errno(failed) == ENOENT)
		return 0;
	if (length < 0) {
		*err = take_ptr(failed);
		return error_wrap(err, "state of '%s'", state->id);
	}
	if (state_parse(text, (size_t)length, state, err) < 0)
		return error_wrap(err, "state of '%s'", state->id);
	return 1;
}

int state_save(const struct state *state, struct error **err)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	cleanup_free char *text = NULL;

	json_put_text(obj, "ociVersion", state->version);
	json_put_text(obj, "bundle", state->bundle);
	json_put_text(obj, "rootfs", state->rootfs);
	json_put_text(obj, "cgroup", state->cgroup);
	json_put_bool(obj, "systemd", state->driver == CGROUP_SYSTEMD);
	json_put_bool(obj, "sharesCgroup", state->shares_cgroup);
	json_put_int(obj, "pid", state->pid);
	json_put_int(obj, "pidStart", (int64_t)state->pid_start);
	json_put_int(obj, "created", state->created_ns);
	json_put_int(obj, "owner", state->owner);
	json_put_strv(obj, "annotations", state->annotations);
	text = json_compact(obj);
	return file_replace_at(state->dir_fd, STATE_FILE, text, strlen(text), 0600, false, err);
}

void state_forget(struct state *state)
{
	replace_string(&state->version, NULL);
	replace_string(&state->bundle, NULL);
	replace_string(&state->rootfs, NULL);
	replace_string(&state->cgroup, NULL);
	strv_free(state->annotations);
	state->annotations = NULL;
}

/* From the file alone: in a static program the C library would load modules for more. */
static char *owner_name(uid_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	char *name = NULL;

	while (file && !name && (entry = fgetpwent(file)) != NULL)
		if (entry->pw_uid == uid)
			name = xstrdup(entry->pw_name);
	if (file)
		(void)fclose(file);
	return name ? name : xasprintf("%u", uid);
}

static struct json_object *annotations_json(char *const *list)
{
	struct json_object *obj = json_object_new_object();

	for (; list && *list; list++) {
		const char *equals = strchr(*list, '=');
		cleanup_free char *key = xstrndup(*list, (size_t)(equals - *list));

		json_put_text(obj, key, equals + 1);
	}
	return obj;
}

struct json_object *state_json(const struct state *state, enum status status)
{
	struct json_object *obj = json_object_new_object();
	cleanup_free char *owner = owner_name(state->owner);
	char created[CLOCK_TEXT_MAX];

	json_put_text(obj, "ociVersion", state->version ? state->version : VERSION_DEFAULT);
	json_put_text(obj, "id", state->id);
	json_put_int(obj, "pid", status == STATUS_STOPPED ? 0 : state->pid);
	json_put_text(obj, "status", status_name(status));
	json_put_text(obj, "bundle", state->bundle ? state->bundle : "");
	json_put_text(obj, "rootfs", state->rootfs ? state->rootfs : "");
	json_put_text(obj, "created", clock_text(state->created_ns, created));
	if (state->annotations)
		json_put(obj, "annotations", annotations_json(state->annotations));
	json_put_text(obj, "owner", owner);
	return obj;
}
