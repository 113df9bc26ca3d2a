/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sys/lower.h"
#include "sys/mount.h"

int snapshot_make(struct engine *engine, char **ret, struct error **err)
{
	static const char *const names[] = { "fs", "work" };
	cleanup_free char *path = NULL;

	if (store_make_temp(&engine->store, &path, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		cleanup_free char *child = xasprintf("%s/%s", path, names[i]);

		/* fs becomes the root directory of an image: everybody inside may pass it, whatever
		 * the umask is here. */
		if (mkdir(child, 0755) < 0 || chmod(child, 0755) < 0) {
			cleanup_error struct error *left = NULL;

			error_sys(err, "make directory %s", child);
			(void)store_remove_temp(&engine->store, path, &left);
			return -1;
		}
	}
	*ret = take_ptr(path);
	return 0;
}

int snapshot_discard(struct engine *engine, const char *path, struct error **err)
{
	return store_remove_temp(&engine->store, path, err);
}

int snapshot_mount(char *const *lowers, const char *path, struct error **err)
{
	cleanup_free char *upper = path ? xasprintf("%s/fs", path) : NULL;
	cleanup_free char *work = path ? xasprintf("%s/work", path) : NULL;

	/* Read-only, an overlay wants two directories; one alone is itself. */
	if (!path && lowers[0] && !lowers[1]) {
		cleanup_close int fd = lower_is_index(lowers[0])
					       ? lower_mount(lowers[0], err)
					       : mount_clone(AT_FDCWD, lowers[0], false, err);

		if (fd < 0 || mount_set(fd, MOUNT_ATTR_RDONLY, 0, 0, false, err) < 0)
			return -1;
		return take_fd(&fd);
	}
	return mount_overlay(lowers, upper, work, path ? 0 : MOUNT_ATTR_RDONLY, err);
}
