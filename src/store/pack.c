/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "store/xattr.h"

#define WHITEOUT ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define READ_SIZE (256UL * 1024)
#define LOOKS_MAX 3 /* at a name that changes whenever it is looked at */

/* Files with several names, by inode: the first name has the content. */
struct link {
	dev_t device;
	ino_t inode;
	char *path; /* NULL: a free slot */
};

struct pack {
	const struct pack_options *options;
	struct link *links;
	size_t link_count, link_room; /* room is a power of two */
	int64_t size;
	char *buffer;
	bool gone; /* the item that failed is not what it was: nothing of it has been written */
};

/* An entry on its way: where it is and what it is. */
struct item {
	int dir_fd;
	const char *name;
	const char *path; /* from the root of the tar */
	struct stat st;
};

int pack_buffer_flush(struct pack_buffer *buffer, struct error **err)
{
	size_t used = buffer->used;

	buffer->used = 0;
	return used > 0 ? buffer->sink(buffer->arg, buffer->data, used, err) : 0;
}

int pack_buffer_add(void *arg, const void *data, size_t length, struct error **err)
{
	struct pack_buffer *buffer = arg;

	if (length > PACK_BUFFER - buffer->used && pack_buffer_flush(buffer, err) < 0)
		return -1;
	if (length > PACK_BUFFER)
		return buffer->sink(buffer->arg, data, length, err);
	memcpy(buffer->data + buffer->used, data, length);
	buffer->used += length;
	return 0;
}

static struct link *find_link(struct link *links, size_t room, const struct stat *st)
{
	size_t at = (size_t)(st->st_ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);

	while (links[at].path && !(links[at].inode == st->st_ino && links[at].device == st->st_dev))
		at = (at + 1) & (room - 1);
	return &links[at];
}

static void grow_links(struct pack *pack)
{
	size_t room = pack->link_room ? 2 * pack->link_room : 256;
	struct link *links = xcalloc(room, sizeof(*links));

	for (size_t i = 0; i < pack->link_room; i++) {
		struct stat st = { .st_dev = pack->links[i].device,
			.st_ino = pack->links[i].inode };

		if (pack->links[i].path)
			*find_link(links, room, &st) = pack->links[i];
	}
	free(pack->links);
	pack->links = links;
	pack->link_room = room;
}

/* The path under which this file was packed before, or NULL. */
static const char *seen_before(const struct pack *pack, const struct item *item)
{
	if (!pack->link_room)
		return NULL;
	return find_link(pack->links, pack->link_room, &item->st)->path;
}

static void remember(struct pack *pack, const struct item *item)
{
	struct link *link;

	if (2 * (pack->link_count + 1) > pack->link_room)
		grow_links(pack);
	link = find_link(pack->links, pack->link_room, &item->st);
	if (link->path)
		return;
	*link = (struct link){ item->st.st_dev, item->st.st_ino, xstrdup(item->path) };
	pack->link_count++;
}

static struct tar_entry entry_of(const struct item *item, enum tar_type type)
{
	return (struct tar_entry){ .type = type,
		.path = (char *)item->path,
		.mode = item->st.st_mode & 07777,
		.uid = item->st.st_uid,
		.gid = item->st.st_gid,
		.mtime = item->st.st_mtim };
}

static int put_header(struct pack *pack, const struct tar_entry *entry, struct error **err)
{
	return tar_write_header(entry, pack->options->sink, pack->options->arg, err);
}

/* An empty file of this name, which says something about others. */
static int put_mark(
	struct pack *pack, const struct item *item, const char *path, struct error **err)
{
	struct tar_entry entry = entry_of(item, TAR_FILE);

	entry.path = (char *)path;
	entry.mode = 0600;
	entry.uid = entry.gid = 0;
	return put_header(pack, &entry, err);
}

/* The header has promised them. */
static int put_zeros(struct pack *pack, int64_t length, struct error **err)
{
	if (length > 0)
		memset(pack->buffer, 0, READ_SIZE);
	while (length > 0) {
		size_t piece = length > (int64_t)READ_SIZE ? READ_SIZE : (size_t)length;

		if (pack->options->sink(pack->options->arg, pack->buffer, piece, err) < 0)
			return -1;
		length -= (int64_t)piece;
	}
	return 0;
}

/* Returns how much was there, 0 at the file's end. */
static ssize_t put_piece(struct pack *pack, int fd, int64_t left, struct error **err)
{
	size_t wanted = left > (int64_t)READ_SIZE ? READ_SIZE : (size_t)left;
	ssize_t n = TEMP_FAILURE_RETRY(read(fd, pack->buffer, wanted));

	if (n < 0)
		return error_sys(err, "read");
	if (n > 0 && pack->options->sink(pack->options->arg, pack->buffer, (size_t)n, err) < 0)
		return -1;
	return n;
}

