/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/tar_reader.h"

struct tar_reader *tar_reader_new(struct stream *stream)
{
	struct tar_reader *reader = xcalloc(1, sizeof(*reader));

	reader->stream = stream;
	reader->pax = (struct tar_pax)TAR_PAX_INIT;
	return reader;
}

static void entry_done(struct tar_reader *reader)
{
	free(reader->entry.path);
	free(reader->entry.link);
	tar_xattrs_done(&reader->entry.xattrs);
	free(reader->extents);
	reader->entry = (struct tar_entry){ 0 };
	reader->extents = NULL;
	reader->extent_count = reader->extent_at = 0;
	reader->sparse = false;
	reader->left = reader->padding = reader->offset = 0;
}

static void meta_done(struct tar_reader *reader)
{
	tar_pax_done(&reader->pax);
	replace_string(&reader->gnu_path, NULL);
	replace_string(&reader->gnu_link, NULL);
}

void tar_reader_free(struct tar_reader *reader)
{
	if (!reader)
		return;
	entry_done(reader);
	meta_done(reader);
	free(reader);
}

static int truncated(struct error **err)
{
	return error_new(err, ERROR_INVALID, "the archive ends in the middle");
}

#define SEEK_MIN (INT64_C(64) * 1024) /* less is read anyway */

static int skip_bytes(struct tar_reader *reader, int64_t length, struct error **err)
{
	if (length >= SEEK_MIN && stream_tell(reader->stream) >= 0)
		return stream_seek(reader->stream, length, err);
	while (length > 0) {
		const char *data;
		ssize_t n = stream_peek(reader->stream, 1, &data, err);

		if (n <= 0)
			return n < 0 ? -1 : truncated(err);
		if (n > length)
			n = (ssize_t)length;
		stream_skip(reader->stream, (size_t)n);
		length -= n;
	}
	return 0;
}

int tar_read_bytes(struct tar_reader *reader, size_t length, struct buf *buf, struct error **err)
{
	while (length > 0) {
		const char *data;
		ssize_t n = stream_peek(reader->stream, 1, &data, err);
		size_t part;

		if (n <= 0)
			return n < 0 ? -1 : truncated(err);
		part = (size_t)n > length ? length : (size_t)n;
		buf_append(buf, data, part);
		stream_skip(reader->stream, part);
		length -= part;
	}
	return buf_check(buf, "a header", err);
}

static int64_t padding_of(int64_t size)
{
	return -size & (TAR_BLOCK - 1);
}

/* Reads the text that an extended header or a GNU long name has for content. */
static int read_meta(struct tar_reader *reader, const struct tar_header *header, size_t max,
	struct buf *ret, struct error **err)
{
	int64_t size;

	if (tar_number_parse(header->size, sizeof(header->size), "size", &size, err) < 0)
		return -1;
	if (size < 0 || size > (int64_t)max)
		return error_new(err, ERROR_INVALID,
			"an extended header of %lld bytes, more than %zu", (long long)size, max);
	ret->ceiling = max + 1 + TAR_BLOCK;
	if (tar_read_bytes(reader, (size_t)size, ret, err) < 0)
		return -1;
	return skip_bytes(reader, padding_of(size), err);
}

static int read_gnu_name(struct tar_reader *reader, const struct tar_header *header, char **owner,
	struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(0);

	if (read_meta(reader, header, TAR_PATH_MAX + 1, &text, err) < 0)
		return -1;
	replace_string(owner, xstrdup(buf_text(&text))); /* up to its NUL */
	return 0;
}

static int read_pax(struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(0);

	if (read_meta(reader, header, TAR_PAX_MAX, &text, err) < 0)
		return -1;
	tar_pax_done(&reader->pax);
	return tar_pax_parse(&reader->pax, buf_text(&text), text.length, err);
}

/* Global headers change nothing, but a broken one is a broken archive. */
static int read_global(
	struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(0);
	struct tar_pax ignored = TAR_PAX_INIT;
	int result;

	if (read_meta(reader, header, TAR_PAX_MAX, &text, err) < 0)
		return -1;
	result = tar_pax_parse(&ignored, buf_text(&text), text.length, err);
	tar_pax_done(&ignored);
	return result;
}

/* 1 when header was about what follows and was read, 0 when it is an entry. */
static int take_meta(struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	int result;

	switch (header->type) {
	case 'x':
	case 'X':
		result = read_pax(reader, header, err);
		break;
	case 'g':
		result = read_global(reader, header, err);
		break;
	case 'L':
		result = read_gnu_name(reader, header, &reader->gnu_path, err);
		break;
	case 'K':
		result = read_gnu_name(reader, header, &reader->gnu_link, err);
		break;
	case 'V': /* the volume's label */
		result = 0;
		break;
	default:
		return 0;
	}
	return result < 0 ? -1 : 1;
}

