/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user asked for to a record: every value is checked here, before anything is made. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/bundle_devices.h"
#include "engine/container.h"
#include "engine/limits.h"
#include "engine/names.h"
#include "engine/paths.h"
#include "engine/volume.h"
#include "network/resolver.h"
#include "sys/process.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Entrypoint and command, by Docker's rules: a new entrypoint drops the image's command. */
static int resolve_command(const struct container_options *o, const struct image_config *image,
	struct record *record, struct error **err)
{
	const struct image_defaults *defaults = &image->config;
	strv cmd = NULL;

	if (o->entrypoint) {
		if (*o->entrypoint)
			strv_append(&record->entrypoint, o->entrypoint);
	} else {
		record->entrypoint = strv_copy(defaults->entrypoint);
	}
	if (o->command && o->command[0])
		cmd = strv_copy(o->command);
	else if (!o->entrypoint)
		cmd = strv_copy(defaults->cmd);
	record->cmd = cmd;
	strv_concat(&record->args, record->entrypoint);
	strv_concat(&record->args, cmd);
	if (record->args && record->args[0][0])
		return 0;
	error_new(err, ERROR_INVALID, "No command specified");
	return error_hint(err, "the image names none: write one after the image");
}

static int resolve_environment(const struct container_options *o, const struct image_config *image,
	struct record *record, struct error **err)
{
	if (!env_get(image->config.env, "PATH"))
		env_set(&record->env, "PATH", DEFAULT_PATH);
	for (size_t i = 0; image->config.env && image->config.env[i]; i++)
		strv_append(&record->env, image->config.env[i]);
	for (size_t i = 0; o->env && o->env[i]; i++) {
		const char *equals = strchr(o->env[i], '=');
		cleanup_free char *name = equals ? xstrndup(o->env[i], (size_t)(equals - o->env[i]))
						 : xstrdup(o->env[i]);
		const char *value =
			equals ? equals + 1 : getenv(name); // NOLINT(concurrency-mt-unsafe)

		if (!*name)
			return error_new(
				err, ERROR_INVALID, "invalid environment variable: %s", o->env[i]);
		if (value)
			env_set(&record->env, name, value);
	}
	return 0;
}

static void resolve_labels(
	const struct container_options *o, const struct image_config *image, struct record *record)
{
	record->labels = strv_copy(image->config.labels);
	for (size_t i = 0; o->labels && o->labels[i]; i++) {
		const char *equals = strchr(o->labels[i], '=');
		cleanup_free char *key =
			equals ? xstrndup(o->labels[i], (size_t)(equals - o->labels[i]))
			       : xstrdup(o->labels[i]);

		env_set(&record->labels, key, equals ? equals + 1 : "");
	}
}

static int resolve_ports(const struct container_options *o, const struct image_config *image,
	struct record *record, struct error **err)
{
	struct port port;

	record->exposed_ports = strv_copy(image->config.exposed_ports);
	for (size_t i = 0; o->expose && o->expose[i]; i++) {
		if (port_parse_exposed(o->expose[i], &port, err) < 0)
			return error_wrap(err, "--expose %s", o->expose[i]);
		strv_appendf(&record->exposed_ports, "%u/%s", port.container_port,
			port_protocol_name(port.protocol));
	}
	for (size_t i = 0; o->publish && o->publish[i]; i++)
		if (port_parse(o->publish[i], &record->ports, &record->port_count, err) < 0)
			return error_wrap(err, "-p %s", o->publish[i]);
	for (size_t i = 0; o->publish_all && record->exposed_ports && record->exposed_ports[i];
		i++) {
		if (port_parse_exposed(record->exposed_ports[i], &port, err) < 0)
			return -1;
		record->ports =
			xrealloc(record->ports, record->port_count + 1, sizeof(*record->ports));
		record->ports[record->port_count++] = port;
	}
	for (size_t i = 0; i < record->port_count; i++) {
		cleanup_free char *text = xasprintf("%u/%s", record->ports[i].container_port,
			port_protocol_name(record->ports[i].protocol));

		if (!strv_contains(record->exposed_ports, text))
			strv_append(&record->exposed_ports, text);
	}
	return 0;
}

