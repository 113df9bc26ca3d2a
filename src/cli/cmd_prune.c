/* SPDX-License-Identifier: Apache-2.0 */
/* prune of containers, images, volumes and cached steps, and of all of them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/moment.h"
#include "engine/prune.h"

#define REALLY "Are you sure you want to continue? [y/N] "

struct prune_opts {
	bool all, force, volumes;
	strv filters;
};

/* ---- filters ---- */

static const char *const filters_common[] = { "label", "label!", "until", NULL };
static const char *const filters_volumes[] = { "all", "label", "label!", NULL };

struct matching {
	char *const *labels;
	int64_t created_ns;
};

struct pruning {
	char *const *filters;
	int64_t until_ns; /* 0: none */
};

static bool match(const char *key, const char *value, void *arg)
{
	const struct matching *matching = arg;

	if (strcmp(key, "label") == 0)
		return filter_label(matching->labels, value);
	if (strcmp(key, "label!") == 0)
		return !filter_label(matching->labels, value);
	return true; /* until, all: looked at elsewhere */
}

static bool is_wanted(char *const *labels, int64_t created_ns, void *arg)
{
	const struct pruning *pruning = arg;
	struct matching matching = { labels, created_ns };

	/* A time in the future is a clock that went wrong: kept. */
	if (pruning->until_ns && created_ns >= pruning->until_ns)
		return false;
	return filter_match(pruning->filters, match, &matching);
}

static int open_filters(const struct prune_opts *opts, const char *const *known,
	struct pruning *ret, struct error **err)
{
	const char *until = filter_value(opts->filters, "until", 0);

	ret->filters = opts->filters;
	if (filter_check(opts->filters, known, err) < 0)
		return -1;
	return until ? moment_parse(until, clock_now_ns(), &ret->until_ns, err) : 0;
}

/* ---- what is printed ---- */

static void print_removed(const char *title, char *const *removed)
{
	if (!removed || !*removed)
		return;
	printf("%s:\n", title);
	for (; *removed; removed++)
		puts(*removed);
	putchar('\n');
}

static void print_space(int64_t bytes)
{
	char text[CLOCK_TEXT_MAX];

	printf("Total reclaimed space: %s\n", size_human((uint64_t)bytes, text));
}

typedef int (*prune_function)(struct engine *engine, const struct prune *prune,
	struct prune_report *ret, struct error **err);

static int prune_some(struct engine *engine, prune_function function, const struct prune *prune,
	const char *title, int64_t *sum, struct error **err)
{
	cleanup_prune_report struct prune_report report = { 0 };

	if (function(engine, prune, &report, err) < 0)
		return -1;
	print_removed(title, report.removed);
	*sum += report.reclaimed;
	return 0;
}

static int prune_one(struct cli *cli, const struct prune_opts *opts, const char *const *known,
	prune_function function, const char *title, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct pruning pruning = { 0 };
	struct prune prune = { .all = opts->all, .wanted = is_wanted, .arg = &pruning };
	int64_t sum = 0;

	if (open_filters(opts, known, &pruning, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0 ||
		prune_some(&engine, function, &prune, title, &sum, err) < 0)
		return -1;
	print_space(sum);
	return 0;
}

/* ---- the commands ---- */

static int container_prune_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct prune_opts *opts = opts_;

	(void)args;
	if (!opts->force &&
		!cli_confirm("WARNING! This will remove all stopped containers.\n" REALLY))
		return 1;
	return prune_one(cli, opts, filters_common, containers_prune, "Deleted Containers", err);
}

static int image_prune_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct prune_opts *opts = opts_;

	(void)args;
	if (!opts->force &&
		!cli_confirm(opts->all ? "WARNING! This will remove all images without at least "
					 "one container associated to them.\n" REALLY
				       : "WARNING! This will remove all dangling images.\n" REALLY))
		return 1;
	return prune_one(cli, opts, filters_common, images_prune, "Deleted Images", err);
}

static int volume_prune_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	struct prune_opts opts = *(const struct prune_opts *)opts_;
	const char *all = filter_value(opts.filters, "all", 0);

	(void)args;
	if (all && (strcmp(all, "1") == 0 || strcmp(all, "true") == 0))
		opts.all = true;
	if (!opts.force &&
		!cli_confirm(opts.all
				     ? "WARNING! This will remove all local volumes not used by at "
				       "least one container.\n" REALLY
				     : "WARNING! This will remove anonymous local volumes not used "
				       "by at least one container.\n" REALLY))
		return 1;
	return prune_one(cli, &opts, filters_volumes, volumes_prune, "Deleted Volumes", err);
}

static int builder_prune_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct prune_opts *opts = opts_;

	(void)args;
	if (!opts->force &&
		!cli_confirm(opts->all ? "WARNING! This will remove all build cache. " REALLY
				       : "WARNING! This will remove all dangling build "
					 "cache. " REALLY))
		return 1;
	return prune_one(
		cli, opts, filters_common, cache_prune, "Deleted build cache objects", err);
}

