/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/moment.h"
#include "engine/container.h"
#include "monitor/log.h"

struct logs_opts {
	bool details, follow, timestamps;
	const char *since, *until, *tail;
};

static const struct cli_flag logs_flags[] = {
	{ 0, "details", NULL, "Show extra details provided to logs", CLI_BOOL,
		CLI_AT(logs_opts, details, bool), false },
	{ 'f', "follow", NULL, "Follow log output", CLI_BOOL, CLI_AT(logs_opts, follow, bool),
		false },
	{ 0, "since", "string",
		"Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. "
		"\"42m\" for 42 minutes)",
		CLI_STRING, CLI_AT(logs_opts, since, const char *), false },
	{ 'n', "tail", "string",
		"Number of lines to show from the end of the logs (default \"all\")", CLI_STRING,
		CLI_AT(logs_opts, tail, const char *), false },
	{ 't', "timestamps", NULL, "Show timestamps", CLI_BOOL, CLI_AT(logs_opts, timestamps, bool),
		false },
	{ 0, "until", "string",
		"Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. "
		"\"42m\" for 42 minutes)",
		CLI_STRING, CLI_AT(logs_opts, until, const char *), false },
	{},
};

struct reading {
	const struct logs_opts *opts;
	struct engine *engine;
	char id[ID_MAX];
	int stream; /* of the last line */
};

/* Both streams may be one file: what was written to one goes out before the other's line. */
static int print_line(const struct log_line *line, void *arg)
{
	struct reading *reading = arg;
	FILE *out = line->stream == 2 ? stderr : stdout;
	char time[CLOCK_TEXT_MAX];

	if (reading->stream != line->stream)
		fflush(reading->stream == 2 ? stderr : stdout);
	reading->stream = line->stream;
	if (reading->opts->timestamps)
		fprintf(out, "%s ", clock_text(line->time_ns, time));
	if (reading->opts->details)
		fputc(' ', out); /* behind the details, of which there are none */
	fwrite(line->data, 1, line->length, out);
	if (reading->opts->follow)
		fflush(out);
	return ferror(out) ? 1 : 0;
}

static int has_ended(void *arg)
{
	const struct reading *reading = arg;

	return !container_is_running(reading->engine, reading->id);
}

static int parse_query(const struct logs_opts *opts, struct log_query *ret, struct error **err)
{
	int64_t now = clock_now_ns();
	char *end;

	*ret = (struct log_query){ .follow = opts->follow, .tail = -1 };
	if (opts->tail && strcmp(opts->tail, "all") != 0) {
		ret->tail = strtoll(opts->tail, &end, 10);
		if (end == opts->tail || *end) {
			error_new(err, ERROR_INVALID, "invalid number of lines: '%s'", opts->tail);
			return error_hint(err, "write -n 100, or -n all");
		}
	}
	if (opts->since && moment_parse(opts->since, now, &ret->since_ns, err) < 0)
		return error_wrap(err, "--since");
	if (opts->until && moment_parse(opts->until, now, &ret->until_ns, err) < 0)
		return error_wrap(err, "--until");
	return 0;
}

static int logs_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	static char buffer[BUFSIZ];
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct reading reading = { .opts = opts_, .engine = &engine, .stream = 1 };
	cleanup_free char *path = NULL;
	struct log_query query;
	int result;

	if (parse_query(opts_, &query, err) < 0 || engine_open(&cli->paths, &engine, err) < 0 ||
		container_log(&engine, args[0], reading.id, &path, err) < 0)
		return -1;
	setvbuf(stderr, buffer, _IOFBF, sizeof(buffer));
	result = log_read(path, &query, print_line, has_ended, &reading, err);
	fflush(stdout);
	fflush(stderr);
	return result < 0 ? -1 : 0;
}

const struct cli_command cmd_logs = {
	.name = "logs",
	.args = "CONTAINER",
	.summary = "Fetch the logs of a container",
	.flags = logs_flags,
	.opts_size = sizeof(struct logs_opts),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.run = logs_run,
};