static char *header_path(const struct tar_header *header)
{
	enum tar_format format = tar_header_format(header);
	size_t prefix = format == TAR_USTAR ? sizeof(header->prefix) : format == TAR_STAR ? 131 : 0;

	prefix = strnlen(header->prefix, prefix);
	return xasprintf("%.*s%s%.*s", (int)prefix, header->prefix, prefix > 0 ? "/" : "",
		(int)strnlen(header->name, sizeof(header->name)), header->name);
}

/* What no file system could hold, or no other tool could copy, is refused whatever is made of the
 * entry. */
static int check_path(const char *path, struct error **err)
{
	int depth = 0;

	while (*path) {
		size_t length = strcspn(path, "/");

		if (length > TAR_NAME_MAX)
			return error_new(err, ERROR_INVALID,
				"a file's name is longer than %d bytes", TAR_NAME_MAX);
		depth += length > 0 && !(length == 1 && *path == '.');
		path += length + (path[length] == '/');
	}
	if (depth > TAR_DEPTH_MAX)
		return error_new(err, ERROR_INVALID, "more than %d directories within each other",
			TAR_DEPTH_MAX);
	return 0;
}

static int take_names(
	struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	struct tar_entry *entry = &reader->entry;
	struct tar_pax *pax = &reader->pax;

	if (reader->gnu_path)
		entry->path = take_ptr(reader->gnu_path);
	else if (pax->sparse_name)
		entry->path = take_ptr(pax->sparse_name);
	else
		entry->path = pax->path ? take_ptr(pax->path) : header_path(header);
	if (!entry->path[0])
		return error_new(err, ERROR_INVALID, "an entry has no name");
	if (check_path(entry->path, err) < 0)
		return -1;
	if (entry->type != TAR_SYMLINK && entry->type != TAR_HARD_LINK)
		return 0;
	if (reader->gnu_link)
		entry->link = take_ptr(reader->gnu_link);
	else
		entry->link = pax->link ? take_ptr(pax->link)
					: xstrndup(header->link, sizeof(header->link));
	if (!entry->link[0])
		return error_new(err, ERROR_INVALID, "'%s' is a link to nothing", entry->path);
	return 0;
}

/* -1 means "leave it" to chown(2), so it is no owner; nor is what would be cut to 32 bits. */
static int take_id(int64_t value, const char *what, uint32_t *ret, struct error **err)
{
	if (value < 0 || value >= UINT32_MAX)
		return error_new(
			err, ERROR_INVALID, "%s %lld is out of range", what, (long long)value);
	*ret = (uint32_t)value;
	return 0;
}

static int take_numbers(
	struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	struct tar_entry *entry = &reader->entry;
	const struct tar_pax *pax = &reader->pax;
	int64_t mode, uid = pax->uid, gid = pax->gid, seconds;

	if (tar_number_parse(header->mode, sizeof(header->mode), "mode", &mode, err) < 0 ||
		tar_number_parse(header->mtime, sizeof(header->mtime), "mtime", &seconds, err) < 0)
		return -1;
	if (!pax->has_uid &&
		tar_number_parse(header->uid, sizeof(header->uid), "uid", &uid, err) < 0)
		return -1;
	if (!pax->has_gid &&
		tar_number_parse(header->gid, sizeof(header->gid), "gid", &gid, err) < 0)
		return -1;
	if (take_id(uid, "uid", &entry->uid, err) < 0 || take_id(gid, "gid", &entry->gid, err) < 0)
		return -1;
	entry->mode = (mode_t)(mode & 07777);
	entry->mtime = pax->has_mtime ? pax->mtime : (struct timespec){ .tv_sec = seconds };
	return 0;
}

static int take_device(struct tar_entry *entry, const struct tar_header *header, struct error **err)
{
	int64_t major, minor;

	if (tar_number_parse(header->major, sizeof(header->major), "major", &major, err) < 0 ||
		tar_number_parse(header->minor, sizeof(header->minor), "minor", &minor, err) < 0)
		return -1;
	if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) /* the kernel's dev_t */
		return error_new(err, ERROR_INVALID, "device number %lld:%lld is out of range",
			(long long)major, (long long)minor);
	entry->major = (unsigned int)major;
	entry->minor = (unsigned int)minor;
	return 0;
}

static int take_size(struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	int64_t size = reader->pax.size;

	if (!reader->pax.has_size &&
		tar_number_parse(header->size, sizeof(header->size), "size", &size, err) < 0)
		return -1;
	if (size < 0 || size > INT64_MAX - TAR_BLOCK)
		return error_new(err, ERROR_INVALID, "size %lld is out of range", (long long)size);
	reader->entry.size = reader->left = size;
	reader->padding = padding_of(size);
	return tar_sparse_begin(reader, header, err);
}

