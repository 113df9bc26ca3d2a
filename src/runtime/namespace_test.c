/* SPDX-License-Identifier: Apache-2.0 */
/* Own, shared and joined namespaces, and cgroups. */
#include "runtime/container_test.h"

#include "cgroup/cgroup.h"
#include "sys/process.h"

static const struct {
	int type;
	const char *file;
} kinds[] = {
	{ CLONE_NEWNS, "mnt" },
	{ CLONE_NEWPID, "pid" },
	{ CLONE_NEWNET, "net" },
	{ CLONE_NEWIPC, "ipc" },
	{ CLONE_NEWUTS, "uts" },
	{ CLONE_NEWCGROUP, "cgroup" },
};

static char *host_ns(const char *file)
{
	cleanup_free char *path = xasprintf("/proc/self/ns/%s", file);
	char text[64] = "";

	assert_true(readlink(path, text, sizeof(text) - 1) > 0);
	return xasprintf("%s\n", text);
}

static char *container_ns(struct fixture *fixture, const char *file)
{
	cleanup_free char *script = xasprintf("readlink /proc/self/ns/%s", file);
	struct outcome outcome cleanup_outcome = { 0 };

	fixture_script(fixture, script);
	outcome = fixture_run(fixture);
	if (outcome.error)
		fail_msg("%s: %s", file, error_message(outcome.error));
	assert_int_equal(outcome.code, 0);
	return take_ptr(outcome.output);
}

static void remove_namespace(struct spec *spec, int type)
{
	for (size_t i = 0; i < spec->namespace_count; i++) {
		if (spec->namespaces[i].type != type)
			continue;
		free(spec->namespaces[i].path);
		spec->namespaces[i] = spec->namespaces[--spec->namespace_count];
	}
}

static void each_is_own_or_the_hosts(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	replace_string(&spec->hostname, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		cleanup_free char *host = host_ns(kinds[i].file);
		cleanup_free char *own = container_ns(fixture, kinds[i].file), *shared = NULL;

		assert_string_not_equal(own, host);
		if (kinds[i].type == CLONE_NEWNS)
			continue;
		remove_namespace(spec, kinds[i].type);
		shared = container_ns(fixture, kinds[i].file);
		assert_string_equal(shared, host);
		spec_add_namespace(spec, kinds[i].type, NULL);
	}
	spec_add_namespace(spec, CLONE_NEWTIME, NULL);
	{
		cleanup_free char *host = host_ns("time"), *own = container_ns(fixture, "time");

		assert_string_not_equal(own, host);
	}
}

static void without_a_mount_namespace_nothing_starts(void **state)
{
	struct fixture *fixture = fixture_of(state);

	remove_namespace(&fixture->spec, CLONE_NEWNS);
	fixture_script(fixture, "true");
	expect_error(fixture, ERROR_UNSUPPORTED, "own mount namespace", "the host's mounts");
}

static void a_new_one_is_set_up(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture->spec.domainname = xstrdup("example.org");
	strv_append(&fixture->spec.sysctl, "net.ipv4.ping_group_range=0 1000");
	strv_append(&fixture->spec.sysctl, "kernel.shm_rmid_forced=1");
	expect_output(fixture,
		"hostname; cat /proc/sys/kernel/domainname;"
		"tr '\\t' ' ' < /proc/sys/net/ipv4/ping_group_range;"
		"cat /proc/sys/kernel/shm_rmid_forced; cat /sys/class/net/lo/flags; echo $$",
		"vessel-test\nexample.org\n0 1000\n1\n0x9\n1\n");
}

static const struct {
	const char *why, *sysctl;
	int without;
	const char *part;
} sysctls_refused[] = {
	{ "of the whole machine", "kernel.pid_max=1000", 0, "not of a namespace" },
	{ "CVE-2022-0811", "kernel.shm_rmid_forced=1+kernel.core_pattern=|/e", 0, "Invalid" },
	{ "climbing", "net.ipv4..ip_forward=1", 0, "no valid name" },
	{ "by slashes", "kernel/../vm=1", 0, "no valid name" },
	{ "not there", "net.no_such_thing=1", 0, "No such file" },
	{ "of the host's network", "net.ipv4.ip_forward=1", CLONE_NEWNET, "network namespace" },
	{ "no value", "net.ipv4.ip_forward", 0, "no value" },
};

