/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and swap, whose limits depend on each other. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cgroup/limits.h"

#define AT(member) offsetof(struct spec_resources, member)

static const struct cgroup_limit memory_limits[] = {
	{ "--memory-reservation", AT(memory_reservation), CONTROLLER_MEMORY, -1, INT64_MAX,
		{ { "memory.soft_limit_in_bytes", cgroup_write_number } },
		{ { "memory.low", cgroup_write_number_or_max } }, false, false },
	{ "memory.swappiness", AT(memory_swappiness), CONTROLLER_MEMORY, 0, 100,
		{ { "memory.swappiness", cgroup_write_number } }, { { NULL, NULL } }, true, false },
	{ "memory.disableOOMKiller", AT(memory_oom_disable), CONTROLLER_MEMORY, 0, 1,
		{ { "memory.oom_control", cgroup_write_number } }, { { NULL, NULL } }, true, true },
};
#define LIMIT_COUNT (sizeof(memory_limits) / sizeof(*memory_limits))

/* A kernel that does not count swap has no limit of it either. */
static int put_swap(const struct cgroup_file *file, const char *text, struct error **err)
{
	struct error *failed = NULL;

	if (cgroup_file_write(file, text, &failed) == 0)
		return 0;
	if (error_errno(failed) == ENOENT && (text[0] == '-' || text[0] == 'm')) {
		error_free(failed);
		return 0;
	}
	*err = failed;
	return cgroup_limit_failed("--memory-swap", file, err);
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
	bool has_swap = cgroup_is_set(limits->memory_swap);

	cgroup_write_number(limits->memory_swap, swap);
	if (!cgroup_is_set(limits->memory_limit))
		return put_swap(&both, swap, err);
	cgroup_write_number(limits->memory_limit, text);
	if (limits->memory_limit == -1 && !has_swap) {
		/* Unlimited memory below a limited sum would be EINVAL. */
		(void)cgroup_file_write(&both, "-1", &failed);
		error_free(take_ptr(failed));
	}
	if (cgroup_file_write(&memory, text, &failed) == 0)
		return has_swap ? put_swap(&both, swap, err) : 0;
	if (error_errno(failed) == EINVAL && has_swap) {
		/* Above the sum so far: then the sum has to grow first. */
		error_free(failed);
		return cgroup_limit_put("--memory-swap", &both, swap, err) < 0
			       ? -1
			       : cgroup_limit_put("--memory", &memory, text, err);
	}
	*err = failed;
	if (error_errno(*err) == EINVAL)
		error_hint(err, "the limit of memory and swap together is lower: raise it with "
				"--memory-swap in the same command");
	return cgroup_limit_failed("--memory", &memory, err);
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
	if (!cgroup_is_set(limit)) {
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

/* No swap at all is what 0 means without a limit of memory; with one, runc's callers mean that
 * nothing was said. */
static bool is_without_swap(const struct spec_resources *limits)
{
	return limits->memory_swap == 0 && !cgroup_is_set(limits->memory_limit);
}

static int apply_memory_v2(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_MEMORY];
	const struct cgroup_file memory = { cgroup, hierarchy, "memory.max" };
	const struct cgroup_file swap = { cgroup, hierarchy, "memory.swap.max" };
	cleanup_error struct error *ignored = NULL;
	char text[VALUE_MAX];
	int64_t alone = 0;

	if (cgroup_is_set(limits->memory_swap) && swap_alone(cgroup, limits, &alone, err) < 0)
		return -1;
	if (cgroup_is_set(limits->memory_swap) || is_without_swap(limits)) {
		cgroup_write_number_or_max(alone, text);
		if (put_swap(&swap, text, err) < 0)
			return -1;
	} else if (limits->memory_limit == -1) { /* without a limit of memory there is no sum */
		(void)cgroup_file_write(&swap, "max", &ignored);
	}
	if (!cgroup_is_set(limits->memory_limit))
		return 0;
	cgroup_write_number_or_max(limits->memory_limit, text);
	return cgroup_limit_put("--memory", &memory, text, err);
}

/* As was asked for: rather an error than the reclaim, or the OOM killer, of a limit that is passed.
 */
static int check_usage(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy,
	const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_file usage = { cgroup, hierarchy,
		hierarchy->v2 ? "memory.current" : "memory.usage_in_bytes" };
	uint64_t used = 0;

	if (!limits->memory_check || limits->memory_limit <= 0 ||
		cgroup_file_number(&usage, NULL, &used) <= 0 ||
		used < (uint64_t)limits->memory_limit)
		return 0;
	return error_new(err, ERROR_INVALID,
		"--memory: %" PRId64 " is less than what is in use, %" PRIu64, limits->memory_limit,
		used);
}

static int apply_limit(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;

	if (!cgroup_is_set(limits->memory_limit) && !cgroup_is_set(limits->memory_swap) &&
		(cgroup->host->mode != CGROUP_V2 || !is_without_swap(limits)))
		return 0;
	if (limits->memory_limit > 0 && limits->memory_swap > 0 &&
		limits->memory_swap < limits->memory_limit)
		return swap_too_small(limits->memory_swap, limits->memory_limit, err);
	hierarchy = cgroup_limit_find(cgroup, CONTROLLER_MEMORY,
		cgroup_is_set(limits->memory_limit) ? "--memory" : "--memory-swap", err);
	if (!hierarchy || check_usage(cgroup, hierarchy, limits, err) < 0)
		return -1;
	return hierarchy->v2 ? apply_memory_v2(cgroup, limits, err)
			     : apply_memory_v1(cgroup, limits, err);
}

int cgroup_memory_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (cgroup_limit_apply(cgroup, &memory_limits[i], limits, err) < 0)
			return -1;
	return apply_limit(cgroup, limits, err);
}

unsigned int cgroup_memory_asked(const struct spec_resources *limits)
{
	bool asked = cgroup_is_set(limits->memory_limit) || cgroup_is_set(limits->memory_swap);

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		int64_t value;

		asked = asked || (cgroup_is_asked(&memory_limits[i], limits, &value) &&
					 (value != 0 || !memory_limits[i].zero_is_default));
	}
	return asked ? 1U << CONTROLLER_MEMORY : 0;
}
