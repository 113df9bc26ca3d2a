/* SPDX-License-Identifier: Apache-2.0 */
/* The process member, which `exec` also has alone. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define GIDS_MAX NGROUPS_MAX
#define CAPABILITIES_MAX 256 /* names, unknown and repeated ones included */

static const struct {
	const char *key;
	size_t offset;
} capability_sets[] = {
	{ "bounding", offsetof(struct spec_capabilities, bounding) },
	{ "effective", offsetof(struct spec_capabilities, effective) },
	{ "inheritable", offsetof(struct spec_capabilities, inheritable) },
	{ "permitted", offsetof(struct spec_capabilities, permitted) },
	{ "ambient", offsetof(struct spec_capabilities, ambient) },
};

static uint64_t *capability_set(const struct spec_capabilities *capabilities, size_t i)
{
	return (uint64_t *)((char *)capabilities + capability_sets[i].offset);
}

/* A name that we do not know is left out: fewer capabilities is the safe side of a newer caller. */
static int parse_capability_set(
	struct json_object *obj, const char *key, uint64_t *ret, struct error **err)
{
	struct json_object *names = NULL;
	uint64_t set = 0;

	if (spec_get_array(obj, key, CAPABILITIES_MAX, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		struct json_object *name = json_object_array_get_idx(names, i);
		int number;

		if (!json_object_is_type(name, json_type_string))
			return error_new(err, ERROR_INVALID, "%s[%zu]: is not a string", key, i);
		number = capability_number(json_object_get_string(name));
		if (number >= 0)
			set |= UINT64_C(1) << number;
	}
	*ret = set;
	return 0;
}

static int parse_capabilities(
	struct json_object *obj, struct spec_capabilities *ret, struct error **err)
{
	struct json_object *sets = NULL;

