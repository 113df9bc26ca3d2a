/* SPDX-License-Identifier: Apache-2.0 */
/* From flags to what the engine is asked for, and the image that it needs. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/create_flags.h"
#include "cli/progress.h"
#include "engine/container.h"
#include "engine/image.h"
#include "oci/reference.h"

int platform_check(const char *platform, struct error **err)
{
	cleanup_free char *own = xasprintf("linux/%s", platform_architecture());

	if (!platform || !*platform || strcmp(platform, "linux") == 0 ||
		strcmp(platform, own) == 0 || strcmp(platform, platform_architecture()) == 0)
		return 0;
	error_new(err, ERROR_UNSUPPORTED, "platform '%s' is not this machine's", platform);
	return error_hint(err, "this machine runs %s", own);
}

static int check_attach(char *const *streams, struct error **err)
{
	for (; streams && *streams; streams++)
		if (strcasecmp(*streams, "stdin") != 0 && strcasecmp(*streams, "stdout") != 0 &&
			strcasecmp(*streams, "stderr") != 0)
			return error_new(err, ERROR_INVALID,
				"invalid argument \"%s\" for \"-a, --attach\" flag: valid streams "
				"are STDIN, STDOUT and STDERR",
				*streams);
	return 0;
}

static int check_flags(const struct create_opts *opts, struct error **err)
{
	static const char *const pulls[] = { "always", "missing", "never", NULL };

	if (!strv_contains((strv)pulls, opts->pull))
		return error_new(err, ERROR_INVALID,
			"invalid pull option: '%s': must be one of \"always\", \"missing\" or "
			"\"never\"",
			opts->pull);
	if (opts->detach && opts->attach)
		return error_new(err, ERROR_INVALID,
			"conflicting options: cannot specify both --attach and --detach");
	if (check_attach(opts->attach, err) < 0)
		return -1;
	return platform_check(opts->platform, err);
}

static int read_files(
	const struct create_opts *opts, struct create_lists *lists, struct error **err)
{
	/* Flags win over files: they come later. */
	for (size_t i = 0; opts->env_file && opts->env_file[i]; i++)
		if (env_file_read(opts->env_file[i], true, &lists->env, err) < 0)
			return error_wrap(err, "--env-file");
	for (size_t i = 0; opts->label_file && opts->label_file[i]; i++)
		if (env_file_read(opts->label_file[i], false, &lists->labels, err) < 0)
			return error_wrap(err, "--label-file");
	strv_concat(&lists->env, opts->env);
	strv_concat(&lists->labels, opts->labels);
	return 0;
}

static struct container_options resolve(
	const struct create_opts *o, char *const *args, const struct create_lists *lists)
{
	struct container_options options = {
		.image = args[0],
		.command = args[1] ? args + 1 : NULL,
		.name = o->name && *o->name ? o->name : NULL,
		.entrypoint = o->entrypoint,
		.hostname = o->hostname,
		.domainname = o->domainname,
		.user = o->user,
		.workdir = o->workdir,
		.env = lists->env,
		.labels = lists->labels,
		.volumes = o->volumes,
		.tmpfs = o->tmpfs,
		.publish = o->publish,
		.publish_all = o->publish_all,
		.expose = o->expose,
		.network = o->network,
		.add_host = o->add_host,
		.dns = o->dns,
		.dns_search = o->dns_search,
		.dns_option = o->dns_option,
		.pid = o->pid,
		.ipc = o->ipc,
		.uts = o->uts,
		.userns = o->userns,
		.cgroupns = o->cgroupns,
		.cgroup_parent = o->cgroup_parent,
		.tty = o->tty,
		.open_stdin = o->interactive,
		.stdin_once = o->interactive && !o->detach,
		.auto_remove = o->rm,
		.init = o->init,
		.read_only = o->read_only,
		.privileged = o->privileged,
		.cap_add = o->cap_add,
		.cap_drop = o->cap_drop,
		.security_opt = o->security_opt,
		.ulimits = o->ulimits,
		.devices = o->devices,
		.group_add = o->group_add,
		.sysctls = o->sysctls,
		.stop_signal = o->stop_signal,
		.stop_timeout = o->stop_timeout,
		.shm_size = o->shm_size,
		.oom_score_adj = o->oom_score_adj,
		.nano_cpus = o->limits.nano_cpus,
		.device_read_bps = o->read_bps,
		.device_write_bps = o->write_bps,
		.device_read_iops = o->read_iops,
		.device_write_iops = o->write_iops,
		.log_opts = o->log_opts,
		.log_driver = o->log_driver,
		.restart = o->restart,
	};

	limit_opts_resolve(&o->limits, &options.limits);
	return options;
}

