/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/save.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "engine/save_check.h"
#include "engine/save_list.h"
#include "oci/archive.h"
#include "oci/reference.h"
#include "store/tar.h"

#define COPY_PART (1UL << 30)
#define COPY_BYTES (256UL * 1024)
#define BLOBS "blobs/sha256/"

static int write_out(void *arg, const void *data, size_t length, struct error **err)
{
	return file_write_all(*(const int *)arg, data, length, "the archive", err);
}

/* ---- the bytes of a blob ---- */

/* One way of moving bytes inside the kernel; -1 with errno. */
typedef ssize_t (*mover)(int from_fd, int to_fd, size_t length);

static ssize_t move_range(int from_fd, int to_fd, size_t length)
{
	return copy_file_range(from_fd, NULL, to_fd, NULL, length, 0);
}

static ssize_t move_send(int from_fd, int to_fd, size_t length)
{
	return sendfile(to_fd, from_fd, NULL, length);
}

static ssize_t move_plain(int from_fd, int to_fd, size_t length)
{
	cleanup_free char *buf = xcalloc(1, COPY_BYTES);
	cleanup_error struct error *err = NULL;
	ssize_t n =
		TEMP_FAILURE_RETRY(read(from_fd, buf, length < COPY_BYTES ? length : COPY_BYTES));

	if (n > 0 && file_write_all(to_fd, buf, (size_t)n, "the archive", &err) < 0) {
		errno = error_errno(err);
		return -1;
	}
	return n;
}

/* File to file, file to pipe or socket, anything to anything (a file opened for appending). */
static const mover movers[] = { move_range, move_send, move_plain };

static bool is_other_way(int number)
{
	return number == EXDEV || number == EINVAL || number == ENOSYS || number == EBADF ||
	       number == EOPNOTSUPP || number == EPERM;
}

static int copy_bytes(int from_fd, int to_fd, int64_t length, struct error **err)
{
	size_t way = 0;

	while (length > 0) {
		size_t part = length < (int64_t)COPY_PART ? (size_t)length : COPY_PART;
		ssize_t n = movers[way](from_fd, to_fd, part);

		if (n > 0) {
			length -= n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		/* copy_file_range(2) says 0 of files that it cannot read, too. */
		if (way + 1 < sizeof(movers) / sizeof(movers[0]) && (n == 0 || is_other_way(errno)))
			way++;
		else if (n == 0)
			return error_new(err, ERROR_INVALID, "it is too short");
		else
			return error_sys(err, "write the archive");
	}
	return 0;
}

/* ---- entries ---- */

static int put_directory(int fd, const char *path, struct error **err)
{
	const struct tar_entry entry = {
		.type = TAR_DIRECTORY, .path = (char *)path, .mode = 0755
	};

	return tar_write_header(&entry, write_out, &fd, err);
}

static int put_head(int fd, const char *path, int64_t size, struct error **err)
{
	const struct tar_entry entry = {
		.type = TAR_FILE, .path = (char *)path, .mode = 0644, .size = size
	};

	return tar_write_header(&entry, write_out, &fd, err);
}

static int put_text(int fd, const char *path, const char *text, struct error **err)
{
	size_t length = strlen(text);

	if (put_head(fd, path, (int64_t)length, err) < 0 || write_out(&fd, text, length, err) < 0)
		return -1;
	return tar_write_padding((int64_t)length, write_out, &fd, err);
}

static int put_blob(struct store *store, const struct save_blob *blob, int fd, struct error **err)
{
	char path[sizeof(BLOBS) + DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX];
	cleanup_close int blob_fd = -1;

	digest_text(&blob->digest, text);
	(void)snprintf(path, sizeof(path), BLOBS "%s", text + strlen("sha256:"));
	if (blob->text)
		return put_text(fd, path, blob->text, err);
	blob_fd = blob_open(store, &blob->digest, err);
	if (blob_fd < 0 || put_head(fd, path, blob->size, err) < 0)
		return -1;
	if (copy_bytes(blob_fd, fd, blob->size, err) < 0)
		return error_wrap(err, "blob %s", text);
	return tar_write_padding(blob->size, write_out, &fd, err);
}

/* ---- the tables ---- */

static size_t entry_count(const struct save_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->image_count; i++)
		count += list->images[i].tags ? strv_length(list->images[i].tags) : 1;
	return count;
}

/* An entry for each tag: that is how one manifest has several names. */
static char *index_text(const struct save_list *list)
{
	cleanup_layout_index struct layout_index index = { 0 };
	struct descriptor *entry;
	size_t count = entry_count(list);
	char **name;

	index.manifest.entries = entry = xcalloc(count, sizeof(*entry));
	index.names = name = xcalloc(count, sizeof(*name));
	index.manifest.entry_count = count;
	for (size_t i = 0; i < list->image_count; i++) {
		const struct save_image *image = &list->images[i];
		size_t tags = image->tags ? strv_length(image->tags) : 1;

		for (size_t k = 0; k < tags; k++, entry++, name++) {
			entry->media_type = xstrdup(image->manifest.media_type);
			entry->digest = image->manifest_digest;
			entry->size = image->manifest_size;
			*name = image->tags ? xstrdup(image->tags[k]) : NULL;
		}
	}
	return layout_index_text(&index);
}