	if (spec_get(obj, "capabilities", json_type_object, &sets, err) < 0)
		return -1;
	for (size_t i = 0; sets && i < LENGTH(capability_sets); i++)
		if (parse_capability_set(
			    sets, capability_sets[i].key, capability_set(ret, i), err) < 0)
			return spec_at(err, "capabilities");
	return 0;
}

static int rlimit_values(struct json_object *obj, struct spec_rlimit *limit, struct error **err)
{
	int has_soft = spec_get_u64(obj, "soft", &limit->soft, err);
	int has_hard = has_soft < 0 ? -1 : spec_get_u64(obj, "hard", &limit->hard, err);

	if (has_hard < 0)
		return -1;
	if (!has_soft || !has_hard)
		return spec_missing(has_soft ? "hard" : "soft", err);
	if (limit->soft > limit->hard)
		return error_new(err, ERROR_INVALID, "soft: %llu is above hard, which is %llu",
			(unsigned long long)limit->soft, (unsigned long long)limit->hard);
	return 0;
}

static int parse_rlimit(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_process *process = arg;
	struct spec_rlimit limit = { 0 };
	const char *name = NULL;
	int found = spec_get_word(obj, "type", &name, err);

	if (found <= 0)
		return found < 0 ? -1 : spec_missing("type", err);
	limit.resource = rlimit_number(name);
	if (limit.resource < 0)
		return error_new(err, ERROR_INVALID, "type: \"%s\" is not known", name);
	for (size_t i = 0; i < process->rlimit_count; i++)
		if (process->rlimits[i].resource == limit.resource)
			return error_new(err, ERROR_INVALID, "type: \"%s\" is there twice", name);
	if (rlimit_values(obj, &limit, err) < 0)
		return -1;
	process->rlimits = xrealloc(process->rlimits, process->rlimit_count + 1, sizeof(limit));
	process->rlimits[process->rlimit_count++] = limit;
	return 0;
}

static int parse_groups(struct json_object *user, struct spec_process *process, struct error **err)
{
	struct json_object *array = NULL;
	size_t count;

	if (spec_get_array(user, "additionalGids", GIDS_MAX, &array, err) <= 0)
		return *err ? -1 : 0;
	count = json_object_array_length(array);
	process->additional_gids = xcalloc(count, sizeof(gid_t));
	for (size_t i = 0; i < count; i++) {
		struct json_object *gid = json_object_array_get_idx(array, i);
		int64_t number = json_object_get_int64(gid);

		if (!json_object_is_type(gid, json_type_int) || number < 0 || number > UINT32_MAX)
			return error_new(err, ERROR_INVALID,
				"additionalGids[%zu]: is not an id (0 to 4294967295)", i);
		process->additional_gids[process->additional_gid_count++] = (gid_t)number;
	}
	return 0;
}

static int fill_user(struct json_object *user, struct spec_process *process, struct error **err)
{
	int64_t umask = 0;
	int found;

	if (spec_get_u32(user, "uid", &process->uid, err) < 0 ||
		spec_get_u32(user, "gid", &process->gid, err) < 0)
		return -1;
	found = spec_get_number(user, "umask", 0777, &umask, err);
	if (found < 0)
		return -1;
	if (found > 0)
		process->umask = (mode_t)umask;
	return parse_groups(user, process, err);
}

static int fill_console(struct json_object *size, struct spec_process *process, struct error **err)
{
	int64_t height = 0, width = 0;
	int has_height = spec_get_number(size, "height", UINT16_MAX, &height, err);
	int has_width =
		has_height < 0 ? -1 : spec_get_number(size, "width", UINT16_MAX, &width, err);

	if (has_width < 0)
		return -1;
	if (!has_height || !has_width)
		return spec_missing(has_height ? "width" : "height", err);
	process->console_height = (uint16_t)height;
	process->console_width = (uint16_t)width;
	return 0;
}

static int fill_own(struct json_object *own, struct spec_process *process, struct error **err)
{
	if (spec_get_text(own, "user", &process->user, err) < 0 ||
		spec_get_list(own, "groups", &process->groups, err) < 0 ||
		spec_get_bool(own, "makeCwd", &process->make_cwd, err) < 0)
		return -1;
	return 0;
}

static const struct {
	const char *key;
	int (*fill)(struct json_object *obj, struct spec_process *process, struct error **err);
} objects[] = {
	{ "user", fill_user },
	{ "consoleSize", fill_console },
	{ "vessel", fill_own },
};

static int parse_objects(struct json_object *obj, struct spec_process *process, struct error **err)
{
	for (size_t i = 0; i < LENGTH(objects); i++) {
		struct json_object *member = NULL;

		if (spec_get(obj, objects[i].key, json_type_object, &member, err) < 0)
			return -1;
		if (member && objects[i].fill(member, process, err) < 0)
			return spec_at(err, "%s", objects[i].key);
	}
	return 0;
}

static int parse_scalars(struct json_object *obj, struct spec_process *process, struct error **err)
{
	int64_t adjustment = 0;
	int found;

	if (spec_get_bool(obj, "terminal", &process->terminal, err) < 0 ||
		spec_get_bool(obj, "noNewPrivileges", &process->no_new_privileges, err) < 0 ||
		spec_get_text(obj, "apparmorProfile", &process->apparmor_profile, err) < 0 ||
		spec_get_text(obj, "selinuxLabel", &process->selinux_label, err) < 0)
		return -1;
	found = spec_get_int(obj, "oomScoreAdj", -1000, 1000, &adjustment, err);
	if (found < 0)
		return -1;
	process->oom_score_adj = (int)adjustment;
	process->has_oom_score_adj = found > 0;
	return 0;
}

/* commandLine is for Windows. */
static int parse_texts(struct json_object *obj, struct spec_process *process, struct error **err)
{
	if (spec_get_list(obj, "args", &process->args, err) < 0 ||
		spec_get_list(obj, "env", &process->env, err) < 0 ||
		spec_get_text(obj, "cwd", &process->cwd, err) < 0)
		return -1;
	if (!process->args)
		return spec_missing("args", err);
	if (!process->args[0])
		return error_new(err, ERROR_INVALID, "args: is empty");
	if (!process->cwd)
		return spec_missing("cwd", err);
	if (process->cwd[0] != '/')
		return error_new(
			err, ERROR_INVALID, "cwd: '%s' is not an absolute path", process->cwd);
	return 0;
}

int spec_process_parse(struct json_object *obj, struct spec_process *ret, struct error **err)
{
	cleanup_spec_process struct spec_process process = { .umask = (mode_t)-1 };

	if (parse_texts(obj, &process, err) < 0 || parse_scalars(obj, &process, err) < 0 ||
		parse_objects(obj, &process, err) < 0 ||
		parse_capabilities(obj, &process.capabilities, err) < 0 ||
		spec_each(obj, "rlimits", RLIM_NLIMITS, parse_rlimit, &process, err) < 0 ||
		spec_schedule_parse(obj, &process, err) < 0)
		return -1;
	*ret = process;
	process = (struct spec_process){ 0 };
	return 0;
}

/* ---- writing ---- */

static struct json_object *user_json(const struct spec_process *process)
{
	struct json_object *user = json_object_new_object(), *gids;

