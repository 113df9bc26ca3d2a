/* SPDX-License-Identifier: Apache-2.0 */
#include "store/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/stream.h"
#include "store/tar.h"
#include "store/xattr.h"
#include "sys/path.h"

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh." /* AUFS's own files, which mean nothing elsewhere */
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define NOTES_MAX (256UL * 1024 * 1024) /* bytes kept to finish directories at the end */

/* A directory whose mode, attributes and time are set at the end: what is put inside would change
 * the time, and would inherit a group or a default ACL. */
struct note {
	struct note *next;
	mode_t mode;
	struct timespec mtime;
	struct tar_xattrs xattrs;
	char path[];
};

/*
 * An opaque directory. They are told at the end: who sets the attribute does so when it likes, and
 * the directory may be replaced by the next entry.
 */
struct opaque {
	struct opaque *next;
	char path[];
};

struct unpack {
	const struct unpack_options *options;
	struct tar_reader *reader;
	struct note *first, **last;
	struct opaque *opaque;
	size_t notes_size;
	/*
	 * One directory is remembered: most entries stand beside the one before. It cannot go
	 * stale: what an entry replaces stands in the directory remembered then.
	 */
	char *parent;
	int parent_fd;
	struct unpack_result result;
};

/* Where an entry goes. */
struct place {
	const char *path; /* cleaned */
	int fd; /* its directory, borrowed */
	const char *name;
	bool exists; /* a directory that was there */
	bool was_whiteout; /* what was there said that there is nothing */
	int file_fd; /* of a new file */
};

static void place_done_p_(struct place *place)
{
	close_fd(place->file_fd);
}

int unpack_clean_name(const char *path, bool layer, char **ret, struct error **err)
{
	cleanup_free char *clean = xcalloc(strlen(path) + 1, 1);
	char *out = clean;

	while (*path) {
		const char *name = path + strspn(path, "/");
		size_t length = strcspn(name, "/");

		path = name + length;
		if (length == 0 || (length == 1 && *name == '.'))
			continue;
		if (length == 2 && name[0] == '.' && name[1] == '.')
			return error_new(err, ERROR_INVALID, "its name has '..' in it");
		if (layer && strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0 &&
			path[strspn(path, "/")] != '\0')
			return error_new(err, ERROR_INVALID, "a whiteout is no directory");
		if (out > clean)
			*out++ = '/';
		out = mempcpy(out, name, length);
	}
	*ret = take_ptr(clean);
	return 0;
}

/* Finds the directory of path, and makes it when it is missing. */
static int find_place(
	struct unpack *unpack, const char *path, struct place *ret, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");

	if (!unpack->parent || strcmp(unpack->parent, parent) != 0) {
		int fd = path_mkdirs_in_root(unpack->options->dest_fd, parent, 0755, 0, 0, err);

		if (fd < 0)
			return -1;
		close_fd(unpack->parent_fd);
		unpack->parent_fd = fd;
		replace_string(&unpack->parent, take_ptr(parent));
	}
	*ret = (struct place){ .path = path,
		.fd = unpack->parent_fd,
		.name = slash ? slash + 1 : path,
		.file_fd = -1 };
	return 0;
}

static int make_note(
	struct unpack *unpack, const char *path, struct tar_entry *entry, struct error **err)
{
	size_t size = sizeof(struct note) + strlen(path) + 1;
	struct note *note;

	for (size_t i = 0; i < entry->xattrs.count; i++)
		size += entry->xattrs.items[i].length + 256;
	unpack->notes_size += size;
	if (unpack->notes_size > NOTES_MAX)
		return error_new(err, ERROR_INVALID, "too many directories");
	note = xcalloc(1, sizeof(*note) + strlen(path) + 1);
	note->mode = entry->mode;
	note->mtime = entry->mtime;
	note->xattrs = entry->xattrs;
	entry->xattrs = (struct tar_xattrs){ 0 };
	memcpy(note->path, path, strlen(path) + 1);
	*unpack->last = note;
	unpack->last = &note->next;
	return 0;
}

