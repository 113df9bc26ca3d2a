/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundle.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/spawn.h"
#include "cgroup/cgroup.h"
#include "engine/bundle_devices.h"
#include "engine/container.h"
#include "engine/limits.h"
#include "engine/paths.h"
#include "runtime/seccomp.h"

static const struct {
	const char *destination, *type, *options;
} default_mounts[] = {
	{ "/proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/sys", "sysfs", "nosuid,noexec,nodev,ro" },
};

/* What /proc and /sys tell about the host or let a container change on it (security.md of this
 * tree). */
static const char *const masked_paths[] = { "/proc/asound", "/proc/acpi", "/proc/interrupts",
	"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", NULL };
static const char *const readonly_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger", NULL };

bool bundle_has_security_opt(const struct record *record, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; record->security_opt && record->security_opt[i]; i++)
		if (strncmp(record->security_opt[i], name, length) == 0 &&
			!strstr(record->security_opt[i], "false"))
			return true;
	return false;
}

uint64_t bundle_all_capabilities(void)
{
	uint64_t set = 0;

	for (unsigned int n = 0; n < 64; n++)
		if (prctl(PR_CAPBSET_READ, n, 0, 0, 0) == 1)
			set |= UINT64_C(1) << n;
	return set;
}

static uint64_t apply_names(uint64_t set, strv names, bool add)
{
	for (size_t i = 0; names && names[i]; i++) {
		uint64_t bits = strcasecmp(names[i], "ALL") == 0
					? bundle_all_capabilities()
					: UINT64_C(1) << capability_number(names[i]);

		set = add ? set | bits : set & ~bits;
	}
	return set;
}

uint64_t bundle_capabilities(const struct record *record)
{
	uint64_t set = CAPABILITIES_DEFAULT;

	if (record->privileged)
		return bundle_all_capabilities();
	/* Docker's order: a dropped ALL first, then what is added, then what is dropped by name. */
	for (size_t i = 0; record->cap_drop && record->cap_drop[i]; i++)
		if (strcasecmp(record->cap_drop[i], "ALL") == 0)
			return apply_names(0, record->cap_add, true);
	set = apply_names(set, record->cap_add, true);
	return apply_names(set, record->cap_drop, false);
}

char *bundle_cgroup_path(const struct record *record)
{
	const char *parent = record->cgroup_parent;

	if (cgroup_has_systemd())
		return xasprintf(
			"%s:vessel:%s", parent && *parent ? parent : "system.slice", record->id);
	if (!parent || !*parent)
		return xasprintf("/vessel/%s", record->id);
	return xasprintf("%s%s/%s", parent[0] == '/' ? "" : "/", parent, record->id);
}

char *bundle_init_path(struct error **err)
{
	cleanup_close int fd = helper_open("vessel-init", err);
	char link[64], path[4096];
	ssize_t length;

	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0) {
		error_sys(err, "find vessel-init");
		return NULL;
	}
	return xstrndup(path, (size_t)length);
}

/* As docker has it: who made the other container decides whether its IPC namespace is for others.
 */
static int check_shareable(struct engine *engine, const char *id, struct error **err)
{
	cleanup_record struct record other;

	record_init(&other);
	if (record_load(engine, id, &other, err) < 0)
		return -1;
	if (strcmp(other.ipc_mode, "shareable") == 0 || strcmp(other.ipc_mode, "host") == 0)
		return 0;
	error_new(err, ERROR_CONFLICT, "cannot join IPC of container %s: non-shareable IPC",
		other.name);
	return error_hint(err, "run the other one with --ipc shareable");
}

/* /proc/PID/ns/FILE of the container that "container:NAME" names. */
static int shared_namespace(
	struct engine *engine, const char *mode, int type, struct spec *spec, struct error **err)
{
	struct container_status status;
	char id[ID_MAX];
	cleanup_free char *path = NULL;

	if (container_resolve(engine, mode + strlen("container:"), id, err) < 0 ||
		container_status(engine, id, &status, err) < 0)
		return -1;
	if (!status.pid)
		return error_new(err, ERROR_CONFLICT,
			"cannot join the %s namespace of a non running container: %.12s",
			namespace_name(type), id);
	if (type == CLONE_NEWIPC && check_shareable(engine, id, err) < 0)
		return -1;
	path = xasprintf("/proc/%d/ns/%s", (int)status.pid, namespace_file(type));
	spec_add_namespace(spec, type, path);
	return 0;
}