	json_put_int(user, "uid", process->uid);
	json_put_int(user, "gid", process->gid);
	if (process->umask != (mode_t)-1)
		json_put_int(user, "umask", process->umask);
	if (process->additional_gid_count > 0) {
		gids = json_object_new_array();
		for (size_t i = 0; i < process->additional_gid_count; i++)
			json_object_array_add(
				gids, json_object_new_int64(process->additional_gids[i]));
		json_put(user, "additionalGids", gids);
	}
	return user;
}

static struct json_object *capabilities_json(const struct spec_capabilities *capabilities)
{
	struct json_object *sets = json_object_new_object();

	for (size_t i = 0; i < LENGTH(capability_sets); i++) {
		struct json_object *names = json_object_new_array();

		for (int number = 0; capability_name(number); number++)
			if (*capability_set(capabilities, i) & UINT64_C(1) << number)
				json_object_array_add(
					names, json_object_new_string(capability_name(number)));
		json_put(sets, capability_sets[i].key, names);
	}
	return sets;
}

static struct json_object *rlimits_json(const struct spec_process *process)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < process->rlimit_count; i++) {
		struct json_object *limit = json_object_new_object();

		json_put_text(limit, "type", rlimit_name(process->rlimits[i].resource));
		json_put(limit, "hard", json_object_new_uint64(process->rlimits[i].hard));
		json_put(limit, "soft", json_object_new_uint64(process->rlimits[i].soft));
		json_object_array_add(array, limit);
	}
	return array;
}

struct json_object *spec_process_json(const struct spec_process *process)
{
	struct json_object *object = json_object_new_object(), *size, *own;

	json_put_bool(object, "terminal", process->terminal);
	if (process->console_height || process->console_width) {
		size = json_object_new_object();
		json_put_int(size, "height", process->console_height);
		json_put_int(size, "width", process->console_width);
		json_put(object, "consoleSize", size);
	}
	json_put(object, "user", user_json(process));
	json_put_strv(object, "args", process->args);
	json_put_strv(object, "env", process->env);
	json_put_text(object, "cwd", process->cwd);
	json_put(object, "capabilities", capabilities_json(&process->capabilities));
	if (process->rlimit_count > 0)
		json_put(object, "rlimits", rlimits_json(process));
	json_put_bool(object, "noNewPrivileges", process->no_new_privileges);
	if (process->has_oom_score_adj)
		json_put_int(object, "oomScoreAdj", process->oom_score_adj);
	json_put_text(object, "apparmorProfile", process->apparmor_profile);
	json_put_text(object, "selinuxLabel", process->selinux_label);
	spec_schedule_put(object, process);
	if (process->user || process->groups || process->make_cwd) {
		own = json_object_new_object();
		json_put_text(own, "user", process->user);
		if (process->groups)
			json_put_strv(own, "groups", process->groups);
		if (process->make_cwd)
			json_put_bool(own, "makeCwd", true);
		json_put(object, "vessel", own);
	}
	return object;
}
