/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/load_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "base/sha256.h"
#include "store/members.h"

#define COPY_BYTES \
	(256UL * 1024) /* stays in the processor's cache between read, hash and write \
			*/
#define LINKS_MAX 8
#define FILE_NAME_MAX 24

static const char *file_name(size_t number, char buf[static FILE_NAME_MAX])
{
	(void)snprintf(buf, FILE_NAME_MAX, "%zu", number);
	return buf;
}

static void tell_bytes(const struct load_source *source, const char *name, int64_t at, int64_t all)
{
	const struct registry_progress *progress = source->progress;
	const char *last = strrchr(name, '/');
	char id[ID_SHORT + 1];

	if (!progress || !progress->bytes)
		return;
	/* "blobs/sha256/<hex>", "<hex>.tar", "<id>/layer.tar" */
	(void)snprintf(
		id, sizeof(id), "%s", last && strncmp(last, "/layer", 6) != 0 ? last + 1 : name);
	progress->bytes(id, at, all, progress->arg);
}

/* ---- listing ---- */

static int make_temp(struct load_source *source, struct error **err)
{
	if (source->temp)
		return 0;
	if (store_make_temp(source->store, &source->temp, err) < 0)
		return -1;
	source->temp_fd = open(source->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return source->temp_fd < 0 ? error_sys(err, "open %s", source->temp) : 0;
}

static int spool_content(const struct load_source *source, struct members *members, int fd,
	struct load_file *file, struct error **err)
{
	cleanup_free char *buf = xcalloc(1, COPY_BYTES);
	struct sha256 sha;
	int64_t at = 0;
	ssize_t n;

	sha256_init(&sha);
	while ((n = members_read(members, buf, COPY_BYTES, err)) > 0) {
		sha256_update(&sha, buf, (size_t)n);
		if (file_write_all(fd, buf, (size_t)n, "a member", err) < 0)
			return -1;
		at += n;
		tell_bytes(source, file->name, at, file->size);
	}
	sha256_final(&sha, file->digest.sha256);
	return n < 0 ? -1 : 0;
}

static int spool(struct load_source *source, struct members *members, struct load_file *file,
	struct error **err)
{
	char name[FILE_NAME_MAX];
	cleanup_close int fd = -1;

	if (make_temp(source, err) < 0)
		return -1;
	file->number = source->count;
	fd = openat(source->temp_fd, file_name(file->number, name),
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(err, "make a file in %s", source->temp);
	return spool_content(source, members, fd, file, err);
}

static int add_member(struct load_source *source, struct members *members,
	const struct member *member, struct error **err)
{
	struct load_file *file;

	/* Told before it is written somewhere, too. */
	if (member->size > (int64_t)LOAD_JSON_MAX &&
		(strcmp(member->name, "manifest.json") == 0 ||
			strcmp(member->name, "index.json") == 0))
		return error_new(err, ERROR_INVALID, "'%s' has %lld bytes; %lu are the most",
			member->name, (long long)member->size, LOAD_JSON_MAX);
	if (source->count >= MEMBERS_MAX) /* the helper counts as well */
		return error_new(
			err, ERROR_INVALID, "the archive has more than %d entries", MEMBERS_MAX);
	if ((source->count & (source->count - 1)) == 0)
		source->files = xrealloc(source->files, source->count ? 2 * source->count : 1,
			sizeof(*source->files));
	file = &source->files[source->count];
	*file = (struct load_file){ .name = xstrdup(member->name),
		.link = xstrdup_null(member->link),
		.size = member->size,
		.offset = member->offset };
	source->count++;
	if (member->link || member->offset >= 0)
		return 0;
	file->offset = -1;
	return spool(source, members, file, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct load_file *)a)->name, ((const struct load_file *)b)->name);
}

static int list(struct load_source *source, struct error **err)
{
	cleanup_members struct members *members = NULL;
	struct member member;
	int more;

	if (members_open(source->fd, &members, err) < 0)
		return -1;
	while ((more = members_next(members, &member, err)) > 0)
		if (add_member(source, members, &member, err) < 0)
			return -1;
	if (more < 0)
		return -1;
	if (source->count > 0)
		qsort(source->files, source->count, sizeof(*source->files), by_name);
	for (size_t i = 1; i < source->count; i++)
		/* Which one it means would depend on who reads it. */
		if (strcmp(source->files[i - 1].name, source->files[i].name) == 0)
			return error_new(
				err, ERROR_INVALID, "'%s' is there twice", source->files[i].name);
	return 0;
}

int load_source_open(struct store *store, int fd, const struct registry_progress *progress,
	struct load_source *ret, struct error **err)
{
	*ret = (struct load_source){
		.store = store, .fd = fd, .progress = progress, .temp_fd = -1
	};
	if (list(ret, err) == 0)
		return 0;
	load_source_close(ret);
	return -1;
}

