/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/entry.h"
#include "runtime/gate.h"
#include "runtime/hook.h"
#include "runtime/identity.h"
#include "runtime/kernel_setting.h"
#include "runtime/label.h"
#include "runtime/launch.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "runtime/user_namespace.h"

/* When the caller is gone there is nobody to tell, and nothing to be run. */
static void wait_for(int sync_fd, enum sync_type wanted)
{
	cleanup_error struct error *err = NULL;
	int fd = -1;

	if (sync_receive(sync_fd, &fd, &err) != (int)wanted)
		_exit(1);
}

void init_await_cgroup(struct rootfs *root)
{
	if (root->await_cgroup)
		wait_for(LAUNCH_SYNC_FD, SYNC_GO);
	root->await_cgroup = false;
}

bool init_score_is_callers(const struct spec *spec, const struct namespaces *namespaces)
{
	return spec->process.has_oom_score_adj &&
	       (namespaces->made | namespaces->joined) & CLONE_NEWUSER;
}

/* In a user namespace nothing can be done before its ids are mapped. */
static int wait_mapped(const struct init *init, struct rootfs *root, struct error **err)
{
	root->await_cgroup = init->wait_go;
	/* A sysctl can be one of a device that the caller has yet to bring. */
	if (init->namespaces.made & CLONE_NEWUSER || init->binds->count > 0 ||
		root->spec->net_device_count > 0 ||
		init_score_is_callers(root->spec, &init->namespaces))
		init_await_cgroup(root);
	if (init->binds->count > 0 &&
		binds_receive(init->binds, LAUNCH_SYNC_FD, &root->binds, err) < 0)
		return -1;
	/* So that what is made belongs to the container's root. */
	return root->user_ns ? user_namespace_become_root(root->spec, err) : 0;
}

/*
 * What is written through /proc goes through a procfs that no one else can see, before it becomes
 * the container's. In a user namespace that does not own its pid namespace none can be made: there
 * it is that of our caller's mounts, which are still what we see, and none of the container's.
 */
static int open_proc(const struct init *init, bool *ret_private, struct error **err)
{
	cleanup_close int fd = private_proc_open(err);
	struct statfs fs;

	*ret_private = fd >= 0;
	if (fd >= 0)
		return take_fd(&fd);
	if (error_errno(*err) != EPERM || init->namespaces.joined & CLONE_NEWNS)
		return -1;
	fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return -1;
	error_free(*err);
	*err = NULL;
	return take_fd(&fd);
}

/*
 * What init runs has the label, too: hooks in the container's mounts are the host's programs, so
 * then it comes after them. Else at once: one that cannot be given is best said before the rest.
 */
static bool label_comes_late(const struct spec *spec)
{
	return spec->hooks[HOOK_CREATE_CONTAINER].count > 0;
}

static int label_after_hooks(const struct init *init, struct error **err)
{
	const struct spec *spec = init->setup->spec;
	cleanup_close int proc_fd = -1;
	bool is_private;

	if (!label_comes_late(spec) || !label_is_asked(&spec->process))
		return 0;
	proc_fd = open_proc(init, &is_private, err);
	return proc_fd < 0 ? -1 : label_apply(&spec->process, proc_fd, err);
}

static int apply_settings(const struct init *init, struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;
	cleanup_close int fd = -1;
	bool is_private = false;
	int proc_fd;

	if (spec->process.has_oom_score_adj || spec->sysctl || spec->monotonic.set ||
		spec->boottime.set || init->namespaces.made & CLONE_NEWPID ||
		label_is_asked(&spec->process)) {
		fd = open_proc(init, &is_private, err);
		if (fd < 0)
			return -1;
	}
	proc_fd = fd;
	if (is_private)
		root->proc_fd = take_fd(&fd);
	if ((!init_score_is_callers(spec, &init->namespaces) &&
		    oom_score_apply(&spec->process, proc_fd, err) < 0) ||
		(!label_comes_late(spec) && label_apply(&spec->process, proc_fd, err) < 0) ||
		time_namespace_enter(spec, &init->namespaces, proc_fd, err) < 0)
		return -1;
	return kernel_settings_apply(spec, init->namespaces.made, proc_fd, err);
}

static struct hook_state hook_state_of(const struct init *init, const char *status)
{
	const struct container_setup *setup = init->setup;

	return (struct hook_state){ .version = setup->spec->version,
		.id = setup->id,
		.status = status,
		.bundle = setup->bundle,
		.pid = getpid(),
		.annotations = setup->spec->annotations };
}

/*
 * Our caller runs its hooks first, then we do: all find the mounts made, and the old root still the
 * root of this namespace.
 */