static void append_blob(strv *names, const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];

	strv_appendf(names, BLOBS "%s", digest_text(digest, text) + strlen("sha256:"));
}

static char *table_text(const struct save_list *list)
{
	cleanup_docker_table struct docker_table table = { .count = list->image_count };

	table.images = xcalloc(list->image_count + 1, sizeof(*table.images));
	for (size_t i = 0; i < list->image_count; i++) {
		const struct save_image *image = &list->images[i];
		struct docker_image *entry = &table.images[i];
		cleanup_strv strv config = NULL;

		append_blob(&config, &image->manifest.config.digest);
		entry->config = xstrdup(config[0]);
		for (size_t k = 0; k < image->manifest.entry_count; k++)
			append_blob(&entry->layers, &image->manifest.entries[k].digest);
		for (size_t k = 0; image->tags && image->tags[k]; k++) {
			cleanup_error struct error *unlikely = NULL;
			cleanup_reference struct reference ref = { 0 };

			if (reference_parse(image->tags[k], &ref, &unlikely) == 0)
				strv_take(&entry->tags, reference_familiar(&ref));
		}
	}
	return docker_table_text(&table);
}

static int put_tables(const struct save_list *list, int fd, struct error **err)
{
	cleanup_free char *index = index_text(list), *table = table_text(list);

	if (put_text(fd, "index.json", index, err) < 0 ||
		put_text(fd, "manifest.json", table, err) < 0 ||
		put_text(fd, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err) < 0)
		return -1;
	return tar_write_end(write_out, &fd, err);
}

/* ---- the archive ---- */

static int put_blobs(struct store *store, const struct save_list *list, int fd, struct error **err)
{
	if (put_directory(fd, "blobs", err) < 0 || put_directory(fd, "blobs/sha256", err) < 0)
		return -1;
	for (size_t i = 0; i < list->blob_count; i++)
		if (put_blob(store, &list->blobs[i], fd, err) < 0)
			return -1;
	return 0;
}

static int put_archive(
	struct store *store, const struct save_list *list, int fd, struct error **err)
{
	struct save_check *check = save_check_begin(store, list);
	cleanup_error struct error *damage = NULL;
	int result = put_blobs(store, list, fd, err);

	/* When both fail, the first is what the user must know: the disk is full, the pipe closed.
	 */
	if (save_check_end(check, result < 0 ? &damage : err) < 0)
		result = -1;
	return result < 0 ? -1 : put_tables(list, fd, err);
}

int image_save(struct engine *engine, const struct image_save *options, int fd, struct error **err)
{
	cleanup_save_list struct save_list list = { 0 };
	struct store *store = &engine->store;
	int result;

	/* So that nobody takes the blobs away meanwhile. */
	if (store_use(store, err) < 0)
		return -1;
	result = save_list_make(store, options, &list, err);
	if (result == 0)
		result = put_archive(store, &list, fd, err);
	store_unuse(store);
	return result;
}

/* ---- into a file ---- */

struct target {
	int dir_fd, fd;
	const char *name; /* in dir_fd */
	char *temp; /* the name it has before; NULL: none yet */
};

static int open_target(const char *path, struct target *target, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? xstrndup(path, (size_t)(slash - path + 1)) : xstrdup(".");
	char id[ID_MAX];
	struct stat st;

	target->name = slash ? slash + 1 : path;
	target->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->dir_fd < 0)
		return error_sys(err, "invalid output path: directory \"%s\"", dir);
	if (!*target->name ||
		(fstatat(target->dir_fd, target->name, &st, 0) == 0 && !S_ISREG(st.st_mode)))
		return error_new(err, ERROR_INVALID,
			"invalid output path: \"%s\" must be a regular file", path);
	/* A file without a name, where there are such, goes with a process that is killed. */
	target->fd = openat(target->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (target->fd >= 0)
		return 0;
	id_make(id);
	target->temp = xasprintf(".%s.%.12s", target->name, id);
	target->fd = openat(target->dir_fd, target->temp,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return target->fd < 0 ? error_sys(err, "make a file in %s", dir) : 0;
}

static int name_target(struct target *target, struct error **err)
{
	char id[ID_MAX], link[64];

	if (!target->temp) {
		id_make(id);
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", target->fd);
		target->temp = xasprintf(".%s.%.12s", target->name, id);
		if (linkat(AT_FDCWD, link, target->dir_fd, target->temp, AT_SYMLINK_FOLLOW) < 0) {
			replace_string(&target->temp, NULL);
			return error_sys(err, "name the archive");
		}
	}
	if (renameat(target->dir_fd, target->temp, target->dir_fd, target->name) < 0)
		return error_sys(err, "rename the archive");
	replace_string(&target->temp, NULL);
	return 0;
}

int image_save_file(struct engine *engine, const struct image_save *options, const char *path,
	struct error **err)
{
	struct target target = { .dir_fd = -1, .fd = -1 };
	int result = open_target(path, &target, err);

	if (result == 0)
		result = image_save(engine, options, target.fd, err);
	if (result == 0)
		result = name_target(&target, err);
	if (target.temp)
		(void)unlinkat(target.dir_fd, target.temp, 0);
	free(target.temp);
	close_fd(target.fd);
	close_fd(target.dir_fd);
	return result < 0 ? error_wrap(err, "save to %s", path) : 0;
}
