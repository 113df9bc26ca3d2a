/* SPDX-License-Identifier: Apache-2.0 */
/* Processor time: shares, and quota with period and burst, whose limits depend on each other. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cgroup/limits.h"

#define AT(member) offsetof(struct spec_resources, member)
/* Of each second; the kernel lets all real-time processes together have 950 ms. */
#define REALTIME_MOST_US 400000
#define REALTIME_LEAST_US 1000

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

static void write_cpu_weight(int64_t value, char ret[static VALUE_MAX])
{
	cgroup_write_number((int64_t)cgroup_weight_of_shares((uint64_t)value), ret);
}

static const struct cgroup_limit shares = { "--cpu-shares", AT(cpu_shares), CONTROLLER_CPU, 1,
	262144, { { "cpu.shares", cgroup_write_number } }, { { "cpu.weight", write_cpu_weight } },
	false, false };
static const struct cgroup_limit idle = { "cpu.idle", AT(cpu_idle), CONTROLLER_CPU, 0, 1,
	{ { "cpu.idle", cgroup_write_number } }, { { "cpu.idle", cgroup_write_number } }, true,
	true };
static const struct cgroup_limit burst = { "cpu.burst", AT(cpu_burst), CONTROLLER_CPU, 0, INT64_MAX,
	{ { "cpu.cfs_burst_us", cgroup_write_number } },
	{ { "cpu.max.burst", cgroup_write_number } }, true, false };
/* v2 has no real-time groups. */
static const struct cgroup_limit realtime[] = {
	{ "cpu.realtimePeriod", AT(cpu_rt_period), CONTROLLER_CPU, 1, INT64_MAX,
		{ { "cpu.rt_period_us", cgroup_write_number } }, { { NULL, NULL } }, false, false },
	{ "cpu.realtimeRuntime", AT(cpu_rt_runtime), CONTROLLER_CPU, -1, INT64_MAX,
		{ { "cpu.rt_runtime_us", cgroup_write_number } }, { { NULL, NULL } }, false,
		false },
};

static int apply_cpu_v1(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_CPU];
	const struct cgroup_file period = { cgroup, hierarchy, "cpu.cfs_period_us" };
	const struct cgroup_file quota = { cgroup, hierarchy, "cpu.cfs_quota_us" };
	struct error *failed = NULL;
	char text[VALUE_MAX], quota_text[VALUE_MAX];
	bool has_quota = cgroup_is_set(limits->cpu_quota);

	cgroup_write_number(limits->cpu_quota, quota_text);
	if (cgroup_is_set(limits->cpu_period)) {
		cgroup_write_number(limits->cpu_period, text);
		if (cgroup_file_write(&period, text, &failed) < 0 &&
			(error_errno(failed) != EINVAL || !has_quota)) {
			*err = failed;
			return cgroup_limit_failed("--cpu-period", &period, err);
		}
	}
	if (has_quota && cgroup_limit_put("--cpu-quota", &quota, quota_text, err) < 0) {
		error_free(failed);
		return -1;
	}
	if (!failed)
		return 0;
	/* The new period with the old quota was more than the parent has: quota was first. */
	error_free(failed);
	return cgroup_limit_put("--cpu-period", &period, text, err);
}

static int apply_cpu_v2(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_file file = { cgroup, cgroup->host->of[CONTROLLER_CPU], "cpu.max" };
	char text[2 * VALUE_MAX], quota[VALUE_MAX] = "max";

	if (cgroup_is_set(limits->cpu_quota)) {
		cgroup_write_number_or_max(limits->cpu_quota, quota);
	} else if (cgroup_file_read(&file, text, sizeof(text), err) < 0) {
		return cgroup_limit_failed("--cpu-period", &file, err);
	} else { /* the file takes a period only together with a quota */
		text[strcspn(text, " \n")] = '\0';
		(void)snprintf(quota, sizeof(quota), "%.*s", VALUE_MAX - 1, text);
	}
	if (cgroup_is_set(limits->cpu_period))
		(void)snprintf(text, sizeof(text), "%s %" PRId64, quota, limits->cpu_period);
	else
		(void)snprintf(text, sizeof(text), "%s", quota);
	return cgroup_limit_put(cgroup_is_set(limits->cpu_quota) ? "--cpu-quota" : "--cpu-period",
		&file, text, err);
}

