/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/mode.h"
#include "build/xattr.h"
#include "sys/path.h"

#define CHUNK 65536

/* Where an entry goes. */
struct target {
	int dir_fd;
	const char *name;
};

/* What is being copied just now. */
struct job {
	struct copy *copy;
	const struct tree *tree;
	const struct tree_entry *entry;
};

/* ---- metadata ---- */

static struct owner owner_of(const struct job *job)
{
	if (job->copy->owner)
		return *job->copy->owner;
	if (job->tree->root_owned)
		return (struct owner){ 0, 0 };
	return (struct owner){ job->entry->st.st_uid, job->entry->st.st_gid };
}

static int mode_of(const struct job *job, mode_t *ret, struct error **err)
{
	*ret = job->entry->st.st_mode & 07777;
	return job->copy->mode ? mode_apply(job->copy->mode, job->entry->st.st_mode, ret, err) : 0;
}

static int set_times(int fd, const struct job *job, struct error **err)
{
	const struct timespec times[2] = { job->entry->st.st_atim, job->entry->st.st_mtim };

	if (futimens(fd, times) < 0)
		return error_sys(err, "set the times of '%s'", job->entry->path);
	return 0;
}

/* Owner first: changing it takes set-id bits and capabilities away. Times last. */
static int set_metadata(int fd, int source_fd, const struct job *job, struct error **err)
{
	struct owner owner = owner_of(job);
	mode_t mode;

	if (mode_of(job, &mode, err) < 0)
		return -1;
	if (fchown(fd, owner.uid, owner.gid) < 0)
		return error_sys(err, "set the owner of '%s'", job->entry->path);
	if (fchmod(fd, mode) < 0)
		return error_sys(err, "set the mode of '%s'", job->entry->path);
	if (xattr_copy(source_fd, fd, err) < 0)
		return error_wrap(err, "'%s'", job->entry->path);
	return set_times(fd, job, err);
}

/* ---- files ---- */

/* What is in the way is removed, so that a symlink is never written through. */
static int make_way(const struct target *target, struct error **err)
{
	struct stat st;

	if (fstatat(target->dir_fd, target->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "look up '%s'", target->name);
	if (S_ISDIR(st.st_mode))
		return error_new(err, ERROR_INVALID,
			"'%s' is a directory in the image, and cannot be replaced by a file",
			target->name);
	if (unlinkat(target->dir_fd, target->name, 0) < 0)
		return error_sys(err, "replace '%s'", target->name);
	return 0;
}

static int copy_chunks(int from_fd, int to_fd, const struct tree_entry *entry, struct error **err)
{
	char chunk[CHUNK];
	off_t total = 0;
	ssize_t n = 1;

	while (n > 0 && (total == 0 || total < entry->st.st_size)) {
		n = TEMP_FAILURE_RETRY(read(from_fd, chunk, sizeof(chunk)));
		if (n < 0)
			return error_sys(err, "read '%s'", entry->path);
		if (file_write_all(to_fd, chunk, (size_t)n, entry->path, err) < 0)
			return -1;
		total += n;
	}
	return 0;
}

/* The kernel copies where it can; it begins anew where it cannot (another file system, an
 * overlay). */
static int copy_content(int from_fd, int to_fd, const struct tree_entry *entry, struct error **err)
{
	ssize_t n = 0;

	if (entry->st.st_size >= CHUNK)
		do
			n = copy_file_range(from_fd, NULL, to_fd, NULL, 1UL << 30, 0);
		while (n > 0);
	if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP &&
		errno != EPERM)
		return error_sys(err, "copy '%s'", entry->path);
	return copy_chunks(from_fd, to_fd, entry, err);
}

