/* SPDX-License-Identifier: Apache-2.0 */
/* Without root of the machine: inside of a user namespace, and as any user. */
#include "runtime/container_test.h"

#include <grp.h>
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SOMEBODY 12345
#define ONE_ID "0 12345 1\n"
#define MANY_IDS "0 100000 65536\n"
#define SUBIDS "somebody:300000:65536\n"

/* What a child does with its rights; 0 when all is as it should be. */
typedef int (*part_fn)(struct fixture *fixture);

static int says(struct fixture *fixture, const char *script, const char *wanted)
{
	struct outcome outcome cleanup_outcome = { 0 };

	fixture_script(fixture, script);
	outcome = fixture_run(fixture);
	if (outcome.error)
		print_error("%s: %s\n", script, error_message(outcome.error));
	else if (strcmp(outcome.output, wanted) != 0)
		print_error("%s: says '%s'\n", script, outcome.output);
	return outcome.error || strcmp(outcome.output, wanted) != 0;
}

static int refuses(struct fixture *fixture, const char *part)
{
	struct outcome outcome cleanup_outcome = { 0 };

	fixture_script(fixture, "true");
	outcome = fixture_run(fixture);
	if (!outcome.error || !strstr(error_message(outcome.error), part))
		print_error("not refused: %s\n",
			outcome.error ? error_message(outcome.error) : outcome.output);
	return !outcome.error || !strstr(error_message(outcome.error), part);
}

static int poke(pid_t pid, const char *file, const char *text)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	cleanup_error struct error *err = NULL;

	return file_poke_at(AT_FDCWD, path, text, &err);
}

static void expect_part(struct fixture *fixture, const char *map, part_fn part)
{
	int pair[2], status;
	char byte = 0;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || write(pair[1], "u", 1) != 1 ||
			read(pair[1], &byte, 1) != 1 || setresgid(0, 0, 0) < 0 ||
			setresuid(0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
			_exit(100); /* dumpable, as after an execve(2) in there */
		_exit(part(fixture));
	}
	assert_int_equal(read(pair[0], &byte, 1), 1);
	if (strcmp(map, ONE_ID) == 0)
		assert_int_equal(poke(pid, "setgroups", "deny"), 0);
	assert_int_equal(poke(pid, "uid_map", map), 0);
	assert_int_equal(poke(pid, "gid_map", map), 0);
	assert_int_equal(write(pair[0], "m", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(status, 0);
}

static struct spec_id_map *one_map(uint32_t host, uint32_t size)
{
	struct spec_id_map *map = xcalloc(1, sizeof(*map));

	*map = (struct spec_id_map){ .container = 0, .host = host, .size = size };
	return map;
}

static void map_ids(struct spec *spec, uint32_t host, uint32_t size)
{
	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = one_map(host, size);
	spec->gid_map = one_map(host, size);
	spec->uid_map_count = spec->gid_map_count = 1;
}

static const char look[] = "id -u; awk '{print $1,$2,$3}' /proc/self/uid_map;"
			   "stat -c '%t:%T' /dev/null; echo x > /dev/null && echo ok";

static int in_the_callers(struct fixture *fixture)
{
	if (says(fixture, look, "0\n0 100000 65536\n1:3\nok\n"))
		return 1;
	fixture->spec.cgroups_path = xasprintf("/vessel-test-%d", (int)getpid());
	if (says(fixture, "echo no cgroup", "no cgroup\n"))
		return 2;
	/* Asked for, it must be there. */
	fixture->spec.resources.pids_limit = 30;
	return refuses(fixture, "cgroup") ? 3 : 0;
}

static int in_one_below(struct fixture *fixture)
{
	map_ids(&fixture->spec, 1000, 1000);
	return says(fixture, look, "0\n0 1000 1000\n1:3\nok\n") ? 1 : 0;
}

/* Its group for terminals is not mapped. */
static void devpts_without_group(struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->spec.mount_count; i++)
		if (strcmp(fixture->spec.mounts[i].type, "devpts") == 0) {
			strv_free(fixture->spec.mounts[i].options);
			fixture->spec.mounts[i].options = NULL;
			strv_append(&fixture->spec.mounts[i].options, "newinstance");
		}
}

static int with_one_id(struct fixture *fixture)
{
	devpts_without_group(fixture);
	if (says(fixture, look, "0\n0 12345 1\n1:3\nok\n"))
		return 1;
	/* Groups that cannot be given are not left out. */
	fixture->spec.process.additional_gids = xcalloc(1, sizeof(gid_t));
	fixture->spec.process.additional_gids[0] = 50;
	fixture->spec.process.additional_gid_count = 1;
	return refuses(fixture, "supplementary groups") ? 2 : 0;
}

static void a_caller_in_a_user_namespace_is_served(void **state)
{
	expect_part(fixture_of(state), MANY_IDS, in_the_callers);
}

static void it_can_make_one_below(void **state)
{
	expect_part(fixture_of(state), MANY_IDS, in_one_below);
}

static void one_id_is_enough(void **state)
{
	expect_part(fixture_of(state), ONE_ID, with_one_id);
}

/* In mounts of its own: files of the machine that name a user who is none. */
static int become_somebody(struct fixture *fixture)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ "/etc/passwd", "root:x:0:0::/:\nsomebody:x:12345:12345::/:\n" },
		{ "/etc/group", "root:x:0:\nsomebody:x:12345:\n" },
		{ "/etc/subuid", SUBIDS },
		{ "/etc/subgid", SUBIDS },
	};

	if (unshare(CLONE_NEWNS) < 0 ||
		syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *name = xasprintf("file%zu", i);
		cleanup_free char *path = xasprintf("%s/%s", fixture->dir, name);

		if (file_replace_at(fixture->dir_fd, name, files[i].text, strlen(files[i].text),
			    0644, false, &err) < 0 ||
			chmod(path, 0644) < 0 ||
			syscall(SYS_mount, path, files[i].path, NULL, MS_BIND, NULL) < 0)
			return -1;
	}
	return setgroups(0, NULL) < 0 || setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 ||
	       setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0;
}

