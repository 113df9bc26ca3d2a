/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root tests run on the hierarchies this host really has (v1, v2 or hybrid), below a directory of
 * their own that is removed again. The virtual machine of tests/vm runs the same binary on v2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup_internal.h"

#define MIB (1024L * 1024)

static struct spec_resources no_limits(void)
{
	struct spec_resources limits = { .memory_limit = SPEC_UNSET,
		.memory_reservation = SPEC_UNSET,
		.memory_swap = SPEC_UNSET,
		.cpu_shares = SPEC_UNSET,
		.cpu_quota = SPEC_UNSET,
		.cpu_period = SPEC_UNSET,
		.pids_limit = SPEC_UNSET,
		.blkio_weight = SPEC_UNSET };

	return limits;
}

/* Fails the test with the error's own words. */
static void ok(int result, struct error **err)
{
	if (result < 0)
		fail_msg("%s", error_message(*err));
	assert_null(*err);
}

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("needs root to make cgroups\n");
	return false;
}
#define NEED_ROOT() \
	do { \
		if (!is_root()) \
			skip(); \
	} while (0)
#define NEED(condition, reason) \
	do { \
		if (!(condition)) { \
			print_message("%s\n", reason); \
			skip(); \
		} \
	} while (0)

static const struct cgroup_host *the_host(void)
{
	cleanup_error struct error *err = NULL;
	const struct cgroup_host *host = NULL;

	ok(cgroup_host_get(&host, &err), &err);
	return host;
}

static char *test_path(const char *name)
{
	return xasprintf("/vessel-test-%d/%s", (int)getpid(), name);
}

static struct cgroup *make(const char *name, const struct spec_resources *limits)
{
	cleanup_free char *path = test_path(name);
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup = NULL;

	ok(cgroup_create(path, CGROUP_FS, limits, &cgroup, &err), &err);
	return cgroup;
}

static void unmake(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;

	ok(cgroup_remove(cgroup, &err), &err);
	assert_int_equal(cgroup->present, 0);
	cgroup_free(cgroup);
}

/* Runs body in a child inside the cgroup; it starts once it is inside. */
static pid_t start_in(struct cgroup *cgroup, int (*body)(void))
{
	cleanup_error struct error *err = NULL;
	int gate[2];
	pid_t pid;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char go;

		(void)close(gate[1]);
		_exit(read(gate[0], &go, 1) == 1 ? body() : 99);
	}
	assert_true(pid > 0);
	ok(cgroup_attach(cgroup, pid, &err), &err);
	assert_int_equal(write(gate[1], "", 1), 1);
	(void)close(gate[0]);
	(void)close(gate[1]);
	return pid;
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)), pid);
	return status;
}

static int wait_forever(void)
{
	while (pause() < 0)
		;
	return 0;
}

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