static int resolve_mounts(struct engine *engine, const struct container_options *o,
	const struct image_config *image, struct record *record, struct error **err)
{
	for (size_t i = 0; o->volumes && o->volumes[i]; i++) {
		if (volume_parse(engine, o->volumes[i], record, err) < 0)
			return -1;
		strv_append(&record->binds, o->volumes[i]);
	}
	for (size_t i = 0; o->tmpfs && o->tmpfs[i]; i++)
		if (tmpfs_parse(o->tmpfs[i], record, err) < 0)
			return -1;
	for (size_t i = 0; image->config.volumes && image->config.volumes[i]; i++)
		volume_add_anonymous(engine, record, image->config.volumes[i]);
	record->volumes = strv_copy(image->config.volumes);
	return 0;
}

/* Of --pid, --ipc, --uts, --userns, --cgroupns, --network: the word must be one of those allowed.
 */
static int check_mode(
	const char *flag, const char *value, const char *const *allowed, struct error **err)
{
	cleanup_free char *list = NULL;

	if (!value || !*value)
		return 0;
	for (size_t i = 0; allowed[i]; i++) {
		size_t length = strlen(allowed[i]);

		if (allowed[i][length - 1] == ':'
				? strncmp(value, allowed[i], length) == 0 && value[length]
				: strcmp(value, allowed[i]) == 0)
			return 0;
	}
	list = strv_join((strv)allowed, ", ");
	error_new(err, ERROR_INVALID, "--%s: invalid mode: %s", flag, value);
	return error_hint(err, "use one of: %s", list);
}

static int check_modes(const struct container_options *o, struct error **err)
{
	static const char *const network[] = { "default", "bridge", "host", "none",
		"container:", NULL };
	static const char *const pid[] = { "host", "container:", NULL };
	static const char *const ipc[] = { "host", "private", "shareable", "none",
		"container:", NULL };
	static const char *const uts[] = { "host", NULL };
	static const char *const userns[] = { "host", "private", NULL };
	static const char *const cgroupns[] = { "host", "private", NULL };
	bool shares_network = o->network && strncmp(o->network, "container:", 10) == 0;

	if (check_mode("network", o->network, network, err) < 0 ||
		check_mode("pid", o->pid, pid, err) < 0 ||
		check_mode("ipc", o->ipc, ipc, err) < 0 ||
		check_mode("uts", o->uts, uts, err) < 0 ||
		check_mode("userns", o->userns, userns, err) < 0 ||
		check_mode("cgroupns", o->cgroupns, cgroupns, err) < 0)
		return -1;
	if (o->hostname && ((o->uts && strcmp(o->uts, "host") == 0) || shares_network))
		return error_new(err, ERROR_INVALID,
			"conflicting options: hostname and the %s mode",
			shares_network ? "network" : "UTS");
	if (o->publish && o->publish[0] && shares_network)
		return error_new(err, ERROR_INVALID,
			"conflicting options: port publishing and the container type network mode");
	return 0;
}

static int check_capabilities(char *const *names, struct error **err)
{
	for (size_t i = 0; names && names[i]; i++)
		if (strcasecmp(names[i], "ALL") != 0 && capability_number(names[i]) < 0) {
			error_new(err, ERROR_INVALID, "invalid capability: '%s'", names[i]);
			return error_hint(
				err, "names are as in capabilities(7), with or without CAP_");
		}
	return 0;
}

static int check_security(const struct container_options *o, struct error **err)
{
	static const char *const known[] = { "no-new-privileges", "no-new-privileges=true",
		"no-new-privileges:true", "no-new-privileges=false", "no-new-privileges:false",
		"seccomp=unconfined", "seccomp:unconfined", "seccomp=builtin",
		"apparmor=unconfined", "apparmor:unconfined", "label=disable", "label:disable",
		"systempaths=unconfined", NULL };

	for (size_t i = 0; o->security_opt && o->security_opt[i]; i++)
		if (!strv_contains((strv)known, o->security_opt[i])) {
			error_new(err, ERROR_UNSUPPORTED, "invalid --security-opt: \"%s\"",
				o->security_opt[i]);
			return error_hint(err, "known: no-new-privileges, seccomp=unconfined, "
					       "systempaths=unconfined");
		}
	return check_capabilities(o->cap_add, err) < 0 || check_capabilities(o->cap_drop, err) < 0
		       ? -1
		       : 0;
}

