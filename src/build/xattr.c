/* SPDX-License-Identifier: Apache-2.0 */
#include "build/xattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/key.h"

static bool travels(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in an order that does not depend on the file system. */
static int list_names(int fd, strv *ret, struct error **err)
{
	char few[1024];
	cleanup_free char *many = NULL, *list = NULL;
	ssize_t length = flistxattr(fd, few, sizeof(few));
	const char *name = few;

	if (length < 0 && errno == ERANGE) {
		many = xcalloc(1, XATTR_LIST_MAX);
		name = many;
		length = flistxattr(fd, many, XATTR_LIST_MAX);
	}
	if (length < 0)
		return errno == ENOTSUP ? 0 : error_sys(err, "list extended attributes");
	for (const char *end = name + length; name < end; name += strlen(name) + 1)
		if (travels(name))
			strv_append(ret, name);
	if (*ret)
		qsort(*ret, strv_length(*ret), sizeof(char *), by_name);
	return 0;
}

/* Calls each() with every attribute's name and value. */
static int for_each(int fd,
	int (*each)(
		void *arg, const char *name, const void *value, size_t size, struct error **err),
	void *arg, struct error **err)
{
	cleanup_strv strv names = NULL;
	cleanup_free char *value = NULL;

	if (list_names(fd, &names, err) < 0)
		return -1;
	if (names)
		value = xcalloc(1, XATTR_SIZE_MAX);
	for (size_t i = 0; names && names[i]; i++) {
		ssize_t size = fgetxattr(fd, names[i], value, XATTR_SIZE_MAX);

		if (size < 0 && errno == ENODATA) /* gone since it was listed */
			continue;
		if (size < 0)
			return error_sys(err, "read the extended attribute %s", names[i]);
		if (each(arg, names[i], value, (size_t)size, err) < 0)
			return -1;
	}
	return 0;
}

static int digest_one(void *arg, const char *name, const void *value, size_t size,
	struct error **err) // NOLINT(misc-unused-parameters): as for_each() wants
{
	key_text(arg, name);
	key_bytes(arg, value, size);
	return 0;
}

int xattr_digest(int fd, struct sha256 *sha, struct error **err)
{
	int failed = for_each(fd, digest_one, sha, err);

	key_text(sha, NULL); /* the end of a list whose length was not said before */
	return failed;
}

static int copy_one(void *arg, const char *name, const void *value, size_t size, struct error **err)
{
	const int *to_fd = arg;

	if (fsetxattr(*to_fd, name, value, size, 0) == 0)
		return 0;
	/* user.* and ACLs are lost where the file system has none; a capability must not be. */
	if (errno == ENOTSUP && strncmp(name, "security.", 9) != 0)
		return 0;
	return error_sys(err, "set the extended attribute %s", name);
}

int xattr_copy(int from_fd, int to_fd, struct error **err)
{
	return for_each(from_fd, copy_one, &to_fd, err);
}
