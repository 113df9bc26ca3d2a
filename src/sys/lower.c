/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/lower.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sys/mount.h"

bool lower_is_index(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && strcmp(name + 1, LOWER_INDEX) == 0;
}

int lower_mount(const char *path, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *directory = xstrndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	cleanup_free char *data = xasprintf("%s" LOWER_DATA, directory);
	cleanup_close int index_fd = open(path, O_RDONLY | O_CLOEXEC), data_fd = -1;
	char index_path[64], data_path[64];
	const struct mount_option options[] = { { "device", data_path }, { NULL, NULL } };
	int fd;

	if (index_fd < 0)
		return error_sys(err, "open %s", path);
	data_fd = open(data, O_RDONLY | O_CLOEXEC);
	if (data_fd < 0)
		return error_sys(err, "open %s", data);
	/* By number: options have at most 255 bytes. */
	(void)snprintf(index_path, sizeof(index_path), "/proc/self/fd/%d", index_fd);
	(void)snprintf(data_path, sizeof(data_path), "/proc/self/fd/%d", data_fd);
	fd = mount_new("erofs", index_path, options,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, err);
	return fd < 0 ? error_wrap(err, "layer %s", path) : fd;
}