static int add_namespaces(
	struct engine *engine, const struct record *r, struct spec *spec, struct error **err)
{
	const struct {
		int type;
		const char *mode;
	} namespaces[] = { { CLONE_NEWNS, "" }, { CLONE_NEWUTS, r->uts_mode },
		{ CLONE_NEWIPC, r->ipc_mode }, { CLONE_NEWPID, r->pid_mode },
		{ CLONE_NEWNET, r->network }, { CLONE_NEWCGROUP, r->cgroupns_mode } };

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		const char *mode = namespaces[i].mode ? namespaces[i].mode : "";

		if (strncmp(mode, "container:", 10) == 0) {
			if (shared_namespace(engine, mode, namespaces[i].type, spec, err) < 0)
				return -1;
		} else if (strcmp(mode, "host") != 0) {
			spec_add_namespace(spec, namespaces[i].type, NULL);
		}
	}
	if (r->userns_mode && strcmp(r->userns_mode, "private") == 0) {
		const struct spec_id_map whole = { .container = 0, .host = 0, .size = UINT32_MAX };

		spec_add_namespace(spec, CLONE_NEWUSER, NULL);
		spec->uid_map = xcalloc(1, sizeof(whole));
		spec->gid_map = xcalloc(1, sizeof(whole));
		spec->uid_map[0] = spec->gid_map[0] = whole;
		spec->uid_map_count = spec->gid_map_count = 1;
	}
	return 0;
}

/* Message queues belong to the IPC namespace, so they go where that goes; POSIX shared memory is a
 * mount. */
