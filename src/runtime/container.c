/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/filter.h"
#include "runtime/init.h"
#include "runtime/kernel_setting.h"
#include "runtime/label.h"
#include "runtime/launch.h"
#include "runtime/sync.h"
#include "sys/mount.h"
#include "sys/process.h"

#define MAP_TEXT_MAX 4096 /* the kernel takes one page */

static const struct container_init nothing = {
	.pid = -1, .pidfd = -1, .sync_fd = -1, .console_fd = -1
};

static void close_joins_p_(struct launch *launch)
{
	for (size_t i = 0; i < launch->join_count; i++)
		close_fd(launch->join_fds[i]);
}

static int add_join(struct launch *launch, const struct spec_namespace *ns, struct error **err)
{
	int fd;

	if (launch->join_count == LAUNCH_JOINS_MAX)
		return error_new(err, ERROR_INVALID, "more than %d namespaces", LAUNCH_JOINS_MAX);
	fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		error_sys(err, "open '%s'", ns->path);
		return error_as(err, ERROR_INVALID, "%s namespace", namespace_name(ns->type));
	}
	launch->join_fds[launch->join_count] = fd;
	launch->join_types[launch->join_count++] = ns->type;
	return 0;
}

/* A user namespace is entered first: it owns, and gives the rights in, those that follow. */
static int plan_namespaces(const struct spec *spec, struct launch *launch, struct error **err)
{
	for (int user_first = 1; user_first >= 0; user_first--) {
		for (size_t i = 0; i < spec->namespace_count; i++) {
			const struct spec_namespace *ns = &spec->namespaces[i];

			if ((ns->type == CLONE_NEWUSER) != (user_first == 1))
				continue;
			if (!ns->path)
				launch->new_namespaces |= (uint64_t)(unsigned int)ns->type;
			else if (add_join(launch, ns, err) < 0)
				return -1;
		}
	}
	if (!(launch->new_namespaces & CLONE_NEWNS)) {
		error_new(err, ERROR_UNSUPPORTED, "a container without an own mount namespace");
		return error_hint(err, "its root could not be separated from the host's");
	}
	return 0;
}

static int write_map(int proc_fd, const char *file, const struct spec_id_map *map, size_t count,
	struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_TEXT_MAX);

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%u %u %u\n", map[i].container, map[i].host, map[i].size);
	if (buf_check(&text, file, err) < 0)
		return -1;
	return count ? file_poke_at(proc_fd, file, buf_text(&text), err) : 0;
}

/* setgroups(2) stays allowed: we have CAP_SETGID, and images use it. An unprivileged user maps one
 * id at most, and must give it up (user_namespaces(7)). */
static int map_ids(const struct spec *spec, pid_t pid, struct error **err)
{
	cleanup_close int proc_fd = -1;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return error_sys(err, "open %s", path);
	if (geteuid() != 0 && file_poke_at(proc_fd, "setgroups", "deny", err) < 0)
		return -1;
	if (write_map(proc_fd, "uid_map", spec->uid_map, spec->uid_map_count, err) < 0 ||
		write_map(proc_fd, "gid_map", spec->gid_map, spec->gid_map_count, err) < 0)
		return error_wrap(err, "map ids of the user namespace");
	return 0;
}

/* Init works while it is attached, and may fail by then: what it says of that is the reason. */
static int why_it_ended(const struct container_init *made, struct error **err)
{
	cleanup_error struct error *said = NULL;
	int fd = -1;

	if (sync_receive(made->sync_fd, &fd, &said) >= 0) {
		close_fd(fd);
		return -1;
	}
	error_free(*err);
	*err = take_ptr(said);
	return -1;
}

/* What the child cannot do for itself. */
static int admit(const struct container_setup *setup, const struct init *init,
	const struct container_init *made, bool attach, struct error **err)
{
	if (!init->wait_go)
		return 0;
	if (attach && cgroup_attach(made->cgroup, made->pid, err) < 0)
		return error_errno(*err) == ESRCH ? why_it_ended(made, err) : -1;
	if (init->new_namespaces & CLONE_NEWUSER && map_ids(setup->spec, made->pid, err) < 0)
		return -1;
	return sync_send(made->sync_fd, SYNC_GO, err);
}

/*
 * In a user namespace of its own init could mount an overlay only without the attributes that say
 * what a layer has removed ("trusted."), so it gets one that is made with our rights.
 */
static int mount_root_for(
	const struct spec *spec, uint64_t new_namespaces, int *ret_fd, struct error **err)
{
	if (!(new_namespaces & CLONE_NEWUSER) || !spec->overlay.lower)
		return 0;
	*ret_fd =
		mount_overlay(spec->overlay.lower, spec->overlay.upper, spec->overlay.work, 0, err);
	return *ret_fd < 0 ? error_wrap(err, "root file system") : 0;
}

static int start_init(const struct container_setup *setup, const struct filter *filter,
	struct container_init *made, struct error **err)
{
	cleanup_close int child_fd = -1, root_fd = -1;
	struct init init = { .setup = setup, .filter = filter };
	__attribute__((cleanup(close_joins_p_))) struct launch launch_in = {
		.join_pidfd = -1,
		.cgroup_fd = made->cgroup ? cgroup_clone_fd(made->cgroup) : -1,
		.fds = { setup->io.stdin_fd, setup->io.stdout_fd, setup->io.stderr_fd, -1, -1 },
		.run = init_run,
		.arg = &init,
	};
	struct launch_more more = { .gate_fd = setup->gate_fd > 0 ? setup->gate_fd : -1,
		.time_fd = -1,
		.preserved = setup->preserve_fds };
	cleanup_free int *more_fds = NULL;
	bool attach = made->cgroup && cgroup_wants_pid(made->cgroup);
	int pair[2];