static int copy_file(const struct job *job, const struct target *target, struct error **err)
{
	cleanup_close int from_fd = tree_open(job->tree, job->entry, err), to_fd = -1;
	const struct stat *listed = &job->entry->st;
	struct stat st;

	if (from_fd < 0 || make_way(target, err) < 0)
		return -1;
	to_fd = openat(target->dir_fd, target->name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return error_sys(err, "make '%s'", target->name);
	if (copy_content(from_fd, to_fd, job->entry, err) < 0)
		return -1;
	if (fstat(from_fd, &st) < 0)
		return error_sys(err, "look up '%s'", job->entry->path);
	if (st.st_size != listed->st_size || st.st_mtim.tv_sec != listed->st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != listed->st_mtim.tv_nsec ||
		st.st_ctim.tv_sec != listed->st_ctim.tv_sec ||
		st.st_ctim.tv_nsec != listed->st_ctim.tv_nsec)
		job->copy->changed = true;
	return set_metadata(to_fd, from_fd, job, err);
}

static int copy_special(const struct job *job, const struct target *target, struct error **err)
{
	const struct stat *st = &job->entry->st;
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	struct owner owner = owner_of(job);
	mode_t mode;
	int failed;

	if (mode_of(job, &mode, err) < 0 || make_way(target, err) < 0)
		return -1;
	if (S_ISLNK(st->st_mode))
		failed = symlinkat(job->entry->link, target->dir_fd, target->name);
	else
		failed = mknodat(target->dir_fd, target->name, st->st_mode & S_IFMT, st->st_rdev);
	if (failed < 0)
		return error_sys(err, "make '%s'", target->name);
	/* By name: we hold the only way into this tree. */
	if (fchownat(target->dir_fd, target->name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of '%s'", target->name);
	if (!S_ISLNK(st->st_mode) && fchmodat(target->dir_fd, target->name, mode, 0) < 0)
		return error_sys(err, "set the mode of '%s'", target->name);
	if (utimensat(target->dir_fd, target->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the times of '%s'", target->name);
	return 0;
}

/* Its metadata comes when what is in it has come: see finish_directories(). */
static int make_directory(const struct target *target, struct error **err)
{
	struct stat st;

	if (mkdirat(target->dir_fd, target->name, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(target->dir_fd, target->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "make directory '%s'", target->name);
	if (S_ISDIR(st.st_mode))
		return 0;
	return error_new(err, ERROR_INVALID,
		"'%s' is not a directory in the image, and cannot be replaced by one",
		target->name);
}

static int copy_entry(const struct job *job, const struct target *target, struct error **err)
{
	if (S_ISREG(job->entry->st.st_mode))
		return copy_file(job, target, err);
	if (S_ISDIR(job->entry->st.st_mode))
		return make_directory(target, err);
	return copy_special(job, target, err);
}

/* ---- directories ---- */

/* The directory in dir_fd that an entry lies in; *known_fd is kept from one entry to the next. */
struct cursor {
	int dir_fd; /* the destination */
	char *path; /* of the directory that fd is: NULL at first */
	int fd;
};

static void cursor_done_p_(struct cursor *cursor)
{
	free(cursor->path);
	close_fd(cursor->fd);
}
#define cleanup_cursor CLEANUP(cursor_done)

static int cursor_move(
	struct cursor *cursor, const char *path, struct target *ret, struct error **err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	cleanup_free char *name = NULL;

	ret->name = slash ? slash + 1 : path;
	if (!cursor->path || strlen(cursor->path) != length ||
		strncmp(cursor->path, path, length) != 0) {
		close_fd(cursor->fd);
		/* Rooted at the destination, whose directories are real ones: make_directory(). */
		cursor->fd = path_parent_in_root(cursor->dir_fd, path, &name, err);
		if (cursor->fd < 0)
			return -1;
		replace_string(&cursor->path, xstrndup(path, length));
	}
	ret->dir_fd = cursor->fd;
	return 0;
}

static int finish_directory(const struct job *job, const struct target *target, struct error **err)
{
	cleanup_close int from_fd = tree_open(job->tree, job->entry, err);
	cleanup_close int to_fd = -1;

	if (from_fd < 0)
		return -1;
	to_fd = openat(
		target->dir_fd, target->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to_fd < 0)
		return error_sys(err, "open directory '%s'", target->name);
	return set_metadata(to_fd, from_fd, job, err);
}

/* From the last to the first: what is in a directory changes its time. */
static int finish_directories(struct job *job, int dir_fd, struct error **err)
{
	cleanup_cursor struct cursor cursor = { .dir_fd = dir_fd, .fd = -1 };
	struct target target;

	for (size_t i = job->tree->count; i-- > 1;) {
		job->entry = &job->tree->entries[i];
		if (!S_ISDIR(job->entry->st.st_mode))
			continue;
		if (cursor_move(&cursor, job->entry->path, &target, err) < 0 ||
			finish_directory(job, &target, err) < 0)
			return -1;
	}
	job->entry = &job->tree->entries[0];
	return set_times(dir_fd, job, err);
}

static int copy_contents(struct job *job, int dir_fd, struct error **err)
{
	cleanup_cursor struct cursor cursor = { .dir_fd = dir_fd, .fd = -1 };
	struct target target;

	for (size_t i = 1; i < job->tree->count; i++) {
		job->entry = &job->tree->entries[i];
		if (cursor_move(&cursor, job->entry->path, &target, err) < 0 ||
			copy_entry(job, &target, err) < 0)
			return -1;
	}
	return finish_directories(job, dir_fd, err);
}

static struct place_options place_options(const struct copy *copy)
{
	struct place_options options = { .mode = 0755 };
	cleanup_error struct error *unused = NULL;

	if (copy->owner)
		options.owner = *copy->owner;
	if (copy->mode && mode_is_numeric(copy->mode))
		(void)mode_apply(copy->mode, S_IFDIR, &options.mode, &unused);
	return options;
}

int copy_tree(struct copy *copy, const struct tree *tree, struct error **err)
{
	struct job job = { .copy = copy, .tree = tree, .entry = &tree->entries[0] };
	struct place_options options = place_options(copy);
	cleanup_close int dir_fd = -1;
	cleanup_free char *name = NULL;
	struct target target;

	if (S_ISDIR(tree->entries[0].st.st_mode)) {
		dir_fd = place_directory(copy->root_fd, copy->dest, &options, err);
		return dir_fd < 0 ? -1 : copy_contents(&job, dir_fd, err);
	}
	dir_fd = place_file(
		copy->root_fd, copy->dest, strrchr(tree->path, '/') + 1, &options, &name, err);
	if (dir_fd < 0)
		return -1;
	target = (struct target){ dir_fd, name };
	return copy_entry(&job, &target, err);
}

int copy_text(struct copy *copy, const char *name, const char *content, struct error **err)
{
	struct place_options options = place_options(copy);
	struct owner owner = options.owner;
	cleanup_free char *last = NULL;
	cleanup_close int fd = -1, dir_fd = place_file(
					   copy->root_fd, copy->dest, name, &options, &last, err);
	struct target target = { dir_fd, last };
	mode_t mode = 0644;

	if (dir_fd < 0 || make_way(&target, err) < 0)
		return -1;
	if (copy->mode && mode_apply(copy->mode, S_IFREG | mode, &mode, err) < 0)
		return -1;
	fd = openat(dir_fd, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, "make '%s'", last);
	if (file_write_all(fd, content, strlen(content), last, err) < 0)
		return -1;
	if (fchown(fd, owner.uid, owner.gid) < 0 || fchmod(fd, mode) < 0)
		return error_sys(err, "set the owner and mode of '%s'", last);
	return 0;
}
