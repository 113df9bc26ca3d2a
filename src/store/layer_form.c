/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel takes layers that are not unpacked. Many things must come together: EROFS from
 * files (Linux 6.12, and a store on a file system that allows it), a second device with blocks of
 * 512 bytes, an overlay over detached mounts (6.15), the right to mount at all, and not too many
 * file systems on top of each other. So it is tried.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/blob.h"
#include "store/erofs_format.h"
#include "store/index_tree.h"
#include "sys/lower.h"
#include "sys/mount.h"

#define PROBE "probe"

/* An index with one file, whose content is the data's second block. */
static int write_probe(int dir_fd, const char data[static 2 * EROFS_BLOCK], struct error **err)
{
	cleanup_close int fd =
		openat(dir_fd, LOWER_INDEX, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct index_tree tree;
	struct index_node *node;
	const char *unfit;
	int result;

	if (fd < 0)
		return error_sys(err, "make an index");
	if (mkdirat(dir_fd, "fs", 0700) < 0)
		return error_sys(err, "make a directory");
	index_tree_init(&tree);
	node = index_node_new(&tree, S_IFREG | 0600);
	node->size = EROFS_BLOCK;
	node->extents = xcalloc(1, sizeof(*node->extents));
	node->extents[0] = (struct listing_extent){ EROFS_BLOCK, 0, EROFS_BLOCK };
	node->extent_count = 1;
	index_add(&tree, tree.root, PROBE, strlen(PROBE), node);
	result = index_tree_write(&tree, fd, 2L * EROFS_BLOCK, &unfit, err);
	index_tree_done(&tree);
	if (result <= 0)
		return -1;
	return file_replace_at(dir_fd, LOWER_DATA, data, 2UL * EROFS_BLOCK, 0600, false, err);
}

static int mount_probe(const char *path, struct error **err)
{
	cleanup_strv strv lowers = NULL;

	strv_appendf(&lowers, "%s/" LOWER_INDEX, path);
	strv_appendf(&lowers, "%s/fs", path); /* read-only, overlay wants two */
	return mount_overlay(lowers, NULL, NULL, MOUNT_ATTR_RDONLY, err);
}

static int try_index(const struct store *store, const struct temp *temp, struct error **err)
{
	cleanup_free char *path = xasprintf("%s/tmp/%s", store->path, temp->name), *found = NULL;
	cleanup_close int root_fd = -1;
	char data[2 * EROFS_BLOCK];

	memset(data, 'a', EROFS_BLOCK);
	memset(data + EROFS_BLOCK, 'b', EROFS_BLOCK);
	if (write_probe(temp->fd, data, err) < 0)
		return -1;
	root_fd = mount_probe(path, err);
	if (root_fd < 0)
		return -1;
	if (file_read_at(root_fd, PROBE, EROFS_BLOCK, &found, err) != EROFS_BLOCK ||
		memcmp(found, data + EROFS_BLOCK, EROFS_BLOCK) != 0)
		return *err ? -1 : error_new(err, ERROR_UNSUPPORTED, "a layer's index reads wrong");
	return 0;
}

/* What cannot be tried, on a full disk for example, is not there. */
static bool is_supported(struct store *store, struct error **ret_why)
{
	cleanup_error struct error *left = NULL; /* a sweep tries again */
	struct temp *temp = temp_make(store, ret_why);
	int result;

	if (!temp)
		return false;
	result = try_index(store, temp, ret_why);
	(void)temp_remove(store, temp, &left);
	return result == 0;
}

static int choose(struct store *store, const char *forced, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (strcmp(forced, "directory") == 0)
		return LAYER_DIRECTORY;
	if (*forced && strcmp(forced, "erofs") != 0)
		return error_new(err, ERROR_INVALID,
			"VESSEL_LAYERS is '%s', and neither 'directory' nor 'erofs'", forced);
	if (is_supported(store, &why))
		return LAYER_EROFS;
	if (!*forced)
		return LAYER_DIRECTORY;
	*err = take_ptr(why);
	return error_as(err, ERROR_UNSUPPORTED, "layers cannot be mounted as EROFS here");
}

int layer_form(struct store *store, enum layer_form *ret, struct error **err)
{
	const char *forced = getenv("VESSEL_LAYERS"); // NOLINT(concurrency-mt-unsafe): no threads

	if (!store->form) {
		int form = choose(store, forced ? forced : "", err);

		if (form < 0)
			return -1;
		store->form = form;
	}
	*ret = (enum layer_form)store->form;
	return 0;
}
