/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces given by path, clocks of an own time namespace, and ids of user namespaces. */
#include "runtime/container_test.h"

#include <sys/prctl.h>
#include <time.h>

#include "sys/process.h"

static void drop_namespace(struct spec *spec, int type)
{
	for (size_t i = 0; i < spec->namespace_count; i++) {
		if (spec->namespaces[i].type != type)
			continue;
		free(spec->namespaces[i].path);
		spec->namespaces[i] = spec->namespaces[--spec->namespace_count];
	}
}

static void give_path(struct spec *spec, int type, const char *path)
{
	drop_namespace(spec, type);
	spec_add_namespace(spec, type, path);
}

static const struct {
	const char *why;
	int type;
	const char *path, *part;
} wrong[] = {
	{ "another type", CLONE_NEWNET, "/proc/self/ns/uts", "is a uts namespace" },
	{ "a file", CLONE_NEWIPC, "/etc/passwd", "is no namespace" },
	{ "a device that would block", CLONE_NEWPID, "/dev/null", "is no namespace" },
	{ "nothing there", CLONE_NEWUSER, "/nosuch", "No such file" },
	{ "the host's mounts: its root would be replaced", CLONE_NEWNS, "/proc/self/ns/mnt",
		"the caller's own" },
};

static void a_wrong_path_is_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "true");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		give_path(&fixture->spec, wrong[i].type, wrong[i].path);
		expect_error(fixture, ERROR_INVALID, wrong[i].part, wrong[i].why);
		drop_namespace(&fixture->spec, wrong[i].type);
		if (wrong[i].type == CLONE_NEWNS)
			spec_add_namespace(&fixture->spec, CLONE_NEWNS, NULL);
	}
}

static const struct {
	const char *why, *hostname, *sysctl;
	int type;
	const char *path, *part;
} of_the_host[] = {
	{ "the machine's name", "evil", NULL, CLONE_NEWUTS, "/proc/self/ns/uts", "uts namespace" },
	{ "by another name of it", "evil", NULL, CLONE_NEWUTS, "/proc/thread-self/ns/uts",
		"uts namespace" },
	{ "its network", NULL, "net.ipv4.ip_forward=1", CLONE_NEWNET, "/proc/self/ns/net",
		"network namespace" },
	{ "its network, written with slashes", NULL, "net/ipv4/ip_forward=1", CLONE_NEWNET,
		"/proc/self/ns/net", "network namespace" },
	{ "its shared memory", NULL, "kernel.shmmni=1", CLONE_NEWIPC, "/proc/self/ns/ipc",
		"ipc namespace" },
};

/* A namespace that is the host's, by a path, is not an own one. */
static void the_hosts_settings_are_not_changed(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	fixture_script(fixture, "true");
	for (size_t i = 0; i < sizeof(of_the_host) / sizeof(*of_the_host); i++) {
		replace_string(&spec->hostname, xstrdup_null(of_the_host[i].hostname));
		strv_free(spec->sysctl);
		spec->sysctl = NULL;
		if (of_the_host[i].sysctl)
			strv_append(&spec->sysctl, of_the_host[i].sysctl);
		give_path(spec, of_the_host[i].type, of_the_host[i].path);
		expect_error(fixture, ERROR_INVALID, of_the_host[i].part, of_the_host[i].why);
		drop_namespace(spec, of_the_host[i].type);
		spec_add_namespace(spec, of_the_host[i].type, NULL);
	}
}

static void two_of_a_type_are_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "true");
	spec_add_namespace(&fixture->spec, CLONE_NEWNET, NULL);
	expect_error(fixture, ERROR_INVALID, "two network namespaces", "which one?");
}

static void the_callers_own_is_shared(void **state)
{
	static const int types[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWTIME,
		CLONE_NEWCGROUP };
	struct fixture *fixture = fixture_of(state);

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		cleanup_free char *path = xasprintf("/proc/self/ns/%s", namespace_file(types[i]));
		cleanup_free char *script = xasprintf("readlink %s", path), *wanted = NULL;
		char own[64] = "";

		assert_true(readlink(path, own, sizeof(own) - 1) > 0);
		wanted = xasprintf("%s\n", own);
		give_path(&fixture->spec, types[i], path);
		expect_output(fixture, script, wanted);
	}
}