static int finish_directory(
	const struct unpack *unpack, const struct note *note, struct error **err)
{
	const struct timespec times[2] = { note->mtime, note->mtime };
	cleanup_error struct error *missing = NULL;
	cleanup_close int fd = path_open_in_root(unpack->options->dest_fd, note->path,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &missing);

	if (fd < 0) /* a later entry took its place */
		return 0;
	if (fchmod(fd, note->mode) < 0)
		return error_sys(err, "entry '%s': set the mode", note->path);
	if (xattrs_apply(fd, &note->xattrs, err) < 0)
		return error_wrap(err, "entry '%s'", note->path);
	if (futimens(fd, times) < 0)
		return error_sys(err, "entry '%s': set the time", note->path);
	return 0;
}

static int note_opaque(struct unpack *unpack, const char *path, struct error **err)
{
	size_t length = strlen(path) + 1;
	struct opaque *note;

	if (unpack->opaque && strcmp(unpack->opaque->path, path) == 0)
		return 0;
	unpack->notes_size += sizeof(*note) + length;
	if (unpack->notes_size > NOTES_MAX)
		return error_new(err, ERROR_INVALID, "too many directories");
	note = xcalloc(1, sizeof(*note) + length);
	memcpy(note->path, path, length);
	note->next = unpack->opaque;
	unpack->opaque = note;
	return 0;
}

