/* SPDX-License-Identifier: Apache-2.0 */
#include "store/listing.h"

#include <string.h>

#include "base/error.h"

static int broken(const char *what, struct error **err)
{
	return error_new(err, ERROR_INTERNAL, "a broken record from vessel-unpack: %s", what);
}

/* Takes length bytes and a NUL after them, none within. */
static const char *take_text(const char **at, const char *end, uint32_t length)
{
	const char *text = *at;

	if (length >= (size_t)(end - text) ||
		memchr(text, '\0', (size_t)length + 1) != text + length)
		return NULL;
	*at += (size_t)length + 1;
	return text;
}

static int check_xattrs(const struct listing_entry *entry, const char *end, struct error **err)
{
	const char *at = entry->xattrs;

	for (uint32_t i = 0; i < entry->head.xattr_count; i++) {
		struct listing_xattr xattr;

		if ((size_t)(end - at) < sizeof(xattr))
			return broken("attributes", err);
		memcpy(&xattr, at, sizeof(xattr));
		at += sizeof(xattr);
		if (!take_text(&at, end, xattr.name_length) ||
			(size_t)(end - at) < xattr.value_length)
			return broken("an attribute", err);
		at += xattr.value_length;
	}
	return at == end ? 0 : broken("its length", err);
}

/* No name is empty, "." or ".."; "" alone is the root. */
static bool is_clean(const char *path)
{
	const char *name = path;

	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 0 || strncmp(name, ".", length) == 0 ||
			(length == 2 && strncmp(name, "..", 2) == 0))
			return false;
		name += length;
		if (*name == '/' && !*++name)
			return false;
	}
	return true;
}

static int check_head(const struct listing_head *head, struct error **err)
{
	if (head->length < sizeof(*head) || head->length > LISTING_RECORD_MAX)
		return broken("a length out of range", err);
	if (head->type > TAR_FIFO || head->mode > 07777 || head->uid == UINT32_MAX ||
		head->gid == UINT32_MAX || head->major > 0xfff || head->minor > 0xfffff ||
		head->mtime_ns >= 1000000000 || head->size < 0)
		return broken("a value out of range", err);
	/* GNU's long names have one byte more when their NUL is missing. */
	if (head->path_length > TAR_PATH_MAX + 1 || head->link_length > TAR_PATH_MAX + 1 ||
		head->extent_count > TAR_EXTENTS_MAX)
		return broken("too long", err);
	if (head->type != TAR_FILE && (head->size != 0 || head->extent_count != 0))
		return broken("content of what has none", err);
	return 0;
}

ssize_t listing_parse(
	const char *data, size_t length, struct listing_entry *ret, struct error **err)
{
	struct listing_entry entry;
	const char *at = data, *end;

	if (length < sizeof(entry.head))
		return 0;
	memcpy(&entry.head, data, sizeof(entry.head));
	if (check_head(&entry.head, err) < 0)
		return -1;
	if (length < entry.head.length)
		return 0;
	end = data + entry.head.length;
	at += sizeof(entry.head);
	if ((size_t)(end - at) < entry.head.extent_count * sizeof(struct listing_extent))
		return broken("extents", err);
	entry.extents = at;
	at += entry.head.extent_count * sizeof(struct listing_extent);
	entry.path = take_text(&at, end, entry.head.path_length);
	entry.link = entry.path ? take_text(&at, end, entry.head.link_length) : NULL;
	if (!entry.link || !is_clean(entry.path) ||
		(entry.head.type == TAR_HARD_LINK && !is_clean(entry.link)))
		return broken("its name", err);
	entry.xattrs = at;
	if (check_xattrs(&entry, end, err) < 0)
		return -1;
	*ret = entry;
	return (ssize_t)entry.head.length;
}

struct listing_extent listing_extent_at(const struct listing_entry *entry, size_t i)
{
	struct listing_extent extent;

	memcpy(&extent, entry->extents + i * sizeof(extent), sizeof(extent));
	return extent;
}

void listing_next_xattr(const char **at, const char **ret_name, struct tar_xattr *ret)
{
	struct listing_xattr xattr;

	memcpy(&xattr, *at, sizeof(xattr));
	*ret_name = *at + sizeof(xattr);
	ret->value = (char *)*ret_name + xattr.name_length + 1;
	ret->length = xattr.value_length;
	*at = ret->value + ret->length;
}