static int put_content(struct pack *pack, int fd, int64_t size, struct error **err)
{
	int64_t left = size;
	ssize_t n = 1;

	while (left > 0 && n > 0) {
		n = put_piece(pack, fd, left, err);
		left -= n;
	}
	if (n < 0)
		return -1;
	if (left > 0 && !pack->options->live)
		return error_new(err, ERROR_CONFLICT, "it became shorter while it was read");
	if (put_zeros(pack, left, err) < 0)
		return -1;
	return tar_write_padding(size, pack->options->sink, pack->options->arg, err);
}

/* Overlay keeps some things elsewhere when it may; then this directory does not hold them. */
static int refuse_attribute(int fd, const char *name, struct error **err)
{
	if (fgetxattr(fd, name, NULL, 0) < 0)
		return 0;
	return error_new(err, ERROR_UNSUPPORTED, "its content is elsewhere (%s)", name);
}

/* What it means that a look-up by name fails: the name has gone, or is now another kind of file. */
static bool is_gone(int number)
{
	return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENXIO ||
	       number == ESTALE || number == EINVAL;
}

/* Opens the item, and makes sure that it still is what it was. */
static int open_item(struct pack *pack, struct item *item, int flags, struct error **err)
{
	cleanup_close int fd = openat(item->dir_fd, item->name,
		flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		pack->gone = is_gone(errno);
		return error_sys(err, "open");
	}
	pack->gone = st.st_dev != item->st.st_dev || st.st_ino != item->st.st_ino;
	if (pack->gone)
		return error_new(err, ERROR_CONFLICT, "it was replaced while it was read");
	item->st = st;
	return take_fd(&fd);
}

static int pack_file(struct pack *pack, struct item *item, struct error **err)
{
	struct tar_entry entry;
	cleanup_close int fd = -1;
	int result;

	fd = open_item(pack, item, 0, err);
	if (fd < 0 ||
		(pack->options->layer && refuse_attribute(fd, "trusted.overlay.metacopy", err) < 0))
		return -1;
	entry = entry_of(item, TAR_FILE);
	entry.size = item->st.st_size;
	pack->size += entry.size;
	if (xattrs_read(fd, &entry.xattrs, err) < 0)
		return -1;
	result = put_header(pack, &entry, err);
	tar_xattrs_done(&entry.xattrs);
	return result < 0 ? -1 : put_content(pack, fd, entry.size, err);
}

static int pack_symlink(struct pack *pack, const struct item *item, struct error **err)
{
	struct tar_entry entry = entry_of(item, TAR_SYMLINK);
	char target[TAR_PATH_MAX + 1];
	ssize_t length = readlinkat(item->dir_fd, item->name, target, sizeof(target) - 1);

	if (length < 0) {
		pack->gone = is_gone(errno);
		return error_sys(err, "read link");
	}
	target[length] = '\0';
	entry.link = target;
	return put_header(pack, &entry, err);
}

static int pack_device(struct pack *pack, const struct item *item, struct error **err)
{
	struct tar_entry entry =
		entry_of(item, S_ISCHR(item->st.st_mode) ? TAR_CHARACTER : TAR_BLOCK_DEVICE);
	const char *slash = strrchr(item->path, '/');
	cleanup_free char *path = NULL;

	entry.major = major(item->st.st_rdev);
	entry.minor = minor(item->st.st_rdev);
	if (entry.type != TAR_CHARACTER || item->st.st_rdev != 0)
		return put_header(pack, &entry, err);
	if (!pack->options->layer)
		return 0;
	path = xasprintf("%.*s" WHITEOUT "%s", slash ? (int)(slash - item->path) + 1 : 0,
		item->path, item->name);
	return put_mark(pack, item, path, err);
}

static int pack_children(
	struct pack *pack, int dir_fd, const char *path, int depth, struct error **err);

/* Opens a directory and writes what is to say about itself; returns its fd. */
static int begin_subdirectory(struct pack *pack, struct item *item, struct error **err)
{
	cleanup_close int fd = open_item(pack, item, O_DIRECTORY, err);
	struct tar_entry entry = entry_of(item, TAR_DIRECTORY);
	cleanup_free char *opaque = NULL;
	char value = 0;
	int result;

	if (fd < 0 ||
		(pack->options->layer && refuse_attribute(fd, "trusted.overlay.redirect", err) < 0))
		return -1;
	if (xattrs_read(fd, &entry.xattrs, err) < 0)
		return -1;
	result = put_header(pack, &entry, err);
	tar_xattrs_done(&entry.xattrs);
	if (result < 0)
		return -1;
	if (pack->options->layer && fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 &&
		value == 'y') {
		opaque = xasprintf("%s/" WHITEOUT_OPAQUE, item->path);
		if (put_mark(pack, item, opaque, err) < 0)
			return -1;
	}
	return take_fd(&fd);
}

