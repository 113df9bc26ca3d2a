/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "engine/container.h"

#define INTERVAL_NS 1000000000L

struct stats_opts {
	bool all, no_stream, no_trunc;
	const char *format;
};

static const struct cli_flag stats_flags[] = {
	{ 'a', "all", NULL, "Show all containers (default shows just running)", CLI_BOOL,
		CLI_AT(stats_opts, all, bool), false },
	{ 0, "format", "string",
		"Format output: 'table', 'table TEMPLATE', 'json', or a Go template 'TEMPLATE'",
		CLI_STRING, CLI_AT(stats_opts, format, const char *), false },
	{ 0, "no-stream", NULL, "Disable streaming stats and only pull the first result", CLI_BOOL,
		CLI_AT(stats_opts, no_stream, bool), false },
	{ 0, "no-trunc", NULL, "Do not truncate output", CLI_BOOL,
		CLI_AT(stats_opts, no_trunc, bool), false },
	{},
};

static const struct format_column columns[] = {
	{ "BlockIO", "BLOCK I/O" },
	{ "CPUPerc", "CPU %" },
	{ "Container", "CONTAINER" },
	{ "ID", "CONTAINER ID" },
	{ "MemPerc", "MEM %" },
	{ "MemUsage", "MEM USAGE / LIMIT" },
	{ "Name", "NAME" },
	{ "NetIO", "NET I/O" },
	{ "PIDs", "PIDS" },
	{},
};
static const struct format_kind stats_kind = {
	.table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
		 "{{.BlockIO}}\t{{.PIDs}}",
	.columns = columns,
	.host = { .type = "statistics" },
};

struct sample {
	char id[ID_MAX];
	char *name;
	int64_t time_ns;
	struct cgroup_stats stats;
	uint64_t received, sent;
};
struct samples {
	struct sample *items;
	size_t count;
};

struct sampling {
	struct engine *engine;
	const struct stats_opts *opts;
	strv ids; /* of names */
	struct samples samples;
};

static void samples_done(struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		free(samples->items[i].name);
	free(samples->items);
	*samples = (struct samples){ 0 };
}

static int take_sample(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct sampling *sampling = arg;
	struct samples *samples = &sampling->samples;
	cleanup_error struct error *gone = NULL;
	struct sample sample = { .time_ns = clock_monotonic_ns() };

	(void)status;
	if (sampling->ids && !strv_contains(sampling->ids, row->id))
		return 0;
	if (container_stats(sampling->engine, row->id, &sample.stats, &sample.received,
		    &sample.sent, &gone) < 0)
		return 0; /* it ended between the two looks */
	memcpy(sample.id, row->id, sizeof(sample.id));
	sample.name = xstrdup(row->name);
	samples->items = xrealloc(samples->items, samples->count + 1, sizeof(sample));
	samples->items[samples->count++] = sample;
	return 0;
}

static int take_samples(struct sampling *sampling, struct error **err)
{
	sampling->samples = (struct samples){ 0 };
	return container_each(
		sampling->engine, sampling->opts->all || sampling->ids, take_sample, sampling, err);
}

static const struct sample *find_sample(const struct samples *samples, const char *id)
{
	for (size_t i = 0; i < samples->count; i++)
		if (strcmp(samples->items[i].id, id) == 0)
			return &samples->items[i];
	return NULL;
}

static void put_text(struct json_object *object, const char *key, char *text)
{
	json_put_text(object, key, text);
	free(text);
}

static uint64_t host_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ? 0 : (uint64_t)info.totalram * info.mem_unit;
}

static double cpu_percent(const struct sample *now, const struct sample *before)
{
	int64_t elapsed = before ? now->time_ns - before->time_ns : 0;

	if (elapsed <= 0 || now->stats.cpu_usage_ns < before->stats.cpu_usage_ns)
		return 0;
	return (double)(now->stats.cpu_usage_ns - before->stats.cpu_usage_ns) * 100 /
	       (double)elapsed;
}

