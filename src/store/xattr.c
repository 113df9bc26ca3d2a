/* SPDX-License-Identifier: Apache-2.0 */
#include "store/xattr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"

static const struct {
	const char *prefix;
	bool travels;
} rules[] = {
	/* the first that matches counts */
	{ "user.overlay.", false },
	{ "user.fuseoverlayfs.", false },
	{ "user.", true },
	{ "security.capability", true },
	{ "system.posix_acl_access", true },
	{ "system.posix_acl_default", true },
};

bool xattr_travels(const char *name)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		size_t length = strlen(rules[i].prefix);

		if (strncmp(name, rules[i].prefix, length) == 0)
			return rules[i].travels &&
			       (rules[i].prefix[length - 1] == '.' || name[length] == '\0');
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_value(int fd, const char *name, struct tar_xattrs *xattrs, struct error **err)
{
	cleanup_free char *value = NULL;
	ssize_t size = fgetxattr(fd, name, NULL, 0), length;

	if (size < 0)
		return error_sys(err, "read attribute %s", name);
	value = xcalloc((size_t)size + 1, 1); /* the kernel's ceiling is 64 KiB */
	length = fgetxattr(fd, name, value, (size_t)size);
	if (length < 0)
		return error_sys(err, "read attribute %s", name);
	tar_xattrs_put(xattrs, name, take_ptr(value), (size_t)length);
	return 0;
}

int xattrs_read(int fd, struct tar_xattrs *ret, struct error **err)
{
	struct tar_xattrs xattrs = { 0 };
	char names[65536]; /* XATTR_LIST_MAX */
	ssize_t length = flistxattr(fd, names, sizeof(names));

	if (length < 0 && errno == ENOTSUP)
		length = 0;
	if (length < 0)
		return error_sys(err, "list attributes");
	for (const char *name = names; name < names + length; name += strlen(name) + 1)
		if (xattr_travels(name) && read_value(fd, name, &xattrs, err) < 0) {
			tar_xattrs_done(&xattrs);
			return -1;
		}
	if (xattrs.count > 1)
		qsort(xattrs.items, xattrs.count, sizeof(*xattrs.items), compare_names);
	*ret = xattrs;
	return 0;
}

int xattrs_apply(int fd, const struct tar_xattrs *xattrs, struct error **err)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		const struct tar_xattr *xattr = &xattrs->items[i];

		if (!xattr_travels(xattr->name))
			continue;
		if (fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0) == 0)
			continue;
		/* Lost capabilities are a program that does not work; the rest is comfort. */
		if (errno == ENOTSUP && strncmp(xattr->name, "security.", 9) != 0)
			continue;
		return error_sys(err, "set attribute %s", xattr->name);
	}
	return 0;
}