static void add_ipc_mounts(const struct record *r, struct spec *spec)
{
	cleanup_free char *shm = NULL;

	if (strcmp(r->ipc_mode, "host") == 0) {
		spec_add_mount(spec, "/dev/shm", "bind", "/dev/shm", "rbind");
		if (access("/dev/mqueue", F_OK) == 0)
			spec_add_mount(spec, "/dev/mqueue", "bind", "/dev/mqueue", "rbind");
		return;
	}
	spec_add_mount(spec, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	if (strcmp(r->ipc_mode, "none") == 0)
		return;
	/* In a shared namespace too: the other's mount cannot be cloned from outside its mount
	 * namespace. */
	shm = xasprintf("nosuid,noexec,nodev,mode=1777,size=%lld", (long long)r->shm_size);
	spec_add_mount(spec, "/dev/shm", "tmpfs", "shm", shm);
}

static void add_etc(const struct bundle_places *places, bool read_only, struct spec *spec)
{
	const struct {
		const char *destination, *source;
	} files[] = { { "/etc/resolv.conf", places->resolv_conf },
		{ "/etc/hostname", places->hostname }, { "/etc/hosts", places->hosts } };

	for (int i = 0; i < 3; i++)
		if (files[i].source)
			spec_add_mount(spec, files[i].destination, "bind", files[i].source,
				read_only ? "rbind,rprivate,ro" : "rbind,rprivate");
}

static int add_mounts(struct engine *engine, const struct record *r,
	const struct bundle_places *places, struct spec *spec, struct error **err)
{
	for (size_t i = 0; i < sizeof(default_mounts) / sizeof(*default_mounts); i++) {
		cleanup_free char *options = xstrdup(default_mounts[i].options);
		char *ro = strstr(options, ",ro");

		if (r->privileged && ro)
			*ro = '\0';
		spec_add_mount(spec, default_mounts[i].destination, default_mounts[i].type,
			default_mounts[i].type, options);
	}
	add_ipc_mounts(r, spec);
	add_etc(places, r->read_only, spec);
	/* After the others: init waits here until it is in its cgroup (runtime/init.h). */
	spec_add_mount(spec, "/sys/fs/cgroup", "cgroup", "cgroup",
		r->privileged ? "nosuid,noexec,nodev,relatime" : "nosuid,noexec,nodev,relatime,ro");
	for (size_t i = 0; i < r->mount_count; i++) {
		const struct record_mount *m = &r->mounts[i];
		bool is_tmpfs = strcmp(m->type, "tmpfs") == 0;

		spec_add_mount(spec, m->destination, is_tmpfs ? "tmpfs" : "bind",
			is_tmpfs ? "tmpfs" : m->source, m->options);
	}
	return 0;
}

static void set_environment(const struct record *r, struct spec_process *process)
{
	const char *path = env_get(r->env, "PATH");

	env_set(&process->env, "PATH", path ? path : "");
	if (r->hostname && !(r->uts_mode && strcmp(r->uts_mode, "host") == 0))
		env_set(&process->env, "HOSTNAME", r->hostname);
	if (r->tty)
		env_set(&process->env, "TERM", "xterm");
	for (size_t i = 0; r->env && r->env[i]; i++) {
		const char *equals = strchr(r->env[i], '=');
		cleanup_free char *name = xstrndup(r->env[i], (size_t)(equals - r->env[i]));

		env_set(&process->env, name, equals + 1);
	}
}

static void set_rlimits(const struct record *r, struct spec_process *process)
{
	size_t count = strv_length(r->ulimits);

	process->rlimits = xcalloc(count, sizeof(*process->rlimits));
	for (; process->rlimit_count < count; process->rlimit_count++) {
		struct spec_rlimit *limit = &process->rlimits[process->rlimit_count];
		const char *text = r->ulimits[process->rlimit_count];
		const char *equals = strchr(text, '='), *colon = strchr(equals, ':');
		cleanup_free char *name = xstrndup(text, (size_t)(equals - text));

		/* -1 is RLIM_INFINITY in two's complement. */
		limit->resource = rlimit_number(name);
		limit->soft = (uint64_t)strtoll(equals + 1, NULL, 10);
		limit->hard = (uint64_t)strtoll(colon + 1, NULL, 10);
	}
}

static void set_process(const struct record *r, struct spec_process *process)
{
	uint64_t capabilities = bundle_capabilities(r);

	process->terminal = r->tty;
	process->args = strv_copy(r->args);
	process->cwd = xstrdup(r->working_dir);
	process->make_cwd = true;
	process->user = r->user && *r->user ? xstrdup(r->user) : NULL;
	process->umask = (mode_t)-1;
	process->no_new_privileges = bundle_has_security_opt(r, "no-new-privileges");
	process->capabilities = (struct spec_capabilities){
		.bounding = capabilities, .effective = capabilities, .permitted = capabilities
	};
	if (r->oom_score_adj != SPEC_UNSET) {
		process->oom_score_adj = (int)r->oom_score_adj;
		process->has_oom_score_adj = true;
	}
	process->groups = strv_copy(r->group_add);
	set_environment(r, process);
	set_rlimits(r, process);
}

static int set_root(
	struct engine *engine, const struct record *r, struct spec *spec, struct error **err)
{
	if (layer_lowers(&engine->store, r->layers, r->layer_count, &spec->overlay.lower, err) < 0)
		return -1;
	spec->overlay.upper = xasprintf("%s/containers/%s/fs", engine->root, r->id);
	spec->overlay.work = xasprintf("%s/containers/%s/work", engine->root, r->id);
	spec->root_readonly = r->read_only;
	if (r->init) {
		spec->init = bundle_init_path(err);
		if (!spec->init)
			return error_wrap(err, "--init");
	}
	return 0;
}

static void set_confinement(const struct record *r, struct spec *spec)
{
	bool shares_uts = r->uts_mode && strcmp(r->uts_mode, "host") == 0;

	if (!shares_uts && strncmp(r->network, "container:", 10) != 0) {
		spec->hostname = xstrdup_null(r->hostname);
		spec->domainname = xstrdup_null(r->domainname);
	}
	spec->sysctl = strv_copy(r->sysctls);
	if (!r->privileged && !bundle_has_security_opt(r, "systempaths=unconfined")) {
		spec->masked_paths = strv_copy((strv)masked_paths);
		spec->readonly_paths = strv_copy((strv)readonly_paths);
	}
	if (!r->privileged && !bundle_has_security_opt(r, "seccomp=unconfined") &&
		!bundle_has_security_opt(r, "seccomp:unconfined"))
		spec->seccomp = xstrdup(SECCOMP_DEFAULT);
}

int bundle_spec(struct engine *engine, const struct record *record,
	const struct bundle_places *places, struct spec *ret, struct error **err)
{
	cleanup_spec struct spec spec;

	spec_init(&spec);
	spec.version = xstrdup("1.2.0");
	spec.cgroups_path = bundle_cgroup_path(record);
	set_process(record, &spec.process);
	set_confinement(record, &spec);
	if (set_root(engine, record, &spec, err) < 0 ||
		add_namespaces(engine, record, &spec, err) < 0 ||
		add_mounts(engine, record, places, &spec, err) < 0 ||
		limits_resolve(record, &spec.resources, err) < 0 ||
		bundle_add_devices(record, &spec, err) < 0)
		return -1;
	*ret = spec;
	spec_init(&spec);
	return 0;
}
