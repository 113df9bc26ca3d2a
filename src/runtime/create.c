/* SPDX-License-Identifier: Apache-2.0 */
/* Making a container: what its init is started with. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"
#include "runtime/bind.h"
#include "runtime/container.h"
#include "runtime/filter.h"
#include "runtime/hook.h"
#include "runtime/identity.h"
#include "runtime/init.h"
#include "runtime/kernel_setting.h"
#include "runtime/label.h"
#include "runtime/launch.h"
#include "runtime/net_device.h"
#include "runtime/rdt.h"
#include "runtime/sync.h"
#include "runtime/user_namespace.h"
#include "sys/mount.h"

#define UID_MAP_MAX 4096

struct start {
	struct init init;
	struct launch how;
	struct binds binds;
	int *more_fds, root_fd, child_fd;
};

static inline void start_done_p_(struct start *start)
{
	namespaces_close(&start->init.namespaces, &start->how);
	binds_done(&start->binds);
	free(start->more_fds);
	close_fd(start->root_fd);
	close_fd(start->child_fd);
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

static bool is_writable_cgroup(const struct spec_mount *mount)
{
	return mount->type && strncmp(mount->type, "cgroup", 6) == 0 &&
	       !strv_contains(mount->options, "ro");
}

static bool find_root(const struct spec_id_map *map, size_t count, uint32_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (map[i].container != 0)
			continue;
		*ret = map[i].host;
		return true;
	}
	return false;
}

/* A container whose root is not the host's can manage its own part of the v2 tree, when it sees
 * that part alone and may write to it. */
static int delegate(const struct spec *spec, struct cgroup *cgroup, struct error **err)
{
	uint32_t uid, gid;

	if (!cgroup || !spec_has_namespace(spec, CLONE_NEWCGROUP) ||
		!find_root(spec->uid_map, spec->uid_map_count, &uid) ||
		!find_root(spec->gid_map, spec->gid_map_count, &gid))
		return 0;
	for (size_t i = 0; i < spec->mount_count; i++)
		if (is_writable_cgroup(&spec->mounts[i]))
			return cgroup_delegate(cgroup, uid, gid, err);
	return 0;
}

/* What the child cannot do for itself. */
static int admit(const struct container_setup *setup, const struct init *init,
	const struct container_init *made, bool attach, struct error **err)
{
	if (!init->wait_go)
		return 0;
	if (attach && cgroup_attach(made->cgroup, made->pid, err) < 0)
		return error_errno(*err) == ESRCH ? why_it_ended(made, err) : -1;
	if (init_score_is_callers(setup->spec, &init->namespaces) &&
		oom_score_apply_to(made->pid, &setup->spec->process, err) < 0)
		return error_errno(*err) == ENOENT ? why_it_ended(made, err) : -1;
	if (init->namespaces.made & CLONE_NEWUSER) {
		if (delegate(setup->spec, made->cgroup, err) < 0 ||
			user_namespace_map(setup->spec, made->pid, err) < 0)
			return -1;
		rlimits_raise_for(made->pid, &setup->spec->process);
	}
	if (net_devices_move(setup->spec, made->pid, err) < 0 ||
		rdt_apply(setup->spec, setup->id, made->pid, err) < 0)
		return -1;
	return sync_send(made->sync_fd, SYNC_GO, err);
}

/*
 * In a user namespace of its own init could mount an overlay only without the attributes that say
 * what a layer has removed ("trusted."), so it gets one that is made with our rights.
 */
static int mount_root_for(
	const struct spec *spec, const struct namespaces *ns, int *ret_fd, struct error **err)
{
	if (!((ns->made | ns->joined) & CLONE_NEWUSER) || !spec->overlay.lower)
		return 0;
	*ret_fd =
		mount_overlay(spec->overlay.lower, spec->overlay.upper, spec->overlay.work, 0, err);
	return *ret_fd < 0 ? error_wrap(err, "root file system") : 0;
}

static int open_fds(const struct container_setup *setup, struct start *start, struct error **err)
{
	struct launch_more more = { .gate_fd = setup->gate_fd > 0 ? setup->gate_fd : -1,
		.time_fd = start->init.namespaces.time_fd,
		.preserved = setup->preserve_fds };

	if (mount_root_for(setup->spec, &start->init.namespaces, &start->root_fd, err) < 0 ||
		binds_open(setup->spec, setup->bundle, &start->binds, err) < 0 ||
		launch_more_fds(&more, &start->more_fds, &start->how.more_count, err) < 0)
		return -1;
	start->how.more_fds = start->more_fds;
	start->how.fds[LAUNCH_EXTRA_FD] = start->root_fd;
	return 0;
}

/*
 * The files of a process that is not dumpable are root's: any other user could not map the ids of
 * its init, or set its score, which stops being dumpable itself once they are.
 */
static int launch_init(const struct container_setup *setup, struct start *start,
	struct container_init *made, bool attach, struct error **err)
{
	bool open = geteuid() != 0 &&
		    (start->init.namespaces.made & CLONE_NEWUSER ||
			    init_score_is_callers(setup->spec, &start->init.namespaces));
	int result = -1, dumpable = open ? prctl(PR_GET_DUMPABLE) : 0;