static int resolve_throttles(
	const struct container_options *o, struct record *record, struct error **err)
{
	const struct {
		const char *flag;
		char *const *texts;
		bool is_bytes;
	} throttles[] = { { "device-read-bps", o->device_read_bps, true },
		{ "device-write-bps", o->device_write_bps, true },
		{ "device-read-iops", o->device_read_iops, false },
		{ "device-write-iops", o->device_write_iops, false } };

	for (int t = 0; t < 4; t++)
		for (size_t i = 0; throttles[t].texts && throttles[t].texts[i]; i++)
			if (throttle_parse(throttles[t].flag, throttles[t].texts[i],
				    throttles[t].is_bytes, &record->throttles[t], err) < 0)
				return -1;
	return 0;
}

static int resolve_limits(
	const struct container_options *o, struct record *record, struct error **err)
{
	struct spec_resources resolved;
	int result;

	if (resolve_throttles(o, record, err) < 0)
		return -1;
	for (size_t i = 0; o->ulimits && o->ulimits[i]; i++)
		if (ulimit_parse(o->ulimits[i], &record->ulimits, err) < 0)
			return -1;
	for (size_t i = 0; o->devices && o->devices[i]; i++)
		if (device_parse(o->devices[i], &record->devices, err) < 0)
			return -1;
	if (bundle_check_devices(record, err) < 0)
		return -1;
	limits_merge(&record->limits, &o->limits);
	record->nano_cpus = o->nano_cpus;
	if (limits_check(&record->limits, record->nano_cpus, err) < 0)
		return -1;
	if (o->oom_score_adj != SPEC_UNSET && llabs(o->oom_score_adj) > 1000)
		return error_new(err, ERROR_INVALID,
			"Invalid value %lld, range for oom score adj is [-1000, 1000]",
			(long long)o->oom_score_adj);
	spec_resources_init(&resolved);
	result = limits_resolve(record, &resolved, err);
	spec_resources_done(&resolved);
	return result;
}

static int check_hosts(char *const *entries, struct error **err)
{
	for (; entries && *entries; entries++)
		if (hosts_entry_check(*entries, err) < 0)
			return -1;
	return 0;
}

static int resolve_log(const struct container_options *o, struct record *record, struct error **err)
{
	int64_t size;

	record->log_driver = xstrdup(o->log_driver && *o->log_driver ? o->log_driver : "json-file");
	if (strcmp(record->log_driver, "json-file") != 0 &&
		strcmp(record->log_driver, "none") != 0) {
		error_new(
			err, ERROR_UNSUPPORTED, "logging driver '%s' is not known", o->log_driver);
		return error_hint(err, "use json-file or none");
	}
	for (size_t i = 0; o->log_opts && o->log_opts[i]; i++) {
		const char *text = o->log_opts[i];

		if (strncmp(text, "max-size=", 9) == 0 ? size_parse(text + 9, &size, err) < 0
						       : strncmp(text, "max-file=", 9) != 0)
			return *err ? error_wrap(err, "--log-opt %s", text)
				    : error_new(err, ERROR_INVALID, "unknown log opt '%s'", text);
		strv_append(&record->log_opts, text);
	}
	return 0;
}

static int check_process(const struct container_options *o, const char *signal, struct error **err)
{
	if (o->workdir && o->workdir[0] != '/') {
		error_new(err, ERROR_INVALID,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			o->workdir);
		return error_hint(err, "write -w /path");
	}
	if (o->restart && *o->restart && strcmp(o->restart, "no") != 0) {
		error_new(err, ERROR_UNSUPPORTED, "restart policy '%s' is not available yet",
			o->restart);
		return error_hint(err, "leave --restart out, or start the container from a unit of "
				       "your init system");
	}
	return signal && *signal && signal_parse(signal, err) < 0 ? -1 : 0;
}

