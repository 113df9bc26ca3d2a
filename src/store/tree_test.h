/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a tree of files as text, the same for trees that are the same. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/sha256.h"

#define TREE_WHOLE (64L << 20) /* larger files are read at some places only */
#define TREE_STEP (1L << 20)
#define TREE_INODES 65536

struct tree_text {
	struct buf *out;
	ino_t inodes[TREE_INODES]; /* of files with several names */
	size_t inode_count;
};

static inline void tree_content(struct buf *out, int dir_fd, const char *name, off_t size)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	static char buffer[TREE_STEP];
	size_t part = size > TREE_WHOLE ? 4096 : sizeof(buffer);
	uint8_t sum[32];
	char hex[65];
	struct sha256 sha;

	sha256_init(&sha);
	for (off_t at = 0; at < size; at += TREE_STEP) {
		ssize_t n = pread(fd, buffer, part, at);

		if (n <= 0)
			buf_printf(out, " unreadable at %lld", (long long)at);
		else
			sha256_update(&sha, buffer, (size_t)n);
	}
	sha256_final(&sha, sum);
	hex_encode(sum, sizeof(sum), hex);
	buf_printf(out, " %s", hex);
}

static inline int tree_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void tree_xattrs(struct buf *out, int dir_fd, const char *name)
{
	cleanup_free char *path = xasprintf("/proc/self/fd/%d/%s", dir_fd, name);
	static char names[65536], value[65536];
	cleanup_strv strv list = NULL;
	ssize_t length = llistxattr(path, names, sizeof(names));

	for (char *at = names; at < names + length; at += strlen(at) + 1)
		strv_append(&list, at);
	if (list)
		qsort((void *)list, strv_length(list), sizeof(*list), tree_compare);
	for (size_t i = 0; list && list[i]; i++) {
		ssize_t size = lgetxattr(path, list[i], value, sizeof(value));
		uint8_t sum[32];

		if (strncmp(list[i], "trusted.overlay.origin", 22) == 0)
			continue;
		sha256_bytes(value, size > 0 ? (size_t)size : 0, sum);
		buf_printf(out, " %s=%zd:%02x%02x", list[i], size, sum[0], sum[1]);
	}
}

/* What nothing says is the time of the import. */
static inline void tree_time(struct buf *out, const struct timespec *moment)
{
	time_t now = time(NULL);

	if (moment->tv_sec > now - 3600 && moment->tv_sec <= now)
		buf_puts(out, " now");
	else
		buf_printf(out, " %lld.%09ld", (long long)moment->tv_sec, moment->tv_nsec);
}

static inline void tree_links(struct tree_text *text, const struct stat *st)
{
	size_t i = 0;

	if (st->st_nlink < 2)
		return;
	while (i < text->inode_count && text->inodes[i] != st->st_ino)
		i++;
	if (i == text->inode_count && i < TREE_INODES)
		text->inodes[text->inode_count++] = st->st_ino;
	buf_printf(text->out, " =%zu", i);
}

static inline void tree_entry(
	struct tree_text *text, int dir_fd, const char *name, const struct stat *st)
{
	struct buf *out = text->out;
	char target[4097] = "";

	buf_printf(out, " %o %u:%u %lu", st->st_mode, st->st_uid, st->st_gid,
		(unsigned long)st->st_nlink);
	tree_time(out, &st->st_mtim);
	if (!S_ISDIR(st->st_mode)) {
		buf_printf(out, " %lld", (long long)st->st_size);
		tree_links(text, st);
	}
	if (S_ISLNK(st->st_mode) && readlinkat(dir_fd, name, target, sizeof(target) - 1) > 0)
		buf_printf(out, " -> %s", target);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		buf_printf(out, " %u:%u", major(st->st_rdev), minor(st->st_rdev));
	if (S_ISREG(st->st_mode))
		tree_content(out, dir_fd, name, st->st_size);
	tree_xattrs(out, dir_fd, name);
	buf_putc(out, '\n');
}

// NOLINTNEXTLINE(misc-no-recursion): the tests' own trees
static inline void tree_walk(struct tree_text *text, int dir_fd, const char *prefix)
{
	cleanup_error struct error *err = NULL;
	cleanup_strv strv names = NULL;

	if (dir_names(dir_fd, &names, &err) < 0)
		buf_printf(text->out, "%s: %s\n", prefix, error_message(err));
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *path = xasprintf("%s%s/", prefix, names[i]);
		cleanup_close int fd = -1;
		struct stat st;

		if (fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
			buf_printf(text->out, "%s is lost\n", path);
			continue;
		}
		buf_puts(text->out, path);
		tree_entry(text, dir_fd, names[i], &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		fd = openat(dir_fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		tree_walk(text, fd, path);
	}
}

/* The root itself, then all below it; the caller frees it. */
static inline char *tree_describe(int root_fd)
{
	cleanup_buf struct buf out = BUF_INIT(256UL << 20);
	struct tree_text *text = xcalloc(1, sizeof(*text));
	struct stat st;

	text->out = &out;
	if (fstat(root_fd, &st) == 0) {
		buf_puts(&out, "/");
		tree_entry(text, root_fd, ".", &st);
	}
	tree_walk(text, root_fd, "");
	free(text);
	return buf_take(&out);
}
