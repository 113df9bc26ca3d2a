/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that an image, a container or a user's archive chose, resolved inside a root directory fd.
 *
 * Every component may be a symlink planted to lead out of the root, and may change while we look.
 * So a path is resolved once, by openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, and the
 * fd is what is used afterwards: never a second look-up by name. Needs Linux 5.6.
 * Absolute and relative paths mean the same: both start at the root.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

struct error;

/* O_CLOEXEC is added. mode counts with O_CREAT, and then the last component must not be a symlink.
 */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode, struct error **err);

/* Makes missing directories (mode, uid, gid apply to those made); returns an O_PATH fd of the last.
 */
int path_mkdirs_in_root(
	int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error **err);

/*
 * The directory that holds path's last component, as an O_PATH fd, and that component (never empty,
 * "." or
 * "..", no slash) in *ret_name, which the caller frees. The component itself is not resolved.
 */
int path_parent_in_root(int root_fd, const char *path, char **ret_name, struct error **err);

/* 1 when path exists (last symlink followed) and *ret is its stat, 0 when not, -1 otherwise. */
int path_stat_in_root(int root_fd, const char *path, struct stat *ret, struct error **err);

/* A regular file of at most max bytes, never blocking on a FIFO or device; 1 read, 0 missing. */
int path_read_in_root(int root_fd, const char *path, size_t max, char **ret, size_t *ret_length,
	struct error **err);

/* Lexical: "/a/../b//c/." -> "/b/c"; always absolute; the caller frees it. */
char *path_clean(const char *path);