static int resolve_process(const struct container_options *o, const struct image_config *image,
	struct record *record, struct error **err)
{
	const struct image_defaults *d = &image->config;
	const char *workdir = o->workdir ? o->workdir : d->working_dir;
	const char *signal = o->stop_signal ? o->stop_signal : d->stop_signal;

	if (check_process(o, signal, err) < 0)
		return -1;
	record->working_dir = xstrdup(workdir && *workdir ? workdir : "/");
	record->user = xstrdup(o->user ? o->user : d->user ? d->user : "");
	record->stop_signal = xstrdup(signal && *signal ? signal : "SIGTERM");
	record->stop_timeout = o->stop_timeout;
	record->tty = o->tty;
	record->open_stdin = o->open_stdin;
	record->stdin_once = o->stdin_once;
	return resolve_command(o, image, record, err) < 0 ||
			       resolve_environment(o, image, record, err) < 0
		       ? -1
		       : 0;
}

static void copy_host_config(const struct container_options *o, struct record *r)
{
	r->network =
		xstrdup(o->network && *o->network && strcmp(o->network, "default") != 0 ? o->network
											: "bridge");
	r->pid_mode = xstrdup_null(o->pid);
	r->ipc_mode = xstrdup(o->ipc && *o->ipc ? o->ipc : "private");
	r->uts_mode = xstrdup_null(o->uts);
	r->userns_mode = xstrdup_null(o->userns);
	r->cgroupns_mode = xstrdup(o->cgroupns && *o->cgroupns ? o->cgroupns : "private");
	r->cgroup_parent = xstrdup_null(o->cgroup_parent);
	r->restart = xstrdup("no");
	r->tmpfs = strv_copy(o->tmpfs);
	r->extra_hosts = strv_copy(o->add_host);
	r->dns = strv_copy(o->dns);
	r->dns_search = strv_copy(o->dns_search);
	r->dns_options = strv_copy(o->dns_option);
	r->cap_add = strv_copy(o->cap_add);
	r->cap_drop = strv_copy(o->cap_drop);
	r->security_opt = strv_copy(o->security_opt);
	r->group_add = strv_copy(o->group_add);
	r->sysctls = strv_copy(o->sysctls);
	r->publish_all = o->publish_all;
	r->auto_remove = o->auto_remove;
	r->init = o->init;
	r->read_only = o->read_only;
	r->privileged = o->privileged;
	r->shm_size = o->shm_size == SPEC_UNSET || o->shm_size == 0 ? 64LL << 20 : o->shm_size;
	r->oom_score_adj = o->oom_score_adj;
	r->domainname = xstrdup_null(o->domainname);
	r->hostname = o->hostname ? xstrdup(o->hostname) : xstrndup(r->id, ID_SHORT);
}

static int resolve(struct engine *engine, const struct container_options *o, struct record *record,
	struct error **err)
{
	cleanup_image_row struct image_row image = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	char digest[DIGEST_TEXT_MAX];

	if ((o->name && name_check(o->name, err) < 0) || check_modes(o, err) < 0 ||
		check_security(o, err) < 0 || check_hosts(o->add_host, err) < 0 ||
		store_find_image(&engine->store, o->image, &image, err) < 0 ||
		store_read_config(&engine->store, &image.id, &config, err) < 0)
		return -1;
	if (engine->ahead_id)
		memcpy(record->id, engine->ahead_id, ID_MAX);
	else
		id_make(record->id);
	record->created_ns = clock_now_ns();
	record->image = xstrdup(o->image);
	record->image_id = xstrdup(digest_text(&image.id, digest));
	record->layer_count = config.layer_count;
	record->layers = xcalloc(config.layer_count, sizeof(*record->layers));
	if (config.layer_count > 0)
		memcpy(record->layers, config.diff_ids,
			config.layer_count * sizeof(*record->layers));
	copy_host_config(o, record);
	resolve_labels(o, &config, record);
	return resolve_process(o, &config, record, err) < 0 ||
			       resolve_ports(o, &config, record, err) < 0 ||
			       resolve_mounts(engine, o, &config, record, err) < 0 ||
			       resolve_limits(o, record, err) < 0 || resolve_log(o, record, err) < 0
		       ? -1
		       : 0;
}

