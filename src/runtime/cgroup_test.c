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
static void ok(int result, struct error *err)
{
	if (result < 0)
		fail_msg("%s", error_message(err));
	assert_null(err);
}

static void weights(void **state)
{
	static const struct {
		uint64_t shares, weight;
		const char *why;
	} rows[] = {
		{ 0, 1, "below the smallest" },
		{ 2, 1, "the smallest" },
		{ 1024, 100, "both defaults" },
		{ 262144, 10000, "the largest" },
		{ 1048576, 10000, "above the largest" },
		{ 512, 59, "half the default" },
		{ 2048, 174, "twice the default" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (cgroup_weight_of_shares(rows[i].shares) != rows[i].weight)
			fail_msg("%s: %lu", rows[i].why,
				(unsigned long)cgroup_weight_of_shares(rows[i].shares));
	for (uint64_t shares = 3; shares < 262144; shares += 97)
		assert_true(cgroup_weight_of_shares(shares) >= cgroup_weight_of_shares(shares - 1));
	assert_int_equal(cgroup_io_weight(10), 1);
	assert_int_equal(cgroup_io_weight(500), 4950);
	assert_int_equal(cgroup_io_weight(1000), 10000);
}

static void hosts(void **state)
{
	static const struct {
		const char *why, *text;
		size_t count;
		enum { NONE, V1, V2 } memory;
	} rows[] = {
		{ "no cgroup", "1 0 8:1 / / rw - ext4 /dev/sda rw\n", 0, NONE },
		{ "v2 alone", "1 0 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", 1,
			V2 },
		{ "optional fields, a combined mount, a named one",
			"1 0 0:2 / /c/cpu,cpuacct rw shared:3 master:4 - cgroup cgroup "
			"rw,cpu,cpuacct\n"
			"2 0 0:3 / /c/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
			"3 0 0:4 / /c/mem\\040ory rw - cgroup cgroup rw,memory\n",
			3, V1 },
		{ "one hierarchy mounted twice counts once",
			"1 0 0:2 /docker/x /part rw - cgroup cgroup rw,memory\n"
			"2 0 0:2 / /whole rw - cgroup cgroup rw,memory\n",
			1, V1 },
		{ "torn lines",
			"1 0 0:2 / /c rw - cgroup2\n1 0 0:2\n- - -\n1 0 x:y / /c rw - cgroup2 c "
			"rw\n",
			0, NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_free char *text = xstrdup(rows[i].text);
		cleanup_error struct error *err = NULL;
		struct cgroup_host host;
		int result = cgroup_host_parse(text, &host, &err);
		unsigned int controllers = 0;

		assert_int_equal(result, rows[i].count ? 0 : -1);
		assert_int_equal(host.count, rows[i].count);
		for (size_t k = 0; k < host.count; k++)
			if (!host.hierarchies[k].v2)
				controllers |= host.hierarchies[k].controllers;
		assert_int_equal(!!(controllers & 1U << CONTROLLER_MEMORY), rows[i].memory == V1);
		if (rows[i].memory == V2)
			assert_true(host.hierarchies[0].v2);
		if (strstr(rows[i].text, "/whole"))
			assert_string_equal(host.hierarchies[0].mount_point, "/whole");
		if (strstr(rows[i].text, "mem\\040ory"))
			assert_string_equal(host.hierarchies[2].mount_point, "/c/mem ory");
		cgroup_host_done(&host);
	}
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

	ok(cgroup_host_get(&host, &err), err);
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

	ok(cgroup_create(path, CGROUP_FS, limits, &cgroup, &err), err);
	return cgroup;
}

static void unmake(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;

	ok(cgroup_remove(cgroup, &err), err);
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
	ok(cgroup_attach(cgroup, pid, &err), err);
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
	ok(cgroup_open(path, CGROUP_FS, &again, &err), err);
	ok(cgroup_kill(again, &err), err);
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
	ok(cgroup_read_stats(cgroup, &stats, &err), err);
	assert_int_equal(stats.memory_limit, 16 * MIB);

	limits.memory_limit = 128 * MIB; /* above memory and swap so far: order matters on v1 */
	limits.memory_swap = 128 * MIB;
	ok(cgroup_update(cgroup, &limits, &err), err);
	pid = start_in(cgroup, touch_64m);
	assert_int_equal(status_of(pid), 0);
	ok(cgroup_read_stats(cgroup, &stats, &err), err);
	assert_int_equal(stats.memory_limit, 128 * MIB);
	limits.memory_limit = -1;
	limits.memory_swap = SPEC_UNSET;
	ok(cgroup_update(cgroup, &limits, &err), err);
	ok(cgroup_read_stats(cgroup, &stats, &err), err);
	assert_true(stats.memory_limit == UINT64_MAX);
	unmake(cgroup);
}

/* The tests' common parent, which removing a cgroup leaves alone. */
static int remove_parent(void **state)
{
	const struct cgroup_host *host = NULL;
	cleanup_error struct error *err = NULL;
	char name[40];

	(void)snprintf(name, sizeof(name), "vessel-test-%d", (int)getpid());
	if (geteuid() == 0 && cgroup_host_get(&host, &err) == 0)
		for (size_t i = 0; i < host->count; i++)
			(void)unlinkat(host->hierarchies[i].root_fd, name, AT_REMOVEDIR);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),
		cmocka_unit_test(hosts),
		cmocka_unit_test(lifecycle),
		cmocka_unit_test(memory_limit),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}
