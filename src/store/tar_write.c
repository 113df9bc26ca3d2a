/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/tar.h"
#include "store/tar_header.h"

static const char type_flags[] = {
	[TAR_FILE] = '0',
	[TAR_HARD_LINK] = '1',
	[TAR_SYMLINK] = '2',
	[TAR_CHARACTER] = '3',
	[TAR_BLOCK_DEVICE] = '4',
	[TAR_DIRECTORY] = '5',
	[TAR_FIFO] = '6',
};
static_assert(sizeof(type_flags) == TAR_FIFO + 1, "one flag for each type");

/* "length key=value\n", where length counts itself. */
static void put_record(struct buf *pax, const char *key, const void *value, size_t length)
{
	size_t rest = strlen(key) + length + 3, total = rest + 1;

	while (total != rest + (size_t)snprintf(NULL, 0, "%zu", total))
		total = rest + (size_t)snprintf(NULL, 0, "%zu", total);
	buf_printf(pax, "%zu %s=", total, key);
	buf_append(pax, value, length);
	buf_putc(pax, '\n');
}

static void put_number_record(struct buf *pax, const char *key, int64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%lld", (long long)value);

	put_record(pax, key, text, (size_t)length);
}

/* Into name alone, or cut at a slash into prefix and name; false when neither fits. */
static bool put_path(struct tar_header *header, const char *path)
{
	size_t length = strlen(path), from;
	const char *slash;

	if (length <= sizeof(header->name)) {
		memcpy(header->name, path, length);
		return true;
	}
	if (length > sizeof(header->prefix) + 1 + sizeof(header->name))
		return false;
	/* The first slash that leaves a name short enough; a directory's own last one is no cut. */
	from = length - sizeof(header->name) - 1;
	slash = strchr(path + from, '/');
	if (!slash || slash == path || slash[1] == '\0' ||
		(size_t)(slash - path) > sizeof(header->prefix))
		return false;
	memcpy(header->prefix, path, (size_t)(slash - path));
	memcpy(header->name, slash + 1, length - (size_t)(slash - path) - 1);
	return true;
}

static void put_number(char *field, size_t size, int64_t value, const char *key, struct buf *pax)
{
	if (value >= 0 && tar_number_put(field, size, value))
		return;
	(void)tar_number_put(field, size, 0);
	put_number_record(pax, key, value);
}

static void finish_header(struct tar_header *header, char type)
{
	header->type = type;
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	tar_checksum_set(header);
}

static void fill_header(
	const struct tar_entry *entry, const char *path, struct tar_header *header, struct buf *pax)
{
	if (!put_path(header, path))
		put_record(pax, "path", path, strlen(path));
	if (entry->link && strlen(entry->link) > sizeof(header->link))
		put_record(pax, "linkpath", entry->link, strlen(entry->link));
	else if (entry->link)
		memcpy(header->link, entry->link, strlen(entry->link));
	(void)tar_number_put(header->mode, sizeof(header->mode), entry->mode & 07777);
	put_number(header->uid, sizeof(header->uid), entry->uid, "uid", pax);
	put_number(header->gid, sizeof(header->gid), entry->gid, "gid", pax);
	put_number(header->size, sizeof(header->size), entry->type == TAR_FILE ? entry->size : 0,
		"size", pax);
	put_number(header->mtime, sizeof(header->mtime), entry->mtime.tv_sec, "mtime", pax);
	(void)tar_number_put(header->major, sizeof(header->major), entry->major);
	(void)tar_number_put(header->minor, sizeof(header->minor), entry->minor);
	for (size_t i = 0; i < entry->xattrs.count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs.items[i];
		cleanup_free char *key = xasprintf("SCHILY.xattr.%s", xattr->name);

		if (strchr(key, '=')) /* a key ends there */
			continue;
		put_record(pax, key, xattr->value, xattr->length);
	}
	finish_header(header, type_flags[entry->type]);
}

static int write_pax(
	const struct buf *pax, const char *path, tar_sink sink, void *arg, struct error **err)
{
	struct tar_header header = { 0 };
	size_t length = strlen(path);
	const char *tail = path + (length > 80 ? length - 80 : 0);

	/* The name is seen only by programs that do not know these headers. */
	(void)snprintf(header.name, sizeof(header.name), "PaxHeaders.0/%s", tail);
	(void)tar_number_put(header.mode, sizeof(header.mode), 0644);
	(void)tar_number_put(header.uid, sizeof(header.uid), 0);
	(void)tar_number_put(header.gid, sizeof(header.gid), 0);
	(void)tar_number_put(header.size, sizeof(header.size), (int64_t)pax->length);
	(void)tar_number_put(header.mtime, sizeof(header.mtime), 0);
	finish_header(&header, 'x');
	if (sink(arg, &header, sizeof(header), err) < 0 ||
		sink(arg, pax->data, pax->length, err) < 0)
		return -1;
	return tar_write_padding((int64_t)pax->length, sink, arg, err);
}

int tar_write_header(const struct tar_entry *entry, tar_sink sink, void *arg, struct error **err)
{
	cleanup_buf struct buf pax = BUF_INIT(TAR_PAX_MAX);
	cleanup_free char *path =
		xasprintf("%s%s", entry->path, entry->type == TAR_DIRECTORY ? "/" : "");
	struct tar_header header = { 0 };

	fill_header(entry, path, &header, &pax);
	if (buf_check(&pax, "an extended header", err) < 0)
		return error_wrap(err, "entry '%s'", entry->path);
	if (pax.length > 0 && write_pax(&pax, path, sink, arg, err) < 0)
		return -1;
	return sink(arg, &header, sizeof(header), err);
}

int tar_write_padding(int64_t size, tar_sink sink, void *arg, struct error **err)
{
	static const char zero[TAR_BLOCK];
	size_t length = (size_t)(-size & (TAR_BLOCK - 1));

	return length > 0 ? sink(arg, zero, length, err) : 0;
}

int tar_write_end(tar_sink sink, void *arg, struct error **err)
{
	static const char zero[2 * TAR_BLOCK];

	return sink(arg, zero, sizeof(zero), err);
}
