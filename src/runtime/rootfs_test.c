/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container_test.h"

#include <sys/syscall.h>

#include "sys/mount.h"

/* Mountinfo without what differs from run to run: mount point, options, type. */
#define MOUNTS "awk '{ print $5, $6 }' /proc/self/mountinfo"

static void mounts_have_their_options(void **state)
{
	struct fixture *fixture = fixture_of(state);

	expect_output(fixture, MOUNTS " | grep -vE '^/(proc|sys|dev)/' | sort",
		"/ rw,relatime\n"
		"/dev rw,nosuid\n"
		"/proc rw,nosuid,nodev,noexec,relatime\n"
		"/sys ro,nosuid,nodev,noexec,relatime\n");
	expect_output(fixture, "stat -c %a /proc /sys /dev /dev/shm /dev/mqueue",
		"555\n555\n755\n1777\n1777\n");
}

static void devices_are_the_usual_ones_and_those_asked_for(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	spec->device_count = 3;
	spec->devices = xcalloc(3, sizeof(*spec->devices));
	spec->devices[0] = (struct spec_device){ .path = xstrdup("/dev/net/tun"),
		.type = 'c',
		.major = 10,
		.minor = 200,
		.mode = 0600,
		.uid = 33,
		.gid = 34 };
	spec->devices[1] = (struct spec_device){
		.path = xstrdup("/dev/null"), .type = 'c', .major = 1, .minor = 3, .mode = 0622
	};
	spec->devices[2] =
		(struct spec_device){ .path = xstrdup("/srv/pipe"), .type = 'p', .mode = 0640 };
	expect_output(fixture,
		"cd /dev; stat -c '%n %t:%T %a' full null random tty urandom zero;"
		"stat -c '%n %t:%T %a %u:%g %F' net/tun /srv/pipe;"
		"for l in fd stdin stdout stderr ptmx; do readlink $l; done",
		"full 1:7 666\nnull 1:3 622\nrandom 1:8 666\ntty 5:0 666\nurandom 1:9 666\n"
		"zero 1:5 666\nnet/tun a:c8 600 33:34 character special file\n"
		"/srv/pipe 0:0 640 0:0 fifo\n"
		"/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

static void masks_hide_and_read_only_paths_refuse(void **state)
{
	struct fixture *fixture = fixture_of(state);

	strv_append(&fixture->spec.masked_paths, "/proc/cmdline");
	strv_append(&fixture->spec.masked_paths, "/sys/class");
	strv_append(&fixture->spec.masked_paths, "/sys/module");
	strv_append(&fixture->spec.masked_paths, "/proc/no/such/path");
	expect_output(fixture,
		"stat -c '%t:%T' /proc/cmdline; wc -c < /proc/cmdline;"
		"ls /sys/class /sys/module | grep -v : | tr -d '\\n';"
		/* One tmpfs for all directories: a super block each adds up. */
		"test $(stat -c %d /sys/class) = $(stat -c %d /sys/module) && echo one;"
		"touch /sys/class/x 2>/dev/null || echo ro;"
		"(echo 1 > /proc/sys/kernel/pid_max) 2>/dev/null || echo ro;"
		"(echo h > /proc/sysrq-trigger) 2>/dev/null || echo ro",
		"1:3\n0\none\nro\nro\nro\n");
}

static void a_mask_does_not_follow_the_image_out(void **state)
{
	struct fixture *fixture = fixture_of(state);

	/* Without a /proc mount the image's own /proc is masked, and its link stays inside. */
	fixture_file(fixture, "/etc/secret", "secret\n", 0644);
	assert_int_equal(symlinkat("/etc/secret", fixture->dir_fd, "rootfs/etc/link"), 0);
	strv_append(&fixture->spec.masked_paths, "/etc/link");
	expect_output(fixture, "stat -c '%t:%T' /etc/secret", "1:3\n");
}

static const struct {
	const char *why, *destination, *options, *script, *output;
} binds[] = {
	{ "a directory, made when missing", "/srv/a", "rbind", "cat /srv/a/file", "hello\n" },
	{ "read-only", "/srv", "rbind,ro", "touch /srv/x 2>/dev/null || cat /srv/file", "hello\n" },
	{ "recursively read-only", "/srv", "rbind,rro", "touch /srv/x 2>/dev/null || echo no",
		"no\n" },
	{ "flags", "/srv", "bind,nosuid,nodev,noexec,noatime", MOUNTS " | grep /srv",
		"/srv rw,nosuid,nodev,noexec,noatime\n" },
	{ "through a link that stays inside", "/link/b", "bind", "cat /real/b/file", "hello\n" },
	{ "a link to outside is inside", "/out", "bind", "cat /var/outside/file; ls /var",
		"hello\noutside\n" },
};

static void binds_arrive(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = xasprintf("%s/source", fixture->dir);

	assert_int_equal(mkdirat(fixture->dir_fd, "source", 0755), 0);
	fixture_file(fixture, "/../source/file", "hello\n", 0644);
	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/real", 0755), 0);
	assert_int_equal(symlinkat("real", fixture->dir_fd, "rootfs/link"), 0);
	assert_int_equal(symlinkat("../../../../../var/outside", fixture->dir_fd, "rootfs/out"), 0);
	for (size_t i = 0; i < sizeof(binds) / sizeof(*binds); i++) {
		struct spec *spec = &fixture->spec;
		size_t count = spec->mount_count;

		print_message("  %s\n", binds[i].why);
		spec_add_mount(spec, binds[i].destination, "bind", source, binds[i].options);
		expect_output(fixture, binds[i].script, binds[i].output);
		/* Overwritten by the next one. */
		free(spec->mounts[count].destination);
		free(spec->mounts[count].type);
		free(spec->mounts[count].source);
		strv_free(spec->mounts[count].options);
		spec->mount_count = count;
	}
	/* The link led to a /var of the host's if it was followed there. */
	assert_int_equal(access("/var/outside", F_OK), -1);
}

static void a_file_is_bound_where_a_dangling_link_leads(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = xasprintf("%s/resolv", fixture->dir);

	fixture_file(fixture, "/../resolv", "nameserver 192.0.2.1\n", 0644);
	assert_int_equal(symlinkat("../run/systemd/resolve/stub.conf", fixture->dir_fd,
				 "rootfs/etc/resolv.conf"),
		0);
	spec_add_mount(&fixture->spec, "/etc/resolv.conf", "bind", source, "bind,ro");
	expect_output(fixture, "cat /etc/resolv.conf /run/systemd/resolve/stub.conf",
		"nameserver 192.0.2.1\nnameserver 192.0.2.1\n");
}

static void an_overlay_root_keeps_its_lower(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	replace_string(&spec->root_path, NULL);
	strv_append(&spec->overlay.lower, fixture->rootfs);
	spec->overlay.upper = xasprintf("%s/upper", fixture->dir);
	spec->overlay.work = xasprintf("%s/work", fixture->dir);
	expect_output(fixture, "echo new > /etc/new; rm /etc/group; cat /etc/new", "new\n");
	assert_int_equal(faccessat(fixture->dir_fd, "upper/etc/new", F_OK, 0), 0);
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/etc/new", F_OK, 0), -1);
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/etc/group", F_OK, 0), 0);
}

static void a_read_only_root_still_has_its_mounts(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture->spec.root_readonly = true;
	replace_string(&fixture->spec.process.cwd, xstrdup("/work/here"));
	fixture->spec.process.make_cwd = true;
	expect_output(fixture, "pwd; touch /x 2>/dev/null || echo ro; touch /dev/shm/x && echo rw",
		"/work/here\nro\nrw\n");
}

static void a_tmpfs_can_copy_what_it_covers(void **state)
{
	struct fixture *fixture = fixture_of(state);

	assert_int_equal(symlinkat("passwd", fixture->dir_fd, "rootfs/etc/link"), 0);
	assert_int_equal(fchownat(fixture->dir_fd, "rootfs/etc/group", 33, 34, 0), 0);
	spec_add_mount(&fixture->spec, "/etc", "tmpfs", "tmpfs", "size=1m,tmpcopyup");
	expect_output(fixture,
		"readlink /etc/link; head -n 1 /etc/passwd; stat -c %u:%g:%a /etc/group;"
		"rm /etc/group; stat -f -c %T /etc",
		"passwd\nroot:x:0:0:root:/root:/bin/sh\n33:34:644\ntmpfs\n");
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/etc/group", F_OK, 0), 0);
}

static const struct {
	const char *why, *destination, *type, *source, *options, *part;
} refused[] = {
	{ "over the root", "/..", "tmpfs", "tmpfs", "", "cannot replace the root" },
	{ "no such source", "/srv", "bind", "/no/such/source", "bind", "No such file" },
	{ "a directory onto a file", "/etc/passwd", "bind", "/etc", "bind", "/etc/passwd" },
	{ "an option nobody knows", "/srv", "bind", "/etc", "bind,loudly", "loudly" },
	{ "an option the file system does not know", "/srv", "tmpfs", "tmpfs", "colour=red",
		"colour=red" },
	{ "a file system the kernel does not know", "/srv", "nosuchfs", "none", "", "nosuchfs" },
	{ "inside /proc (CVE-2019-16884)", "/proc/self/attr", "tmpfs", "tmpfs", "",
		"inside /proc" },
	{ "inside /proc, written otherwise", "/tmp/../proc/sys", "tmpfs", "tmpfs", "",
		"inside /proc" },
	{ "inside /proc by a link of the image (CVE-2025-52881)", "/door/sys", "tmpfs", "tmpfs", "",
		"inside /proc" },
};

static void mounts_that_break_the_rules_are_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	size_t count = spec->mount_count;

	assert_int_equal(symlinkat("/proc", fixture->dir_fd, "rootfs/door"), 0);
	fixture_script(fixture, "true");
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		spec_add_mount(spec, refused[i].destination, refused[i].type, refused[i].source,
			refused[i].options);
		expect_error(fixture, ERROR_INVALID, refused[i].part, refused[i].why);
		free(spec->mounts[count].destination);
		free(spec->mounts[count].type);
		free(spec->mounts[count].source);
		strv_free(spec->mounts[count].options);
		spec->mount_count = count;
	}
}