static int make_directories(struct engine *engine, const struct record *record, struct error **err)
{
	static const char *const names[] = { "", "/fs", "/work" };

	for (int i = 0; i < 3; i++) {
		cleanup_free char *path = xasprintf("%s%s", record->id, names[i]);
		/* fs is the container's "/" once it is written to: everybody inside may pass. */
		mode_t mode = i == 1 ? 0755 : 0710;

		if (mkdirat(engine->containers_fd, path, mode) < 0)
			return error_sys(err, "make directory containers/%s", path);
	}
	return 0;
}

/* 1 entered, 0 when the name is taken. */
static int try_name(struct engine *engine, struct register_db *db, const struct record *record,
	struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	cleanup_error struct error *failed = NULL;

	record_row(record, &row);
	if (record_save(engine, record, err) < 0)
		return -1;
	if (register_add(db, &row, &failed) == 0)
		return 1;
	*err = take_ptr(failed);
	return error_kind(*err) == ERROR_CONFLICT ? 0 : -1;
}

/* Takes the name; a made-up one that is taken is tried again with another. */
static int enter_register(
	struct engine *engine, struct record *record, bool made_up, struct error **err)
{
	struct register_db *db;
	int entered = 0;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	for (int attempt = 0; attempt < 20; attempt++) {
		if (made_up)
			replace_string(&record->name, name_make(attempt));
		entered = try_name(engine, db, record, err);
		if (entered != 0 || !made_up)
			break;
		error_free(take_ptr(*err));
	}
	return entered > 0 ? 0 : -1;
}

/* Early, before anything is made: a conflict must not cost a disk write. enter_register() decides.
 */
static int check_name(struct engine *engine, const char *name, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	cleanup_error struct error *ambiguous = NULL;
	struct register_db *db;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	if (!name)
		return 0;
	if (register_find(db, name, &row, &ambiguous) <= 0)
		return 0; /* a prefix of several ids is nobody's name */
	if (strcmp(row.name, name) != 0)
		return 0;
	error_new(err, ERROR_CONFLICT,
		"Conflict. The container name \"/%s\" is already in use by container \"%s\". "
		"You have to remove (or rename) that container to be able to reuse that name.",
		name, row.id);
	return error_hint(err, "vessel rm -f %s, or choose another --name", name);
}

static int create(struct engine *engine, const struct container_options *options,
	char ret_id[static ID_MAX], struct error **err)
{
	cleanup_record struct record record;
	int operation, result;

	record_init(&record);
	if (resolve(engine, options, &record, err) < 0 ||
		check_name(engine, options->name, err) < 0)
		return -1;
	record.name = options->name ? xstrdup(options->name) : NULL;
	operation = operation_begin(engine, record.id, true, err);
	if (operation < 0)
		return -1;
	result = make_directories(engine, &record, err) < 0 ||
				 volumes_make(engine, &record, err) < 0 ||
				 enter_register(engine, &record, !options->name, err) < 0
			 ? -1
			 : 0;
	if (result < 0) {
		cleanup_error struct error *no_tree = NULL, *no_volumes = NULL;

		(void)tree_remove_at(engine->containers_fd, record.id, &no_tree);
		(void)volumes_remove_anonymous(engine, &record, &no_volumes);
	} else {
		memcpy(ret_id, record.id, ID_MAX);
	}
	/* Killed before it is started, --rm must hold all the same. */
	if (result == 0 && record.auto_remove)
		operation_hold(engine, record.id, &operation);
	operation_end(engine, record.id, &operation);
	return result;
}

int container_create(struct engine *engine, const struct container_options *options,
	char ret_id[static ID_MAX], strv *warnings, struct error **err)
{
	bool was_in_use = engine->store.in_use;
	int result;

	(void)warnings;
	/* From looking the image up until the register says that we use it, its layers must stay.
	 */
	if (store_use(&engine->store, err) < 0)
		return -1;
	result = create(engine, options, ret_id, err);
	if (!was_in_use)
		store_unuse(&engine->store);
	return result;
}
