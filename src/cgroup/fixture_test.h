/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of real cgroups share. They run on the hierarchies this host has (v1, v2 or
 * hybrid), below a directory of their own that is removed again; the virtual machine of tests/vm
 * runs the same programs on v2.
 */
#pragma once

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
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cgroup/internal.h"

#define TEST_HELPER __attribute__((unused)) static

#define MIB (1024L * 1024)

TEST_HELPER struct spec_resources no_limits(void)
{
	struct spec_resources limits;

	spec_resources_init(&limits);
	return limits;
}

/* Fails the test with the error's own words. */
TEST_HELPER void ok(int result, struct error **err)
{
	if (result < 0)
		fail_msg("%s", error_message(*err));
	assert_null(*err);
}

TEST_HELPER bool is_root(void)
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

TEST_HELPER const struct cgroup_host *the_host(void)
{
	cleanup_error struct error *err = NULL;
	const struct cgroup_host *host = NULL;

	ok(cgroup_host_get(&host, &err), &err);
	return host;
}

TEST_HELPER char *test_path(const char *name)
{
	return xasprintf("/vessel-test-%d/%s", (int)getpid(), name);
}

TEST_HELPER struct cgroup *make(const char *name, const struct spec_resources *limits)
{
	cleanup_free char *path = test_path(name);
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup = NULL;

	ok(cgroup_create(path, CGROUP_FS, limits, &cgroup, &err), &err);
	return cgroup;
}

TEST_HELPER void unmake(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;

	ok(cgroup_remove(cgroup, &err), &err);
	assert_int_equal(cgroup->present, 0);
	cgroup_free(cgroup);
}

/* Runs body in a child inside the cgroup; it starts once it is inside. */
TEST_HELPER pid_t start_in(struct cgroup *cgroup, int (*body)(void))
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

TEST_HELPER int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)), pid);
	return status;
}

TEST_HELPER int wait_forever(void)
{
	while (pause() < 0)
		;
	return 0;
}

TEST_HELPER int spin(void)
{
	for (;;)
		__asm__ volatile("");
	return 0;
}

TEST_HELPER int count_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 99;
}

/* The tests' common parent, which removing a cgroup leaves alone; and what a failed test left. */
TEST_HELPER int remove_parent(void **state)
{
	cleanup_cgroup struct cgroup *parent = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = test_path("");

	(void)state;
	if (geteuid() != 0 || cgroup_open(path, CGROUP_FS, &parent, &err) < 0)
		return 0;
	return cgroup_kill(parent, &err) < 0 || cgroup_remove(parent, &err) < 0 ? -1 : 0;
}