/* A process with namespaces of its own, which ends with us. */
static pid_t holder(int flags, const char *offsets)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error *err = NULL;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags) < 0)
			_exit(1);
		if (offsets &&
			file_poke_at(AT_FDCWD, "/proc/self/timens_offsets", offsets, &err) < 0)
			_exit(2);
		/* A child is in what was made for children; it is what is joined. */
		if (flags & CLONE_NEWTIME) {
			int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);

			if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
				_exit(3);
		}
		(void)!write(ready[1], "r", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void release(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void others_of_each_type_are_joined(void **state)
{
	static const int types[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
		CLONE_NEWTIME };
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	pid_t pid = holder(
		CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWTIME, NULL);

	replace_string(&spec->hostname, NULL);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		const char *file = namespace_file(types[i]);
		cleanup_free char *path = xasprintf("/proc/%d/ns/%s", (int)pid, file);
		cleanup_free char *script = xasprintf("readlink /proc/self/ns/%s", file);
		cleanup_free char *wanted = NULL;
		char theirs[64] = "";

		assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
		wanted = xasprintf("%s\n", theirs);
		give_path(spec, types[i], path);
		expect_output(fixture, script, wanted);
	}
	release(pid);
}

/* Its root becomes the container's, and the host's mounts are what they were. */
static void a_mount_namespace_is_joined(void **state)
{
	struct fixture *fixture = fixture_of(state);
	pid_t pid = holder(CLONE_NEWNS, NULL);
	cleanup_free char *path = xasprintf("/proc/%d/ns/mnt", (int)pid), *wanted = NULL;
	cleanup_free char *before = NULL, *after = NULL;
	struct error *err = NULL;
	char theirs[64] = "";

	assert_true(file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &before, &err) > 0);
	assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
	wanted = xasprintf("%s\nbin\nno host\n", theirs);
	give_path(&fixture->spec, CLONE_NEWNS, path);
	expect_output(fixture,
		"readlink /proc/self/ns/mnt; ls -d bin; test -e /usr/bin/env || echo no host",
		wanted);
	assert_true(file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &after, &err) > 0);
	assert_string_equal(before, after);
	release(pid);
}

static void a_pid_namespace_is_joined(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	cleanup_free char *path = NULL;
	struct container_init first, second;
	int fd, second_fd;

	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	first = fixture_start(fixture, &fd);
	path = xasprintf("/proc/%d/ns/pid", (int)first.pid);
	give_path(spec, CLONE_NEWPID, path);
	fixture_args(fixture, (const char *const[]){ "sleep", "2000", NULL });
	second = fixture_start(fixture, &second_fd);
	/* A further process of the second is in it as well. */
	fixture_script(fixture, "ps -o args | grep -c '[s]leep [12]000'");
	{
		struct outcome outcome cleanup_outcome =
			fixture_exec(fixture, &second, &spec->process);

		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		assert_string_equal(outcome.output, "2\n");
	}
	runtime_destroy(&second);
	runtime_destroy(&first);
	close(fd);
	close(second_fd);
}

static void clocks_have_offsets(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct outcome outcome cleanup_outcome = { 0 };
	struct timespec now;

	fixture_script(fixture, "sed 's/[.].*//' /proc/uptime");
	spec->boottime = (struct spec_time_offset){ .secs = 1000000, .set = true };
	expect_error(fixture, ERROR_INVALID, "time namespace that is new", "the host's clock");
	spec_add_namespace(spec, CLONE_NEWTIME, NULL);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	outcome = fixture_run(fixture);
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
	assert_in_range(
		strtol(outcome.output, NULL, 10), now.tv_sec + 1000000, now.tv_sec + 1000060);
	/* One that is joined has them as they are, and a further process has them, too. */
	{
		pid_t pid = holder(CLONE_NEWTIME, "boottime 5000000 0\nmonotonic 5000000 0\n");
		cleanup_free char *path = xasprintf("/proc/%d/ns/time", (int)pid);
		struct container_init init;
		struct outcome joined cleanup_outcome = { 0 };
		int fd;

		spec->boottime.set = false;
		give_path(spec, CLONE_NEWTIME, path);
		fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
		init = fixture_start(fixture, &fd);
		fixture_script(fixture, "sed 's/[.].*//' /proc/uptime");
		joined = fixture_exec(fixture, &init, &spec->process);
		if (joined.error)
			fail_msg("%s", error_message(joined.error));
		assert_in_range(strtol(joined.output, NULL, 10), now.tv_sec + 5000000,
			now.tv_sec + 5000060);
		runtime_destroy(&init);
		close(fd);
		release(pid);
	}
	give_path(spec, CLONE_NEWTIME, NULL);
	spec->monotonic = (struct spec_time_offset){ .secs = -1000000000, .set = true };
	expect_error(fixture, ERROR_INVALID, "offsets", "a clock below 0");
}

