/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rdt.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "oci/spec.h"

#define SCHEMATA_MAX 65536

static bool is_mounted(void)
{
	struct statfs fs;

	return statfs(RDT_ROOT, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC;
}

/* The kernel registers the file system only where the processor has something to share out. */
static bool is_known(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;

	return file_read_at(AT_FDCWD, "/proc/filesystems", SCHEMATA_MAX, &text, &ignored) >= 0 &&
	       strstr(text, "\tresctrl\n");
}

int rdt_check(const struct spec *spec, struct error **err)
{
	if (!spec->rdt.set || is_mounted())
		return 0;
	if (!is_known())
		return error_new(err, ERROR_UNSUPPORTED,
			"linux.intelRdt: this processor, or its kernel, has no resource control "
			"(resctrl)");
	error_new(err, ERROR_UNSUPPORTED, "linux.intelRdt: resctrl is not mounted");
	return error_hint(err, "mount -t resctrl resctrl " RDT_ROOT);
}

static const char *group_of(const struct spec_intel_rdt *rdt, const char *id)
{
	return !rdt->clos_id ? id : strcmp(rdt->clos_id, "/") == 0 ? "." : rdt->clos_id;
}

/* All lines that are asked for, each with its newline. */
static void wanted_lines(const struct spec_intel_rdt *rdt, struct buf *ret)
{
	const char *const two[] = { rdt->l3_schema, rdt->mem_bw_schema };

	for (size_t i = 0; i < 2; i++)
		if (two[i] && *two[i])
			buf_printf(ret, "%s\n", two[i]);
	for (char *const *line = rdt->schemata; line && *line; line++)
		buf_printf(ret, "%s\n", *line);
}

/* "L3:0=f" and what the kernel prints, "    L3:0=f;1=f": without blanks at the line's ends. */
static bool has_line(const char *schemata, const char *line, size_t length)
{
	while (*schemata) {
		size_t end = strcspn(schemata, "\n");
		size_t blank = strspn(schemata, " ");

		if (blank <= end && end - blank == length &&
			strncmp(schemata + blank, line, length) == 0)
			return true;
		schemata += end + (schemata[end] == '\n');
	}
	return false;
}

/* A group that was there belongs to somebody: it is joined as it is, or not at all. */
static int check_existing(int group_fd, const char *wanted, struct error **err)
{
	cleanup_free char *schemata = NULL;

	if (file_read_at(group_fd, "schemata", SCHEMATA_MAX, &schemata, err) < 0)
		return -1;
	while (*wanted) {
		size_t length = strcspn(wanted, "\n");

		if (!has_line(schemata, wanted, length))
			return error_new(err, ERROR_CONFLICT,
				"the group is there, and is not '%.*s'", (int)length, wanted);
		wanted += length + 1;
	}
	return 0;
}

/* The kernel takes one line in each write, and says in info/last_cmd_status what was wrong. */
static int write_schemata(int root_fd, int group_fd, const char *wanted, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *status = NULL;

	while (*wanted) {
		cleanup_free char *line = xstrndup(wanted, strcspn(wanted, "\n") + 1);

		wanted += strlen(line);
		if (file_poke_at(group_fd, "schemata", line, err) == 0)
			continue;
		if (file_read_at(root_fd, "info/last_cmd_status", SCHEMATA_MAX, &status, &ignored) >
			0)
			error_hint(err, "%.*s", (int)strcspn(status, "\n"), status);
		return -1;
	}
	return 0;
}

/* 1 made, 0 it was there. */
static int make_group(int root_fd, const char *group, bool may_make, struct error **err)
{
	if (strcmp(group, ".") == 0)
		return 0;
	if (!may_make && faccessat(root_fd, group, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return error_new(err, ERROR_INVALID,
			"closID '%s' is no group, and no schema says how to make one", group);
	if (mkdirat(root_fd, group, 0755) == 0)
		return 1;
	if (errno == EEXIST)
		return 0;
	error_sys(err, "make group '%s'", group);
	if (error_errno(*err) == ENOSPC)
		error_hint(err, "the processor has no more classes of service");
	return -1;
}

static int enter(int group_fd, pid_t pid, struct error **err)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	return file_poke_at(group_fd, "tasks", number, err);
}

static int monitor(int group_fd, const char *id, pid_t pid, struct error **err)
{
	cleanup_free char *path = xasprintf("mon_groups/%s", id);
	cleanup_close int fd = -1;

	if (mkdirat(group_fd, path, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "make monitoring group '%s'", id);
	fd = openat(group_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, "open monitoring group '%s'", id) : enter(fd, pid, err);
}

static int set_up(int root_fd, const char *group, bool made, const char *wanted, struct error **err)
{
	cleanup_close int fd =
		openat(root_fd, group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open group '%s'", group);
	if ((made ? write_schemata(root_fd, fd, wanted, err) : check_existing(fd, wanted, err)) < 0)
		return -1;
	return take_fd(&fd);
}

static int enter_groups(int group_fd, const struct spec_intel_rdt *rdt, const char *id, pid_t pid,
	struct error **err)
{
	if (enter(group_fd, pid, err) < 0)
		return -1;
	return rdt->monitoring ? monitor(group_fd, id, pid, err) : 0;
}

/* One that could not be filled is not left behind: the next container of that closID would be told
 * that it is another one, and the processor has few of them. */
static int join(int root_fd, const struct spec_intel_rdt *rdt, const char *id, pid_t pid,
	struct error **err)
{
	cleanup_buf struct buf wanted = BUF_INIT(SCHEMATA_MAX);
	const char *group = group_of(rdt, id);
	cleanup_close int group_fd = -1;
	int made;

	wanted_lines(rdt, &wanted);
	if (buf_check(&wanted, "linux.intelRdt.schemata", err) < 0)
		return -1;
	made = make_group(root_fd, group, !rdt->clos_id || wanted.length > 0, err);
	if (made < 0)
		return -1;
	group_fd = set_up(root_fd, group, made, buf_text(&wanted), err);
	if (group_fd >= 0 && enter_groups(group_fd, rdt, id, pid, err) == 0)
		return 0;
	if (made)
		(void)unlinkat(root_fd, group, AT_REMOVEDIR);
	return -1;
}

int rdt_join(int root_fd, const struct spec *spec, const char *id, pid_t pid, struct error **err)
{
	if (join(root_fd, &spec->rdt, id, pid, err) < 0)
		return error_as(err, ERROR_INVALID, "linux.intelRdt");
	return 0;
}

int rdt_apply(const struct spec *spec, const char *id, pid_t pid, struct error **err)
{
	cleanup_close int root_fd = -1;

	if (!spec->rdt.set)
		return 0;
	if (!id)
		return error_new(err, ERROR_INVALID, "linux.intelRdt: the container has no id");
	root_fd = open(RDT_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_sys(err, "open " RDT_ROOT);
	return rdt_join(root_fd, spec, id, pid, err);
}

int rdt_remove(const struct spec *spec, const char *id, struct error **err)
{
	const struct spec_intel_rdt *rdt = &spec->rdt;
	cleanup_free char *path = NULL;

	if (!rdt->set || (rdt->clos_id && !rdt->monitoring))
		return 0;
	/* One with a name of its own may be others' as well: it stays, as the group of counters
	 * does not. */
	path = rdt->clos_id ? xasprintf(RDT_ROOT "/%s/mon_groups/%s", group_of(rdt, id), id)
			    : xasprintf(RDT_ROOT "/%s", id);
	if (rmdir(path) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", path);
	return 0;
}
