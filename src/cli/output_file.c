/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"

#define OUTPUT_MODE 0600 /* a root file system has its shadow passwords in it */

/* "." for a name alone; the caller frees. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static char *temporary_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char id[ID_MAX];

	id_make(id);
	return xasprintf("%.*s.%s.%.12s", slash ? (int)(slash - path) + 1 : 0, path,
		slash ? slash + 1 : path, id);
}

static int check_path(const char *path, struct error **err)
{
	cleanup_free char *directory = directory_of(path);
	struct stat st;

	if (stat(directory, &st) < 0)
		return error_sys(err, "invalid output path: directory '%s'", directory);
	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return error_new(
			err, ERROR_INVALID, "invalid output path: '%s' is a directory", path);
	if (!S_ISREG(st.st_mode)) {
		error_new(err, ERROR_INVALID, "invalid output path: '%s' is not a regular file",
			path);
		return error_hint(err, "leave -o out and redirect: ... > %s", path);
	}
	return 0;
}

static int open_named(struct output_file *file, struct error **err)
{
	int fd;

	file->temp = temporary_name(file->path);
	fd = open(file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, OUTPUT_MODE);
	return fd < 0 ? error_sys(err, "make %s", file->temp) : fd;
}

static int open_file(struct output_file *file, struct error **err)
{
	cleanup_free char *directory = directory_of(file->path);

	file->fd = open(directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, OUTPUT_MODE);
	if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		file->fd = open_named(file, err);
	else if (file->fd < 0)
		error_sys(err, "write to %s", directory);
	return file->fd < 0 ? -1 : 0;
}

int output_file_open(const char *path, struct output_file *ret, struct error **err)
{
	cleanup_output_file struct output_file file = { .fd = -1 };

	if (!path || !*path) {
		if (isatty(STDOUT_FILENO))
			return error_new(err, ERROR_INVALID,
				"cowardly refusing to save to a terminal. Use the -o flag or "
				"redirect");
		*ret = (struct output_file){ .fd = STDOUT_FILENO };
		return 0;
	}
	if (check_path(path, err) < 0)
		return -1;
	file.path = xstrdup(path);
	if (open_file(&file, err) < 0)
		return -1;
	*ret = file;
	file = (struct output_file){ .fd = -1 };
	return 0;
}

/* A file without a name gets one of its own first: only rename(2) replaces what is there. */
static int name_file(struct output_file *file, struct error **err)
{
	char link[64];

	if (file->temp)
		return 0;
	file->temp = temporary_name(file->path);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	if (linkat(AT_FDCWD, link, AT_FDCWD, file->temp, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	error_sys(err, "name %s", file->temp);
	free(take_ptr(file->temp));
	return -1;
}

int output_file_finish(struct output_file *file, struct error **err)
{
	if (!file->path)
		return 0;
	if (name_file(file, err) < 0)
		return -1;
	if (rename(file->temp, file->path) < 0)
		return error_sys(err, "rename %s to %s", file->temp, file->path);
	free(take_ptr(file->temp));
	return 0;
}

void output_file_close(struct output_file *file)
{
	if (file->temp)
		(void)unlink(file->temp);
	if (file->path)
		close_fd(file->fd);
	free(file->temp);
	free(file->path);
	*file = (struct output_file){ .fd = -1 };
}
