/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's side of a listing: entries become records. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/listing.h"
#include "store/stream.h"
#include "store/unpack.h"
#include "store/xattr.h"
#include "sys/msg.h"

struct lister {
	const struct listing_options *options;
	struct stream *stream;
	struct tar_reader *reader;
	struct buf out;
	struct unpack_result result;
};

static int flush(struct lister *lister, struct error **err)
{
	size_t at = 0;

	if (buf_check(&lister->out, "an entry's description", err) < 0)
		return -1;
	while (at < lister->out.length) {
		size_t part = lister->out.length - at;

		if (part > MSG_MAX)
			part = MSG_MAX;
		if (lister->options->sink(lister->options->arg, lister->out.data + at, part, err) <
			0)
			return -1;
		at += part;
	}
	buf_clear(&lister->out);
	return 0;
}

/* Where its content is: sparse files have theirs in one piece in the tar, too. */
static uint32_t put_extents(struct lister *lister, const struct tar_entry *entry)
{
	struct listing_extent whole = { .in_tar = (int64_t)stream_offset(lister->stream),
		.length = entry->size };
	const struct tar_extent *extents;
	size_t count;

	if (entry->type != TAR_FILE)
		return 0;
	if (!tar_extents(lister->reader, &extents, &count)) {
		if (entry->size > 0)
			buf_append(&lister->out, &whole, sizeof(whole));
		return entry->size > 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct listing_extent part = { whole.in_tar, extents[i].offset, extents[i].length };

		buf_append(&lister->out, &part, sizeof(part));
		whole.in_tar += part.length;
	}
	return (uint32_t)count;
}

static uint32_t put_xattrs(struct buf *out, const struct tar_xattrs *xattrs)
{
	uint32_t count = 0;

	for (size_t i = 0; i < xattrs->count; i++) {
		const struct tar_xattr *xattr = &xattrs->items[i];
		struct listing_xattr lengths = { (uint32_t)strlen(xattr->name),
			(uint32_t)xattr->length };

		if (!xattr_travels(xattr->name))
			continue;
		buf_append(out, &lengths, sizeof(lengths));
		buf_append(out, xattr->name, (size_t)lengths.name_length + 1);
		buf_append(out, xattr->value, xattr->length);
		count++;
	}
	return count;
}

static int put_record(struct lister *lister, const struct tar_entry *entry, const char *path,
	const char *link, struct error **err)
{
	struct buf *out = &lister->out;
	size_t start = out->length;
	struct listing_head head = { .type = entry->type,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.major = entry->major,
		.minor = entry->minor,
		.mtime = entry->mtime.tv_sec,
		.mtime_ns = (uint32_t)entry->mtime.tv_nsec,
		.size = entry->size,
		.path_length = (uint32_t)strlen(path),
		.link_length = (uint32_t)strlen(link) };

	buf_append(out, &head, sizeof(head));
	head.extent_count = put_extents(lister, entry);
	buf_append(out, path, (size_t)head.path_length + 1);
	buf_append(out, link, (size_t)head.link_length + 1);
	head.xattr_count = put_xattrs(out, &entry->xattrs);
	head.length = (uint32_t)(out->length - start);
	if (buf_check(out, "an entry's description", err) < 0)
		return -1;
	memcpy(out->data + start, &head, sizeof(head));
	return out->length >= MSG_MAX / 2 ? flush(lister, err) : 0;
}

/* Nothing is made of what stands in the place of another file. */
static bool is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, ".wh.", 4) == 0;
}

static int add_size(struct lister *lister, const struct tar_entry *entry, struct error **err)
{
	struct unpack_result *result = &lister->result;

	if (__builtin_add_overflow(result->size, entry->size, &result->size) ||
		(uint64_t)result->size > lister->options->limit)
		return error_new(err, ERROR_INVALID, "the archive unpacks to more than %llu bytes",
			(unsigned long long)lister->options->limit);
	return 0;
}

static int list_entry(struct lister *lister, const struct tar_entry *entry, struct error **err)
{
	cleanup_free char *path = NULL, *target = NULL;

	if (unpack_clean_name(entry->path, true, &path, err) < 0)
		return -1;
	if (entry->type == TAR_HARD_LINK && unpack_clean_name(entry->link, true, &target, err) < 0)
		return error_wrap(err, "hard link to '%s'", entry->link);
	if (entry->type == TAR_SYMLINK)
		target = xstrdup(entry->link);
	if (!is_whiteout(path) && add_size(lister, entry, err) < 0)
		return -1;
	lister->result.entries++;
	return put_record(lister, entry, path, target ? target : "", err);
}

static int list_all(struct lister *lister, struct error **err)
{
	struct tar_entry *entry;
	int more;

	while ((more = tar_next(lister->reader, &entry, err)) > 0)
		if (list_entry(lister, entry, err) < 0)
			return error_wrap(err, "entry '%s'", entry->path);
	if (more < 0 || stream_drain(lister->stream, err) < 0)
		return -1;
	return flush(lister, err);
}

int listing_stream(struct stream *stream, const struct listing_options *options,
	struct unpack_result *ret, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = tar_reader_new(stream);
	struct lister lister = { .options = options,
		.stream = stream,
		.reader = reader,
		.out = BUF_INIT(MSG_MAX + LISTING_RECORD_MAX) };
	int result = list_all(&lister, err);

	buf_done(&lister.out);
	if (result == 0)
		*ret = lister.result;
	return result;
}