/* CVE-2019-19921, CVE-2026-41579: what is mounted or made there would land elsewhere. */
static void proc_sys_and_dev_must_be_directories(void **state)
{
	static const char *const names[] = { "proc", "sys", "dev", NULL };
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "true");
	assert_int_equal(mkdirat(fixture->dir_fd, "canary", 0755), 0);
	for (const char *const *name = names; *name; name++) {
		cleanup_free char *path = xasprintf("rootfs/%s", *name);

		assert_int_equal(unlinkat(fixture->dir_fd, path, AT_REMOVEDIR), 0);
		assert_int_equal(symlinkat("/tmp", fixture->dir_fd, path), 0);
		expect_error(
			fixture, ERROR_INVALID, "must be mounted on ordinary directory", *name);
		assert_int_equal(unlinkat(fixture->dir_fd, path, 0), 0);
		assert_int_equal(mkdirat(fixture->dir_fd, path, 0755), 0);
	}
	assert_int_equal(unlinkat(fixture->dir_fd, "rootfs/tmp/ptmx", 0), -1);
}

static void nothing_of_it_reaches_the_host(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct error *err = NULL;
	cleanup_free char *before = NULL, *after = NULL;

	file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1UL << 20, &before, &err);
	expect_output(fixture, "echo ran", "ran\n");
	file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1UL << 20, &after, &err);
	assert_string_equal(before, after);
}