static void other_settings_are_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	fixture_script(fixture, "true");
	for (size_t i = 0; i < sizeof(sysctls_refused) / sizeof(*sysctls_refused); i++) {
		strv_free(spec->sysctl);
		spec->sysctl = NULL;
		strv_append(&spec->sysctl, sysctls_refused[i].sysctl);
		remove_namespace(spec, sysctls_refused[i].without);
		expect_error(
			fixture, ERROR_INVALID, sysctls_refused[i].part, sysctls_refused[i].why);
		if (sysctls_refused[i].without)
			spec_add_namespace(spec, sysctls_refused[i].without, NULL);
	}
	strv_free(spec->sysctl);
	spec->sysctl = NULL;
	remove_namespace(spec, CLONE_NEWUTS);
	expect_error(fixture, ERROR_INVALID, "own uts namespace", "the host's name");
}

/* A second container in the namespaces of a first one that runs. */
static void namespaces_of_another_can_be_joined(void **state)
{
	struct fixture *fixture = fixture_of(state);
	static const int joined[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUTS };
	struct spec *spec = &fixture->spec;
	struct container_init first;
	int fd;

	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	first = fixture_start(fixture, &fd);
	replace_string(&spec->hostname, NULL);
	for (size_t i = 0; i < sizeof(joined) / sizeof(*joined); i++) {
		cleanup_free char *path =
			xasprintf("/proc/%d/ns/%s", (int)first.pid, namespace_file(joined[i]));

		remove_namespace(spec, joined[i]);
		spec_add_namespace(spec, joined[i], path);
	}
	expect_output(fixture,
		"hostname; ps -o pid,comm | grep sleep;"
		"for n in net ipc uts pid; do test $(readlink /proc/1/ns/$n) = "
		"$(readlink /proc/self/ns/$n) && echo same; done;"
		"test $(readlink /proc/1/ns/mnt) = $(readlink /proc/self/ns/mnt) || echo own",
		"vessel-test\n    1 sleep\nsame\nsame\nsame\nsame\nown\n");
	runtime_destroy(&first);
	close(fd);
	fixture_script(fixture, "true");
	expect_error(fixture, ERROR_INVALID, "No such file", "the first one has ended");
}

static struct spec_id_map *one_map(uint32_t host)
{
	struct spec_id_map *map = xcalloc(1, sizeof(*map));

	*map = (struct spec_id_map){ .container = 0, .host = host, .size = 65536 };
	return map;
}

static void a_user_namespace_has_another_root(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct container_init init;
	struct stat st;
	int fd;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = one_map(100000);
	spec->gid_map = one_map(200000);
	spec->uid_map_count = spec->gid_map_count = 1;
	assert_int_equal(fchownat(fixture->dir_fd, "rootfs/tmp", 100000, 200000, 0), 0);
	expect_output(fixture,
		"id -u; id -g; tr -s ' ' < /proc/self/uid_map; touch /tmp/mine;"
		"stat -c '%n %t:%T' /dev/null /dev/zero; echo x > /dev/null && echo ok;"
		"touch /etc/x 2>/dev/null || echo denied",
		"0\n0\n 0 100000 65536\n/dev/null 1:3\n/dev/zero 1:5\nok\ndenied\n");
	assert_int_equal(fstatat(fixture->dir_fd, "rootfs/tmp/mine", &st, 0), 0);
	assert_int_equal(st.st_uid, 100000);
	assert_int_equal(st.st_gid, 200000);
	/* And a further process is in it, too. */
	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	init = fixture_start(fixture, &fd);
	fixture_script(fixture, "id -u; tr -s ' ' < /proc/self/uid_map");
	{
		struct outcome outcome cleanup_outcome =
			fixture_exec(fixture, &init, &spec->process);

		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		assert_string_equal(outcome.output, "0\n 0 100000 65536\n");
	}
	runtime_destroy(&init);
	close(fd);
}

