/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#define FILE_MAX (1024UL * 1024)

static int from_json(struct json_object *obj, struct spec_process *ret, struct error **err)
{
	if (spec_process_parse(obj, ret, err) < 0)
		return error_wrap(err, "process");
	return 0;
}

static int from_file(const char *path, struct spec_process *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(AT_FDCWD, path, FILE_MAX, &text, err);

	if (length < 0 || json_parse(text, (size_t)length, path, &obj, err) < 0)
		return -1;
	return from_json(obj, ret, err);
}

/* A copy by way of JSON: the parser knows all members, so that none is forgotten here. */
static int from_spec(
	const struct spec *spec, char *const *command, struct spec_process *ret, struct error **err)
{
	cleanup_json struct json_object *obj = spec_process_json(&spec->process);

	json_object_object_del(obj, "terminal");
	json_object_object_del(obj, "args");
	json_put(obj, "args", json_from_strv(command));
	return from_json(obj, ret, err);
}

static int parse_id(const char *text, char **end, uint32_t *ret)
{
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtoul(text, end, 10);
	if (errno || value >= UINT32_MAX)
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

static int set_user(const char *text, struct spec_process *process, struct error **err)
{
	char *end = NULL;
	uid_t uid = 0;
	gid_t gid = 0;

	if (parse_id(text, &end, &uid) < 0 || (*end && *end != ':') ||
		(*end && (parse_id(end + 1, &end, &gid) < 0 || *end)))
		return error_new(err, ERROR_INVALID, "--user '%s': UID[:GID], as numbers", text);
	process->uid = uid;
	if (strchr(text, ':'))
		process->gid = gid;
	replace_string(&process->user, NULL);
	return 0;
}

static int add_groups(char *const *gids, struct spec_process *process, struct error **err)
{
	size_t more = strv_length(gids), count = process->additional_gid_count;

	if (more == 0)
		return 0;
	process->additional_gids = xrealloc(process->additional_gids, count + more, sizeof(gid_t));
	for (size_t i = 0; i < more; i++) {
		char *end = NULL;

		if (parse_id(gids[i], &end, &process->additional_gids[count + i]) < 0 || *end)
			return error_new(
				err, ERROR_INVALID, "--additional-gids '%s': a number", gids[i]);
		process->additional_gid_count++;
	}
	return 0;
}

/* As runc's --cap and crun's: the process can use it; it is inherited only where the container's
 * own process inherits, and so is an ambient one without a program's file naming it. */
static int add_capabilities(char *const *names, struct spec_process *process, struct error **err)
{
	for (; names && *names; names++) {
		int number = capability_number(*names);
		uint64_t bit;

		if (number < 0)
			return error_new(err, ERROR_INVALID, "unknown capability '%s'", *names);
		bit = UINT64_C(1) << number;
		process->capabilities.bounding |= bit;
		process->capabilities.effective |= bit;
		process->capabilities.permitted |= bit;
	}
	return 0;
}

static int set_env(char *const *env, struct spec_process *process, struct error **err)
{
	for (; env && *env; env++) {
		const char *equals = strchr(*env, '=');
		cleanup_free char *name = equals ? xstrndup(*env, (size_t)(equals - *env)) : NULL;

		if (!equals || equals == *env)
			return error_new(err, ERROR_INVALID, "--env '%s': NAME=VALUE", *env);
		env_set(&process->env, name, equals + 1);
	}
	return 0;
}

/* What enters a confined container is confined as it is, unless something else is said, as with
 * runc. An empty label is none. */
static void set_label(char **label, const char *option, const char *container)
{
	if (option)
		replace_string(label, xstrdup(option));
	else if (container && (!*label || !**label))
		replace_string(label, xstrdup(container));
}

int process_choose(const struct exec_opts *opts, char *const *command, const struct spec *spec,
	struct spec_process *ret, struct error **err)
{
	struct spec_process process cleanup_process = { 0 };

	if (!opts->process && !*command)
		return error_new(err, ERROR_INVALID, "no program to run is given");
	if (opts->process) {
		if (from_file(opts->process, &process, err) < 0)
			return error_wrap(err, "--process");
	} else if (from_spec(spec, command, &process, err) < 0) {
		return -1;
	}
	if (opts->cwd)
		replace_string(&process.cwd, xstrdup(opts->cwd));
	process.terminal |= opts->tty;
	process.no_new_privileges |= opts->no_new_privs;
	set_label(&process.apparmor_profile, opts->apparmor, spec->process.apparmor_profile);
	set_label(&process.selinux_label, opts->label, spec->process.selinux_label);
	if ((opts->user && set_user(opts->user, &process, err) < 0) ||
		add_groups(opts->gids, &process, err) < 0 ||
		add_capabilities(opts->caps, &process, err) < 0 ||
		set_env(opts->env, &process, err) < 0)
		return -1;
	*ret = process;
	process = (struct spec_process){ 0 };
	return 0;
}