static int run_hooks(const struct init *init, const struct rootfs *root, struct error **err)
{
	struct hook_state state = hook_state_of(init, "creating");

	if (!hooks_any(root->spec))
		return 0;
	if (sync_send(LAUNCH_SYNC_FD, SYNC_HOOKS, err) < 0)
		return -1;
	wait_for(LAUNCH_SYNC_FD, SYNC_HOOKED);
	return hooks_run(root->spec, HOOK_CREATE_CONTAINER, &state, err);
}

/* The cgroup namespace comes late: its root is the cgroup that its maker is in, and before it the
 * mounts still see where that is on the host. */
static int build(const struct init *init, struct rootfs *root, struct error **err)
{
	root->null_fd = null_open(err);
	if (root->null_fd < 0)
		return -1;
	if (apply_settings(init, root, err) < 0 || rootfs_build(root, err) < 0)
		return -1;
	init_await_cgroup(root);
	if (init->namespaces.made & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, "make a cgroup namespace");
	if (run_hooks(init, root, err) < 0 || label_after_hooks(init, err) < 0)
		return -1;
	return init->setup->no_pivot ? rootfs_enter_by_chroot(root, err) : rootfs_enter(root, err);
}

static int send_console(struct rootfs *root, struct error **err)
{
	if (root->master_fd < 0)
		return 0;
	if (sync_send_fd(LAUNCH_SYNC_FD, SYNC_CONSOLE, root->master_fd, err) < 0)
		return -1;
	close_fd(take_fd(&root->master_fd));
	return 0;
}

/* Until somebody says that the program is to run; errors are his from then on. */
static int wait_start(struct entry *entry, struct error **err)
{
	int fd = -1;

	if (!entry->has_gate) {
		wait_for(entry->sync_fd, SYNC_START);
		return 0;
	}
	wait_for(entry->sync_fd, SYNC_LEAVE);
	fd = gate_wait(entry->gate_fd, entry->sync_fd, err);
	if (fd < 0)
		return -1;
	close_fd(entry->sync_fd);
	close_fd(take_fd(&entry->gate_fd));
	entry->sync_fd = fd;
	return 0;
}

static int run(const struct init *init, struct entry *entry, struct error **err)
{
	const struct spec *spec = init->setup->spec;
	struct rootfs root = ROOTFS_INIT;

	root.spec = spec;
	root.bundle = init->setup->bundle;
	root.user_ns = (init->namespaces.made | init->namespaces.joined) & CLONE_NEWUSER;
	root.at_its_path = hooks_any(spec);
	if (root.user_ns && spec->overlay.lower)
		root.mounted_fd = LAUNCH_EXTRA_FD;
	if (wait_mapped(init, &root, err) < 0 || entry_begin(entry, err) < 0 ||
		build(init, &root, err) < 0 || send_console(&root, err) < 0 ||
		entry_prepare(entry, root.root_fd, root.terminal_fd, err) < 0 ||
		entry_confine(entry, false, err) < 0 ||
		sync_send(entry->sync_fd, SYNC_READY, err) < 0 || wait_start(entry, err) < 0)
		return -1;
	if (spec->hooks[HOOK_START_CONTAINER].count > 0) {
		struct hook_state state = hook_state_of(init, "created");

		/* The image has their programs: they may do no more than its own. */
		if (entry_confine(entry, true, err) < 0 ||
			hooks_run(spec, HOOK_START_CONTAINER, &state, err) < 0)
			return -1;
	}
	/* Whoever opened the gate sees the end of its connection both when the program runs and
	 * when we are killed: it runs when this came before. */
	if (entry->has_gate && sync_send(entry->sync_fd, SYNC_READY, err) < 0)
		return -1;
	/* The last step before execve: a filter need not allow what comes before it. */
	if (entry_confine(entry, true, err) < 0)
		return -1;
	return entry_exec(entry, err);
}

/* Nothing is released: the process becomes the program, or ends. */
LAUNCH_STACK void init_run(void *arg)
{
	const struct init *init = arg;
	const struct container_setup *setup = init->setup;
	struct error *err = NULL;
	struct entry entry = { .spec = setup->spec,
		.process = &setup->spec->process,
		.io = &setup->io,
		.filter = init->filter,
		.use_init = setup->spec->init != NULL,
		.no_new_keyring = setup->no_new_keyring,
		.has_gate = setup->gate_fd > 0,
		.preserved_fds = setup->preserve_fds,
		.sync_fd = LAUNCH_SYNC_FD };

	run(init, &entry, &err);
	sync_send_error(entry.sync_fd, err);
	_exit(1);
}