int create_prepare(const struct create_opts *opts, char *const *args, struct container_options *ret,
	struct create_lists *lists, struct error **err)
{
	if (check_flags(opts, err) < 0 || read_files(opts, lists, err) < 0)
		return -1;
	*ret = resolve(opts, args, lists);
	return 0;
}

void create_lists_done(struct create_lists *lists)
{
	strv_free(lists->env);
	strv_free(lists->labels);
	*lists = (struct create_lists){ 0 };
}

static int pull_image(struct engine *engine, const char *name, bool quiet, struct error **err)
{
	cleanup_progress_view struct progress_view *view =
		progress_view_open(stderr, "Downloading", quiet);
	const struct registry_progress progress = progress_view_calls(view);
	cleanup_image_row struct image_row row = { 0 };

	return image_pull(engine, name, &progress, &row, err);
}

static int need_image(
	struct engine *engine, const struct create_opts *opts, const char *name, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;
	int found;

	if (strcmp(opts->pull, "always") == 0)
		return pull_image(engine, name, opts->quiet, err);
	found = store_lookup_image(&engine->store, name, &row, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (strcmp(opts->pull, "never") == 0) {
		error_new(err, ERROR_NOT_FOUND, "No such image: %s", name);
		return error_hint(err, "leave out --pull never, or import or build it first");
	}
	if (reference_parse(name, &ref, err) < 0)
		return -1;
	familiar = reference_familiar(&ref);
	fprintf(stderr, "Unable to find image '%s' locally\n", familiar);
	return pull_image(engine, name, opts->quiet, err);
}

static int make_container(struct engine *engine, const struct create_opts *opts,
	const struct container_options *options, char ret_id[static ID_MAX], struct error **err)
{
	cleanup_strv strv warnings = NULL;

	if (need_image(engine, opts, options->image, err) < 0 ||
		container_create(engine, options, ret_id, &warnings, err) < 0)
		return -1;
	for (size_t i = 0; warnings && warnings[i]; i++)
		fprintf(stderr, "WARNING: %s\n", warnings[i]);
	return 0;
}

/* The file is made before the container, so that two of them never write to one. */
static int open_cidfile(const char *path, struct error **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd >= 0)
		return fd;
	error_sys(err, "container ID file '%s'", path);
	if (error_errno(*err) == EEXIST)
		error_hint(err, "make sure the other container isn't running, or delete the file");
	return -1;
}

int create_container(struct engine *engine, const struct create_opts *opts,
	const struct container_options *options, char ret_id[static ID_MAX], struct error **err)
{
	cleanup_close int cid_fd = -1;

	if (!opts->cidfile || !*opts->cidfile)
		return make_container(engine, opts, options, ret_id, err);
	cid_fd = open_cidfile(opts->cidfile, err);
	if (cid_fd < 0)
		return -1;
	if (make_container(engine, opts, options, ret_id, err) < 0) {
		(void)unlink(opts->cidfile);
		return -1;
	}
	return file_write_all(cid_fd, ret_id, strlen(ret_id), opts->cidfile, err);
}
