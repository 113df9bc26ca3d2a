/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "cgroup/fixture_test.h"

static int touch_64m(void)
{
	char *memory =
		mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	for (long i = 0; i < 64 * MIB; i += 4096)
		memory[i] = 1;
	return 0;
}

static void memory_limit(void **state)
{
	struct spec_resources limits = no_limits();
	struct cgroup *cgroup;
	struct cgroup_stats stats;
	cleanup_error struct error *err = NULL;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_MEMORY], "no memory controller");
	limits.memory_limit = 16 * MIB;
	limits.memory_swap = 16 * MIB;
	cgroup = make("memory", &limits);
	assert_int_equal(cgroup_oom_kills(cgroup), 0);
	pid = start_in(cgroup, touch_64m);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	assert_int_equal(cgroup_oom_kills(cgroup), 1);
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_int_equal(stats.memory_limit, 16 * MIB);

	limits.memory_limit = 128 * MIB; /* above memory and swap so far: order matters on v1 */
	limits.memory_swap = 128 * MIB;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	pid = start_in(cgroup, touch_64m);
	assert_int_equal(status_of(pid), 0);
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_int_equal(stats.memory_limit, 128 * MIB);
	limits.memory_limit = -1;
	limits.memory_swap = SPEC_UNSET;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_true(stats.memory_limit == UINT64_MAX);
	unmake(cgroup);
}

static int fork_until_refused(void)
{
	int count = 0;

	for (; count < 100; count++) {
		pid_t pid = fork();

		if (pid == 0)
			return wait_forever();
		if (pid < 0)
			break;
	}
	return count;
}

static void pids_limit(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	int status;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_PIDS], "no pids controller");
	limits.pids_limit = 10;
	cgroup = make("pids", &limits);
	status = status_of(start_in(cgroup, fork_until_refused));
	assert_int_equal(WEXITSTATUS(status), 9); /* it is the tenth itself */
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_int_equal(stats.pids_limit, 10);
	assert_int_equal(stats.pids_current, 9);
	ok(cgroup_kill(cgroup, &err), &err);
	limits.pids_limit = -1;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_true(stats.pids_limit == UINT64_MAX);
	unmake(cgroup);
}

static void cpu_quota(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	int64_t start, elapsed;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_CPU], "no cpu controller");
	limits.cpu_period = 20000;
	limits.cpu_quota = 5000;
	cgroup = make("cpu", &limits);
	start = clock_monotonic_ns();
	pid = start_in(cgroup, spin);
	(void)usleep(800 * 1000);
	elapsed = clock_monotonic_ns() - start;
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	/* A quarter of a processor; never more than a third, on however busy a machine. */
	assert_true(stats.cpu_usage_ns > 0 && stats.cpu_usage_ns < (uint64_t)elapsed / 3);
	assert_true(stats.cpu_throttled_ns > 0);

	limits.cpu_quota = SPEC_UNSET; /* the period alone keeps the quota */
	limits.cpu_period = 50000;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	limits.cpu_quota = 200000; /* more than a processor, and a longer period at once */
	limits.cpu_period = 100000;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	unmake(cgroup);
}

static void cpuset(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = test_path("cpuset2");
	struct cgroup *cgroup, *none = NULL;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_CPUSET], "no cpuset controller");
	limits.cpuset_cpus = (char *)"0";
	cgroup = make("cpuset", &limits);
	assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, count_processors))), 1);
	unmake(cgroup);
	limits.cpuset_cpus = (char *)"4000";
	assert_int_equal(cgroup_create(path, CGROUP_FS, &limits, &none, &err), -1);
	assert_non_null(strstr(error_message(err), "--cpuset-cpus: write \"4000\" to "));
	assert_int_equal(error_kind(err), ERROR_INVALID);
}