static int entry_type(const struct tar_header *header, enum tar_type *ret, struct error **err)
{
	static const struct {
		char flag;
		enum tar_type type;
	} types[] = {
		{ '0', TAR_FILE },
		{ '\0', TAR_FILE },
		{ '7', TAR_FILE }, /* contiguous */
		{ 'S', TAR_FILE },
		{ '1', TAR_HARD_LINK },
		{ '2', TAR_SYMLINK },
		{ '3', TAR_CHARACTER },
		{ '4', TAR_BLOCK_DEVICE },
		{ '5', TAR_DIRECTORY },
		{ '6', TAR_FIFO },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].flag == header->type) {
			*ret = types[i].type;
			return 0;
		}
	return error_new(
		err, ERROR_UNSUPPORTED, "an entry of unknown type %d", (unsigned char)header->type);
}

static int take_entry(
	struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	struct tar_entry *entry = &reader->entry;
	int result = 0;

	if (entry_type(header, &entry->type, err) < 0 || take_names(reader, header, err) < 0)
		return -1;
	/* V7 had no type for directories. */
	if (header->type == '\0' && entry->path[strlen(entry->path) - 1] == '/')
		entry->type = TAR_DIRECTORY;
	if (take_numbers(reader, header, err) < 0)
		result = -1;
	else if (entry->type == TAR_FILE)
		result = take_size(reader, header, err);
	else if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK_DEVICE)
		result = take_device(entry, header, err);
	if (result < 0)
		return error_wrap(err, "entry '%s'", entry->path);
	entry->xattrs = reader->pax.xattrs;
	reader->pax.xattrs = (struct tar_xattrs){ 0 };
	meta_done(reader);
	return 0;
}

/* The end is two zero blocks, or one, or none, where nothing comes after. */
static int take_end(struct tar_reader *reader, struct error **err)
{
	const char *block;
	ssize_t n = stream_peek(reader->stream, TAR_BLOCK, &block, err);

	if (n < 0)
		return -1;
	if (n >= TAR_BLOCK && !tar_block_is_zero(block))
		return error_new(err, ERROR_INVALID, "a zero block stands between two headers");
	if (reader->pax.path || reader->gnu_path || reader->gnu_link)
		return error_new(err, ERROR_INVALID, "the archive ends after an extended header");
	reader->ended = true;
	return 0;
}

/* 1: *ret holds a header; 0: the end. */
static int next_header(struct tar_reader *reader, struct tar_header *ret, struct error **err)
{
	const char *block;
	ssize_t n = stream_peek(reader->stream, TAR_BLOCK, &block, err);

	if (n < 0)
		return -1;
	if (n == 0 && reader->headers == 0)
		return error_new(err, ERROR_INVALID, "this is no archive: there is nothing in it");
	if (n == 0)
		return take_end(reader, err);
	if (n < TAR_BLOCK)
		return truncated(err);
	if (tar_block_is_zero(block)) {
		stream_skip(reader->stream, TAR_BLOCK);
		return take_end(reader, err);
	}
	if (++reader->headers > TAR_HEADERS_MAX)
		return error_new(err, ERROR_INVALID, "the archive has more than %d headers",
			TAR_HEADERS_MAX);
	if (!tar_checksum_matches(block))
		return reader->headers == 1
			       ? error_new(err, ERROR_INVALID, "this is no tar archive")
			       : error_new(err, ERROR_INVALID, "wrong checksum");
	memcpy(ret, block, TAR_BLOCK);
	stream_skip(reader->stream, TAR_BLOCK);
	return 1;
}

int tar_next(struct tar_reader *reader, struct tar_entry **ret, struct error **err)
{
	struct tar_header header = { 0 };
	int result;

	if (skip_bytes(reader, reader->left, err) < 0 ||
		skip_bytes(reader, reader->padding, err) < 0)
		return error_wrap(err, "entry '%s'", reader->entry.path);
	entry_done(reader);
	do {
		if (reader->ended)
			return 0;
		result = next_header(reader, &header, err);
		if (result > 0)
			result = take_meta(reader, &header, err);
	} while (result > 0 || (result == 0 && reader->ended));
	if (result == 0)
		result = take_entry(reader, &header, err);
	if (result < 0)
		return error_wrap(err, "tar header %llu", (unsigned long long)reader->headers);
	*ret = &reader->entry;
	return 1;
}

int64_t tar_data_offset(const struct tar_reader *reader)
{
	return reader->sparse ? -1 : stream_tell(reader->stream);
}

int tar_data(struct tar_reader *reader, const char **ret, size_t *ret_length, int64_t *ret_offset,
	struct error **err)
{
	const char *data;
	ssize_t n;
	size_t length;

	if (reader->left == 0)
		return 0;
	n = stream_peek(reader->stream, 1, &data, err);
	if (n <= 0)
		return n < 0 ? -1 : truncated(err);
	length = n > reader->left ? (size_t)reader->left : (size_t)n;
	if (reader->sparse)
		length = tar_sparse_take(reader, length);
	stream_skip(reader->stream, length);
	*ret = data;
	*ret_length = length;
	*ret_offset = reader->offset;
	reader->offset += (int64_t)length;
	reader->left -= (int64_t)length;
	return 1;
}
