/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"

struct ps_opts {
	const char *format;
};

static const struct flag ps_flags[] = {
	{ 'f', "format", "FORMAT", "table or json (default table)", FLAG_TEXT,
		FLAG_AT(ps_opts, format, const char *) },
	{},
};

static bool is_in(const pid_t *pids, ssize_t count, long pid)
{
	for (ssize_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* The number in the column of that index. */
static long column_number(const char *line, int column)
{
	for (; column > 0; column--) {
		line += strspn(line, " ");
		line += strcspn(line, " ");
	}
	return strtol(line, NULL, 10);
}

static int pid_column(const char *titles)
{
	int column = 0;

	for (const char *at = titles + strspn(titles, " "); *at; column++) {
		size_t length = strcspn(at, " \n");

		if (length == 3 && strncmp(at, "PID", 3) == 0)
			return column;
		at += length;
		at += strspn(at, " \n");
	}
	return -1;
}

static FILE *start_ps(char *const *options, pid_t *ret_pid)
{
	static const char *const usual[] = { "-ef", NULL };
	cleanup_strv strv args = NULL;
	int ends[2];
	pid_t pid;

	strv_append(&args, "ps");
	strv_concat(&args, *options ? options : (char *const *)usual);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		execvp("ps", args);
		_exit(127);
	}
	close(ends[1]);
	*ret_pid = pid;
	if (pid < 0) {
		close(ends[0]);
		return NULL;
	}
	return fdopen(ends[0], "r");
}

/* The machine's ps(1), asked as the caller likes, and only the lines of the container's processes.
 */
static int print_table(const pid_t *pids, ssize_t count, char *const *options, struct error **err)
{
	cleanup_free char *line = NULL;
	size_t room = 0;
	pid_t child = -1;
	FILE *out = start_ps(options, &child);
	int column = -1, status = 0;

	if (!out)
		return error_sys(err, "run ps");
	if (getline(&line, &room, out) > 0)
		column = pid_column(line);
	if (column >= 0)
		fputs(line, stdout);
	while (column >= 0 && getline(&line, &room, out) > 0)
		if (is_in(pids, count, column_number(line, column)))
			fputs(line, stdout);
	(void)fclose(out);
	(void)TEMP_FAILURE_RETRY(waitpid(child, &status, 0));
	if (column < 0)
		return error_new(err, ERROR_INVALID, "ps does not print a PID column (code %d)",
			WEXITSTATUS(status));
	return 0;
}

static int ps_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct ps_opts *opts = opts_;
	cleanup_json struct json_object *list = json_object_new_array();
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_state struct state state = STATE_INIT;
	cleanup_free pid_t *pids = NULL;
	cleanup_free char *text = NULL;
	bool json = opts->format && strcmp(opts->format, "json") == 0;
	ssize_t count = 0;

	if (opts->format && !json && strcmp(opts->format, "table") != 0)
		return error_new(err, ERROR_INVALID, "invalid format option '%s'", opts->format);
	if (state_open(runtime, args[0], STATE_LOOK, &state, err) < 0 ||
		state_cgroup(&state, &cgroup, err) < 0)
		return -1;
	if (cgroup)
		count = cgroup_pids(cgroup, &pids, err);
	if (count < 0)
		return -1;
	if (!json)
		return print_table(pids, count, args + 1, err);
	for (ssize_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_int(pids[i]));
	text = json_compact(list);
	printf("%s\n", text);
	return 0;
}

const struct command oci_ps = {
	.name = "ps",
	.args = "CONTAINER [PS-OPTION...]",
	.summary = "List a container's processes",
	.flags = ps_flags,
	.opts_size = sizeof(struct ps_opts),
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.run = ps_run,
};
