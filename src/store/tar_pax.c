/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tar_pax.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

struct text {
	const char *data;
	size_t length;
};

int tar_decimal_parse(
	const char *text, size_t length, const char *what, int64_t *ret, struct error **err)
{
	int64_t value = 0;

	if (length == 0)
		return error_new(err, ERROR_INVALID, "%s is not a number", what);
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return error_new(err, ERROR_INVALID, "%s is not a number", what);
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, text[i] - '0', &value))
			return error_new(err, ERROR_INVALID, "%s is out of range", what);
	}
	*ret = value;
	return 0;
}

int tar_extents_add(struct tar_extent **extents, size_t *count, const struct tar_extent *extent,
	struct error **err)
{
	if (*count >= TAR_EXTENTS_MAX)
		return error_new(
			err, ERROR_INVALID, "a sparse file of more than %d parts", TAR_EXTENTS_MAX);
	if ((*count & (*count - 1)) == 0) /* room doubles at each power of two */
		*extents = xrealloc(*extents, *count ? 2 * *count : 1, sizeof(**extents));
	(*extents)[(*count)++] = *extent;
	return 0;
}

void tar_xattrs_put(struct tar_xattrs *xattrs, const char *name, char *value, size_t length)
{
	size_t i = 0;

	while (i < xattrs->count && strcmp(xattrs->items[i].name, name) != 0)
		i++;
	if (i == xattrs->count) {
		xattrs->items = xrealloc(xattrs->items, i + 1, sizeof(*xattrs->items));
		xattrs->items[xattrs->count++] = (struct tar_xattr){ .name = xstrdup(name) };
	}
	replace_string(&xattrs->items[i].value, value);
	xattrs->items[i].length = length;
}

void tar_xattrs_done(struct tar_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		free(xattrs->items[i].name);
		free(xattrs->items[i].value);
	}
	free(xattrs->items);
	*xattrs = (struct tar_xattrs){ 0 };
}

/* "-12.345": seconds and nanoseconds; further digits are cut. "nan", "1e308" and the like are not
 * times. */
static int parse_time(struct text value, struct timespec *ret, struct error **err)
{
	bool negative = value.length > 0 && *value.data == '-';
	const char *at = value.data + negative, *end = value.data + value.length;
	const char *dot = memchr(at, '.', (size_t)(end - at));
	int64_t seconds = 0;
	long ns = 0, unit = 100000000;

	if (tar_decimal_parse(at, (size_t)((dot ? dot : end) - at), "mtime", &seconds, err) < 0)
		return -1;
	for (at = dot ? dot + 1 : end; at < end; at++, unit /= 10) {
		if (*at < '0' || *at > '9')
			return error_new(err, ERROR_INVALID, "mtime is not a number");
		ns += (*at - '0') * unit;
	}
	if (negative && ns > 0) { /* tv_nsec counts forwards */
		ns = 1000000000 - ns;
		seconds++;
	}
	*ret = (struct timespec){ .tv_sec = negative ? -seconds : seconds, .tv_nsec = ns };
	return 0;
}

static int take_name(char **owner, struct text value, struct error **err)
{
	if (memchr(value.data, '\0', value.length))
		return error_new(err, ERROR_INVALID, "a name has a NUL in it");
	if (value.length > TAR_PATH_MAX)
		return error_new(
			err, ERROR_INVALID, "a name is longer than %d bytes", TAR_PATH_MAX);
	/* An empty value takes back what the header before said. */
	replace_string(owner, value.length > 0 ? xstrndup(value.data, value.length) : NULL);
	return 0;
}

static int take_number(
	bool *has, int64_t *owner, struct text value, const char *what, struct error **err)
{
	if (has)
		*has = value.length > 0;
	if (value.length == 0)
		return 0;
	return tar_decimal_parse(value.data, value.length, what, owner, err);
}

static int take_path(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_name(&pax->path, value, err);
}

static int take_link(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_name(&pax->link, value, err);
}

static int take_size(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(&pax->has_size, &pax->size, value, "size", err);
}

static int take_uid(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(&pax->has_uid, &pax->uid, value, "uid", err);
}

static int take_gid(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(&pax->has_gid, &pax->gid, value, "gid", err);
}

static int take_mtime(struct tar_pax *pax, struct text value, struct error **err)
{
	pax->has_mtime = value.length > 0;
	return pax->has_mtime ? parse_time(value, &pax->mtime, err) : 0;
}

static int take_sparse_major(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(NULL, &pax->sparse_major, value, "GNU.sparse.major", err);
}

static int take_sparse_minor(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(NULL, &pax->sparse_minor, value, "GNU.sparse.minor", err);
}

static int take_sparse_size(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_number(NULL, &pax->sparse_size, value, "the sparse file's size", err);
}

static int take_sparse_name(struct tar_pax *pax, struct text value, struct error **err)
{
	return take_name(&pax->sparse_name, value, err);
}

static int take_sparse_offset(struct tar_pax *pax, struct text value, struct error **err)
{
	struct tar_extent extent = { 0 };

	if (pax->offset_pending)
		return error_new(err, ERROR_INVALID, "a sparse map has two offsets in a row");
	if (tar_decimal_parse(value.data, value.length, "GNU.sparse.offset", &extent.offset, err) <
		0)
		return -1;
	pax->offset_pending = true;
	return tar_extents_add(&pax->extents, &pax->extent_count, &extent, err);
}