/* The file is the host's root's, whom the namespace does not have: its caller writes it. */
static void a_user_namespace_gets_its_score(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct container_init init;
	int fd;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = one_map(100000);
	spec->gid_map = one_map(200000);
	spec->uid_map_count = spec->gid_map_count = 1;
	spec->process.has_oom_score_adj = true;
	spec->process.oom_score_adj = 901;
	expect_output(fixture, "cat /proc/self/oom_score_adj", "901\n");
	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	init = fixture_start(fixture, &fd);
	spec->process.oom_score_adj = 902;
	fixture_script(fixture, "cat /proc/self/oom_score_adj /proc/1/oom_score_adj");
	{
		struct outcome outcome cleanup_outcome =
			fixture_exec(fixture, &init, &spec->process);

		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		assert_string_equal(outcome.output, "902\n901\n");
	}
	runtime_destroy(&init);
	close(fd);
}

static void a_cgroup_is_entered_and_left(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	cleanup_free char *path = xasprintf("/vessel-test-%d/inner", (int)getpid());
	struct container_init init;
	struct error *err = NULL;
	struct cgroup *gone = NULL;
	cleanup_free pid_t *pids = NULL;
	ssize_t count;
	int fd;

	spec->cgroups_path = xstrdup(path);
	spec->resources.pids_limit = 30;
	spec_add_mount(
		spec, "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev,relatime");
	fixture_script(fixture,
		"sed 's/.*://' /proc/self/cgroup | grep -vx / && echo outside;"
		"cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null;"
		"f=$(ls -d /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids/cgroup.procs "
		"2>/dev/null);"
		"(echo 1 > $f) 2>/dev/null || echo ro; head -n 1 $f; exec sleep 1000");
	init = fixture_start(fixture, &fd);
	{
		char text[64] = "";
		size_t length = 0;

		while (length < 8)
			length += (size_t)read(fd, text + length, sizeof(text) - 1 - length);
		assert_string_equal(text, "30\nro\n1\n");
	}
	/* And perhaps the last command before it, on its way out. */
	count = cgroup_pids(init.cgroup, &pids, &err);
	assert_true(count > 0 && (pids[0] == init.pid || pids[count - 1] == init.pid));
	fixture_script(fixture, "sed 's/.*://' /proc/self/cgroup | sort -u");
	{
		struct outcome outcome cleanup_outcome =
			fixture_exec(fixture, &init, &spec->process);

		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		assert_string_equal(outcome.output, "/\n");
	}
	runtime_destroy(&init);
	close(fd);
	assert_int_equal(cgroup_open(path, CGROUP_FS, &gone, &err), -1);
	error_free(err);
	err = NULL;
	/* The parent is not the container's to remove. */
	*strrchr(path, '/') = '\0';
	if (cgroup_open(path, CGROUP_FS, &gone, &err) == 0) {
		assert_int_equal(cgroup_remove(gone, &err), 0);
		cgroup_free(gone);
	}
}

static void destroy_ends_a_container(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_init init;
	pid_t pid;
	int fd;

	fixture_script(fixture, "trap '' TERM INT; while :; do sleep 1; done");
	init = fixture_start(fixture, &fd);
	pid = init.pid;
	runtime_destroy(&init);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(init.pidfd, -1);
	close(fd);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(each_is_own_or_the_hosts),
		CONTAINER_TEST(without_a_mount_namespace_nothing_starts),
		CONTAINER_TEST(a_new_one_is_set_up),
		CONTAINER_TEST(other_settings_are_refused),
		CONTAINER_TEST(namespaces_of_another_can_be_joined),
		CONTAINER_TEST(a_user_namespace_has_another_root),
		CONTAINER_TEST(a_user_namespace_gets_its_score),
		CONTAINER_TEST(a_cgroup_is_entered_and_left),
		CONTAINER_TEST(destroy_ends_a_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
