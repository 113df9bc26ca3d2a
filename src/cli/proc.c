/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#define PROC_FILE_MAX (256UL * 1024)
#define PROCS_MAX 100000

/* A file of a process, or NULL: it may end at any moment. */
static char *read_file(int proc_fd, const char *pid, const char *name, ssize_t *ret_length)
{
	cleanup_error struct error *gone = NULL;
	cleanup_free char *path = xasprintf("%s/%s", pid, name);
	char *text = NULL;

	*ret_length = file_read_at(proc_fd, path, PROC_FILE_MAX, &text, &gone);
	return *ret_length < 0 ? NULL : text;
}

/* The name in parentheses may hold anything, so fields count from the last one. */
static bool parse_stat(const char *stat, struct proc *proc)
{
	const char *rest = strrchr(stat, ')');
	unsigned long user = 0, system = 0;
	unsigned long long start = 0;

	if (!rest ||
		sscanf(rest + 1,
			" %*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
			"%*d %llu",
			&proc->parent, &proc->terminal, &user, &system, &start) != 5)
		return false;
	proc->ticks = user + system;
	proc->start_ticks = start;
	return true;
}

static char *command_of(int proc_fd, const char *pid, const char *stat)
{
	ssize_t length;
	char *text = read_file(proc_fd, pid, "cmdline", &length);
	const char *open = strchr(stat, '('), *close = strrchr(stat, ')');

	if (text && length > 0) {
		for (ssize_t i = 0; i < length - 1; i++)
			if (!text[i])
				text[i] = ' ';
		return text;
	}
	free(text);
	if (!open || !close || close < open)
		return xstrdup("[]");
	return xasprintf("[%.*s]", (int)(close - open - 1), open + 1);
}

static bool describe(int proc_fd, const char *pid, struct proc *ret)
{
	ssize_t length;
	cleanup_free char *stat = read_file(proc_fd, pid, "stat", &length);
	struct proc proc = { .pid = (pid_t)strtol(pid, NULL, 10) };
	struct stat owner;

	if (!stat || !parse_stat(stat, &proc) || fstatat(proc_fd, pid, &owner, 0) < 0)
		return false;
	proc.uid = owner.st_uid;
	proc.command = command_of(proc_fd, pid, stat);
	*ret = proc;
	return true;
}

static bool is_in(int proc_fd, const char *pid, const char *text)
{
	ssize_t length;
	cleanup_free char *cgroup = read_file(proc_fd, pid, "cgroup", &length);

	return cgroup && strstr(cgroup, text);
}

static int by_pid(const void *a, const void *b)
{
	const struct proc *left = a, *right = b;

	return left->pid < right->pid ? -1 : left->pid > right->pid;
}

int procs_of_cgroup(const char *text, struct proc **ret, size_t *ret_count, struct error **err)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	struct proc *procs = NULL;
	size_t count = 0;

	if (!dir)
		return error_sys(err, "open /proc");
	while (count < PROCS_MAX &&
		(entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!is_in(dirfd(dir), entry->d_name, text))
			continue;
		procs = xrealloc(procs, count + 1, sizeof(*procs));
		if (describe(dirfd(dir), entry->d_name, &procs[count]))
			count++;
	}
	closedir(dir);
	if (count > 0)
		qsort(procs, count, sizeof(*procs), by_pid);
	*ret = procs;
	*ret_count = count;
	return 0;
}

void procs_free(struct proc *procs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(procs[i].command);
	free(procs);
}
