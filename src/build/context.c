/* SPDX-License-Identifier: Apache-2.0 */
#include "build/context.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/dockerfile.h"
#include "sys/path.h"

#define CHUNK (256UL * 1024)

/* ---- the Dockerfile ---- */

static int no_dockerfile(const char *name, const char *where, struct error **err)
{
	error_new(err, ERROR_NOT_FOUND, "there is no '%s' in %s", name, where);
	return error_hint(err, "name it with -f, or write one that begins with FROM");
}

static int read_dockerfile_fd(struct context *context, int fd, struct error **err)
{
	ssize_t length = file_read_fd(
		fd, "the Dockerfile on stdin", DOCKERFILE_MAX, &context->dockerfile, err);

	if (length < 0)
		return -1;
	context->dockerfile_length = (size_t)length;
	context->dockerfile_name = xstrdup("Dockerfile");
	return 0;
}

/* 1 read, 0 there is none. */
static int read_dockerfile(
	struct context *context, int dir_fd, const char *path, const char *name, struct error **err)
{
	int found = path_read_in_root(dir_fd, path, DOCKERFILE_MAX, &context->dockerfile,
		&context->dockerfile_length, err);

	if (found > 0)
		context->dockerfile_name = xstrdup(name);
	return found;
}

/* NAME.dockerignore beside the Dockerfile wins over .dockerignore of the context. */
static int read_ignore(
	struct context *context, int dockerfile_dir_fd, const char *file, struct error **err)
{
	const struct {
		int dir_fd;
		const char *name;
	} places[] = { { dockerfile_dir_fd, file }, { context->dir_fd, ".dockerignore" } };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		cleanup_free char *text = NULL;
		size_t length = 0;
		int found;

		if (places[i].dir_fd < 0)
			continue;
		found = path_read_in_root(
			places[i].dir_fd, places[i].name, IGNORE_FILE_MAX, &text, &length, err);
		if (found < 0)
			return -1;
		if (found > 0)
			return ignore_parse(places[i].name, text, length, &context->ignore, err);
	}
	return 0;
}

/* path as a directory fd and a name in it. Symlinks of the user's own path are followed. */
static int open_around(int base_fd, const char *path, const char **ret_name, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *directory =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	int fd = openat(base_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_name = slash ? slash + 1 : path;
	return fd < 0 && errno != ENOENT && errno != ENOTDIR
		       ? error_sys(err, "open directory '%s'", directory)
		       : fd;
}

/* -f PATH: by the working directory, as any path of a command; else in the context. */
static int find_named_dockerfile(
	struct context *context, const char *path, bool ignores, struct error **err)
{
	const int bases[] = { AT_FDCWD, context->dir_fd };

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		cleanup_close int dir_fd = -1;
		cleanup_free char *ignore_name = NULL;
		const char *name;
		int found;

		if (i == 1 && *path == '/')
			break;
		dir_fd = open_around(bases[i], path, &name, err);
		if (dir_fd < 0 && *err)
			return -1;
		found = dir_fd < 0 ? 0 : read_dockerfile(context, dir_fd, name, path, err);
		if (found < 0)
			return -1;
		if (found == 0)
			continue;
		ignore_name = xasprintf("%s.dockerignore", name);
		return ignores ? read_ignore(context, dir_fd, ignore_name, err) : 0;
	}
	return no_dockerfile(path, "the working directory nor in the build context", err);
}

static int find_dockerfile(
	struct context *context, const char *where, bool ignores, struct error **err)
{
	static const char *const names[] = { "Dockerfile", "dockerfile" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *ignore_name = xasprintf("%s.dockerignore", names[i]);
		int found = read_dockerfile(context, context->dir_fd, names[i], names[i], err);

		if (found < 0)
			return -1;
		if (found > 0)
			return ignores ? read_ignore(context, context->dir_fd, ignore_name, err)
				       : 0;
	}
	return no_dockerfile("Dockerfile", where, err);
}

/* ---- stdin ---- */