	if (plan_namespaces(setup->spec, &launch_in, err) < 0 ||
		mount_root_for(setup->spec, launch_in.new_namespaces, &root_fd, err) < 0 ||
		launch_more_fds(&more, &more_fds, &launch_in.more_count, err) < 0 ||
		sync_pair(pair, err) < 0)
		return -1;
	launch_in.cgroup = attach ? NULL : made->cgroup;
	launch_in.more_fds = more_fds;
	launch_in.fds[LAUNCH_EXTRA_FD] = root_fd;
	made->sync_fd = pair[0];
	child_fd = pair[1];
	launch_in.fds[LAUNCH_SYNC_FD] = child_fd;
	init.new_namespaces = launch_in.new_namespaces;
	init.wait_go = attach || launch_in.new_namespaces & CLONE_NEWUSER;
	launch_in.new_namespaces &= ~(uint64_t)CLONE_NEWCGROUP; /* init makes it, later */
	made->pid = launch(&launch_in, &made->pidfd, err);
	if (made->pid < 0)
		return error_wrap(err, "start a process in new namespaces");
	return admit(setup, &init, made, attach, err);
}

int runtime_create(
	const struct container_setup *setup, struct container_init *ret, struct error **err)
{
	const struct spec *spec = setup->spec;
	struct filter filter cleanup_filter = { 0 };
	struct container_init made = nothing;

	if (kernel_settings_check(spec, err) < 0 || label_check(spec, &spec->process, err) < 0 ||
		(!setup->filter && filter_open(spec, &filter, err) < 0))
		return -1;
	if (spec->cgroups_path && cgroup_create(spec->cgroups_path, setup->driver, &spec->resources,
					  &made.cgroup, err) < 0)
		return -1;
	if (start_init(setup, setup->filter ? setup->filter : &filter, &made, err) < 0) {
		runtime_destroy(&made);
		return -1;
	}
	made.listener = (struct listener_state){ .id = setup->id,
		.bundle = setup->bundle,
		.status = "creating",
		.init_pid = made.pid,
		.pid = made.pid };
	listener_describe(spec, &made.listener);
	*ret = made;
	return 0;
}

/* Init closed its socket without a word: it was killed. */
static int died(const struct container_init *init, struct error **err)
{
	siginfo_t info = { 0 };

	(void)waitid(P_PIDFD, (id_t)init->pidfd, &info, WEXITED | WNOWAIT);
	if (info.si_code == CLD_EXITED)
		return error_new(err, ERROR_INTERNAL, "the container's init ended with code %d",
			info.si_status);
	error_new(err, ERROR_UNAVAILABLE, "the container's init was killed by signal %d (%s)",
		info.si_status, sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?");
	if (info.si_status == SIGKILL)
		error_hint(err, "if nobody did that, its memory limit is too small to start in");
	return -1;
}

int runtime_wait_ready(struct container_init *init, struct error **err)
{
	for (;;) {
		int fd = -1;
		int type = sync_receive(init->sync_fd, &fd, err);

		if (type == SYNC_CONSOLE) {
			init->console_fd = fd;
			continue;
		}
		if (type == SYNC_LISTENER) {
			type = listener_send(&init->listener, fd, err);
			close_fd(fd);
			if (type < 0)
				return -1;
			continue;
		}
		close_fd(fd);
		if (type == SYNC_READY) {
			init->ready = true;
			return 0;
		}
		return type < 0 ? -1 : died(init, err);
	}
}

static int run_program(struct container_init *init, struct error **err)
{
	int fd = -1, type;

	/* Sent at once, when not ready yet, too: init finds it without being woken once more. */
	if (sync_send(init->sync_fd, SYNC_START, err) < 0) {
		/* It may have sent its reason before it ended. */
		error_free(*err);
		*err = NULL;
	}
	if (!init->ready && runtime_wait_ready(init, err) < 0)
		return -1;
	type = sync_receive(init->sync_fd, &fd, err);
	close_fd(fd);
	return type < 0 ? -1 : 0;
}

int runtime_start(struct container_init *init, struct error **err)
{
	if (run_program(init, err) < 0) {
		runtime_destroy(init);
		return -1;
	}
	close_fd(take_fd(&init->sync_fd));
	return 0;
}

/* Best effort: what cannot be removed now is found and removed by the next command. */
static void remove_cgroup(struct cgroup *cgroup)
{
	cleanup_error struct error *kill_failed = NULL, *remove_failed = NULL;

	if (cgroup_bury(cgroup, &kill_failed) < 0)
		(void)cgroup_remove(cgroup, &remove_failed);
}

int runtime_leave(struct container_init *init, struct error **err)
{
	if (sync_send(init->sync_fd, SYNC_LEAVE, err) < 0)
		return error_wrap(err, "leave the container's init at its gate");
	cgroup_free(init->cgroup);
	close_fd(init->pidfd);
	close_fd(init->sync_fd);
	close_fd(init->console_fd);
	*init = nothing;
	return 0;
}

void runtime_destroy(struct container_init *init)
{
	cleanup_error struct error *err = NULL;

	if (init->pidfd >= 0 && pidfd_signal(init->pidfd, SIGKILL, &err) >= 0)
		(void)TEMP_FAILURE_RETRY(
			waitid(P_PIDFD, (id_t)init->pidfd, &(siginfo_t){ 0 }, WEXITED));
	if (init->cgroup) {
		remove_cgroup(init->cgroup);
		cgroup_free(init->cgroup);
	}
	close_fd(init->pidfd);
	close_fd(init->sync_fd);
	close_fd(init->console_fd);
	*init = nothing;
}
