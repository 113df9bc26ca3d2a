/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and removing what was left behind: see the head of store.h for how it is told. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "store/blob.h"

#define BLOB_AGE_S 86400L /* no pull or build leaves a blob without a name for longer */

struct sweep {
	struct store *store;
	struct catalog *catalog;
	struct digest_set named;
	bool alone;
	time_t now;
	int removed;
};

/* Locks what is at dir_fd/name when nobody has it: its fd, or -2 when it is somebody's or gone. */
static int lock_garbage(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -2 : error_sys(err, "open '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -2 : error_sys(err, "lock '%s'", name);
	return take_fd(&fd);
}

static int sweep_temp(struct sweep *sweep, const char *name, struct error **err)
{
	cleanup_close int fd = lock_garbage(sweep->store->tmp_fd, name, err);

	if (fd < 0)
		return fd == -2 ? 0 : -1;
	if (tree_remove_at(sweep->store->tmp_fd, name, err) < 0)
		return -1;
	sweep->removed++;
	return 0;
}

static int sweep_layer(struct sweep *sweep, const char *name, struct error **err)
{
	struct digest digest;
	struct layer_row row;
	cleanup_close int fd = -1;
	int found;

	if (!digest_from_hex(name, &digest))
		return 0;
	fd = lock_garbage(sweep->store->layers_fd, name, err);
	if (fd < 0)
		return fd == -2 ? 0 : -1;
	/* Asked under the lock: who makes a layer commits its row before letting go. */
	found = catalog_find_layer(sweep->catalog, &digest, &row, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (layer_remove(sweep->store, &digest, err) < 0)
		return -1;
	sweep->removed++;
	return 0;
}

static int sweep_blob(struct sweep *sweep, const char *name, struct error **err)
{
	struct digest digest;
	struct layer_row row;
	struct stat st;
	int found;

	if (!digest_from_hex(name, &digest) || digest_set_has(&sweep->named, &digest) ||
		fstatat(sweep->store->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!sweep->alone && st.st_ctime + BLOB_AGE_S > sweep->now)
		return 0;
	found = catalog_find_layer(sweep->catalog, &digest, &row, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (blob_remove(sweep->store, &digest, err) < 0)
		return -1;
	sweep->removed++;
	return 0;
}

static int each_name(struct sweep *sweep, int dir_fd,
	int (*each)(struct sweep *sweep, const char *name, struct error **err), struct error **err)
{
	cleanup_strv strv names = NULL;

	if (dir_names(dir_fd, &names, err) < 0)
		return error_wrap(err, "tidy up %s", sweep->store->path);
	for (size_t i = 0; names && names[i]; i++)
		if (each(sweep, names[i], err) < 0)
			return -1;
	return 0;
}

static int sweep_all(struct sweep *sweep, struct error **err)
{
	/* The layers before the blobs: a layer that goes leaves its blob without a name. */
	if (each_name(sweep, sweep->store->tmp_fd, sweep_temp, err) < 0 ||
		each_name(sweep, sweep->store->layers_fd, sweep_layer, err) < 0)
		return -1;
	/* What is named is asked after the lock is had: who held it before has named its blobs. */
	if (image_blobs(sweep->store, &sweep->named, err) < 0)
		return -1;
	return each_name(sweep, sweep->store->blobs_fd, sweep_blob, err);
}

int store_sweep(struct store *store, struct error **err)
{
	struct sweep sweep = { .store = store, .now = time(NULL) };
	bool was_in_use = store->in_use;
	int result, alone;

	if (store_catalog(store, &sweep.catalog, err) < 0)
		return -1;
	/* Our own blobs without a name must stay, too. */
	alone = was_in_use ? 0 : store_use_alone(store, err);
	if (alone < 0)
		return -1;
	sweep.alone = alone;
	result = sweep_all(&sweep, err);
	digest_set_done(&sweep.named);
	if (!was_in_use)
		store_unuse(store);
	return result < 0 ? -1 : sweep.removed;
}