/* What it is can be told only from a file that can be read twice. */
static int spool_stdin(int tmp_fd, struct error **err)
{
	cleanup_close int fd = openat(tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	cleanup_free char *chunk = xcalloc(1, CHUNK);
	ssize_t n;

	if (fd < 0)
		return error_sys(err, "make a temporary file");
	while ((n = TEMP_FAILURE_RETRY(read(STDIN_FILENO, chunk, CHUNK))) > 0)
		if (file_write_all(fd, chunk, (size_t)n, "the build context", err) < 0)
			return -1;
	if (n < 0)
		return error_sys(err, "read the build context from stdin");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the build context");
	return take_fd(&fd);
}

static int unpack_context(struct context *context, int archive_fd, struct error **err)
{
	if (store_make_temp(context->store, &context->unpacked, err) < 0)
		return -1;
	context->dir_fd = dir_open_at(AT_FDCWD, context->unpacked, err);
	if (context->dir_fd < 0)
		return -1;
	if (archive_unpack(archive_fd, context->dir_fd, err) < 0)
		return error_wrap(err, "unpack the build context from stdin");
	return 0;
}

/* In an archive nothing is excluded: whoever made it chose what to send. */
static int open_archive(
	struct context *context, int archive_fd, const char *path, struct error **err)
{
	int found;

	if (unpack_context(context, archive_fd, err) < 0)
		return -1;
	if (!path)
		return find_dockerfile(context, "the archive on stdin", false, err);
	found = read_dockerfile(context, context->dir_fd, path, path, err);
	if (found)
		return found < 0 ? -1 : 0;
	return no_dockerfile(path, "the archive on stdin", err);
}

static int open_stdin(
	const struct build_options *options, struct context *context, struct error **err)
{
	cleanup_close int fd = -1;
	int is_archive;

	if (options->dockerfile && strcmp(options->dockerfile, "-") == 0)
		return error_new(err, ERROR_INVALID,
			"stdin cannot be both the context (-) and the Dockerfile (-f -)");
	fd = spool_stdin(context->store->tmp_fd, err);
	if (fd < 0)
		return -1;
	is_archive = archive_detect(fd, err);
	if (is_archive < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the build context");
	return is_archive ? open_archive(context, fd, options->dockerfile, err)
			  : read_dockerfile_fd(context, fd, err);
}

/* ---- a directory ---- */

static bool is_remote(const char *path)
{
	static const char *const prefixes[] = { "http://", "https://", "git://", "ssh://", "git@",
		"github.com/" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static int open_directory(
	const struct build_options *options, struct context *context, struct error **err)
{
	const char *path = options->context && *options->context ? options->context : ".";

	context->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (context->dir_fd < 0 && is_remote(path)) {
		error_new(err, ERROR_UNSUPPORTED, "the build context '%.200s' is remote", path);
		return error_hint(err, "fetch it first, then give its directory");
	}
	if (context->dir_fd < 0) {
		error_sys(err, "open the build context '%s'", path);
		error_hint(err, "the context is a directory, or - for stdin");
		return error_errno(*err) == ENOENT || error_errno(*err) == ENOTDIR
			       ? error_as(err, ERROR_NOT_FOUND, "build")
			       : -1;
	}
	if (options->dockerfile && strcmp(options->dockerfile, "-") == 0) {
		if (read_dockerfile_fd(context, STDIN_FILENO, err) < 0)
			return -1;
		return read_ignore(context, -1, NULL, err);
	}
	return options->dockerfile ? find_named_dockerfile(context, options->dockerfile, true, err)
				   : find_dockerfile(context, path, true, err);
}

int context_open(const struct build_options *options, struct store *store, struct context *ret,
	struct error **err)
{
	*ret = (struct context){ .dir_fd = -1, .store = store };
	if (options->context && strcmp(options->context, "-") == 0
			? open_stdin(options, ret, err) < 0
			: open_directory(options, ret, err) < 0) {
		context_done(ret);
		return -1;
	}
	ret->source = (struct source){ .root_fd = ret->dir_fd,
		.ignore = ret->ignore.count > 0 ? &ret->ignore : NULL,
		.root_owned = true,
		.name = "the build context" };
	return 0;
}

void context_done(struct context *context)
{
	cleanup_error struct error *left = NULL;

	/* What stays is garbage in tmp/, which the store sweeps. */
	if (context->unpacked)
		(void)store_remove_temp(context->store, context->unpacked, &left);
	close_fd(context->dir_fd);
	free(context->unpacked);
	free(context->dockerfile_name);
	free(context->dockerfile);
	ignore_done(&context->ignore);
	*context = (struct context){ .dir_fd = -1 };
}