static int pack_other(struct pack *pack, struct item *item, struct error **err)
{
	struct tar_entry entry;

	switch (item->st.st_mode & S_IFMT) {
	case S_IFREG:
		return pack_file(pack, item, err);
	case S_IFLNK:
		return pack_symlink(pack, item, err);
	case S_IFCHR:
	case S_IFBLK:
		return pack_device(pack, item, err);
	default:
		entry = entry_of(item, TAR_FIFO);
		return put_header(pack, &entry, err);
	}
}

/* Overlay's whiteouts are hard links of each other, which means nothing. */
static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static int pack_name(struct pack *pack, struct item *item, struct error **err)
{
	bool linked = item->st.st_nlink > 1 && !is_whiteout(&item->st);
	const char *first = linked ? seen_before(pack, item) : NULL;
	struct tar_entry entry;

	if (S_ISSOCK(item->st.st_mode)) /* it is nothing without its process */
		return 0;
	if (!first) {
		if (pack_other(pack, item, err) < 0)
			return -1;
		if (linked)
			remember(pack, item);
		return 0;
	}
	entry = entry_of(item, TAR_HARD_LINK);
	entry.link = (char *)first;
	return put_header(pack, &entry, err);
}

/* Writes the item itself; *ret_fd is then the directory that it is, or -1. */
static int pack_self(struct pack *pack, struct item *item, int *ret_fd, struct error **err)
{
	pack->gone = false;
	*ret_fd = -1;
	if (strlen(item->path) > TAR_PATH_MAX)
		return error_new(
			err, ERROR_INVALID, "the path is longer than %d bytes", TAR_PATH_MAX);
	if (fstatat(item->dir_fd, item->name, &item->st, AT_SYMLINK_NOFOLLOW) < 0) {
		pack->gone = is_gone(errno);
		return error_sys(err, "look up");
	}
	if (!S_ISDIR(item->st.st_mode))
		return pack_name(pack, item, err);
	*ret_fd = begin_subdirectory(pack, item, err);
	return *ret_fd < 0 ? -1 : 0;
}

static int pack_item(struct pack *pack, struct item *item, int depth,
	struct error **err) // NOLINT(misc-no-recursion)
{
	cleanup_close int fd = -1;
	int result = pack_self(pack, item, &fd, err);

	for (int i = 1; result < 0 && pack->options->live && pack->gone && i < LOOKS_MAX; i++) {
		error_free(take_ptr(*err));
		result = pack_self(pack, item, &fd, err);
	}
	if (result < 0 && pack->options->live && pack->gone) {
		error_free(take_ptr(*err));
		return 0;
	}
	if (result < 0)
		return error_wrap(err, "'%s'", item->path);
	return fd < 0 ? 0 : pack_children(pack, fd, item->path, depth + 1, err);
}

static int pack_children(struct pack *pack, int dir_fd, const char *path, int depth,
	struct error **err) // NOLINT(misc-no-recursion)
{
	cleanup_strv strv names = NULL;

	if (depth >= TAR_DEPTH_MAX) /* each takes an fd, and who reads the tar would refuse it */
		return error_new(err, ERROR_INVALID, "more than %d directories within each other",
			TAR_DEPTH_MAX);
	if (dir_names(dir_fd, &names, err) < 0)
		return -1;
	for (char *const *name = names; name && *name; name++) {
		cleanup_free char *child = xasprintf("%s%s%s", path, *path ? "/" : "", *name);
		struct item item = { .dir_fd = dir_fd, .name = *name, .path = child };

		if (pack->options->layer && strncmp(*name, WHITEOUT, strlen(WHITEOUT)) == 0)
			continue;
		if (strv_contains(pack->options->left_out, child))
			continue;
		if (pack_item(pack, &item, depth, err) < 0)
			return -1;
	}
	return 0;
}

int pack_directory(
	int dir_fd, const struct pack_options *options, int64_t *ret_size, struct error **err)
{
	struct pack pack = { .options = options, .buffer = xcalloc(READ_SIZE, 1) };
	int result = pack_children(&pack, dir_fd, "", 0, err);

	for (size_t i = 0; i < pack.link_room; i++)
		free(pack.links[i].path);
	free(pack.links);
	free(pack.buffer);
	if (result == 0)
		result = tar_write_end(options->sink, options->arg, err);
	if (result == 0)
		*ret_size = pack.size;
	return result;
}
