/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: from what was asked to the kernel's files. Most are a row of a table; memory with swap
 * and quota with period come in pairs whose order matters. 0 is "leave as it is", as the OCI
 * runtimes and Docker have it; -1 is unlimited.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/cgroup_internal.h"

#define VALUE_MAX 64

/* What is written for a value, one per form of file. */
typedef void write_value(int64_t value, char ret[static VALUE_MAX]);

static double log2_of(uint64_t n)
{
	int exponent = 63 - __builtin_clzll(n);
	double x = (double)n / (double)(1ULL << exponent), result = exponent, bit = 0.5;

	/* libm would be one more library to load at each start. */
	for (int i = 0; i < 40; i++) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			result += bit;
		}
		bit /= 2;
	}
	return result;
}

/*
 * The OCI runtimes' curve through (2, 1), (1024, 100) and (262144, 10000): both defaults meet, and
 * so do both ends. weight = ceil(10^(l^2/612 + 125 l/612 - 7/34)), l = log2(shares).
 */
uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	static const double log10_of_2 = 0.30102999566398119521;
	uint64_t low = 1, high = 10000;
	double l, exponent;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2_of(shares);
	exponent = (l * l + 125 * l) / 612 - 7.0 / 34;
	while (low < high) { /* the smallest weight that reaches it */
		uint64_t middle = (low + high) / 2;

		if (log2_of(middle) * log10_of_2 + 1e-9 >= exponent)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* blkio's 10..1000 to io.weight's 1..10000, linear as the OCI runtimes do. */
uint64_t cgroup_io_weight(uint64_t weight)
{
	return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static void write_number(int64_t value, char ret[static VALUE_MAX])
{
	(void)snprintf(ret, VALUE_MAX, "%" PRId64, value);
}

static void write_number_or_max(int64_t value, char ret[static VALUE_MAX])
{
	if (value < 0)
		(void)snprintf(ret, VALUE_MAX, "max");
	else
		write_number(value, ret);
}

static void write_cpu_weight(int64_t value, char ret[static VALUE_MAX])
{
	write_number((int64_t)cgroup_weight_of_shares((uint64_t)value), ret);
}

static void write_io_weight(int64_t value, char ret[static VALUE_MAX])
{
	write_number((int64_t)cgroup_io_weight((uint64_t)value), ret);
}

struct form {
	const char *file;
	write_value *write;
};

#define AT(member) offsetof(struct spec_resources, member)
#define FORMS_MAX 2

/* forms: the first file that is there is written. */
static const struct limit {
	const char *flag;
	size_t at;
	enum cgroup_controller controller;
	int64_t min;
	int64_t max;
	struct form v1[FORMS_MAX], v2[FORMS_MAX];
} limits_table[] = {
	{ "--memory-reservation", AT(memory_reservation), CONTROLLER_MEMORY, -1, INT64_MAX,
		{ { "memory.soft_limit_in_bytes", write_number } },
		{ { "memory.low", write_number_or_max } } },
	{ "--cpu-shares", AT(cpu_shares), CONTROLLER_CPU, 1, 262144,
		{ { "cpu.shares", write_number } }, { { "cpu.weight", write_cpu_weight } } },
	{ "--pids-limit", AT(pids_limit), CONTROLLER_PIDS, -1, INT64_MAX,
		{ { "pids.max", write_number_or_max } }, { { "pids.max", write_number_or_max } } },
	{ "--blkio-weight", AT(blkio_weight), CONTROLLER_IO, 10, 1000,
		{ { "blkio.bfq.weight", write_number }, { "blkio.weight", write_number } },
		{ { "io.bfq.weight", write_number }, { "io.weight", write_io_weight } } },
};
#define LIMIT_COUNT (sizeof(limits_table) / sizeof(*limits_table))

static const struct text_limit {
	const char *flag, *file;
	size_t at;
} texts_table[] = {
	{ "--cpuset-cpus", "cpuset.cpus", AT(cpuset_cpus) },
	{ "--cpuset-mems", "cpuset.mems", AT(cpuset_mems) },
};
#define TEXT_COUNT (sizeof(texts_table) / sizeof(*texts_table))

static const struct throttle_limit {
	const char *flag, *v1_file, *v2_key;
	size_t at;
} throttles_table[] = {
	{ "--device-read-bps", "blkio.throttle.read_bps_device", "rbps", AT(read_bps) },
	{ "--device-write-bps", "blkio.throttle.write_bps_device", "wbps", AT(write_bps) },
	{ "--device-read-iops", "blkio.throttle.read_iops_device", "riops", AT(read_iops) },
	{ "--device-write-iops", "blkio.throttle.write_iops_device", "wiops", AT(write_iops) },
};
#define THROTTLE_COUNT (sizeof(throttles_table) / sizeof(*throttles_table))

static bool is_set(int64_t value)
{
	return value != SPEC_UNSET && value != 0;
}

static int64_t number_at(const struct spec_resources *limits, size_t at)
{
	return *(const int64_t *)((const char *)limits + at);
}

static const char *text_at(const struct spec_resources *limits, size_t at)
{
	const char *text = *(char *const *)((const char *)limits + at);

	return text && *text ? text : NULL;
}

static const struct spec_throttles *throttles_at(const struct spec_resources *limits, size_t at)
{
	return (const struct spec_throttles *)((const char *)limits + at);
}

unsigned int cgroup_limits_controllers(const struct spec_resources *limits)
{
	unsigned int asked = 0;

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (is_set(number_at(limits, limits_table[i].at)))
			asked |= 1U << limits_table[i].controller;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (text_at(limits, texts_table[i].at))
			asked |= 1U << CONTROLLER_CPUSET;
	for (size_t i = 0; i < THROTTLE_COUNT; i++)
		if (throttles_at(limits, throttles_table[i].at)->count > 0)
			asked |= 1U << CONTROLLER_IO;
	if (is_set(limits->memory_limit) || is_set(limits->memory_swap))
		asked |= 1U << CONTROLLER_MEMORY;
	if (is_set(limits->cpu_quota) || is_set(limits->cpu_period))
		asked |= 1U << CONTROLLER_CPU;
	if (limits->device_count > 0)
		asked |= 1U << CONTROLLER_DEVICES;
	return asked;
}

/* The hierarchy for a limit, or NULL with an error that says what is missing. */
static const struct cgroup_hierarchy *find(struct cgroup *cgroup, enum cgroup_controller controller,
	const char *flag, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[controller];
	bool v2 = cgroup->host->mode == CGROUP_V2;
	const char *name = cgroup_controller_name(controller, v2);

	if (cgroup_is_in(cgroup, hierarchy))
		return hierarchy;
	if (hierarchy)
		error_new(err, ERROR_DENIED, "%s: no cgroup could be made in %s", flag,
			hierarchy->mount_point);
	else
		error_new(err, ERROR_UNSUPPORTED, "%s: this host has no cgroup controller '%s'",
			flag, name);
	error_hint(err, v2 ? "see /sys/fs/cgroup/cgroup.controllers for those it has"
			   : "see /proc/cgroups and /proc/self/mountinfo for those it has");
	return NULL;
}

/* Gives the error of a limit's file its flag and meaning. */
static int limit_failed(const char *flag, const struct cgroup_file *file, struct error **err)
{
	if (error_errno(*err) == ENOENT)
		error_hint(
			err, "this kernel, or the cgroup's parent, does not offer %s", file->name);
	return error_as(err, cgroup_error_kind(*err), "%s", flag);
}

static int put(
	const char *flag, const struct cgroup_file *file, const char *text, struct error **err)
{
	return cgroup_file_write(file, text, err) < 0 ? limit_failed(flag, file, err) : 0;
}

static int apply_number(
	struct cgroup *cgroup, const struct limit *limit, int64_t value, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;
	const struct form *forms;

	if (value < limit->min || value > limit->max)
		return error_new(err, ERROR_INVALID,
			"%s: %" PRId64 " is not between %" PRId64 " and %" PRId64, limit->flag,
			value, limit->min, limit->max);
	hierarchy = find(cgroup, limit->controller, limit->flag, err);
	if (!hierarchy)
		return -1;
	forms = hierarchy->v2 ? limit->v2 : limit->v1;
	for (size_t i = 0;; i++) {
		struct cgroup_file file = { cgroup, hierarchy, forms[i].file };
		bool is_last = i + 1 == FORMS_MAX || !forms[i + 1].file;
		struct error *failed = NULL;
		char text[VALUE_MAX];

		forms[i].write(value, text);
		if (cgroup_file_write(&file, text, &failed) == 0)
			return 0;
		if (error_errno(failed) != ENOENT || is_last) {
			*err = failed;
			return limit_failed(limit->flag, &file, err);
		}
		error_free(failed);
	}
}

/* v1: memory + swap may never be less than memory, at no moment. */
static int apply_memory_v1(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	const struct cgroup_file memory = { cgroup, hierarchy, "memory.limit_in_bytes" };
	const struct cgroup_file both = { cgroup, hierarchy, "memory.memsw.limit_in_bytes" };
	struct error *failed = NULL;
	char text[VALUE_MAX], swap[VALUE_MAX];
	bool has_swap = is_set(limits->memory_swap);

	write_number(limits->memory_swap, swap);
	if (!is_set(limits->memory_limit))
		return put("--memory-swap", &both, swap, err);
	write_number(limits->memory_limit, text);
	if (limits->memory_limit == -1 && !has_swap) {
		/* Unlimited memory below a limited sum would be EINVAL. */
		(void)cgroup_file_write(&both, "-1", &failed);
		error_free(take_ptr(failed));
	}
	if (cgroup_file_write(&memory, text, &failed) == 0)
		return has_swap ? put("--memory-swap", &both, swap, err) : 0;
	if (error_errno(failed) == EINVAL && has_swap) {
		/* Above the sum so far: then the sum has to grow first. */
		error_free(failed);
		return put("--memory-swap", &both, swap, err) < 0
			       ? -1
			       : put("--memory", &memory, text, err);
	}
	*err = failed;
	if (error_errno(*err) == EINVAL)
		error_hint(err, "the limit of memory and swap together is lower: raise it with "
				"--memory-swap in the same command");
	return limit_failed("--memory", &memory, err);
}

static int swap_too_small(int64_t swap, int64_t memory, struct error **err)
{
	return error_new(err, ERROR_INVALID,
		"--memory-swap: %" PRId64 " is less than the limit of memory, %" PRId64
		" (it is memory and swap together)",
		swap, memory);
}

/* v2 counts swap alone; the specification means both together. */
static int swap_alone(struct cgroup *cgroup, const struct spec_resources *limits, int64_t *ret,
	struct error **err)
{
	const struct cgroup_file memory = { cgroup, cgroup->host->of[CONTROLLER_MEMORY],
		"memory.max" };
	uint64_t current = UINT64_MAX;
	int64_t limit = limits->memory_limit;

	if (limits->memory_swap == -1) {
		*ret = -1;
		return 0;
	}
	if (!is_set(limit)) {
		(void)cgroup_file_number(&memory, NULL, &current);
		limit = current > INT64_MAX ? -1 : (int64_t)current;
	}
	if (limit == -1)
		return error_new(err, ERROR_INVALID,
			"--memory-swap: needs a limit of memory too (--memory)");
	if (limits->memory_swap < limit)
		return swap_too_small(limits->memory_swap, limit, err);
	*ret = limits->memory_swap - limit;
	return 0;
}

static int apply_memory_v2(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	const struct cgroup_file memory = { cgroup, hierarchy, "memory.max" };
	const struct cgroup_file swap = { cgroup, hierarchy, "memory.swap.max" };
	char text[VALUE_MAX];
	int64_t alone = 0;

	if (is_set(limits->memory_swap)) {
		if (swap_alone(cgroup, limits, &alone, err) < 0)
			return -1;
		write_number_or_max(alone, text);
		if (put("--memory-swap", &swap, text, err) < 0)
			return -1;
	}
	if (!is_set(limits->memory_limit))
		return 0;
	write_number_or_max(limits->memory_limit, text);
	return put("--memory", &memory, text, err);
}

static int apply_memory(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;

	if (!is_set(limits->memory_limit) && !is_set(limits->memory_swap))
		return 0;
	if (limits->memory_limit > 0 && limits->memory_swap > 0 &&
		limits->memory_swap < limits->memory_limit)
		return swap_too_small(limits->memory_swap, limits->memory_limit, err);
	hierarchy = find(cgroup, CONTROLLER_MEMORY,
		is_set(limits->memory_limit) ? "--memory" : "--memory-swap", err);
	if (!hierarchy)
		return -1;
	return hierarchy->v2 ? apply_memory_v2(cgroup, limits, err)
			     : apply_memory_v1(cgroup, limits, err);
}

static int apply_cpu_v1(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_CPU];
	const struct cgroup_file period = { cgroup, hierarchy, "cpu.cfs_period_us" };
	const struct cgroup_file quota = { cgroup, hierarchy, "cpu.cfs_quota_us" };
	struct error *failed = NULL;
	char text[VALUE_MAX], quota_text[VALUE_MAX];
	bool has_quota = is_set(limits->cpu_quota);

	write_number(limits->cpu_quota, quota_text);
	if (is_set(limits->cpu_period)) {
		write_number(limits->cpu_period, text);
		if (cgroup_file_write(&period, text, &failed) < 0 &&
			(error_errno(failed) != EINVAL || !has_quota)) {
			*err = failed;
			return limit_failed("--cpu-period", &period, err);
		}
	}
	if (has_quota && put("--cpu-quota", &quota, quota_text, err) < 0) {
		error_free(failed);
		return -1;
	}
	if (!failed)
		return 0;
	/* The new period with the old quota was more than the parent has: quota was first. */
	error_free(failed);
	return put("--cpu-period", &period, text, err);
}

static int apply_cpu_v2(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_file file = { cgroup, cgroup->host->of[CONTROLLER_CPU], "cpu.max" };
	char text[2 * VALUE_MAX], quota[VALUE_MAX] = "max";

	if (is_set(limits->cpu_quota)) {
		write_number_or_max(limits->cpu_quota, quota);
	} else if (cgroup_file_read(&file, text, sizeof(text), err) < 0) {
		return limit_failed("--cpu-period", &file, err);
	} else { /* the file takes a period only together with a quota */
		text[strcspn(text, " \n")] = '\0';
		(void)snprintf(quota, sizeof(quota), "%.*s", VALUE_MAX - 1, text);
	}
	if (is_set(limits->cpu_period))
		(void)snprintf(text, sizeof(text), "%s %" PRId64, quota, limits->cpu_period);
	else
		(void)snprintf(text, sizeof(text), "%s", quota);
	return put(is_set(limits->cpu_quota) ? "--cpu-quota" : "--cpu-period", &file, text, err);
}

static int apply_cpu(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;

	if (!is_set(limits->cpu_quota) && !is_set(limits->cpu_period))
		return 0;
	hierarchy = find(cgroup, CONTROLLER_CPU,
		is_set(limits->cpu_quota) ? "--cpu-quota" : "--cpu-period", err);
	if (!hierarchy)
		return -1;
	return hierarchy->v2 ? apply_cpu_v2(cgroup, limits, err)
			     : apply_cpu_v1(cgroup, limits, err);
}

static int apply_text(
	struct cgroup *cgroup, const struct text_limit *limit, const char *text, struct error **err)
{
	struct cgroup_file file = { cgroup, find(cgroup, CONTROLLER_CPUSET, limit->flag, err),
		limit->file };

	return file.hierarchy ? put(limit->flag, &file, text, err) : -1;
}

static int apply_throttles(struct cgroup *cgroup, const struct throttle_limit *limit,
	const struct spec_throttles *throttles, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = find(cgroup, CONTROLLER_IO, limit->flag, err);
	struct cgroup_file file = { cgroup, hierarchy, limit->v1_file };

	if (!hierarchy)
		return -1;
	if (hierarchy->v2)
		file.name = "io.max";
	for (size_t i = 0; i < throttles->count; i++) {
		const struct spec_throttle *item = &throttles->items[i];
		char text[2 * VALUE_MAX], rate[VALUE_MAX];

		(void)snprintf(rate, sizeof(rate), "%" PRIu64, item->rate);
		if (hierarchy->v2)
			(void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=%s",
				item->major, item->minor, limit->v2_key, item->rate ? rate : "max");
		else
			(void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s",
				item->major, item->minor, rate);
		if (put(limit->flag, &file, text, err) < 0)
			return -1;
	}
	return 0;
}

/* "memory.high=123". The name is a file of the cgroup and nothing else may be reached by it. */
static int apply_unified(struct cgroup *cgroup, const char *entry, struct error **err)
{
	const struct cgroup_hierarchy *unified = cgroup->host->unified;
	char name[128];
	struct cgroup_file file = { cgroup, unified, name };
	const char *equals = strchr(entry, '=');
	size_t length = equals ? (size_t)(equals - entry) : 0;

	if (length == 0 || length >= sizeof(name) || entry[0] == '.' ||
		memchr(entry, '/', length) || !memchr(entry, '.', length))
		return error_new(
			err, ERROR_INVALID, "unified cgroup setting '%s' is not FILE=VALUE", entry);
	memcpy(name, entry, length);
	name[length] = '\0';
	/* Who is inside and which controllers are on is decided here, not by a setting. */
	if (strncmp(name, "cgroup.", 7) == 0 && strncmp(name, "cgroup.max.", 11) != 0)
		return error_new(
			err, ERROR_INVALID, "unified cgroup setting '%s' may not be changed", name);
	if (!cgroup_is_in(cgroup, unified))
		return error_new(err, ERROR_UNSUPPORTED,
			"unified cgroup setting '%s' needs cgroup v2, and this host has v1", name);
	return put("unified", &file, equals + 1, err);
}

static int apply_lists(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const char *text = text_at(limits, texts_table[i].at);

		if (text && apply_text(cgroup, &texts_table[i], text, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < THROTTLE_COUNT; i++) {
		const struct spec_throttles *list = throttles_at(limits, throttles_table[i].at);

		if (list->count > 0 && apply_throttles(cgroup, &throttles_table[i], list, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_limits_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		int64_t value = number_at(limits, limits_table[i].at);

		if (is_set(value) && apply_number(cgroup, &limits_table[i], value, err) < 0)
			return -1;
	}
	if (apply_memory(cgroup, limits, err) < 0 || apply_cpu(cgroup, limits, err) < 0 ||
		apply_lists(cgroup, limits, err) < 0)
		return -1;
	if (limits->device_count > 0 && cgroup_devices_apply(cgroup, limits, err) < 0)
		return -1;
	for (char *const *entry = limits->unified; entry && *entry; entry++)
		if (apply_unified(cgroup, *entry, err) < 0)
			return -1;
	return 0;
}