static int take_sparse_bytes(struct tar_pax *pax, struct text value, struct error **err)
{
	if (!pax->offset_pending)
		return error_new(err, ERROR_INVALID, "a sparse map has a length without an offset");
	pax->offset_pending = false;
	return tar_decimal_parse(value.data, value.length, "GNU.sparse.numbytes",
		&pax->extents[pax->extent_count - 1].length, err);
}

/* "offset,length,offset,length" */
static int take_sparse_map(struct tar_pax *pax, struct text value, struct error **err)
{
	const char *at = value.data, *end = value.data + value.length;
	struct tar_extent extent = { 0 };
	bool second = false;

	pax->extent_count = 0;
	free(take_ptr(pax->extents));
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t length = (size_t)((comma ? comma : end) - at);

		if (tar_decimal_parse(at, length, "GNU.sparse.map",
			    second ? &extent.length : &extent.offset, err) < 0)
			return -1;
		if (second && tar_extents_add(&pax->extents, &pax->extent_count, &extent, err) < 0)
			return -1;
		second = !second;
		at += length + 1;
	}
	if (second)
		return error_new(err, ERROR_INVALID, "a sparse map has an offset without a length");
	return 0;
}

static const struct {
	const char *key;
	int (*take)(struct tar_pax *pax, struct text value, struct error **err);
} keys[] = {
	{ "path", take_path },
	{ "linkpath", take_link },
	{ "size", take_size },
	{ "uid", take_uid },
	{ "gid", take_gid },
	{ "mtime", take_mtime },
	{ "GNU.sparse.major", take_sparse_major },
	{ "GNU.sparse.minor", take_sparse_minor },
	{ "GNU.sparse.name", take_sparse_name },
	{ "GNU.sparse.size", take_sparse_size },
	{ "GNU.sparse.realsize", take_sparse_size },
	{ "GNU.sparse.offset", take_sparse_offset },
	{ "GNU.sparse.numbytes", take_sparse_bytes },
	{ "GNU.sparse.map", take_sparse_map },
};

#define XATTR_PREFIX "SCHILY.xattr."
#define XATTR_NAME_MAX 255 /* the kernel's */
#define XATTRS_MAX 256 /* of one entry */

static int take_xattr(struct tar_pax *pax, const char *name, struct text value, struct error **err)
{
	char *copy;

	if (strlen(name) > XATTR_NAME_MAX)
		return error_new(err, ERROR_INVALID,
			"the name of an extended attribute is longer "
			"than %d bytes",
			XATTR_NAME_MAX);
	if (pax->xattrs.count >= XATTRS_MAX)
		return error_new(
			err, ERROR_INVALID, "more than %d extended attributes", XATTRS_MAX);
	copy = xcalloc(value.length + 1, 1);
	memcpy(copy, value.data, value.length);
	tar_xattrs_put(&pax->xattrs, name, copy, value.length);
	return 0;
}

static int take_record(struct tar_pax *pax, const char *key, struct text value, struct error **err)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].take(pax, value, err);
	if (strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
		return take_xattr(pax, key + strlen(XATTR_PREFIX), value, err);
	return 0; /* times of access, names of users, comments: not used */
}

/* text[0..length) begins with a record; returns its length, or -1. */
static ssize_t parse_record(
	struct tar_pax *pax, const char *text, size_t length, struct error **err)
{
	const char *space = memchr(text, ' ', length < 20 ? length : 20), *equals;
	cleanup_free char *key = NULL;
	int64_t size = 0;

	if (!space || tar_decimal_parse(text, (size_t)(space - text), "the length of a record",
			      &size, err) < 0)
		return *err ? -1 : error_new(err, ERROR_INVALID, "a record has no length");
	if (size > (int64_t)length || size <= space - text + 1 || text[size - 1] != '\n')
		return error_new(err, ERROR_INVALID, "a record has a wrong length");
	equals = memchr(space, '=', (size_t)(text + size - space));
	if (!equals || equals == space + 1 || memchr(space, '\0', (size_t)(equals - space)) != NULL)
		return error_new(err, ERROR_INVALID, "a record has no key");
	key = xstrndup(space + 1, (size_t)(equals - space - 1));
	if (take_record(pax, key,
		    (struct text){ equals + 1, (size_t)(text + size - 1 - (equals + 1)) }, err) < 0)
		return -1;
	return (ssize_t)size;
}

int tar_pax_parse(struct tar_pax *pax, const char *text, size_t length, struct error **err)
{
	while (length > 0) {
		ssize_t size = parse_record(pax, text, length, err);

		if (size < 0)
			return error_wrap(err, "extended header");
		text += size;
		length -= (size_t)size;
	}
	return 0;
}

void tar_pax_done(struct tar_pax *pax)
{
	free(pax->path);
	free(pax->link);
	free(pax->sparse_name);
	free(pax->extents);
	tar_xattrs_done(&pax->xattrs);
	*pax = (struct tar_pax)TAR_PAX_INIT;
}