static void lifecycle(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = NULL;
	cleanup_free pid_t *pids = NULL;
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *again = NULL;
	const struct cgroup_host *host;
	pid_t pid;

	NEED_ROOT();
	host = the_host();
	cgroup = make("life", &limits);
	path = test_path("life");
	for (size_t i = 0; i < host->count; i++)
		assert_true(cgroup_is_in(cgroup, &host->hierarchies[i]));
	pid = start_in(cgroup, wait_forever);
	assert_int_equal(cgroup_pids(cgroup, &pids, &err), 1);
	assert_int_equal(pids[0], pid);
	assert_int_equal(cgroup_create(path, CGROUP_FS, &limits, &again, &err), -1); /* in use */
	assert_int_equal(error_kind(err), ERROR_CONFLICT);
	error_free(take_ptr(err));
	ok(cgroup_open(path, CGROUP_FS, &again, &err), &err);
	ok(cgroup_kill(again, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	cgroup_free(again);
	unmake(cgroup);
	assert_int_equal(cgroup_open(path, CGROUP_FS, &again, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
}

static void memory_limit(void **state)
{
	struct spec_resources limits = no_limits();
	struct cgroup *cgroup;
	struct cgroup_stats stats;
	cleanup_error struct error *err = NULL;
	pid_t pid;

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

static int spin(void)
{
	for (;;)
		__asm__ volatile("");
	return 0;
}

static void cpu_quota(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	int64_t start, elapsed;
	pid_t pid;

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

static int count_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 99;
}

static void cpuset(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = test_path("cpuset2");
	struct cgroup *cgroup, *none = NULL;

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

/* A v1 parent made by somebody else gives a cpuset without processors: entering must still work. */
static void foreign_parent(void **state)
{
	struct spec_resources limits = no_limits();
	const struct cgroup_hierarchy *cpuset;
	struct cgroup *cgroup;
	char name[64];

	NEED_ROOT();
	cpuset = the_host()->of[CONTROLLER_CPUSET];
	NEED(cpuset && !cpuset->v2, "cpuset is not a v1 controller here");
	(void)snprintf(name, sizeof(name), "vessel-test-%d/bare", (int)getpid());
	assert_int_equal(cgroup_make_parents(cpuset, name, NULL, NULL), 0);
	(void)mkdirat(cpuset->root_fd, name, 0755);
	cgroup = make("bare/inner", &limits);
	assert_int_equal(
		WEXITSTATUS(status_of(start_in(cgroup, count_processors))), count_processors());
	unmake(cgroup);
	for (size_t i = 0; i < the_host()->count; i++)
		assert_int_equal(
			unlinkat(the_host()->hierarchies[i].root_fd, name, AT_REMOVEDIR), 0);
}

static uint64_t usage(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;

	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	return stats.cpu_usage_ns;
}

static void freeze(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;
	uint64_t before;
	pid_t pid;

	NEED_ROOT();
	cgroup = make("freeze", &limits);
	pid = start_in(cgroup, spin);
	ok(cgroup_freeze(cgroup, true, &err), &err);
	before = usage(cgroup);
	(void)usleep(200 * 1000);
	assert_true(usage(cgroup) - before < 20 * 1000000); /* the kernel counts a little late */
	ok(cgroup_freeze(cgroup, false, &err), &err);
	before = usage(cgroup);
	for (int i = 0; i < 500 && usage(cgroup) - before < 20 * 1000000; i++)
		(void)usleep(10 * 1000);
	assert_true(usage(cgroup) - before >= 20 * 1000000);
	ok(cgroup_freeze(cgroup, true, &err), &err);
	ok(cgroup_kill(cgroup, &err), &err); /* the frozen too */
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	unmake(cgroup);
}

/* Each process forks one and lives on: a list read once never has them all. */
static int fork_for_ever(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid < 0)
			(void)usleep(1000);
		if (pid == 0)
			continue;
		(void)waitpid(-1, NULL, WNOHANG);
	}
	return 0;
}

static void kill_bomb(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;
	cleanup_free pid_t *pids = NULL;
	pid_t pid = start_in(cgroup, fork_for_ever);

	(void)usleep(50 * 1000);
	ok(cgroup_kill(cgroup, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	assert_int_equal(cgroup_pids(cgroup, &pids, &err), 0);
}

static void kill_fork_bomb(void **state)
{
	struct spec_resources limits = no_limits();
	struct cgroup *cgroup;

	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_PIDS], "no pids controller to keep the bomb small");
	limits.pids_limit = 40;
	cgroup = make("bomb", &limits);
	kill_bomb(cgroup);
	if (the_host()->mode == CGROUP_HYBRID) {
		/* Without the v2 directory: the way of hosts that have v1 alone. */
		cgroup->present &= ~(1U << cgroup_index(cgroup->host, cgroup->host->unified));
		kill_bomb(cgroup);
		cgroup->present |= 1U << cgroup_index(cgroup->host, cgroup->host->unified);
	}
	unmake(cgroup);
}

/* What a container with a writable cgroup can do: directories of its own, and processes there. */
static void nested(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = test_path("nest"), *inner_path = test_path("nest/a/b");
	cleanup_free pid_t *pids = NULL;
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner = NULL;
	pid_t pid;

	NEED_ROOT();
	cgroup = make("nest", &limits);
	ok(cgroup_create(inner_path, CGROUP_FS, &limits, &inner, &err), &err);
	pid = start_in(inner, wait_forever);
	assert_int_equal(cgroup_pids(cgroup, &pids, &err), 1);
	ok(cgroup_kill(cgroup, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	unmake(cgroup);
	cgroup_free(inner);
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

/* The tests' common parent, which removing a cgroup leaves alone; and what a failed test left. */
static int remove_parent(void **state)
{
	cleanup_cgroup struct cgroup *parent = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = test_path("");

	if (geteuid() != 0 || cgroup_open(path, CGROUP_FS, &parent, &err) < 0)
		return 0;
	return cgroup_kill(parent, &err) < 0 || cgroup_remove(parent, &err) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifecycle),
		cmocka_unit_test(memory_limit),
		cmocka_unit_test(pids_limit),
		cmocka_unit_test(cpu_quota),
		cmocka_unit_test(cpuset),
		cmocka_unit_test(foreign_parent),
		cmocka_unit_test(freeze),
		cmocka_unit_test(kill_fork_bomb),
		cmocka_unit_test(nested),
		cmocka_unit_test(devices),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}