static bool confirm_system(const struct prune_opts *opts)
{
	cleanup_free char *filters = opts->filters ? strv_join(opts->filters, "\n  - ") : NULL;
	cleanup_free char *text = xasprintf("WARNING! This will remove:\n"
					    "  - all stopped containers\n"
					    "  - all networks not used by at least one container\n"
					    "%s"
					    "  - %s\n"
					    "  - %s\n"
					    "%s%s%s"
					    "\n" REALLY,
		opts->volumes ? "  - all anonymous volumes not used by at least one container\n"
			      : "",
		opts->all ? "all images without at least one container associated to them"
			  : "all dangling images",
		opts->all ? "all build cache" : "unused build cache",
		filters ? "\n  Items to be pruned will be filtered with:\n  - " : "",
		filters ? filters : "", filters ? "\n" : "");

	return cli_confirm(text);
}

/* A build that goes on keeps its cache, and the rest of a prune from nothing. */
static int prune_cache_if_idle(
	struct engine *engine, const struct prune *prune, int64_t *sum, struct error **err)
{
	if (prune_some(engine, cache_prune, prune, "Deleted build cache objects", sum, err) == 0)
		return 0;
	if (error_kind(*err) != ERROR_CONFLICT)
		return -1;
	(void)fprintf(stderr, "The build cache was left alone: %s\n", error_message(*err));
	error_free(take_ptr(*err));
	return 0;
}

/* Containers first: what they used may go then. */
static int prune_system(struct engine *engine, const struct prune_opts *opts,
	struct pruning *pruning, struct error **err)
{
	const struct prune prune = { .all = opts->all, .wanted = is_wanted, .arg = pruning };
	const struct prune anonymous = { .wanted = is_wanted, .arg = pruning };
	int64_t sum = 0;
	int result = prune_some(engine, containers_prune, &prune, "Deleted Containers", &sum, err);

	if (result == 0 && opts->volumes)
		result =
			prune_some(engine, volumes_prune, &anonymous, "Deleted Volumes", &sum, err);
	if (result == 0)
		result = prune_some(engine, images_prune, &prune, "Deleted Images", &sum, err);
	if (result == 0)
		result = prune_cache_if_idle(engine, &prune, &sum, err);
	if (result == 0)
		print_space(sum);
	return result;
}

static int system_prune_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct prune_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct pruning pruning = { 0 };

	(void)args;
	if (open_filters(opts, filters_common, &pruning, err) < 0)
		return -1;
	if (opts->volumes && pruning.until_ns)
		return error_new(err, ERROR_INVALID,
			"The \"until\" filter is not supported with \"--volumes\"");
	if (!opts->force && !confirm_system(opts))
		return 1;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return prune_system(&engine, opts, &pruning, err);
}

/* ---- tables ---- */

#define FLAG_ALL(help) \
	{ \
		'a', "all", NULL, help, CLI_BOOL, CLI_AT(prune_opts, all, bool), false \
	}
#define FLAG_FILTER(help) \
	{ \
		0, "filter", "filter", help, CLI_LIST, CLI_AT(prune_opts, filters, strv), false \
	}
#define FLAG_FORCE \
	{ \
		'f', "force", NULL, "Do not prompt for confirmation", CLI_BOOL, \
			CLI_AT(prune_opts, force, bool), false \
	}

static const struct cli_flag container_flags[] = {
	FLAG_FILTER("Provide filter values (e.g. \"until=<timestamp>\")"), FLAG_FORCE, {}
};
static const struct cli_flag image_flags[] = {
	FLAG_ALL("Remove all unused images, not just dangling ones"),
	FLAG_FILTER("Provide filter values (e.g. \"until=<timestamp>\")"), FLAG_FORCE, {}
};
static const struct cli_flag volume_flags[] = {
	FLAG_ALL("Remove all unused volumes, not just anonymous ones"),
	FLAG_FILTER("Provide filter values (e.g. \"label=<label>\")"), FLAG_FORCE, {}
};
static const struct cli_flag builder_flags[] = {
	FLAG_ALL("Remove all unused build cache, not just dangling ones"),
	FLAG_FILTER("Provide filter values (e.g. \"until=24h\")"), FLAG_FORCE, {}
};
static const struct cli_flag system_flags[] = {
	FLAG_ALL("Remove all unused images not just dangling ones"),
	FLAG_FILTER("Provide filter values (e.g. \"label=<key>=<value>\")"), FLAG_FORCE,
	{ 0, "volumes", NULL, "Prune anonymous volumes", CLI_BOOL,
		CLI_AT(prune_opts, volumes, bool), false },
	{}
};

#define PRUNE_BODY \
	.name = "prune", .args = "", .opts_size = sizeof(struct prune_opts), \
	.complete = COMPLETE_NOTHING

const struct cli_command cmd_container_prune = { PRUNE_BODY,
	.summary = "Remove all stopped containers", .flags = container_flags,
	.run = container_prune_run };
const struct cli_command cmd_image_prune = { PRUNE_BODY, .summary = "Remove unused images",
	.flags = image_flags, .run = image_prune_run };
const struct cli_command cmd_volume_prune = { PRUNE_BODY, .summary = "Remove unused local volumes",
	.flags = volume_flags, .run = volume_prune_run };
const struct cli_command cmd_builder_prune = { PRUNE_BODY, .summary = "Remove build cache",
	.flags = builder_flags, .run = builder_prune_run };
const struct cli_command cmd_system_prune = { PRUNE_BODY, .summary = "Remove unused data",
	.flags = system_flags, .run = system_prune_run };