static const struct spec_device_rule container_rules[] = {
	{ false, 'a', -1, -1, "rwm" }, /* nothing */
	{ true, 'c', -1, -1, "m" }, /* but making nodes */
	{ true, 'c', 1, 3, "rwm" }, /* null */
	{ true, 'c', 1, 5, "r" }, /* zero: reading, and by another rule writing */
	{ true, 'c', 1, 5, "w" },
	{ true, 'c', 1, 7, "r" }, /* full: reading */
	{ true, 'c', 1, 9, "rw" }, /* urandom, and then not */
	{ false, 'c', 1, 9, "rw" },
};

static bool opens(const char *path, int flags)
{
	cleanup_close int fd = open(path, flags | O_CLOEXEC);

	return fd >= 0;
}

static int count_wrong_devices(void)
{
	static const struct {
		const char *path;
		int flags;
		bool allowed;
	} rows[] = {
		{ "/dev/null", O_RDWR, true },
		{ "/dev/zero", O_RDWR, true },
		{ "/dev/full", O_RDONLY, true },
		{ "/dev/full", O_WRONLY, false },
		{ "/dev/full", O_RDWR, false },
		{ "/dev/urandom", O_RDONLY, false },
		{ "/dev/random", O_RDONLY, false },
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		wrong += opens(rows[i].path, rows[i].flags) != rows[i].allowed;
	return wrong;
}

static int open_random(void)
{
	return opens("/dev/random", O_RDONLY) ? 0 : 1;
}

static int make_nodes(void)
{
	char path[] = "/tmp/vessel-test-XXXXXX";
	int wrong = 0;

	if (!mkdtemp(path) || chdir(path) < 0)
		return 99;
	wrong += mknod("c", S_IFCHR | 0600, makedev(1, 8)) < 0; /* making is allowed */
	wrong += mknod("b", S_IFBLK | 0600, makedev(7, 0)) == 0; /* of the other type not */
	(void)unlink("c");
	(void)unlink("b");
	return wrong + (rmdir(path) < 0);
}

static void devices(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct spec_device_rule all = { true, 'a', -1, -1, "rwm" };
	struct spec_device_rule wrong = { true, 'c', 1, 3, "rx" };
	struct cgroup *cgroup;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_DEVICES], "no devices controller");
	limits.devices = (struct spec_device_rule *)container_rules;
	limits.device_count = sizeof(container_rules) / sizeof(*container_rules);
	cgroup = make("devices", &limits);
	assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, count_wrong_devices))), 0);
	assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, make_nodes))), 0);
	assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, open_random))), 1);
	limits.devices = &all; /* replaces: the old program must not go on denying */
	limits.device_count = 1;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, open_random))), 0);
	limits.devices = &wrong;
	assert_int_equal(cgroup_update(cgroup, &limits, &err), -1);
	assert_int_equal(error_kind(err), ERROR_INVALID);
	unmake(cgroup);
}

/* As others have left them: the kernel refuses, and the user is told what is in the way. */
static void devices_above_other_cgroups(void **state)
{
	const struct spec_device_rule none = { false, 'a', -1, -1, "rwm" };
	cleanup_free char *inner_path = test_path("shared/inner");
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner = NULL;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_DEVICES] && !the_host()->of[CONTROLLER_DEVICES]->v2,
		"no devices controller of v1");
	cgroup = make("shared", &limits);
	ok(cgroup_create(inner_path, CGROUP_FS, &limits, &inner, &err), &err);
	limits.devices = (struct spec_device_rule *)&none;
	limits.device_count = 1;
	assert_int_equal(cgroup_update(cgroup, &limits, &err), -1);
	assert_non_null(strstr(error_message(err), "device rules: "));
	assert_non_null(strstr(error_hint_text(err), "other cgroups are below"));
	unmake(cgroup);
	cgroup_free(inner);
}

/* A disk whose content may be lost, given by whoever runs the tests: the virtual machine. */
static const char *test_disk(void)
{
	return getenv("VESSEL_TEST_DISK"); // NOLINT(concurrency-mt-unsafe)
}

