/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup_test.h"

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/stats_json.h"
#include "runtime/cgroup_report.h"

/* Every member, in the order and under the names that readers know. */
static void all_members(void **state)
{
	static const char expected[] =
		"{\"cpu\":{\"usage\":{\"total\":5,\"percpu\":[2,3],\"percpu_kernel\":[1],"
		"\"percpu_user\":[4],\"kernel\":1,\"user\":4},\"throttling\":{\"periods\":9,"
		"\"throttledPeriods\":8,\"throttledTime\":7}},"
		"\"cpuset\":{\"cpus\":[0],\"cpu_exclusive\":0,\"mems\":[0],\"mem_hardwall\":0,"
		"\"mem_exclusive\":0,\"memory_migrate\":0,\"memory_spread_page\":0,"
		"\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":1,"
		"\"sched_relax_domain_level\":-1},"
		"\"memory\":{\"cache\":10,\"usage\":{\"limit\":18446744073709551615,\"usage\":11,"
		"\"max\":12,\"failcnt\":13},\"swap\":{\"limit\":0,\"failcnt\":0},"
		"\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0},"
		"\"raw\":{\"rss\":0}},\"pids\":{\"current\":2},"
		"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\","
		"\"value\":4096}],\"ioTimeRecursive\":[{\"major\":8,\"minor\":16,\"value\":1}]},"
		"\"hugetlb\":{\"2MB\":{\"usage\":1,\"max\":2,\"failcnt\":0}},\"intel_rdt\":{},"
		"\"network_interfaces\":null}";
	uint64_t each[] = { 2, 3 }, kernel = 1, user = 4, zero = 0;
	struct cgroup_named_number rss = { .name = "rss" };
	struct cgroup_io_number bytes = { .major = 8, .operation = "Read", .value = 4096 };
	struct cgroup_io_number time = { .major = 8, .minor = 16, .value = 1 };
	struct cgroup_hugepage_use huge = { .size = "2MB", .usage = 1, .max = 2 };
	const struct cgroup_report report = {
		.cpu_total = 5,
		.cpu_kernel = 1,
		.cpu_user = 4,
		.cpu_each = { each, 2 },
		.cpu_each_kernel = { &kernel, 1 },
		.cpu_each_user = { &user, 1 },
		.cpu_periods = 9,
		.cpu_throttled_periods = 8,
		.cpu_throttled_time = 7,
		.cpus = { &zero, 1 },
		.mems = { &zero, 1 },
		.sched_load_balance = 1,
		.sched_relax_domain_level = -1,
		.memory_cache = 10,
		.memory = { UINT64_MAX, 11, 12, 13 },
		.memory_raw = { &rss, 1 },
		.pids_current = 2,
		.pids_limit = UINT64_MAX,
		.io = { [IO_SERVICE_BYTES] = { &bytes, 1 }, [IO_TIME] = { &time, 1 } },
		.hugepages = { &huge, 1 },
	};
	cleanup_json struct json_object *stats = stats_report_json(&report);
	cleanup_free char *text = json_compact(stats);

	(void)state;
	assert_string_equal(text, expected);
}

/* Uses some of everything, and waits for its end. */
static int use(void)
{
	volatile unsigned long n = 0;
	char *memory = calloc(1, 8 * MIB);

	for (long i = 0; memory && i < 8 * MIB; i += 4096)
		memory[i] = 1;
	for (unsigned long i = 0; i < 100UL * 1000 * 1000; i++)
		n += i;
	pause();
	free(memory);
	return 0;
}

static uint64_t number(struct json_object *stats, const char *a, const char *b, const char *c)
{
	struct json_object *at = stats;
	const char *const path[] = { a, b, c };

	for (size_t i = 0; i < 3 && path[i]; i++)
		if (!json_object_object_get_ex(at, path[i], &at))
			return 0;
	return json_object_get_uint64(at);
}

static void of_a_cgroup(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct json_object *stats = NULL;
	struct cgroup *cgroup;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	limits.memory_limit = 64 * MIB;
	limits.pids_limit = 7;
	cgroup = make("stats", &limits);
	pid = start_in(cgroup, use);
	for (int i = 0; i < 1000; i++) { /* until what it does is counted, or 10 s */
		json_object_put(stats);
		stats = stats_json(cgroup, &err);
		assert_non_null(stats);
		if (number(stats, "memory", "usage", "usage") >= 8 * MIB &&
			number(stats, "cpu", "usage", "user") >= 20UL * 1000 * 1000)
			break;
		(void)usleep(10 * 1000);
	}
	assert_true(number(stats, "memory", "usage", "usage") >= 8 * MIB);
	assert_true(number(stats, "memory", "usage", "limit") == 64 * MIB);
	assert_true(number(stats, "cpu", "usage", "user") >= 20UL * 1000 * 1000);
	assert_true(number(stats, "cpu", "usage", "total") >= 20UL * 1000 * 1000);
	assert_true(number(stats, "pids", "current", NULL) == 1);
	assert_true(number(stats, "pids", "limit", NULL) == 7);
	assert_true(number(stats, "memory", "raw",
			    the_host()->mode == CGROUP_V2 ? "anon" : "rss") >= 8 * MIB);
	json_object_put(stats);
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	unmake(cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members),
		cmocka_unit_test(of_a_cgroup),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}
