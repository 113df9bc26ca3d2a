/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cgroup/fixture_test.h"

static void lifecycle(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = NULL;
	cleanup_free pid_t *pids = NULL;
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *again = NULL;
	const struct cgroup_host *host;
	pid_t pid;

	(void)state;
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

/* A v1 parent made by somebody else gives a cpuset without processors: entering must still work. */
static void foreign_parent(void **state)
{
	struct spec_resources limits = no_limits();
	const struct cgroup_hierarchy *cpuset;
	struct cgroup *cgroup;
	char name[64];

	(void)state;
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

	(void)state;
	NEED_ROOT();
	cgroup = make("freeze", &limits);
	pid = start_in(cgroup, spin);
	ok(cgroup_freeze(cgroup, true, &err), &err);
	before = usage(cgroup);
	(void)usleep(200 * 1000);
	assert_true(usage(cgroup) - before < 20 * 1000000UL); /* the kernel counts a little late */
	ok(cgroup_freeze(cgroup, false, &err), &err);
	before = usage(cgroup);
	for (int i = 0; i < 500 && usage(cgroup) - before < 20 * 1000000UL; i++)
		(void)usleep(10 * 1000);
	assert_true(usage(cgroup) - before >= 20 * 1000000UL);
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

	(void)state;
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
	cleanup_free char *inner_path = test_path("nest/a/b");
	cleanup_free pid_t *pids = NULL;
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner = NULL;
	pid_t pid;

	(void)state;
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

static void bad_paths(void **state)
{
	static const char *const paths[] = { "", "/", "..", "/../../evil", "/a/../b", "/a/./b",
		"/a\nb" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		cleanup_error struct error *err = NULL;
		struct spec_resources limits = no_limits();
		struct cgroup *none = NULL;

		assert_int_equal(cgroup_create(paths[i], CGROUP_FS, &limits, &none, &err), -1);
		assert_int_equal(error_kind(err), ERROR_INVALID);
	}
}

/* Where cgroups are read-only, a container without limits runs and one with limits does not. */
static int try_read_only(void)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	cleanup_cgroup struct cgroup *cgroup = NULL, *none = NULL;

	if (cgroup_create("/vessel-test-ro/x", CGROUP_FS, &limits, &cgroup, &err) < 0 ||
		cgroup_attach(cgroup, getpid(), &err) < 0 || cgroup->present != 0)
		return 1;
	limits.memory_limit = 16 * MIB;
	if (cgroup_create("/vessel-test-ro/x", CGROUP_FS, &limits, &none, &err) == 0)
		return 2;
	return error_kind(err) == ERROR_DENIED && strstr(error_message(err), "Read-only") ? 0 : 3;
}

static long change_mount(const char *path, unsigned long flags)
{
	return syscall(SYS_mount, NULL, path, NULL, flags, NULL);
}

static void read_only_host(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	pid = fork();
	if (pid == 0) {
		const struct cgroup_host *host = the_host();

		if (unshare(CLONE_NEWNS) < 0 || change_mount("/", MS_REC | MS_PRIVATE) < 0)
			_exit(90);
		for (size_t i = 0; i < host->count; i++)
			if (change_mount(host->hierarchies[i].mount_point,
				    MS_REMOUNT | MS_BIND | MS_RDONLY) < 0)
				_exit(91);
		/* A new program, which looks at the host anew. */
		execl("/proc/self/exe", "cgroup_life_test", "read-only", (char *)NULL);
		_exit(92);
	}
	status = status_of(pid);
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifecycle),
		cmocka_unit_test(foreign_parent),
		cmocka_unit_test(freeze),
		cmocka_unit_test(kill_fork_bomb),
		cmocka_unit_test(nested),
		cmocka_unit_test(bad_paths),
		cmocka_unit_test(read_only_host),
	};

	if (argc == 2 && strcmp(argv[1], "read-only") == 0)
		return try_read_only();
	return cmocka_run_group_tests(tests, NULL, remove_parent);
}