static void map_ids(struct spec *spec, const struct spec_id_map *map, size_t count)
{
	free(spec->uid_map);
	free(spec->gid_map);
	spec->uid_map = xcalloc(count, sizeof(*map));
	spec->gid_map = xcalloc(count, sizeof(*map));
	memcpy(spec->uid_map, map, count * sizeof(*map));
	memcpy(spec->gid_map, map, count * sizeof(*map));
	spec->uid_map_count = spec->gid_map_count = count;
}

static void maps_can_be_any(void **state)
{
	static const struct spec_id_map several[] = { { 0, 100000, 1000 }, { 1000, 5000, 1 },
		{ 1001, 101001, 60000 } };
	static const struct spec_id_map without_root[] = { { 1, 100000, 10 } };
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	map_ids(spec, several, 3);
	expect_output(fixture, "awk '{print $1,$2,$3}' /proc/self/uid_map /proc/self/gid_map",
		"0 100000 1000\n1000 5000 1\n1001 101001 60000\n"
		"0 100000 1000\n1000 5000 1\n1001 101001 60000\n");
	/* There is no root inside: the spec's user is one that is there. */
	map_ids(spec, without_root, 1);
	spec->process.uid = 3;
	spec->process.gid = 4;
	expect_output(fixture, "id -u; id -g", "3\n4\n");
}

/* A second container in the user namespace of a first one, with a network that the host owns. */
static void a_user_namespace_is_joined(void **state)
{
	static const struct spec_id_map map[] = { { 0, 100000, 65536 } };
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	pid_t pid = holder(CLONE_NEWNET, NULL);
	cleanup_free char *net = xasprintf("/proc/%d/ns/net", (int)pid), *user = NULL;
	cleanup_free char *wanted = NULL, *wanted_exec = NULL;
	struct container_init first, second;
	char theirs[64] = "", network[64] = "";
	int fd, second_fd;

	assert_true(readlink(net, network, sizeof(network) - 1) > 0);
	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	map_ids(spec, map, 1);
	give_path(spec, CLONE_NEWNET, net);
	/* Not even root of the host's may mount a sysfs for a network of another owner. */
	for (size_t i = 0; i < spec->mount_count; i++)
		if (strcmp(spec->mounts[i].type, "sysfs") == 0) {
			replace_string(&spec->mounts[i].type, xstrdup("tmpfs"));
			replace_string(&spec->mounts[i].source, xstrdup("tmpfs"));
		}
	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	first = fixture_start(fixture, &fd);
	user = xasprintf("/proc/%d/ns/user", (int)first.pid);
	assert_true(readlink(user, theirs, sizeof(theirs) - 1) > 0);
	give_path(spec, CLONE_NEWUSER, user);
	spec->uid_map_count = spec->gid_map_count = 0;
	wanted = xasprintf("0\n%s\n%s\n903\n", theirs, network);
	spec->process.has_oom_score_adj = true;
	spec->process.oom_score_adj = 903;
	expect_output(fixture,
		"id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net;"
		"cat /proc/self/oom_score_adj",
		wanted);
	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	second = fixture_start(fixture, &second_fd);
	fixture_script(fixture, "id -u; readlink /proc/self/ns/user");
	wanted_exec = xasprintf("0\n%s\n", theirs);
	{
		struct outcome outcome cleanup_outcome =
			fixture_exec(fixture, &second, &spec->process);

		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		assert_string_equal(outcome.output, wanted_exec);
	}
	runtime_destroy(&second);
	runtime_destroy(&first);
	close(fd);
	close(second_fd);
	release(pid);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(a_wrong_path_is_refused),
		CONTAINER_TEST(the_hosts_settings_are_not_changed),
		CONTAINER_TEST(two_of_a_type_are_refused),
		CONTAINER_TEST(the_callers_own_is_shared),
		CONTAINER_TEST(others_of_each_type_are_joined),
		CONTAINER_TEST(a_mount_namespace_is_joined),
		CONTAINER_TEST(a_pid_namespace_is_joined),
		CONTAINER_TEST(clocks_have_offsets),
		CONTAINER_TEST(maps_can_be_any),
		CONTAINER_TEST(a_user_namespace_is_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