static void put_memory(struct json_object *object, const struct sample *sample)
{
	const struct cgroup_stats *stats = &sample->stats;
	uint64_t host = host_memory(), used = stats->memory_usage, limit;
	char usage[CLOCK_TEXT_MAX], most[CLOCK_TEXT_MAX];

	/* What the kernel would give back at once is not counted, as docker has it. */
	used -= stats->memory_inactive_file < used ? stats->memory_inactive_file : 0;
	limit = stats->memory_limit < host ? stats->memory_limit : host;
	put_text(object, "MemPerc",
		xasprintf("%.2f%%", limit > 0 ? (double)used * 100 / (double)limit : 0.0));
	put_text(object, "MemUsage",
		xasprintf("%s / %s", size_binary(used, usage), size_binary(limit, most)));
}

static char *two_sizes(uint64_t first, uint64_t second)
{
	char left[CLOCK_TEXT_MAX], right[CLOCK_TEXT_MAX];

	return xasprintf("%s / %s", size_human(first, left), size_human(second, right));
}

static struct json_object *stats_row(
	const struct stats_opts *opts, const struct sample *sample, const struct sample *before)
{
	struct json_object *object = json_object_new_object();
	const struct cgroup_stats *stats = &sample->stats;
	int id_length = opts->no_trunc ? ID_LENGTH : ID_SHORT;

	put_text(object, "BlockIO", two_sizes(stats->io_read_bytes, stats->io_write_bytes));
	put_text(object, "CPUPerc", xasprintf("%.2f%%", cpu_percent(sample, before)));
	put_text(object, "Container", xasprintf("%.*s", id_length, sample->id));
	put_text(object, "ID", xasprintf("%.*s", id_length, sample->id));
	put_memory(object, sample);
	json_put_text(object, "Name", sample->name);
	put_text(object, "NetIO", two_sizes(sample->received, sample->sent));
	put_text(object, "PIDs", xasprintf("%" PRIu64, stats->pids_current));
	return object;
}

static int print_samples(const struct sampling *sampling, struct format *format,
	const struct samples *before, struct error **err)
{
	for (size_t i = 0; i < sampling->samples.count; i++) {
		const struct sample *sample = &sampling->samples.items[i];
		cleanup_json struct json_object *row =
			stats_row(sampling->opts, sample, find_sample(before, sample->id));

		if (format_row(format, row, NULL, err) < 0)
			return -1;
	}
	if (!sampling->opts->no_stream && isatty(STDOUT_FILENO))
		fputs("\033[2J\033[H", stdout); /* clear, and go to the top */
	if (format_print(format, stdout, err) < 0)
		return -1;
	return fflush(stdout) == 0 ? 0 : error_sys(err, "write output");
}

static int watch(struct sampling *sampling, struct format *format, struct error **err)
{
	const struct timespec interval = { INTERVAL_NS / 1000000000L, INTERVAL_NS % 1000000000L };
	int result = take_samples(sampling, err);

	while (result == 0) {
		struct samples before = sampling->samples;

		nanosleep(&interval, NULL);
		result = take_samples(sampling, err);
		if (result == 0)
			result = print_samples(sampling, format, &before, err);
		samples_done(&before);
		if (sampling->opts->no_stream)
			break;
	}
	samples_done(&sampling->samples);
	return result;
}

static int stats_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct stats_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_format struct format *format = NULL;
	cleanup_strv strv ids = NULL;
	struct sampling sampling = { .engine = &engine, .opts = opts };
	char id[ID_MAX];

	if (format_open(opts->format, &stats_kind, &format, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	for (; *names; names++) {
		if (container_resolve(&engine, *names, id, err) < 0)
			return -1;
		strv_append(&ids, id);
	}
	sampling.ids = ids;
	return watch(&sampling, format, err);
}

const struct cli_command cmd_stats = {
	.name = "stats",
	.args = "[CONTAINER...]",
	.summary = "Display a live stream of container(s) resource usage statistics",
	.flags = stats_flags,
	.opts_size = sizeof(struct stats_opts),
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.run = stats_run,
};
