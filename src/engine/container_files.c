/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/paths.h"
#include "engine/snapshot.h"
#include "sys/mount.h"
#include "sys/msg.h"
#include "sys/path.h"
#include "sys/process.h"

enum { ROOT_MOUNT = 1, ROOT_FAILED }; /* messages of who fetches a root */

int container_upper_open(struct engine *engine, const char *id, struct error **err)
{
	cleanup_free char *path = container_path(engine, id, "fs");

	return dir_open_at(AT_FDCWD, path, err);
}

int container_base_mount(struct engine *engine, const struct record *record, struct error **err)
{
	cleanup_strv strv lowers = NULL;

	if (record->layer_count == 0)
		return mount_new("tmpfs", NULL, NULL, MOUNT_ATTR_RDONLY, err);
	if (layer_lowers(&engine->store, record->layers, record->layer_count, &lowers, err) < 0)
		return -1;
	return snapshot_mount(lowers, NULL, err);
}

/*
 * One that does not run: its upper directory as the topmost of the lower ones, so that nothing of
 * it is written to, not even a work directory.
 */
static int mount_stopped(struct engine *engine, const struct record *record, struct error **err)
{
	cleanup_strv strv layers = NULL, lowers = NULL;

	if (layer_lowers(&engine->store, record->layers, record->layer_count, &layers, err) < 0)
		return -1;
	strv_take(&lowers, container_path(engine, record->id, "fs"));
	strv_concat(&lowers, layers);
	return snapshot_mount(lowers, NULL, err);
}

static int fetch(int pidfd, int answer_fd, struct error **err)
{
	cleanup_close int root_fd = -1;

	if (setns(pidfd, CLONE_NEWNS) < 0)
		return error_sys(err, "enter the container's mount namespace");
	root_fd = mount_clone(AT_FDCWD, "/", false, err);
	if (root_fd < 0)
		return -1;
	return msg_send_fds(answer_fd, ROOT_MOUNT, "", 0, &root_fd, 1, err);
}

/* The child: makes five system calls in there, and executes and opens nothing. */
static void fetch_and_exit(int pidfd, int answer_fd)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;

	if (fetch(pidfd, answer_fd, &err) < 0)
		(void)msg_send_error(answer_fd, ROOT_FAILED, err, &unsaid);
	_exit(0);
}

static int receive_root(int fd, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	cleanup_close int root_fd = -1;
	struct statfs what;
	int got = msg_receive(fd, msg, err);

	if (got < 0)
		return -1;
	if (got > 0 && msg->type == ROOT_FAILED)
		return error_unpack(err, msg->data, msg->length);
	if (got == 0 || msg->type != ROOT_MOUNT || msg->fd_count != 1)
		return error_new(err, ERROR_UNAVAILABLE, "the container's root was not handed out");
	root_fd = msg->fds[0];
	/* It may have mounted something of its own over its root: a FUSE that never answers. */
	if (fstatfs(root_fd, &what) < 0)
		return error_sys(err, "look at the container's root");
	if (what.f_type != OVERLAYFS_SUPER_MAGIC)
		return error_new(err, ERROR_UNSUPPORTED,
			"the container has mounted something else over its root");
	return take_fd(&root_fd);
}

/*
 * A second overlay on the directories of one that is in use is undefined
 * (Documentation/filesystems/ overlayfs.rst), and a mount is cloned only by who is in its
 * namespace: so a child goes there.
 */
static int mount_running(pid_t pid, struct error **err)
{
	cleanup_close int pidfd = pidfd_open_pid(pid, err), child_pidfd = -1;
	cleanup_close int ours = -1, theirs = -1;
	int sockets[2], root_fd, status;
	pid_t child;

	if (pidfd < 0 || msg_pair(sockets, err) < 0)
		return -1;
	ours = sockets[0];
	theirs = sockets[1];
	child = process_clone(0, -1, &child_pidfd, err);
	if (child < 0)
		return -1;
	if (child == 0)
		fetch_and_exit(pidfd, theirs);
	close_fd(take_fd(&theirs));
	root_fd = receive_root(ours, err);
	(void)TEMP_FAILURE_RETRY(waitpid(child, &status, 0));
	return root_fd;
}

int container_root_mount(struct engine *engine, const struct record *record, struct error **err)
{
	cleanup_error struct error *ended = NULL;
	struct container_status status, now;
	int root_fd;

	if (container_status(engine, record->id, &status, err) < 0)
		return -1;
	if (status.pid == 0)
		return mount_stopped(engine, record, err);
	root_fd = mount_running(status.pid, &ended);
	if (root_fd >= 0)
		return root_fd;
	if (container_status(engine, record->id, &now, err) < 0)
		return -1;
	if (now.pid == 0) /* it ended just now */
		return mount_stopped(engine, record, err);
	*err = take_ptr(ended);
	return -1;
}

/* ---- mount points ---- */

/* Children before their parents. */
static const char *const mount_points[] = { "dev/console", "dev/shm", "dev/pts", "dev/mqueue",
	"dev", "proc", "sys/fs/cgroup", "sys/fs", "sys", "etc/hosts", "etc/hostname",
	"etc/resolv.conf", "etc" };

/* 1, or 0 when it is not there. The last component is not followed. */
static int look_up(int root_fd, const char *path, int *ret_parent_fd, struct stat *ret)
{
	cleanup_error struct error *absent = NULL;
	cleanup_free char *name = NULL;
	cleanup_close int parent_fd = path_parent_in_root(root_fd, path, &name, &absent);

	if (parent_fd < 0 || fstatat(parent_fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!ret_parent_fd)
		return 1;
	*ret_parent_fd = openat(
		parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return *ret_parent_fd >= 0;
}

/* A directory in which nothing else is, and which is as it was. */
static bool is_mount_directory(
	int upper_fd, const char *path, const struct stat *base, strv mount_points_found)
{
	cleanup_error struct error *unread = NULL;
	cleanup_strv strv names = NULL;
	cleanup_close int fd = -1;
	struct stat st;

	if (!look_up(upper_fd, path, &fd, &st) || dir_names(fd, &names, &unread) < 0)
		return false;
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *child = xasprintf("%s/%s", path, names[i]);

		if (!strv_contains(mount_points_found, child))
			return false;
	}
	return !base || (S_ISDIR(base->st_mode) && base->st_mode == st.st_mode &&
				base->st_uid == st.st_uid && base->st_gid == st.st_gid);
}

strv container_mount_points(int upper_fd, int base_fd)
{
	strv found = NULL;

	for (size_t i = 0; i < sizeof(mount_points) / sizeof(*mount_points); i++) {
		const char *path = mount_points[i];
		struct stat upper, base;
		bool is_below;

		if (!look_up(upper_fd, path, NULL, &upper))
			continue;
		is_below = look_up(base_fd, path, NULL, &base);
		if (S_ISDIR(upper.st_mode)
				? is_mount_directory(upper_fd, path, is_below ? &base : NULL, found)
				: S_ISREG(upper.st_mode) && upper.st_size == 0 && !is_below)
			strv_append(&found, path);
	}
	return found;
}

int container_check_there(struct engine *engine, const char *id, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	struct register_db *db;
	int found;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_find(db, id, &row, err);
	return found == 0  ? error_new(err, ERROR_CONFLICT,
				     "container %.12s was removed while it was read", id)
	       : found < 0 ? -1
			   : 0;
}
