/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/user.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/spec.h"
#include "sys/path.h"

#define FILE_MAX (10UL * 1024 * 1024) /* CVE-2026-47262: the image chose the file */
#define ID_MAX_VALUE UINT64_C(4294967294) /* (uid_t)-1 means "leave it" to system calls */
#define FIELDS_MAX 8

/* "name:x:1000:1000:comment:/home/name:/bin/sh", taken apart in place. */
struct entry {
	char *field[FIELDS_MAX];
	size_t count;
};

static bool is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool parse_id(const char *text, unsigned int *ret)
{
	unsigned long long n;

	if (!is_digits(text) || strlen(text) > 10)
		return false;
	n = strtoull(text, NULL, 10);
	if (n > ID_MAX_VALUE)
		return false;
	*ret = (unsigned int)n;
	return true;
}

/* The next line that is an entry; false at the end. */
static bool next_entry(char **text, struct entry *ret)
{
	char *line;

	while ((line = strsep(text, "\n")) != NULL) {
		char *field;

		ret->count = 0;
		while (ret->count < FIELDS_MAX && (field = strsep(&line, ":")) != NULL)
			ret->field[ret->count++] = field;
		if (ret->count >= 3 && ret->field[0][0] && ret->field[0][0] != '#')
			return true;
	}
	return false;
}

static int read_file(int root_fd, const char *path, char **ret, struct error **err)
{
	int found = path_read_in_root(root_fd, path, FILE_MAX, ret, NULL, err);

	if (found == 0)
		*ret = xstrdup("");
	return found < 0 ? -1 : 0;
}

/* The user's line: by number when it is one, else by name. Fills uid, gid, home and *ret_name. */
static int find_user(
	int root_fd, const char *wanted, struct user *user, char **ret_name, struct error **err)
{
	cleanup_free char *text = NULL;
	bool by_number = is_digits(wanted);
	struct entry entry;
	char *rest;

	if (by_number && !parse_id(wanted, &user->uid))
		return error_new(err, ERROR_INVALID, "user id %s is out of range", wanted);
	if (read_file(root_fd, "/etc/passwd", &text, err) < 0)
		return -1;
	for (rest = text; next_entry(&rest, &entry);) {
		uid_t uid;
		gid_t gid;

		if (entry.count < 4 || !parse_id(entry.field[2], &uid) ||
			!parse_id(entry.field[3], &gid))
			continue;
		if (by_number ? uid != user->uid : strcmp(entry.field[0], wanted) != 0)
			continue;
		user->uid = uid;
		user->gid = gid;
		*ret_name = xstrdup(entry.field[0]);
		if (entry.count > 5 && entry.field[5][0])
			user->home = xstrdup(entry.field[5]);
		return 0;
	}
	if (by_number)
		return 0;
	return error_new(err, ERROR_INVALID,
		"unable to find user %s: no matching entries in passwd file", wanted);
}

static int find_group(int root_fd, const char *wanted, gid_t *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	struct entry entry;
	char *rest;

	if (is_digits(wanted)) {
		if (parse_id(wanted, ret))
			return 0;
		return error_new(err, ERROR_INVALID, "group id %s is out of range", wanted);
	}
	if (read_file(root_fd, "/etc/group", &text, err) < 0)
		return -1;
	for (rest = text; next_entry(&rest, &entry);)
		if (strcmp(entry.field[0], wanted) == 0 && parse_id(entry.field[2], ret))
			return 0;
	return error_new(err, ERROR_INVALID,
		"unable to find group %s: no matching entries in group file", wanted);
}

static int add_group(struct user *user, gid_t gid, struct error **err)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (user->groups[i] == gid)
			return 0;
	if (user->group_count == USER_GROUPS_MAX)
		return error_new(err, ERROR_INVALID, "more than %d groups", USER_GROUPS_MAX);
	user->groups = xrealloc(user->groups, user->group_count + 1, sizeof(gid_t));
	user->groups[user->group_count++] = gid;
	return 0;
}

static bool lists_member(char *members, const char *name)
{
	const char *member;

	while ((member = strsep(&members, ",")) != NULL)
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

static int add_listed_groups(int root_fd, const char *name, struct user *user, struct error **err)
{
	cleanup_free char *text = NULL;
	struct entry entry;
	char *rest;

	if (read_file(root_fd, "/etc/group", &text, err) < 0)
		return -1;
	for (rest = text; next_entry(&rest, &entry);) {
		gid_t gid;

		if (entry.count < 4 || !lists_member(entry.field[3], name) ||
			!parse_id(entry.field[2], &gid))
			continue;
		if (add_group(user, gid, err) < 0)
			return -1;
	}
	return 0;
}

static int look_up_names(int root_fd, const char *text, struct user *user, struct error **err)
{
	cleanup_free char *wanted = xstrdup(text), *name = NULL;
	char *group = strchr(wanted, ':');

	if (group)
		*group++ = '\0';
	if (find_user(root_fd, *wanted ? wanted : "0", user, &name, err) < 0)
		return -1;
	if (group && *group) {
		if (find_group(root_fd, group, &user->gid, err) < 0)
			return -1;
	} else if (name && add_listed_groups(root_fd, name, user, err) < 0) {
		return -1;
	}
	/* A process outside its own group by this list would pass where the group is denied
	 * (CVE-2022-36109). */
	return add_group(user, user->gid, err);
}

static int look_up_home(int root_fd, struct user *user, struct error **err)
{
	cleanup_free char *number = xasprintf("%u", user->uid), *name = NULL;
	struct user entry cleanup_user = { 0 };

	if (find_user(root_fd, number, &entry, &name, err) < 0)
		return -1;
	user->home = take_ptr(entry.home);
	return 0;
}

int user_lookup(
	int root_fd, const struct spec_process *process, struct user *ret, struct error **err)
{
	struct user user cleanup_user = { .uid = process->uid, .gid = process->gid };
	bool needs_home = !env_get(process->env, "HOME");

	if (process->user) {
		user.uid = user.gid = 0;
		if (look_up_names(root_fd, process->user, &user, err) < 0)
			return -1;
	} else if (needs_home && look_up_home(root_fd, &user, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < process->additional_gid_count; i++)
		if (add_group(&user, process->additional_gids[i], err) < 0)
			return -1;
	for (size_t i = 0; process->groups && process->groups[i]; i++) {
		gid_t gid = 0;

		if (find_group(root_fd, process->groups[i], &gid, err) < 0 ||
			add_group(&user, gid, err) < 0)
			return -1;
	}
	*ret = user;
	user = (struct user){ 0 };
	return 0;
}

void user_done(struct user *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct user){ 0 };
}
