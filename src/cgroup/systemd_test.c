/* SPDX-License-Identifier: Apache-2.0 */
/* Needs systemd as PID 1: tests/vm boots one. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "cgroup/fixture_test.h"

#define NEED_SYSTEMD() NEED(geteuid() == 0 && cgroup_has_systemd(), "needs systemd, and root")

static char *scope_path(const char *name)
{
	return xasprintf("system.slice:vesseltest%d:%s", (int)getpid(), name);
}

static struct cgroup *make_scope(const char *name, const struct spec_resources *limits)
{
	cleanup_free char *path = scope_path(name);
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup = NULL;

	ok(cgroup_create(path, CGROUP_SYSTEMD, limits, &cgroup, &err), &err);
	return cgroup;
}

static void remove_scope(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;

	ok(cgroup_remove(cgroup, &err), &err);
	for (size_t i = 0; i < cgroup->host->count; i++)
		assert_int_equal(
			faccessat(cgroup->host->hierarchies[i].root_fd, cgroup->dir, F_OK, 0), -1);
	cgroup_free(cgroup);
}

static void scope_lives(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = NULL, *proc = NULL, *text = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free pid_t *pids = NULL;
	struct cgroup *cgroup, *again = NULL;
	pid_t pid;

	(void)state;
	NEED_SYSTEMD();
	path = scope_path("life");
	cgroup = make_scope("life", &limits);
	assert_int_equal(cgroup_open(path, CGROUP_SYSTEMD, &again, &err), -1); /* not yet */
	error_free(take_ptr(err));
	pid = start_in(cgroup, wait_forever);
	for (size_t i = 0; i < cgroup->host->count; i++)
		assert_true(cgroup_is_in(cgroup, &cgroup->host->hierarchies[i]));
	/* In every hierarchy it is in the scope, and nowhere else. */
	proc = xasprintf("/proc/%d/cgroup", (int)pid);
	assert_true(file_read_at(AT_FDCWD, proc, 65536, &text, &err) > 0);
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (!strstr(line, cgroup->unit) && !strstr(line, "hugetlb"))
			fail_msg("%s", line);
	ok(cgroup_open(path, CGROUP_SYSTEMD, &again, &err), &err);
	assert_int_equal(cgroup_pids(again, &pids, &err), 1);
	assert_int_equal(pids[0], pid);
	cgroup_free(again);
	ok(cgroup_freeze(cgroup, true, &err), &err);
	ok(cgroup_freeze(cgroup, false, &err), &err);
	ok(cgroup_kill(cgroup, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	remove_scope(cgroup);
}

static int count_open_devices(void)
{
	static const char *const paths[] = { "/dev/null", "/dev/zero", "/dev/random" };
	int count = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		cleanup_close int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		count += fd >= 0;
	}
	return count;
}

/* systemd writes what it knows again at a reload: our limits must be what it knows. */
static void limits_outlive_a_reload(void **state)
{
	static const struct spec_device_rule rules[] = {
		{ false, 'a', -1, -1, "rwm" },
		{ true, 'c', -1, -1, "m" },
		{ true, 'c', 1, 3, "rwm" },
		{ true, 'c', 136, -1, "rw" },
	};
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	pid_t pid;

	(void)state;
	NEED_SYSTEMD();
	limits.memory_limit = 64 * MIB;
	limits.pids_limit = 20;
	limits.cpu_quota = 50000;
	limits.cpu_period = 100000;
	limits.devices = (struct spec_device_rule *)rules;
	limits.device_count = sizeof(rules) / sizeof(*rules);
	cgroup = make_scope("limits", &limits);
	pid = start_in(cgroup, wait_forever);
	for (int round = 0; round < 2; round++) {
		uint64_t expected = (uint64_t)(round + 1) * 64 * MIB;

		assert_int_equal(system("systemctl daemon-reload") /* NOLINT(cert-env33-c) */, 0);
		ok(cgroup_read_stats(cgroup, &stats, &err), &err);
		assert_int_equal(stats.memory_limit, expected);
		assert_int_equal(stats.pids_limit, 20);
		assert_int_equal(WEXITSTATUS(status_of(start_in(cgroup, count_open_devices))), 1);
		limits = no_limits();
		limits.memory_limit = 128 * MIB;
		ok(cgroup_update(cgroup, &limits, &err), &err);
	}
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	remove_scope(cgroup);
}

static void name_in_use(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *first, *second;
	pid_t pid;

	(void)state;
	NEED_SYSTEMD();
	first = make_scope("twice", &limits);
	second = make_scope("twice", &limits);
	pid = start_in(first, wait_forever);
	assert_int_equal(cgroup_attach(second, getpid(), &err), -1);
	print_message("%s\n", error_message(err));
	assert_non_null(strstr(error_message(err), "already"));
	error_free(take_ptr(err));
	ok(cgroup_kill(first, &err), &err);
	(void)status_of(pid);
	cgroup_free(second);
	remove_scope(first);
}

/* How long a start through systemd takes is worth knowing. */
static void start_time(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;
	int64_t start;
	pid_t pid;

	(void)state;
	NEED_SYSTEMD();
	cgroup = make_scope("time", &limits);
	start = clock_monotonic_ns();
	pid = start_in(cgroup, wait_forever);
	print_message("attached in %ld us\n", (long)((clock_monotonic_ns() - start) / 1000));
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	remove_scope(cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scope_lives),
		cmocka_unit_test(limits_outlive_a_reload),
		cmocka_unit_test(name_in_use),
		cmocka_unit_test(start_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
