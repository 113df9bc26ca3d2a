/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `top` prints `ps -ef` of a container's processes, by our own reading of /proc. Other options of
 * ps(1) are the host's ps to answer; of its lines those with a pid of the container are shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/spawn.h"
#include "cli/commands.h"
#include "cli/proc.h"
#include "cli/table.h"
#include "engine/container.h"

#define PS_OUTPUT_MAX BUF_LARGE

extern char **environ;

static const struct cli_flag no_flags[] = { {} };

static void put_user(struct buf *out, uid_t uid)
{
	FILE *users = fopen("/etc/passwd", "re");
	const struct passwd *user = NULL;

	/* The file itself: a static program has no access to other sources of names. */
	while (users && (user = fgetpwent(users)) != NULL) // NOLINT(concurrency-mt-unsafe)
		if (user->pw_uid == uid)
			break;
	if (user)
		buf_puts(out, user->pw_name);
	else
		buf_printf(out, "%u", uid);
	if (users)
		(void)fclose(users);
}

static void put_terminal(struct buf *out, int device)
{
	unsigned int major_number = major((dev_t)device), minor_number = minor((dev_t)device);

	if (device == 0)
		buf_puts(out, "?");
	else if (major_number >= 136 && major_number <= 143) /* Unix98 terminals */
		buf_printf(out, "pts/%u", minor_number + (major_number - 136) * 256);
	else if (major_number == 4)
		buf_printf(out, "tty%u", minor_number);
	else
		buf_printf(out, "%u,%u", major_number, minor_number);
}

/* The hour of today, else the day. */
static void put_start(struct buf *out, time_t started, time_t now)
{
	struct tm tm, today;
	char text[16];
	bool same_day;

	localtime_r(&started, &tm);
	localtime_r(&now, &today);
	same_day = tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year;
	if (strftime(text, sizeof(text), same_day ? "%H:%M" : "%b%d", &tm) > 0)
		buf_puts(out, text);
}

static void put_proc(struct buf *out, const struct proc *proc, double uptime)
{
	double per_second = (double)sysconf(_SC_CLK_TCK);
	double used = (double)proc->ticks / per_second;
	double age = uptime - (double)proc->start_ticks / per_second;
	unsigned long seconds = (unsigned long)used;
	time_t now = (time_t)(clock_now_ns() / 1000000000);

	put_user(out, proc->uid);
	buf_printf(out, "\t%d\t%d\t%d\t", proc->pid, proc->parent,
		age > 0 ? (int)(100 * used / age) : 0);
	put_start(out, now - (time_t)age, now);
	buf_putc(out, '\t');
	put_terminal(out, proc->terminal);
	buf_printf(out, "\t%02lu:%02lu:%02lu\t%s\n", seconds / 3600, seconds / 60 % 60,
		seconds % 60, proc->command);
}

static double uptime_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int print_own(const struct proc *procs, size_t count, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);

	buf_puts(&out, "UID\tPID\tPPID\tC\tSTIME\tTTY\tTIME\tCMD\n");
	for (size_t i = 0; i < count; i++)
		put_proc(&out, &procs[i], uptime_now());
	if (buf_check(&out, "the list of processes", err) < 0)
		return -1;
	table_print(stdout, buf_text(&out), 20);
	return 0;
}

/* ---- through ps(1) ---- */

static int run_ps(char *const *args, char **ret, struct error **err)
{
	cleanup_strv strv argv = NULL;
	posix_spawn_file_actions_t actions;
	cleanup_close int read_fd = -1, write_fd = -1;
	int ends[2], status = 0, failed;
	pid_t pid;

	strv_append(&argv, "ps");
	strv_concat(&argv, args);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	read_fd = ends[0];
	write_fd = ends[1];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
	failed = posix_spawnp(&pid, "ps", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (failed) {
		errno = failed;
		return error_sys(err, "run ps");
	}
	close_fd(take_fd(&write_fd));
	if (file_read_fd(read_fd, "the output of ps", PS_OUTPUT_MAX, ret, err) < 0)
		return -1;
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (status != 0)
		return error_new(err, ERROR_INVALID, "ps does not know these options");
	return 0;
}

/* The n-th word of a line, as a number; -1 when it is none. */
static long word_number(const char *line, int n)
{
	char *end;
	long number;

	for (; n >= 0; n--) {
		line += strspn(line, " ");
		if (n > 0)
			line += strcspn(line, " ");
	}
	number = strtol(line, &end, 10);
	return end == line ? -1 : number;
}

static int pid_column(const char *header)
{
	cleanup_strv strv words = strv_split(header, ' ');
	int column = 0;

	for (size_t i = 0; words[i]; i++) {
		if (strcmp(words[i], "PID") == 0)
			return column;
		column += words[i][0] != '\0';
	}
	return -1;
}

/* As a row of a table with that many columns; the last takes the rest of the line. */
static void put_row(struct buf *out, const char *line, int columns)
{
	for (int i = 1; i < columns; i++) {
		size_t length;

		line += strspn(line, " ");
		length = strcspn(line, " ");
		buf_append(out, line, length);
		buf_putc(out, '\t');
		line += length;
	}
	buf_printf(out, "%s\n", line + strspn(line, " "));
}

static int count_words(const char *line)
{
	int count = 0;

	for (line += strspn(line, " "); *line; line += strspn(line, " ")) {
		line += strcspn(line, " ");
		count++;
	}
	return count;
}

static int print_ps(const struct proc *procs, size_t count, char *const *args, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);
	cleanup_free char *text = NULL;
	cleanup_strv strv lines = NULL;
	int column, columns;

	if (run_ps(args, &text, err) < 0)
		return -1;
	lines = strv_split(text, '\n');
	column = pid_column(lines[0]);
	if (column < 0) {
		error_new(err, ERROR_INVALID, "Couldn't find PID field in ps output");
		return error_hint(err, "let ps print pids: add 'pid' to its -o list");
	}
	columns = count_words(lines[0]);
	put_row(&out, lines[0], columns);
	for (size_t i = 1; lines[i]; i++) {
		long pid = word_number(lines[i], column);

		for (size_t k = 0; k < count; k++)
			if (procs[k].pid == pid)
				put_row(&out, lines[i], columns);
	}
	if (buf_check(&out, "the output of ps", err) < 0)
		return -1;
	table_print(stdout, buf_text(&out), 20);
	return 0;
}

static int top_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct proc *procs = NULL;
	char id[ID_MAX];
	size_t count = 0;
	int result;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0 ||
		container_resolve(&engine, args[0], id, err) < 0)
		return -1;
	if (!container_is_running(&engine, id)) {
		error_new(err, ERROR_CONFLICT, "container %s is not running", id);
		return error_hint(err, "start it first");
	}
	if (procs_of_cgroup(id, &procs, &count, err) < 0)
		return -1;
	result = args[1] ? print_ps(procs, count, args + 1, err) : print_own(procs, count, err);
	procs_free(procs, count);
	return result;
}

const struct cli_command cmd_top = {
	.name = "top",
	.args = "CONTAINER [ps OPTIONS]",
	.summary = "Display the running processes of a container",
	.flags = no_flags,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.complete = COMPLETE_RUNNING,
	.run = top_run,
};
