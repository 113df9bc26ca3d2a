/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/user_namespace.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "oci/spec.h"
#include "runtime/id_map.h"
#include "runtime/program_run.h"

#define MAP_TEXT_MAX 4096 /* the kernel takes one page */
#define HELPER_SECONDS 30

struct kind {
	const char *file, *helper;
	const struct spec_id_map *map;
	size_t count;
	unsigned int own; /* ours, outside */
};

/* Where distributions install them: a name in somebody's PATH may be anything. */
static const char *const directories[] = { "/usr/bin", "/bin", "/usr/local/bin", NULL };

static int by_helper(const struct kind *kind, pid_t pid, struct error **err)
{
	cleanup_strv strv args = NULL;
	char path[64] = "";

	for (const char *const *dir = directories; *dir; dir++) {
		(void)snprintf(path, sizeof(path), "%s/%s", *dir, kind->helper);
		if (access(path, X_OK) == 0)
			break;
		path[0] = '\0';
	}
	if (!path[0])
		return error_hint(
			err, "install %s (uidmap) to map ids without being root", kind->helper);
	error_free(*err);
	*err = NULL;
	strv_append(&args, kind->helper);
	strv_appendf(&args, "%d", (int)pid);
	for (size_t i = 0; i < kind->count; i++) {
		strv_appendf(&args, "%u", kind->map[i].container);
		strv_appendf(&args, "%u", kind->map[i].host);
		strv_appendf(&args, "%u", kind->map[i].size);
	}
	return program_run(&(struct program_run){ .name = kind->helper,
				   .path = path,
				   .args = args,
				   .cwd_fd = -1,
				   .timeout_s = HELPER_SECONDS },
		err);
}

/* One id, our own: all that an unprivileged user can map without help. */
static bool is_own_only(const struct kind *kind)
{
	return kind->count == 1 && kind->map[0].size == 1 && kind->map[0].host == kind->own;
}

static int write_map(const struct kind *kind, int proc_fd, pid_t pid, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_TEXT_MAX);

	for (size_t i = 0; i < kind->count; i++)
		buf_printf(&text, "%u %u %u\n", kind->map[i].container, kind->map[i].host,
			kind->map[i].size);
	if (buf_check(&text, kind->file, err) < 0)
		return -1;
	if (file_poke_at(proc_fd, kind->file, buf_text(&text), err) == 0)
		return 0;
	if (error_errno(*err) != EPERM || is_own_only(kind))
		return -1;
	return by_helper(kind, pid, err);
}

/*
 * With privilege setgroups(2) stays allowed: images use it. Without, the kernel takes the map of
 * one's own group only when it is given up for good.
 */
static int write_groups(const struct kind *kind, int proc_fd, pid_t pid, struct error **err)
{
	if (write_map(kind, proc_fd, pid, err) == 0)
		return 0;
	if (error_errno(*err) != EPERM || !is_own_only(kind))
		return -1;
	error_free(*err);
	*err = NULL;
	if (file_poke_at(proc_fd, "setgroups", "deny", err) < 0)
		return -1;
	return write_map(kind, proc_fd, pid, err);
}

int user_namespace_map(const struct spec *spec, pid_t pid, struct error **err)
{
	const struct kind users = { "uid_map", "newuidmap", spec->uid_map, spec->uid_map_count,
		geteuid() };
	const struct kind groups = { "gid_map", "newgidmap", spec->gid_map, spec->gid_map_count,
		getegid() };
	cleanup_close int proc_fd = -1;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return error_sys(err, "open %s", path);
	if (write_groups(&groups, proc_fd, pid, err) < 0 ||
		write_map(&users, proc_fd, pid, err) < 0)
		return error_wrap(err, "map ids of the user namespace");
	return 0;
}

static unsigned int first_id(const struct spec_id_map *map, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (map[i].container == 0 && map[i].size > 0)
			return 0;
	return count > 0 ? map[0].container : 0;
}

/* Capabilities stay: without a mapped 0 there is no root whose ids could be given up. */
int user_namespace_become_root(const struct spec *spec, struct error **err)
{
	unsigned int uid = first_id(spec->uid_map, spec->uid_map_count);
	unsigned int gid = first_id(spec->gid_map, spec->gid_map_count);

	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return error_sys(err, "become root of the user namespace");
	return 0;
}