static int write_4m(const char *path, int flags)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	void *block = NULL;

	if (fd < 0 || posix_memalign(&block, 4096, 65536) != 0)
		return 1;
	memset(block, 1, 65536);
	for (int i = 0; i < 64; i++)
		if (write(fd, block, 65536) != 65536)
			return 2;
	free(block);
	return fsync(fd) < 0 ? 3 : 0;
}

static int write_direct(void)
{
	return write_4m(test_disk(), O_DIRECT);
}

static int write_buffered(void)
{
	return write_4m(test_disk(), 0);
}

static int64_t time_of(struct cgroup *cgroup, int (*body)(void))
{
	int64_t start = clock_monotonic_ns();

	assert_int_equal(status_of(start_in(cgroup, body)), 0);
	return (clock_monotonic_ns() - start) / 1000000;
}

static void write_throttle(void **state)
{
	struct spec_resources limits = no_limits();
	struct spec_throttle item = { .rate = 2UL * 1024 * 1024 };
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	struct stat st;

	(void)state;
	NEED_ROOT();
	NEED(test_disk(), "no disk to write to (VESSEL_TEST_DISK)");
	assert_int_equal(stat(test_disk(), &st), 0);
	item.major = major(st.st_rdev);
	item.minor = minor(st.st_rdev);
	cgroup = make("free", &limits);
	assert_true(time_of(cgroup, write_direct) < 1000);
	unmake(cgroup);
	limits.write_bps = (struct spec_throttles){ &item, 1 };
	limits.memory_limit = 64 * MIB; /* v2 counts buffered writes by the memory's owner */
	cgroup = make("throttle", &limits);
	assert_in_range(time_of(cgroup, write_direct), 1500, 5000);
	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	assert_true(stats.io_write_bytes >= 4UL * MIB);
	if (cgroup->host->of[CONTROLLER_IO]->v2)
		assert_in_range(time_of(cgroup, write_buffered), 1500, 5000);
	unmake(cgroup);
}

static void bad_limits(void **state)
{
	static const struct {
		const char *why, *unified;
		int64_t memory, swap, weight, period;
	} rows[] = {
		{ "weight out of range", NULL, 0, 0, 1001, 0 },
		{ "period longer than a second", NULL, 0, 0, 0, 2000000 },
		{ "swap less than memory", NULL, 32 * MIB, 16 * MIB, 0, 0 },
		{ "unified: leaves the directory", "../memory.max=1", 0, 0, 0, 0 },
		{ "unified: no value", "memory.max", 0, 0, 0, 0 },
		{ "unified: would move processes", "cgroup.procs=1", 0, 0, 0, 0 },
	};
	cleanup_free char *path = test_path("bad");

	(void)state;
	NEED_ROOT();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		struct spec_resources limits = no_limits();
		char *unified[] = { (char *)rows[i].unified, NULL };
		struct cgroup *none = NULL;

		limits.memory_limit = rows[i].memory;
		limits.memory_swap = rows[i].swap;
		limits.blkio_weight = rows[i].weight;
		limits.cpu_period = rows[i].period;
		limits.unified = unified;
		if (cgroup_create(path, CGROUP_FS, &limits, &none, &err) == 0)
			fail_msg("%s", rows[i].why);
		print_message("%s: %s\n", rows[i].why, error_message(err));
		assert_int_equal(error_kind(err), ERROR_INVALID);
		error_free(take_ptr(err));
		assert_int_equal(cgroup_open(path, CGROUP_FS, &none, &err), -1); /* undone */
		assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_limit),
		cmocka_unit_test(pids_limit),
		cmocka_unit_test(cpu_quota),
		cmocka_unit_test(cpuset),
		cmocka_unit_test(devices),
		cmocka_unit_test(devices_above_other_cgroups),
		cmocka_unit_test(write_throttle),
		cmocka_unit_test(bad_limits),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}
