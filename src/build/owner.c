/* SPDX-License-Identifier: Apache-2.0 */
#include "build/owner.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"
#include "sys/path.h"

#define ACCOUNTS_MAX (10UL * 1024 * 1024)

/* 1 a number that an id can have, 0 no number. */
static int read_number(const char *text, uint32_t *ret)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end || errno || number >= UINT32_MAX) /* -1 means "leave it" to chown(2) */
		return 0;
	*ret = (uint32_t)number;
	return 1;
}

/* The fields of the line that begins with name: 1 found, 0 not. */
static int find_account(
	int root_fd, const char *file, const char *name, strv *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t length = strlen(name);
	int found = path_read_in_root(root_fd, file, ACCOUNTS_MAX, &text, NULL, err);

	if (found <= 0)
		return found;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		*ret = strv_split(line, ':');
		return 1;
	}
	return 0;
}

static int unknown(const char *what, const char *name, const char *file, struct error **err)
{
	error_new(err, ERROR_INVALID, "the %s '%.100s' is not in the image's %s", what, name, file);
	return error_hint(err, "make it in an earlier RUN, or give a number");
}

static int find_user(const char *name, int root_fd, struct owner *ret, struct error **err)
{
	cleanup_strv strv fields = NULL;
	int found;

	if (read_number(name, &ret->uid)) {
		ret->gid = ret->uid;
		return 0;
	}
	found = find_account(root_fd, "/etc/passwd", name, &fields, err);
	if (found < 0)
		return -1;
	if (found == 0 && strcmp(name, "root") == 0) { /* needs no file, as in a scratch image */
		*ret = (struct owner){ 0, 0 };
		return 0;
	}
	if (found == 0 || strv_length(fields) < 4 || !read_number(fields[2], &ret->uid) ||
		!read_number(fields[3], &ret->gid))
		return unknown("user", name, "/etc/passwd", err);
	return 0;
}

static int find_group(const char *name, int root_fd, gid_t *ret, struct error **err)
{
	cleanup_strv strv fields = NULL;
	int found;

	if (read_number(name, ret))
		return 0;
	found = find_account(root_fd, "/etc/group", name, &fields, err);
	if (found < 0)
		return -1;
	if (found == 0 && strcmp(name, "root") == 0) {
		*ret = 0;
		return 0;
	}
	if (found == 0 || strv_length(fields) < 3 || !read_number(fields[2], ret))
		return unknown("group", name, "/etc/group", err);
	return 0;
}

int owner_parse(const char *text, int root_fd, struct owner *ret, struct error **err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *user = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
	struct owner owner = { 0, 0 };

	if (strchr(text, '\n') || (colon && strchr(colon + 1, ':')))
		return error_new(
			err, ERROR_INVALID, "'%.100s' is not of the form user:group", text);
	if (*user && find_user(user, root_fd, &owner, err) < 0)
		return -1;
	if (colon && colon[1] && find_group(colon + 1, root_fd, &owner.gid, err) < 0)
		return -1;
	*ret = owner;
	return 0;
}
