/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/blob.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define EMPTY_INDEX "{\"schemaVersion\":2,\"manifests\":[]}"

static int open_directory(int dir_fd, const char *path, mode_t mode, struct error **err)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return error_sys(err, "open %s", path);
	fd = dir_make_at(dir_fd, path, mode, err);
	if (fd < 0)
		return -1;
	close_fd(fd);
	return dir_open_at(dir_fd, path, err);
}

static int put_missing(int dir_fd, const char *name, const char *text, struct error **err)
{
	if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return file_replace_at(dir_fd, name, text, strlen(text), 0644, false, err);
}

static int open_parts(struct store *store, struct error **err)
{
	/* What is inside are files of root in images, setuid ones too: not for other users. */
	store->root_fd = open_directory(AT_FDCWD, store->path, 0711, err);
	if (store->root_fd < 0)
		return -1;
	store->layers_fd = open_directory(store->root_fd, "layers", 0700, err);
	if (store->layers_fd < 0)
		return -1;
	store->tmp_fd = open_directory(store->root_fd, "tmp", 0700, err);
	if (store->tmp_fd < 0)
		return -1;
	store->blobs_fd = open_directory(store->root_fd, "blobs/sha256", 0700, err);
	if (store->blobs_fd < 0)
		return -1;
	store->lock_fd =
		openat(store->root_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		return error_sys(err, "open lock");
	if (put_missing(store->root_fd, "index.json", EMPTY_INDEX, err) < 0)
		return -1;
	return put_missing(store->root_fd, "oci-layout", LAYOUT, err);
}

int store_open(const char *root, struct store *ret, struct error **err)
{
	struct store store = {
		.root_fd = -1, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1, .lock_fd = -1
	};

	if (root[0] != '/')
		return error_new(err, ERROR_INVALID, "the store's path '%s' is not absolute", root);
	store.path = xstrdup(root);
	if (open_parts(&store, err) < 0) {
		store_close(&store);
		return error_wrap(err, "store %s", root);
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store->path) /* never opened */
		return;
	while (store->temps)
		temp_release(store, store->temps);
	catalog_close(store->catalog);
	close_fd(store->root_fd);
	close_fd(store->blobs_fd);
	close_fd(store->layers_fd);
	close_fd(store->tmp_fd);
	close_fd(store->lock_fd);
	free(store->path);
	*store = (struct store){
		.root_fd = -1, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1, .lock_fd = -1
	};
}

int store_catalog(struct store *store, struct catalog **ret, struct error **err)
{
	if (!store->catalog && catalog_open(store->root_fd, &store->catalog, err) < 0)
		return -1;
	*ret = store->catalog;
	return 0;
}
