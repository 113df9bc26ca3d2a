/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files below a directory fd that we own (the store, the run directory, /sys, /proc).
 * Paths inside a container's root go through sys/path.h instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strv.h"

struct error;

/* Reads a file of at most max bytes; *ret is NUL-terminated and the caller's. Returns its length.
 */
ssize_t file_read_at(int dir_fd, const char *path, size_t max, char **ret, struct error **err);
/* The same of an open fd, from its offset. */
ssize_t file_read_fd(int fd, const char *what, size_t max, char **ret, struct error **err);

/* Writes all of it, through EINTR and short writes. */
int file_write_all(int fd, const void *data, size_t length, const char *what, struct error **err);

/*
 * Puts a file in place under a temporary name, then renames: readers see the old or the new one.
 * With durable, the bytes and the name survive a power cut when it returns.
 */
int file_replace_at(int dir_fd, const char *path, const void *data, size_t length, mode_t mode,
	bool durable, struct error **err);

/* Writes text to an existing file in one write(): /proc and cgroup files. */
int file_poke_at(int dir_fd, const char *path, const char *text, struct error **err);

/* mkdir -p with mode for what is made; returns an O_PATH|O_DIRECTORY fd of the last one. */
int dir_make_at(int dir_fd, const char *path, mode_t mode, struct error **err);
/* Opens a directory for reading. */
int dir_open_at(int dir_fd, const char *path, struct error **err);
/* The names in a directory, sorted by their bytes; dir_fd may be O_PATH, and keeps its offset. The
 * caller frees. */
int dir_names(int dir_fd, strv *ret, struct error **err);
/* rm -rf, not following symlinks nor entering other file systems' mounts; a missing path is fine.
 */
int tree_remove_at(int dir_fd, const char *path, struct error **err);
/*
 * What the files below a directory hold, by their length; of a file with several links each counts
 * its part. Best effort: what goes meanwhile, or is too deep, is not counted. 0 when it is missing.
 */
int64_t tree_size_at(int dir_fd, const char *path);
int fd_sync(int fd, const char *what, struct error **err);
