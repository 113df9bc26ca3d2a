/* SPDX-License-Identifier: Apache-2.0 */
#include "store/partial.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "store/blob.h"

#define FOLDER "partial"

/* -2: there is none. */
static int open_folder(struct store *store, struct error **err)
{
	int fd = openat(store->root_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -2 : error_sys(err, "open %s/" FOLDER, store->path);
}

static int make_folder(struct store *store, struct error **err)
{
	if (mkdirat(store->root_fd, FOLDER, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make %s/" FOLDER, store->path);
	return open_folder(store, err);
}

/* Whether the name still leads to this file: its last holder may have made a blob of it. */
static bool is_named(int folder_fd, const char *hex, int fd, struct stat *ret)
{
	struct stat named;

	return fstat(fd, ret) == 0 && fstatat(folder_fd, hex, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_ino == ret->st_ino && named.st_dev == ret->st_dev;
}

/* 1 locked, 0 somebody else's, -2 gone meanwhile. */
static int try_lock(int folder_fd, const char *hex, int flags, int *ret, struct stat *ret_stat,
	struct error **err)
{
	cleanup_close int fd = openat(folder_fd, hex, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == ENOENT ? -2 : error_sys(err, "open the partial blob %s", hex);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : error_sys(err, "lock the partial blob %s", hex);
	if (!is_named(folder_fd, hex, fd, ret_stat))
		return -2;
	*ret = take_fd(&fd);
	return 1;
}

int partial_lock(
	struct store *store, const struct digest *digest, struct partial *ret, struct error **err)
{
	cleanup_close int folder_fd = make_folder(store, err);
	char hex[HEX_MAX];
	struct stat st;
	int fd = -1, result = -2;

	if (folder_fd < 0)
		return -1;
	digest_hex(digest, hex);
	while (result == -2)
		result = try_lock(folder_fd, hex, O_RDWR | O_CREAT, &fd, &st, err);
	if (result == 1)
		*ret = (struct partial){ *digest, fd, st.st_size };
	return result;
}

void partial_release(struct partial *partial)
{
	close_fd(take_fd(&partial->fd));
}

int partial_keep(struct store *store, struct partial *partial, struct error **err)
{
	cleanup_close int folder_fd = make_folder(store, err);
	char hex[HEX_MAX];

	if (folder_fd < 0)
		return -1;
	digest_hex(&partial->digest, hex);
	blob_mark(partial->fd);
	if (fchmod(partial->fd, 0644) < 0 || renameat(folder_fd, hex, store->blobs_fd, hex) < 0)
		return error_sys(err, "keep blob %s", hex);
	partial_release(partial);
	return fd_sync(store->blobs_fd, "blobs/sha256", err);
}

int partial_discard(struct store *store, struct partial *partial, struct error **err)
{
	cleanup_close int folder_fd = make_folder(store, err);
	char hex[HEX_MAX];

	if (folder_fd < 0)
		return -1;
	if (unlinkat(folder_fd, digest_hex(&partial->digest, hex), 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove the partial blob %s", hex);
	partial_release(partial);
	return 0;
}

int partial_each(struct store *store,
	int (*each)(const struct partial_entry *entry, void *arg, struct error **err), void *arg,
	struct error **err)
{
	cleanup_close int folder_fd = open_folder(store, err);
	cleanup_strv strv names = NULL;
	int result = 0;

	if (folder_fd < 0 || dir_names(folder_fd, &names, err) < 0)
		return folder_fd == -2 ? 0 : -1;
	for (size_t i = 0; names && names[i] && result == 0; i++) {
		struct partial_entry entry;
		struct stat st;

		if (!digest_from_hex(names[i], &entry.digest) ||
			fstatat(folder_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		entry.length = st.st_size;
		entry.modified = st.st_mtime;
		result = each(&entry, arg, err);
	}
	return result;
}

int partial_remove(struct store *store, const struct digest *digest, struct error **err)
{
	cleanup_close int folder_fd = open_folder(store, err), fd = -1;
	char hex[HEX_MAX];
	struct stat st;
	int result;

	if (folder_fd < 0)
		return folder_fd == -2 ? 0 : -1;
	digest_hex(digest, hex);
	result = try_lock(folder_fd, hex, O_RDONLY, &fd, &st, err);
	if (result <= 0)
		return result == -1 ? -1 : 0;
	if (unlinkat(folder_fd, hex, 0) < 0)
		return error_sys(err, "remove the partial blob %s", hex);
	return 1;
}

struct old {
	struct store *store;
	time_t before;
	int removed;
};

static int sweep_old(const struct partial_entry *entry, void *arg, struct error **err)
{
	struct old *old = arg;
	int result;

	if (entry->modified >= old->before)
		return 0;
	result = partial_remove(old->store, &entry->digest, err);
	if (result > 0)
		old->removed++;
	return result < 0 ? -1 : 0;
}

int partial_sweep(struct store *store, time_t now, struct error **err)
{
	struct old old = { store, now - PARTIAL_AGE_S, 0 };

	return partial_each(store, sweep_old, &old, err) < 0 ? -1 : old.removed;
}