static int as_somebody(struct fixture *fixture)
{
	if (become_somebody(fixture))
		return 100;
	map_ids(&fixture->spec, SOMEBODY, 1);
	fixture->spec.uid_map = xrealloc(fixture->spec.uid_map, 2, sizeof(struct spec_id_map));
	fixture->spec.gid_map = xrealloc(fixture->spec.gid_map, 2, sizeof(struct spec_id_map));
	fixture->spec.uid_map[1] = fixture->spec.gid_map[1] =
		(struct spec_id_map){ .container = 1, .host = 300000, .size = 65535 };
	fixture->spec.uid_map_count = fixture->spec.gid_map_count = 2;
	if (says(fixture, look, "0\n0 12345 1\n1 300000 65535\n1:3\nok\n"))
		return 1;
	/* Ids of others are not given: newuidmap says so. */
	fixture->spec.uid_map[1].host = 500000;
	return refuses(fixture, "newuidmap") ? 2 : 0;
}

static void expect_child(struct fixture *fixture, part_fn part)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(part(fixture));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void any_user_maps_its_subordinate_ids(void **state)
{
	struct fixture *fixture = fixture_of(state);

	if (access("/usr/bin/newuidmap", X_OK) < 0) {
		print_message("skipped: needs newuidmap\n");
		skip();
	}
	expect_child(fixture, as_somebody);
}

/* Without a helper, as the kernel allows it: setgroups(2) is given up. */
static int as_somebody_alone(struct fixture *fixture)
{
	if (become_somebody(fixture))
		return 100;
	map_ids(&fixture->spec, SOMEBODY, 1);
	devpts_without_group(fixture);
	fixture->spec.process.has_oom_score_adj = true;
	fixture->spec.process.oom_score_adj = 904;
	if (says(fixture, look, "0\n0 12345 1\n1:3\nok\n"))
		return 1;
	if (says(fixture, "cat /proc/self/setgroups /proc/self/oom_score_adj", "deny\n904\n"))
		return 2;
	/* One id more is not the kernel's to give, and nobody gave it to this user. */
	fixture->spec.uid_map[0].size = fixture->spec.gid_map[0].size = 2;
	return refuses(fixture, "map ids of the user namespace") ? 3 : 0;
}

static void any_user_maps_itself(void **state)
{
	expect_child(fixture_of(state), as_somebody_alone);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(a_caller_in_a_user_namespace_is_served),
		CONTAINER_TEST(it_can_make_one_below),
		CONTAINER_TEST(one_id_is_enough),
		CONTAINER_TEST(any_user_maps_its_subordinate_ids),
		CONTAINER_TEST(any_user_maps_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