	if (open && prctl(PR_SET_DUMPABLE, 1) < 0)
		return error_sys(err, "become dumpable");
	made->pid = launch(&start->how, &made->pidfd, err);
	if (made->pid < 0)
		error_wrap(err, "start a process in new namespaces");
	else
		result = admit(setup, &start->init, made, attach, err);
	if (open && dumpable == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		return result < 0 ? -1 : error_sys(err, "become not dumpable");
	return result;
}

static int start_init(const struct container_setup *setup, const struct filter *filter,
	struct container_init *made, struct error **err)
{
	struct start __attribute__((cleanup(start_done_p_))) start = {
		.init = { .setup = setup, .filter = filter, .namespaces.time_fd = -1 },
		.how = { .join_pidfd = -1,
			.cgroup_fd = made->cgroup ? cgroup_clone_fd(made->cgroup) : -1,
			.fds = { setup->io.stdin_fd, setup->io.stdout_fd, setup->io.stderr_fd, -1,
				-1 },
			.run = init_run,
			.arg = &start.init },
		.root_fd = -1,
		.child_fd = -1,
	};
	bool attach = made->cgroup && cgroup_wants_pid(made->cgroup);
	int pair[2];

	if (namespaces_plan(setup->spec, &start.init.namespaces, &start.how, err) < 0 ||
		open_fds(setup, &start, err) < 0 || sync_pair(pair, err) < 0)
		return -1;
	start.how.cgroup = attach ? NULL : made->cgroup;
	made->sync_fd = pair[0];
	start.child_fd = start.how.fds[LAUNCH_SYNC_FD] = pair[1];
	start.init.binds = &start.binds;
	start.init.wait_go = attach || start.init.namespaces.made & CLONE_NEWUSER ||
			     init_score_is_callers(setup->spec, &start.init.namespaces) ||
			     start.binds.count > 0 || setup->spec->net_device_count > 0 ||
			     setup->spec->rdt.set;
	if (launch_init(setup, &start, made, attach, err) < 0)
		return -1;
	return binds_send(&start.binds, made->sync_fd, err) < 0 ? why_it_ended(made, err) : 0;
}

/* Who is not root of the whole machine. */
static bool in_user_namespace(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *map = NULL;
	unsigned int inside = 1, outside = 1, size = 0;

	if (geteuid() != 0)
		return true;
	if (file_read_at(AT_FDCWD, "/proc/self/uid_map", UID_MAP_MAX, &map, &ignored) < 0)
		return false;
	return sscanf(map, "%u %u %u", &inside, &outside, &size) != 3 || inside || outside ||
	       size != UINT32_MAX;
}

/* Without root there may be no cgroup that we can write: fatal only to who asks for a limit. */
static bool can_do_without(const struct spec_resources *resources, const struct error *why)
{
	int number = error_errno(why);

	if (number != EACCES && number != EPERM && number != EROFS)
		return false;
	/* Rules of devices are in every config.json, and in a user namespace nodes are not made. */
	if (cgroup_limits_controllers(resources) & ~(1U << CONTROLLER_DEVICES) ||
		resources->unified)
		return false;
	return in_user_namespace();
}

static int make_cgroup(const struct container_setup *setup, struct cgroup **ret, struct error **err)
{
	const struct spec *spec = setup->spec;
	/* Who runs pods puts several containers into one; ours has each its own. */
	int (*create)(const char *, enum cgroup_driver, const struct spec_resources *,
		struct cgroup **, struct error **) =
		setup->id ? cgroup_create_shared : cgroup_create;

	if (!spec->cgroups_path)
		return 0;
	if (create(spec->cgroups_path, setup->driver, &spec->resources, ret, err) == 0) {
		if (spec_is_realtime(&spec->process.scheduler))
			cgroup_allow_realtime(*ret);
		return 0;
	}
	if (!can_do_without(&spec->resources, *err))
		return -1;
	error_free(*err);
	*err = NULL;
	return 0;
}

static int check_hooks(
	const struct container_setup *setup, struct container_init *made, struct error **err)
{
	if (!hooks_any(setup->spec))
		return 0;
	if (!setup->id)
		return error_new(err, ERROR_UNSUPPORTED, "the bundle has hooks");
	made->hooked = setup;
	return 0;
}

/* The rest of it is gone; of a group that stays the next deletion tells. */
static void forget_group(const struct container_setup *setup)
{
	cleanup_error struct error *ignored = NULL;

	if (setup->id)
		(void)rdt_remove(setup->spec, setup->id, &ignored);
}

int runtime_create(
	const struct container_setup *setup, struct container_init *ret, struct error **err)
{
	struct filter filter cleanup_filter = { 0 };
	struct container_init made = CONTAINER_INIT_NONE;

	if (kernel_settings_check(setup->spec, err) < 0 || rdt_check(setup->spec, err) < 0 ||
		label_check(&setup->spec->process, err) < 0 || check_hooks(setup, &made, err) < 0 ||
		(!setup->filter && filter_open(setup->spec, &filter, err) < 0) ||
		make_cgroup(setup, &made.cgroup, err) < 0)
		return -1;
	if (start_init(setup, setup->filter ? setup->filter : &filter, &made, err) < 0) {
		runtime_destroy(&made);
		forget_group(setup);
		return -1;
	}
	made.listener = (struct listener_state){ .container = { .id = setup->id,
							 .status = "creating",
							 .bundle = setup->bundle,
							 .pid = made.pid },
		.pid = made.pid };
	listener_describe(setup->spec, &made.listener);
	*ret = made;
	return 0;
}
