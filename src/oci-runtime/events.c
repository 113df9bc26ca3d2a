/* SPDX-License-Identifier: Apache-2.0 */
/* What a container uses, as lines of JSON, and when its memory ran out. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"
#include "oci-runtime/stats_json.h"

#define INTERVAL_DEFAULT_MS 5000

struct events_opts {
	const char *interval;
	bool stats;
};

static const struct flag events_flags[] = {
	{ 0, "stats", NULL, "print what it uses once, and end", FLAG_BOOL,
		FLAG_AT(events_opts, stats, bool) },
	{ 0, "interval", "SECONDS", "time between two lines (default 5s)", FLAG_TEXT,
		FLAG_AT(events_opts, interval, const char *) },
	{},
};

/* Takes data over, which may be NULL. */
static int print_event(const char *type, const char *id, struct json_object *data)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	cleanup_free char *text = NULL;

	json_put_text(obj, "type", type);
	json_put_text(obj, "id", id);
	if (data)
		json_put(obj, "data", data);
	text = json_compact(obj);
	printf("%s\n", text);
	return fflush(stdout);
}

static int print_stats(struct cgroup *cgroup, const char *id, struct error **err)
{
	struct json_object *data = stats_json(cgroup, err);

	if (!data)
		return -1;
	return print_event("stats", id, data) < 0 ? error_sys(err, "standard output") : 0;
}

/* "5s", "100ms", "1m", or seconds. */
static int interval_ms(const char *text, int *ret, struct error **err)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
	char *end = NULL;
	double value = text ? strtod(text, &end) : 0;

	*ret = INTERVAL_DEFAULT_MS;
	if (!text)
		return 0;
	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(*units); i++) {
		double ms = value * units[i].ms;

		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (ms >= 1 && ms <= 1e9) {
			*ret = (int)ms;
			return 0;
		}
	}
	return error_new(
		err, ERROR_INVALID, "--interval '%s': a duration greater than 0, such as 5s", text);
}

static int tell_oom(struct cgroup *cgroup, const char *id, uint64_t *told, struct error **err)
{
	uint64_t now = cgroup_oom_count(cgroup);
	bool more = now > *told;

	*told = now;
	if (more && print_event("oom", id, NULL) < 0)
		return error_sys(err, "standard output");
	return 0;
}

/* 1 when the container has ended, 0 when the time is up or memory ran out. */
static int wait_for_news(struct pollfd watched[static 2], int64_t until_ns, struct error **err)
{
	int64_t left = (until_ns - clock_monotonic_ns()) / 1000000;
	int found = poll(watched, 2, left > 0 ? (int)left + 1 : 0);

	if (found < 0 && errno != EINTR)
		return error_sys(err, "wait for the container");
	return found > 0 && watched[0].revents;
}

/* Until the container ends. Without a memory controller there is nothing to tell of memory. */
static int watch(const struct state *state, struct cgroup *cgroup, int interval, struct error **err)
{
	cleanup_error struct error *no_notice = NULL;
	cleanup_close int pidfd = state_pidfd(state, err);
	struct pollfd watched[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = -1 } };
	int64_t next = clock_monotonic_ns();
	uint64_t told;
	int ended = 0;

	if (pidfd < 0)
		return -1;
	watched[1].fd = cgroup_oom_watch(cgroup, &watched[1].events, &no_notice);
	told = cgroup_oom_count(cgroup);
	while (ended == 0) {
		if (clock_monotonic_ns() >= next) {
			if (print_stats(cgroup, state->id, err) < 0)
				return -1;
			next = clock_monotonic_ns() + interval * 1000000LL;
		}
		ended = wait_for_news(watched, next, err);
		if (ended < 0 || tell_oom(cgroup, state->id, &told, err) < 0)
			return -1;
	}
	return 0;
}

static int events_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct events_opts *opts = opts_;
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_state struct state state = STATE_INIT;
	int interval = 0;

	if (interval_ms(opts->interval, &interval, err) < 0 ||
		state_open(runtime, args[0], STATE_LOOK, &state, err) < 0)
		return -1;
	if (state_status(&state) == STATUS_STOPPED)
		return error_new(err, ERROR_CONFLICT, "container not running: '%s'", args[0]);
	if (state_cgroup(&state, &cgroup, err) < 0)
		return -1;
	if (!cgroup)
		return error_new(err, ERROR_UNSUPPORTED, "container '%s' has no cgroup", args[0]);
	if (opts->stats)
		return print_stats(cgroup, state.id, err);
	return watch(&state, cgroup, interval, err);
}

const struct command oci_events = {
	.name = "events",
	.args = "CONTAINER",
	.summary = "Print what a container uses, and that its memory ran out",
	.flags = events_flags,
	.opts_size = sizeof(struct events_opts),
	.min_args = 1,
	.max_args = 1,
	.run = events_run,
};
