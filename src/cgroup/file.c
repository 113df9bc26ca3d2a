/* SPDX-License-Identifier: Apache-2.0 */
/* The files of one cgroup in one hierarchy, opened relative to the hierarchy's root. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cgroup/internal.h"

#define FILE_PATH_MAX (CGROUP_PATH_MAX + 256)

static int fail(const struct cgroup_file *file, const char *what, struct error **err)
{
	return error_sys(err, "%s %s/%s/%s", what, file->hierarchy->mount_point,
		cgroup_dir(file->cgroup, file->hierarchy), file->name);
}

enum error_kind cgroup_error_kind(const struct error *err)
{
	switch (error_errno(err)) {
	case EINVAL:
	case ERANGE:
	case EOVERFLOW:
	case ENODEV:
	case ENOSPC:
		return ERROR_INVALID;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERROR_DENIED;
	case EBUSY:
		return ERROR_CONFLICT;
	case ENOENT:
	case EOPNOTSUPP:
		return ERROR_UNSUPPORTED;
	default:
		return error_kind(err);
	}
}

int cgroup_file_open(const struct cgroup_file *file, int flags, struct error **err)
{
	char path[FILE_PATH_MAX];
	int fd;

	(void)snprintf(
		path, sizeof(path), "%s/%s", cgroup_dir(file->cgroup, file->hierarchy), file->name);
	fd = openat(file->hierarchy->root_fd, path, flags | O_CLOEXEC);
	return fd < 0 && err ? fail(file, "open", err) : fd;
}

int cgroup_file_put(const struct cgroup_file *file, int fd, const char *text, struct error **err)
{
	char what[128];

	/* One write() each: the kernel takes a write as one whole value. */
	if (TEMP_FAILURE_RETRY(write(fd, text, strlen(text))) >= 0)
		return 0;
	(void)snprintf(what, sizeof(what), "write \"%.100s\" to", text);
	return fail(file, what, err);
}

int cgroup_file_write(const struct cgroup_file *file, const char *text, struct error **err)
{
	cleanup_close int fd = cgroup_file_open(file, O_WRONLY, err);

	return fd < 0 ? -1 : cgroup_file_put(file, fd, text, err);
}

int cgroup_file_read(const struct cgroup_file *file, char *ret, size_t size, struct error **err)
{
	cleanup_close int fd = cgroup_file_open(file, O_RDONLY, NULL);
	size_t length = 0;
	ssize_t n;

	ret[0] = '\0';
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(file, "open", err);
	do {
		n = TEMP_FAILURE_RETRY(read(fd, ret + length, size - 1 - length));
		if (n < 0)
			return errno == ENODEV ? 0
					       : fail(file, "read", err); /* removed meanwhile */
		length += (size_t)n;
	} while (n > 0 && length < size - 1);
	ret[length] = '\0';
	return 1;
}

bool cgroup_flat_number(const char *text, const char *key, uint64_t *ret)
{
	size_t length = strlen(key);

	while (text && *text) {
		if (strncmp(text, key, length) == 0 && text[length] == ' ') {
			*ret = strtoull(text + length + 1, NULL, 10);
			return true;
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return false;
}

int cgroup_file_number(const struct cgroup_file *file, const char *key, uint64_t *ret)
{
	cleanup_error struct error *ignored = NULL;
	char text[8192];

	if (cgroup_file_read(file, text, sizeof(text), &ignored) <= 0)
		return 0;
	if (key)
		return cgroup_flat_number(text, key, ret);
	if (text[0] < '0' || text[0] > '9') {
		*ret = UINT64_MAX; /* "max" */
		return strncmp(text, "max", 3) == 0;
	}
	*ret = strtoull(text, NULL, 10);
	return 1;
}
