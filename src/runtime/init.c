/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/entry.h"
#include "runtime/gate.h"
#include "runtime/identity.h"
#include "runtime/kernel_setting.h"
#include "runtime/label.h"
#include "runtime/launch.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"

/* When the caller is gone there is nobody to tell, and nothing to be run. */
static void wait_for(int sync_fd, enum sync_type wanted)
{
	cleanup_error struct error *err = NULL;
	int fd = -1;

	if (sync_receive(sync_fd, &fd, &err) != (int)wanted)
		_exit(1);
}

/* Root of the new user namespace, so that what is made belongs to the container's root. */
static int become_root(struct error **err)
{
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return error_sys(err, "become root of the user namespace");
	return 0;
}

void init_await_cgroup(struct rootfs *root)
{
	if (root->await_cgroup)
		wait_for(LAUNCH_SYNC_FD, SYNC_GO);
	root->await_cgroup = false;
}

/* In a user namespace nothing can be done before its ids are mapped. */
static int wait_mapped(const struct init *init, struct rootfs *root, struct error **err)
{
	root->await_cgroup = init->wait_go;
	if (!(init->new_namespaces & CLONE_NEWUSER))
		return 0;
	init_await_cgroup(root);
	return become_root(err);
}

/* What is written through /proc goes through a procfs that no one else can see, before it becomes
 * the container's. */
static int apply_settings(const struct init *init, struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;

	if (spec->process.has_oom_score_adj || spec->sysctl || label_is_asked(&spec->process) ||
		init->new_namespaces & CLONE_NEWPID) {
		root->proc_fd = private_proc_open(err);
		if (root->proc_fd < 0)
			return -1;
	}
	if (oom_score_apply(&spec->process, root->proc_fd, err) < 0 ||
		label_apply(&spec->process, root->proc_fd, err) < 0)
		return -1;
	return kernel_settings_apply(spec, init->new_namespaces, root->proc_fd, err);
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
	if (init->new_namespaces & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, "make a cgroup namespace");
	return rootfs_enter(root, err);
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
	root.user_ns = init->new_namespaces & CLONE_NEWUSER;
	if (root.user_ns && spec->overlay.lower)
		root.mounted_fd = LAUNCH_EXTRA_FD;
	if (wait_mapped(init, &root, err) < 0 || entry_begin(entry, err) < 0 ||
		build(init, &root, err) < 0 || send_console(&root, err) < 0 ||
		entry_prepare(entry, root.root_fd, root.terminal_fd, err) < 0 ||
		entry_confine(entry, false, err) < 0 ||
		sync_send(entry->sync_fd, SYNC_READY, err) < 0 || wait_start(entry, err) < 0)
		return -1;
	/* Whoever opened the gate sees the end of its connection both when the program runs and
	 * when we are killed: it runs when this came before. */
	if (entry->has_gate && sync_send(entry->sync_fd, SYNC_READY, err) < 0)
		return -1;
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
	struct entry entry = { .process = &setup->spec->process,
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
