/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many processes of a cgroup the kernel's OOM killer has killed.
 *
 * The cgroup's own counter says it, as long as the directory is there. systemd removes a scope's
 * directory as soon as the last process has ended, which is what an OOM kill is apt to lead to, so
 * there is a race to read it: the file is kept open, its notice can be watched (cgroup_oom_fd()),
 * and killing reads it first. When all the same the directory was faster, the kernel's log tells,
 * from where it stood when the scope was started:
 *
 *	6,873,5140900,-;oom-kill:constraint=CONSTRAINT_MEMCG,...,task_memcg=/system.slice/x.scope,...
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/cgroup_internal.h"

#define LOG_RECORD_MAX 8192 /* the kernel's PRINTKRB_RECORD_MAX and more */
#define LOG_RECORDS_MAX 20000
#define FROM_KERNEL 8 /* level and facility below this: not written by a process */

void cgroup_oom_init(struct cgroup *cgroup)
{
	cgroup->log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (cgroup->log_fd >= 0)
		(void)lseek(cgroup->log_fd, 0, SEEK_END);
	(void)cgroup_oom_kills(cgroup);
}

bool cgroup_oom_is_record(const char *record, const char *unit)
{
	static const char key[] = ",task_memcg=";
	const char *text = strchr(record, ';'), *at, *end;
	size_t length = strlen(unit);

	if (!text || strtoul(record, NULL, 10) >= FROM_KERNEL ||
		strncmp(text, ";oom-kill:", 10) != 0)
		return false;
	at = strstr(text, key);
	if (!at)
		return false;
	at += strlen(key);
	end = at + strcspn(at, ",\n");
	for (; at < end && (at = memchr(at, '/', (size_t)(end - at))) != NULL; at++)
		if ((size_t)(end - at) > length && strncmp(at + 1, unit, length) == 0 &&
			strchr("/,\n", at[1 + length]))
			return true;
	return false;
}

/* What the log says since the last time. */
static uint64_t count_logged(struct cgroup *cgroup)
{
	char record[LOG_RECORD_MAX];
	uint64_t count = 0;

	for (int i = 0; cgroup->log_fd >= 0 && i < LOG_RECORDS_MAX; i++) {
		ssize_t length = read(cgroup->log_fd, record, sizeof(record) - 1);

		if (length < 0 && errno == EPIPE)
			continue; /* overwritten: goes on with what is there */
		if (length <= 0)
			break;
		record[length] = '\0';
		count += cgroup_oom_is_record(record, cgroup->unit);
	}
	return count;
}

static void open_counter(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	struct cgroup_file file = { cgroup, hierarchy, "memory.oom_control" };

	if (cgroup->oom_fd >= 0 || !cgroup_is_in(cgroup, hierarchy))
		return;
	if (hierarchy->v2)
		file.name = "memory.events";
	cgroup->oom_fd = cgroup_file_open(&file, O_RDONLY, NULL);
}

uint64_t cgroup_oom_kills(struct cgroup *cgroup)
{
	char text[512];
	uint64_t kills = 0;
	ssize_t length;

	open_counter(cgroup);
	length = cgroup->oom_fd < 0 ? -1 : pread(cgroup->oom_fd, text, sizeof(text) - 1, 0);
	if (length < 0) { /* ENODEV: removed */
		if (cgroup->oom_kills == 0)
			cgroup->oom_kills = count_logged(cgroup);
		return cgroup->oom_kills;
	}
	text[length] = '\0';
	if (cgroup_flat_number(text, "oom_kill", &kills))
		cgroup->oom_kills = kills;
	return cgroup->oom_kills;
}

int cgroup_oom_fd(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];

	/* Read first: only what changes after a read is told. */
	(void)cgroup_oom_kills(cgroup);
	return hierarchy && hierarchy->v2 ? cgroup->oom_fd : -1;
}

/* cgroup-v1/memory.rst, 9 and 10: "<eventfd> <fd of memory.oom_control>" registers. */
static int watch_v1(struct cgroup *cgroup, struct error **err)
{
	const struct cgroup_file control = { cgroup, cgroup->host->of[CONTROLLER_MEMORY],
		"cgroup.event_control" };
	cleanup_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	char text[32];

	if (fd < 0)
		return error_sys(err, "make an eventfd");
	(void)snprintf(text, sizeof(text), "%d %d", fd, cgroup->oom_fd);
	if (cgroup_file_write(&control, text, err) < 0)
		return -1;
	cgroup->watch_fd = take_fd(&fd);
	return 0;
}

int cgroup_oom_watch(struct cgroup *cgroup, short *ret_events, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];

	open_counter(cgroup);
	if (cgroup->oom_fd < 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"'%s' has no memory controller to tell when memory runs out", cgroup->dir);
	if (hierarchy->v2) {
		(void)cgroup_oom_count(cgroup); /* only what changes after a read is told */
		*ret_events = POLLPRI; /* readable it is always */
		return cgroup->oom_fd;
	}
	if (cgroup->watch_fd < 0 && watch_v1(cgroup, err) < 0)
		return -1;
	*ret_events = POLLIN;
	return cgroup->watch_fd;
}

/* The eventfd counts the removal of the cgroup, too, which is not one. */
static void count_v1(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	uint64_t count;

	if (hierarchy && cgroup->watch_fd >= 0 &&
		read(cgroup->watch_fd, &count, sizeof(count)) > 0 &&
		faccessat(hierarchy->root_fd, cgroup->dir, F_OK, 0) == 0)
		cgroup->ooms += count;
}

uint64_t cgroup_oom_count(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	char text[512];
	ssize_t length;

	if (!hierarchy)
		return cgroup->ooms;
	if (!hierarchy->v2) {
		count_v1(cgroup);
		return cgroup->ooms;
	}
	length = cgroup->oom_fd < 0 ? -1 : pread(cgroup->oom_fd, text, sizeof(text) - 1, 0);
	if (length > 0) {
		text[length] = '\0';
		(void)cgroup_flat_number(text, "oom", &cgroup->ooms);
	}
	return cgroup->ooms;
}