void load_source_close(struct load_source *source)
{
	cleanup_error struct error *unsaid = NULL; /* a sweep tries again */

	for (size_t i = 0; i < source->count; i++) {
		free(source->files[i].name);
		free(source->files[i].link);
	}
	free(source->files);
	close_fd(source->temp_fd);
	if (source->temp)
		(void)store_remove_temp(source->store, source->temp, &unsaid);
	free(source->temp);
	*source = (struct load_source){ .fd = -1, .temp_fd = -1 };
}

/* ---- looking up ---- */

static const struct load_file *find(const struct load_source *source, const char *name)
{
	const struct load_file key = { .name = (char *)name };

	if (source->count == 0)
		return NULL;
	return bsearch(&key, source->files, source->count, sizeof(*source->files), by_name);
}

bool load_source_has(const struct load_source *source, const char *name)
{
	return find(source, name) != NULL;
}

const struct load_file *load_source_find(
	const struct load_source *source, const char *name, struct error **err)
{
	const struct load_file *file = find(source, name);

	for (int i = 0; file && file->link && i < LINKS_MAX; i++)
		file = find(source, file->link);
	if (file && !file->link)
		return file;
	if (file)
		error_new(err, ERROR_INVALID, "'%s' links in a circle", name);
	else
		error_new(err, ERROR_INVALID, "the archive has no '%s'", name);
	return NULL;
}

/* ---- reading ---- */

static int read_at(int fd, int64_t offset, char *buf, size_t size, struct error **err)
{
	while (size > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(pread(fd, buf, size, offset));

		if (n < 0)
			return error_sys(err, "read the archive");
		if (n == 0)
			return error_new(err, ERROR_INVALID, "the archive ends in the middle");
		buf += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}

int load_source_read(const struct load_source *source, const struct load_file *file, char **ret,
	size_t *ret_length, struct error **err)
{
	cleanup_close int temp_fd = -1;
	cleanup_free char *text = NULL;
	char name[FILE_NAME_MAX];

	if (file->size > (int64_t)LOAD_JSON_MAX)
		return error_new(err, ERROR_INVALID, "'%s' has %lld bytes; %lu are the most",
			file->name, (long long)file->size, LOAD_JSON_MAX);
	text = xcalloc((size_t)file->size + 1, 1);
	if (file->offset < 0) {
		temp_fd = openat(source->temp_fd, file_name(file->number, name),
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (temp_fd < 0)
			return error_sys(err, "read '%s' again", file->name);
	}
	if (read_at(temp_fd < 0 ? source->fd : temp_fd, temp_fd < 0 ? file->offset : 0, text,
		    (size_t)file->size, err) < 0)
		return error_wrap(err, "'%s'", file->name);
	*ret = take_ptr(text);
	*ret_length = (size_t)file->size;
	return 0;
}

static int copy(const struct load_source *source, const struct load_file *file,
	struct blob_writer *writer, struct error **err)
{
	cleanup_free char *buf = xcalloc(1, COPY_BYTES);
	int64_t left = file->size;

	while (left > 0) {
		size_t part = left < (int64_t)COPY_BYTES ? (size_t)left : COPY_BYTES;

		if (read_at(source->fd, file->offset + file->size - left, buf, part, err) < 0 ||
			blob_write(writer, buf, part, err) < 0)
			return -1;
		left -= (int64_t)part;
		tell_bytes(source, file->name, file->size - left, file->size);
	}
	return 0;
}

static int put_spooled(const struct load_source *source, const struct load_file *file,
	const struct digest *expected, struct digest *ret, struct error **err)
{
	char name[FILE_NAME_MAX], text[2][DIGEST_TEXT_MAX];

	if (expected && memcmp(expected, &file->digest, sizeof(*expected)) != 0)
		return error_new(err, ERROR_INVALID, "the content is %s, and not %s",
			digest_text(&file->digest, text[0]), digest_text(expected, text[1]));
	if (blob_take(source->store, source->temp_fd, file_name(file->number, name), &file->digest,
		    err) < 0)
		return -1;
	*ret = file->digest;
	return 0;
}

static int put_copied(const struct load_source *source, const struct load_file *file,
	const struct digest *expected, struct digest *ret, struct error **err)
{
	struct blob_writer *writer = NULL;

	if (blob_begin(source->store, &writer, err) < 0)
		return -1;
	if (copy(source, file, writer, err) < 0) {
		blob_abort(writer);
		return -1;
	}
	return blob_commit(&writer, expected, ret, NULL, err);
}

int load_source_put(const struct load_source *source, const struct load_file *file,
	const struct digest *expected, struct digest *ret, struct error **err)
{
	int result = file->offset < 0 ? put_spooled(source, file, expected, ret, err)
				      : put_copied(source, file, expected, ret, err);

	return result < 0 ? error_wrap(err, "'%s'", file->name) : 0;
}