/* In a mount namespace of its own: the test must not leave a shared mount on the machine. */
static void child_with_shared_mounts(struct fixture *fixture)
{
	cleanup_free char *source = xasprintf("%s/shared", fixture->dir);
	struct error *err = NULL;

	if (unshare(CLONE_NEWNS) < 0 || mount_propagate_root(MS_PRIVATE, &err) < 0 ||
		mkdir(source, 0755) < 0 ||
		syscall(SYS_mount, "tmpfs", source, "tmpfs", 0UL, NULL) < 0 ||
		syscall(SYS_mount, NULL, source, NULL, (unsigned long)MS_SHARED, NULL) < 0)
		_exit(9);
	spec_add_mount(&fixture->spec, "/srv", "bind", source, "bind,rshared");
	fixture->spec.process.capabilities.bounding |= UINT64_C(1) << 21; /* SYS_ADMIN */
	replace_string(&fixture->spec.seccomp, NULL);
	expect_output(fixture, "mkdir /srv/in && mount -t tmpfs in /srv/in && touch /srv/in/x", "");
	replace_string(&source, xasprintf("%s/in/x", source));
	_exit(access(source, F_OK) == 0 ? 0 : 8);
}

static void a_shared_bind_shares(void **state)
{
	struct fixture *fixture = fixture_of(state);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		child_with_shared_mounts(fixture);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(mounts_have_their_options),
		CONTAINER_TEST(devices_are_the_usual_ones_and_those_asked_for),
		CONTAINER_TEST(masks_hide_and_read_only_paths_refuse),
		CONTAINER_TEST(a_mask_does_not_follow_the_image_out),
		CONTAINER_TEST(binds_arrive),
		CONTAINER_TEST(a_file_is_bound_where_a_dangling_link_leads),
		CONTAINER_TEST(an_overlay_root_keeps_its_lower),
		CONTAINER_TEST(a_read_only_root_still_has_its_mounts),
		CONTAINER_TEST(a_tmpfs_can_copy_what_it_covers),
		CONTAINER_TEST(mounts_that_break_the_rules_are_refused),
		CONTAINER_TEST(proc_sys_and_dev_must_be_directories),
		CONTAINER_TEST(nothing_of_it_reaches_the_host),
		CONTAINER_TEST(a_shared_bind_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