static int apply_quota(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;

	if (!cgroup_is_set(limits->cpu_quota) && !cgroup_is_set(limits->cpu_period))
		return 0;
	hierarchy = cgroup_limit_find(cgroup, CONTROLLER_CPU,
		cgroup_is_set(limits->cpu_quota) ? "--cpu-quota" : "--cpu-period", err);
	if (!hierarchy)
		return -1;
	return hierarchy->v2 ? apply_cpu_v2(cgroup, limits, err)
			     : apply_cpu_v1(cgroup, limits, err);
}

/*
 * Of two limits one may have to be first, and which it is depends on the values so far: what the
 * kernel refuses at first is tried again after the other.
 */
static int apply_twice(struct cgroup *cgroup, const struct cgroup_limit *limit,
	const struct spec_resources *limits, bool *again, struct error **err)
{
	if (cgroup_limit_apply(cgroup, limit, limits, err) == 0)
		return 0;
	if (*again || error_errno(*err) != EINVAL)
		return -1;
	error_free(take_ptr(*err));
	*again = true;
	return 0;
}

static int apply_bandwidth(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	bool again = false;

	if (apply_twice(cgroup, &burst, limits, &again, err) < 0)
		return -1;
	if (apply_quota(cgroup, limits, err) < 0) {
		if (cgroup_is_set(limits->cpu_burst) && error_errno(*err) == EINVAL)
			error_hint(err, "the burst (cpu.burst) may not be more than the quota");
		return -1;
	}
	return again ? cgroup_limit_apply(cgroup, &burst, limits, err) : 0;
}

static int apply_realtime(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	bool again = false;

	if (apply_twice(cgroup, &realtime[0], limits, &again, err) < 0 ||
		cgroup_limit_apply(cgroup, &realtime[1], limits, err) < 0)
		return -1;
	return again ? cgroup_limit_apply(cgroup, &realtime[0], limits, err) : 0;
}

int cgroup_cpu_apply(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	/* An idle group has no shares: who is made idle gets them before, who is woken after. */
	bool sleeps = limits->cpu_idle == 1;

	if (!sleeps && cgroup_limit_apply(cgroup, &idle, limits, err) < 0)
		return -1;
	if (cgroup_limit_apply(cgroup, &shares, limits, err) < 0 ||
		apply_bandwidth(cgroup, limits, err) < 0 || apply_realtime(cgroup, limits, err) < 0)
		return -1;
	return sleeps ? cgroup_limit_apply(cgroup, &idle, limits, err) : 0;
}

unsigned int cgroup_cpu_asked(const struct spec_resources *limits)
{
	bool asked = cgroup_is_set(limits->cpu_shares) || cgroup_is_set(limits->cpu_quota) ||
		     cgroup_is_set(limits->cpu_period) || cgroup_is_set(limits->cpu_burst) ||
		     cgroup_is_set(limits->cpu_rt_period) ||
		     cgroup_is_set(limits->cpu_rt_runtime) || cgroup_is_set(limits->cpu_idle);

	return asked ? 1U << CONTROLLER_CPU : 0;
}

void cgroup_allow_realtime(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_CPU];
	const struct cgroup_file file = { cgroup, hierarchy, "cpu.rt_runtime_us" };
	char text[VALUE_MAX];

	for (int us = REALTIME_MOST_US; hierarchy && !hierarchy->v2 && us >= REALTIME_LEAST_US;
		us /= 2) {
		cleanup_error struct error *not_so_much = NULL;

		if (cgroup_file_read(&file, text, sizeof(text), &not_so_much) <= 0 ||
			text[0] != '0')
			return;
		cgroup_write_number(us, text);
		if (cgroup_file_write(&file, text, &not_so_much) == 0)
			return;
	}
}