/* What was at path, or below it, is gone. */
static void forget_opaque(struct unpack *unpack, const char *path)
{
	struct opaque **at = &unpack->opaque;
	size_t length = strlen(path);

	while (*at) {
		struct opaque *note = *at;

		if (strncmp(note->path, path, length) == 0 &&
			(note->path[length] == '/' || note->path[length] == '\0')) {
			*at = note->next;
			free(note);
		} else {
			at = &note->next;
		}
	}
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/*
 * Something stands where an entry goes. It goes, as with Docker; only a directory that meets a
 * directory stays.
 */
static int make_room(struct unpack *unpack, struct place *place, const struct tar_entry *entry,
	struct error **err)
{
	struct stat st;

	if (fstatat(place->fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at what is there");
	if (S_ISDIR(st.st_mode) && entry->type == TAR_DIRECTORY) {
		place->exists = true;
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		forget_opaque(unpack, place->path);
		return tree_remove_at(place->fd, place->name, err);
	}
	if (unlinkat(place->fd, place->name, 0) < 0)
		return error_sys(err, "replace what is there");
	place->was_whiteout = unpack->options->layer && is_whiteout(&st);
	return 0;
}

/* 0, or -1 with errno: EEXIST is for the caller to mend. */
static int create(struct place *place, const struct tar_entry *entry)
{
	mode_t mode = entry->mode;
	dev_t device = makedev(entry->major, entry->minor);

	switch (entry->type) {
	case TAR_FILE:
		place->file_fd = openat(place->fd, place->name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
		return place->file_fd < 0 ? -1 : 0;
	case TAR_SYMLINK:
		return symlinkat(entry->link, place->fd, place->name);
	case TAR_CHARACTER:
		return mknodat(place->fd, place->name, S_IFCHR | mode, device);
	case TAR_BLOCK_DEVICE:
		return mknodat(place->fd, place->name, S_IFBLK | mode, device);
	case TAR_DIRECTORY:
		return mkdirat(place->fd, place->name, mode & 0777);
	default:
		return mknodat(place->fd, place->name, S_IFIFO | mode, 0);
	}
}

static const char *const type_names[] = {
	[TAR_FILE] = "file",
	[TAR_HARD_LINK] = "hard link",
	[TAR_SYMLINK] = "symlink",
	[TAR_CHARACTER] = "character device",
	[TAR_BLOCK_DEVICE] = "block device",
	[TAR_DIRECTORY] = "directory",
	[TAR_FIFO] = "FIFO",
};

static int create_entry(struct unpack *unpack, struct place *place, const struct tar_entry *entry,
	struct error **err)
{
	if (create(place, entry) == 0)
		return 0;
	if (errno == EEXIST) {
		if (make_room(unpack, place, entry, err) < 0)
			return -1;
		if (place->exists)
			return 0;
		/* "Gone", said this layer, and now there is a new one: it must not show the old
		 * one's content. */
		if (create(place, entry) == 0)
			return place->was_whiteout && entry->type == TAR_DIRECTORY
				       ? note_opaque(unpack, place->path, err)
				       : 0;
	}
	return error_sys(err, "make a %s", type_names[entry->type]);
}

static int link_entry(struct unpack *unpack, struct place *place, const struct tar_entry *entry,
	struct error **err)
{
	cleanup_free char *target = NULL, *name = NULL;
	cleanup_close int target_fd = -1;
	struct stat old, st;

	if (unpack_clean_name(entry->link, unpack->options->layer, &target, err) < 0)
		return error_wrap(err, "hard link to '%s'", entry->link);
	target_fd = path_parent_in_root(unpack->options->dest_fd, target, &name, err);
	if (target_fd < 0)
		return error_wrap(err, "hard link to '%s'", entry->link);
	/* Without AT_SYMLINK_FOLLOW: a link to a symlink is a second name of the symlink. */
	if (linkat(target_fd, name, place->fd, place->name, 0) == 0)
		return 0;
	if (errno == EEXIST) {
		if (fstatat(target_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(err, "hard link to '%s'", entry->link);
		if (fstatat(place->fd, place->name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
			old.st_dev == st.st_dev && old.st_ino == st.st_ino)
			return 0; /* already so; making room would remove the only one */
		if (make_room(unpack, place, entry, err) < 0)
			return -1;
		if (linkat(target_fd, name, place->fd, place->name, 0) == 0)
			return 0;
	}
	return error_sys(err, "hard link to '%s'", entry->link);
}

static int write_content(
	struct unpack *unpack, int fd, const struct tar_entry *entry, struct error **err)
{
	const char *data;
	size_t length;
	int64_t offset, end = 0;
	int more;

	while ((more = tar_data(unpack->reader, &data, &length, &offset, err)) > 0) {
		if (offset != end && lseek(fd, offset, SEEK_SET) < 0)
			return error_sys(err, "seek to %lld", (long long)offset);
		if (file_write_all(fd, data, length, "its content", err) < 0)
			return -1;
		end = offset + (int64_t)length;
	}
	if (more < 0)
		return -1;
	if (end != entry->size && ftruncate(fd, entry->size) < 0)
		return error_sys(err, "make it %lld bytes long", (long long)entry->size);
	return 0;
}

static int fill_file(struct unpack *unpack, struct place *place, const struct tar_entry *entry,
	struct error **err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };
	/* In a new layer nothing is inherited: a new file of root's is root's. */
	bool plain = unpack->options->layer && (entry->mode & 07000) == 0;
	int fd = place->file_fd;

	if (__builtin_add_overflow(unpack->result.size, entry->size, &unpack->result.size) ||
		(uint64_t)unpack->result.size > unpack->options->limit)
		return error_new(err, ERROR_INVALID, "the archive unpacks to more than %llu bytes",
			(unsigned long long)unpack->options->limit);
	if (write_content(unpack, fd, entry, err) < 0)
		return -1;
	if (!(plain && entry->uid == 0 && entry->gid == 0) &&
		fchown(fd, entry->uid, entry->gid) < 0)
		return error_sys(err, "set the owner");
	/* chown(2) and write(2) take these bits and the capabilities away, so they come after. */
	if (!plain && fchmod(fd, entry->mode) < 0)
		return error_sys(err, "set the mode");
	if (xattrs_apply(fd, &entry->xattrs, err) < 0)
		return -1;
	return futimens(fd, times) < 0 ? error_sys(err, "set the time") : 0;
}

static int fill_other(struct place *place, const struct tar_entry *entry, struct error **err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };

	if (fchownat(place->fd, place->name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner");
	if (utimensat(place->fd, place->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the time");
	return 0;
}

static int unpack_root(struct unpack *unpack, struct tar_entry *entry, struct error **err)
{
	if (entry->type != TAR_DIRECTORY)
		return error_new(err, ERROR_INVALID, "a %s cannot be the root directory",
			type_names[entry->type]);
	if (fchownat(unpack->options->dest_fd, "", entry->uid, entry->gid, AT_EMPTY_PATH) < 0)
		return error_sys(err, "set the owner");
	return make_note(unpack, "", entry, err);
}

static int unpack_whiteout(struct unpack *unpack, const struct place *place, struct error **err)
{
	const char *hidden = place->name + strlen(WHITEOUT);
	struct stat st;

	if (strcmp(place->name, WHITEOUT_OPAQUE) == 0)
		return note_opaque(unpack, unpack->parent, err);
	if (strncmp(place->name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return 0;
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return error_new(err, ERROR_INVALID, "a whiteout of nothing");
	if (mknodat(place->fd, hidden, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(place->fd, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "make a whiteout");
	/* It hides what is below this layer, and not what this layer has put there already. */
	if (S_ISDIR(st.st_mode)) {
		cleanup_free char *path =
			xasprintf("%s%s%s", unpack->parent, *unpack->parent ? "/" : "", hidden);

		return note_opaque(unpack, path, err);
	}
	return 0;
}

static int unpack_entry(struct unpack *unpack, struct tar_entry *entry, struct error **err)
{
	cleanup_free char *path = NULL;
	CLEANUP(place_done) struct place place = { .file_fd = -1 };

	if (unpack_clean_name(entry->path, unpack->options->layer, &path, err) < 0 || !path)
		return -1;
	if (!*path)
		return unpack_root(unpack, entry, err);
	/* Overlay's mark of a deleted file is never taken from outside. */
	if (entry->type == TAR_CHARACTER && entry->major == 0 && entry->minor == 0)
		return 0;
	if (find_place(unpack, path, &place, err) < 0)
		return -1;
	if (unpack->options->layer && strncmp(place.name, WHITEOUT, strlen(WHITEOUT)) == 0)
		return unpack_whiteout(unpack, &place, err);
	if (entry->type == TAR_HARD_LINK)
		return link_entry(unpack, &place, entry, err);
	if (create_entry(unpack, &place, entry, err) < 0)
		return -1;
	if (entry->type == TAR_FILE)
		return fill_file(unpack, &place, entry, err);
	if (fill_other(&place, entry, err) < 0)
		return -1;
	return entry->type == TAR_DIRECTORY ? make_note(unpack, path, entry, err) : 0;
}

static int unpack_all(struct unpack *unpack, struct stream *stream, struct error **err)
{
	struct tar_entry *entry;
	int more;

	while ((more = tar_next(unpack->reader, &entry, err)) > 0) {
		if (unpack_entry(unpack, entry, err) < 0)
			return error_wrap(err, "entry '%s'", entry->path);
		unpack->result.entries++;
	}
	if (more < 0 || stream_drain(stream, err) < 0)
		return -1;
	for (const struct note *note = unpack->first; note; note = note->next)
		if (finish_directory(unpack, note, err) < 0)
			return -1;
	for (const struct opaque *note = unpack->opaque; note; note = note->next)
		if (unpack->options->opaque(unpack->options->arg, note->path, err) < 0)
			return -1;
	return 0;
}

static void forget_opaque_all(struct unpack *unpack)
{
	while (unpack->opaque) {
		struct opaque *note = unpack->opaque;

		unpack->opaque = note->next;
		free(note);
	}
}

int unpack_stream(struct stream *stream, const struct unpack_options *options,
	struct unpack_result *ret, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = tar_reader_new(stream);
	struct unpack unpack = { .options = options, .reader = reader, .parent_fd = -1 };
	mode_t mask = umask(0); /* modes are the archive's */
	int result;

	unpack.last = &unpack.first;
	result = unpack_all(&unpack, stream, err);
	umask(mask);
	while (unpack.first) {
		struct note *note = unpack.first;

		unpack.first = note->next;
		tar_xattrs_done(&note->xattrs);
		free(note);
	}
	forget_opaque_all(&unpack);
	close_fd(unpack.parent_fd);
	free(unpack.parent);
	if (result == 0)
		*ret = unpack.result;
	return result;
}
