/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of every kind, with and without a user namespace. */
#include "runtime/container_test.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include "sys/mount.h"

#define MOUNTS "awk '{ print $5, $6 }' /proc/self/mountinfo"
/* The optional fields of what is mounted at a place: how it propagates. */
#define PEERS(place) \
	"awk '$5 == \"" place \
	"\" { s = \"\"; for (i = 7; $i != \"-\"; i++) { sub(/:.*/, \"\", $i); s = s $i \" \" }; " \
	"print \"[\" s \"]\" }' /proc/self/mountinfo"

static struct spec_id_map *map_of(uint32_t container, uint32_t host, uint32_t size)
{
	struct spec_id_map *map = xcalloc(1, sizeof(*map));

	*map = (struct spec_id_map){ container, host, size };
	return map;
}

static void in_user_ns(struct fixture *fixture, uint32_t host)
{
	struct spec *spec = &fixture->spec;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = map_of(0, host, 65536);
	spec->gid_map = map_of(0, host, 65536);
	spec->uid_map_count = spec->gid_map_count = 1;
}

static void map_mount(struct spec_mount *mount, uint32_t host)
{
	mount->uid_map = map_of(0, host, 10);
	mount->gid_map = map_of(0, host, 10);
	mount->uid_map_count = mount->gid_map_count = 1;
}

static void drop_last_mount(struct spec *spec)
{
	struct spec_mount *mount = &spec->mounts[--spec->mount_count];

	free(mount->destination);
	free(mount->type);
	free(mount->source);
	strv_free(mount->options);
	free(mount->uid_map);
	free(mount->gid_map);
}

static void drop_namespace(struct spec *spec, int type)
{
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == type)
			spec->namespaces[i] = spec->namespaces[--spec->namespace_count];
}

/* A directory of the host with a file of its root's. */
static char *make_source(struct fixture *fixture)
{
	assert_int_equal(mkdirat(fixture->dir_fd, "source", 0755), 0);
	fixture_file(fixture, "/../source/file", "hello\n", 0644);
	return xasprintf("%s/source", fixture->dir);
}

/* Not every file system can; the kernel says so by a detached mount. */
static void need_idmap(struct fixture *fixture, const char *source)
{
	struct outcome outcome cleanup_outcome = { 0 };

	map_mount(spec_add_mount(&fixture->spec, "/srv", "bind", source, "bind"), 1000);
	fixture_script(fixture, "true");
	outcome = fixture_run(fixture);
	drop_last_mount(&fixture->spec);
	if (outcome.error && strstr(error_message(outcome.error), "map the ids of a mount")) {
		print_message("skipped: %s\n", error_message(outcome.error));
		skip();
	}
}

static const struct {
	const char *why, *options;
	uint32_t mapped; /* 0: no mapping of the mount's own */
	bool user_ns; /* ids from 100000 on */
	const char *output; /* owner of the file, which is the host's root's */
} mapped[] = {
	{ "as it is", "bind", 0, false, "0:0\n" },
	{ "by the mount's own mapping", "bind", 1000, false, "1000:1000\n" },
	{ "asked for twice", "bind,idmap", 1000, false, "1000:1000\n" },
	{ "and with what is below", "rbind,ridmap", 1000, false, "1000:1000\n" },
	{ "by the option's", "bind,idmap=uids=0-7-1;gids=0-8-1#1-9-1", 0, false, "7:8\n" },
	{ "the host's root is nobody there", "bind", 0, true, "65534:65534\n" },
	{ "by the container's mapping", "bind,idmap", 0, true, "0:0\n" },
	{ "by another one, seen through the container's", "bind,idmap", 100005, true, "5:5\n" },
	{ "relative to the container", "bind,idmap=uids=@0-3-1;gids=@0-4-1", 0, true, "3:4\n" },
};

static void ids_of_a_bind_are_mapped(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture);
	bool in = false;

	need_idmap(fixture, source);
	for (size_t i = 0; i < sizeof(mapped) / sizeof(*mapped); i++) {
		struct spec_mount *mount;

		print_message("  %s\n", mapped[i].why);
		if (mapped[i].user_ns && !in)
			in_user_ns(fixture, 100000);
		in = mapped[i].user_ns;
		mount = spec_add_mount(&fixture->spec, "/srv", "bind", source, mapped[i].options);
		if (mapped[i].mapped)
			map_mount(mount, mapped[i].mapped);
		expect_output(fixture, "stat -c %u:%g /srv/file", mapped[i].output);
		drop_last_mount(&fixture->spec);
	}
}

static const struct {
	const char *type, *options, *part;
} wrong_maps[] = {
	{ "bind", "bind,idmap", "has none" },
	{ "bind", "bind,idmap=uids=0-1-1", "lacks uids= or gids=" },
	{ "bind", "bind,idmap=uids=0-1;gids=0-1-1", "'0-1' is not like" },
	{ "bind", "bind,idmap=uids=0-1-0;gids=0-1-1", "'0-1-0' is not like" },
	{ "bind", "bind,idmap=uids=0-4294967296-1;gids=0-1-1", "is not like" },
	{ "bind", "bind,idmap=x", "neither uids= nor gids=" },
	{ "bind", "bind,idmap=uids=0-1-1;uids=0-1-1", "twice" },
	{ "tmpfs", "idmap", "of a bind only" },
};

static void wrong_mappings_are_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture);

	fixture_script(fixture, "true");
	for (size_t i = 0; i < sizeof(wrong_maps) / sizeof(*wrong_maps); i++) {
		spec_add_mount(
			&fixture->spec, "/srv", wrong_maps[i].type, source, wrong_maps[i].options);
		expect_error(fixture, ERROR_INVALID, wrong_maps[i].part, wrong_maps[i].options);
		drop_last_mount(&fixture->spec);
	}
}

/* The container's root is nobody on the host, and may not look into it. */
static void a_user_namespace_gets_what_only_the_hosts_root_reaches(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = NULL, *link = NULL;

	free(make_source(fixture));
	assert_int_equal(mkdirat(fixture->dir_fd, "closed", 0700), 0);
	assert_int_equal(renameat(fixture->dir_fd, "source", fixture->dir_fd, "closed/source"), 0);
	assert_int_equal(symlinkat("source", fixture->dir_fd, "closed/link"), 0);
	source = xasprintf("%s/closed/source", fixture->dir);
	link = xasprintf("%s/closed/link", fixture->dir);
	in_user_ns(fixture, 100000);
	assert_int_equal(fchmodat(fixture->dir_fd, "rootfs", 0777, 0), 0);
	spec_add_mount(&fixture->spec, "/tmp", "tmpfs", "tmpfs", "mode=755");
	spec_add_mount(&fixture->spec, "/tmp/a", "bind", source, "rbind,ro");
	spec_add_mount(&fixture->spec, "/tmp/b", "bind", link, "bind,rw,nosuid");
	spec_add_mount(&fixture->spec, "/tmp/c", "bind", "/dev/null", "bind");
	expect_output(fixture,
		"cat /tmp/a/file /tmp/b/file; " MOUNTS
		" | grep '/tmp/[ab]' | sed 's/,relatime//'; stat -c %t:%T /tmp/c",
		"hello\nhello\n/tmp/a ro\n/tmp/b rw,nosuid\n1:3\n");
}

static void a_source_that_is_missing_is_told_before_anything_is_made(void **state)
{
	struct fixture *fixture = fixture_of(state);

	in_user_ns(fixture, 100000);
	fixture_script(fixture, "true");
	spec_add_mount(&fixture->spec, "/srv", "bind", "/no/such/source", "bind");
	expect_error(
		fixture, ERROR_INVALID, "mount '/srv': bind source '/no/such/source'", "missing");
}

/* What such a namespace may not mount anew it has as the host has it. */
static void shared_namespaces_have_the_hosts_file_systems(void **state)
{
	struct fixture *fixture = fixture_of(state);

	in_user_ns(fixture, 100000);
	drop_namespace(&fixture->spec, CLONE_NEWNET);
	replace_string(&fixture->spec.process.cwd, xstrdup("/"));
	expect_output(fixture,
		"test -d /sys/class/net/lo && awk '$5 == \"/sys\" { print $6 }' "
		"/proc/self/mountinfo | grep -o ^ro",
		"ro\n");
}

/* The group of terminals on most systems is 5. */
static void terminals_do_without_a_group_that_is_not_mapped(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	in_user_ns(fixture, 100000);
	spec->gid_map[0].size = 1;
	expect_output(fixture, "stat -c %a /dev/pts/ptmx", "666\n");
}

static void links_can_be_left_unfollowed(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *link = NULL;
	static const struct {
		const char *options, *script, *output;
	} rows[] = {
		{ "bind,copy-symlink", "readlink /t/new; test ! -e /t/new && echo dangling",
			"source/file\ndangling\n" },
		{ "bind", "cat /t/new", "hello\n" },
		{ "bind,dest-nofollow", "cat /t/link; ls /", NULL },
		{ "bind,dest-nofollow,src-nofollow", "readlink /t/link", "source/file\n" },
	};

	free(make_source(fixture));
	link = xasprintf("%s/link", fixture->dir);
	assert_int_equal(symlinkat("source/file", fixture->dir_fd, "link"), 0);
	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/t", 0755), 0);
	assert_int_equal(symlinkat("nowhere", fixture->dir_fd, "rootfs/t/link"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct outcome outcome cleanup_outcome = { 0 };

		print_message("  %s\n", rows[i].options);
		spec_add_mount(&fixture->spec, i < 2 ? "/t/new" : "/t/link", "bind", link,
			rows[i].options);
		fixture_script(fixture, rows[i].script);
		outcome = fixture_run(fixture);
		if (outcome.error)
			fail_msg("%s", error_message(outcome.error));
		if (rows[i].output)
			assert_string_equal(outcome.output, rows[i].output);
		else
			assert_non_null(strstr(outcome.output, "hello\n"));
		drop_last_mount(&fixture->spec);
		(void)unlinkat(fixture->dir_fd, "rootfs/t/new", 0);
	}
	/* The link of the image was not followed, or something would be there. */
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/t/nowhere", F_OK, 0), -1);
}

static void what_is_not_followed_is_made(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture), *file = xasprintf("%s/file", source);

	spec_add_mount(&fixture->spec, "/new/file", "bind", file, "bind,dest-nofollow");
	spec_add_mount(&fixture->spec, "/new/dir", "bind", source, "bind,dest-nofollow");
	expect_output(fixture, "cat /new/file /new/dir/file", "hello\nhello\n");
}

/* A link of procfs is no place to mount on, either (it would stand for /proc/PID). */
static void procfs_is_no_target_unfollowed(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture);

	fixture_script(fixture, "true");
	spec_add_mount(&fixture->spec, "/proc/self", "bind", source, "bind,dest-nofollow");
	expect_error(fixture, ERROR_INVALID, "inside /proc", "a link of procfs");
}

static void special_files_are_bound(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *fifo = xasprintf("%s/fifo", fixture->dir);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", fixture->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	spec_add_mount(&fixture->spec, "/made/fifo", "bind", fifo, "bind,rro");
	spec_add_mount(&fixture->spec, "/socket", "bind", address.sun_path, "ro,bind");
	expect_output(fixture, "stat -c %F /made/fifo /socket", "fifo\nsocket\n");
}

static void a_bind_can_be_the_root(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct spec_mount first = { .destination = xstrdup("/"),
		.type = xstrdup("bind"),
		.source = xstrdup(fixture->rootfs) };

	/* A root without anything, and the real one over it, before all other mounts. */
	assert_int_equal(mkdirat(fixture->dir_fd, "empty", 0755), 0);
	replace_string(&spec->root_path, xasprintf("%s/empty", fixture->dir));
	spec->mounts = xrealloc(spec->mounts, spec->mount_count + 1, sizeof(*spec->mounts));
	memmove(spec->mounts + 1, spec->mounts, spec->mount_count++ * sizeof(*spec->mounts));
	spec->mounts[0] = first;
	spec->root_readonly = true;
	expect_output(fixture,
		"head -c 4 /etc/passwd; echo; touch /x 2>/dev/null || echo ro; ls /dev/null",
		"root\nro\n/dev/null\n");
}

static void file_systems_get_their_options(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture);

	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/kept", 0712), 0);
	assert_int_equal(fchmodat(fixture->dir_fd, "rootfs/kept", 0712, 0), 0);
	spec_add_mount(&fixture->spec, "/kept", "tmpfs", "tmpfs", "ro");
	spec_add_mount(&fixture->spec, "/given", "tmpfs", "tmpfs", "mode=1770,size=64k");
	spec_add_mount(&fixture->spec, "/slow", "tmpfs", "", "sync,dirsync,lazytime,silent");
	/* Of the file system, not of a bind: there it says nothing. */
	spec_add_mount(&fixture->spec, "relative//bound/", "bind", source, "rbind,bind,sync,acl");
	expect_output(fixture,
		"stat -c %a /kept /given; awk '$2 == \"/slow\" { print $4 }' /proc/mounts | "
		"grep -o -E 'sync|dirsync|lazytime' | sort | tr '\\n' ' ';"
		"grep -c size=64k /proc/mounts; cat /relative/bound/file",
		"712\n1770\ndirsync lazytime sync 1\nhello\n");
}

static const struct {
	uint64_t flags;
	const char *output;
} propagations[] = {
	{ 0, "[]\n[]\n" },
	{ MS_PRIVATE, "[]\n[]\n" },
	{ MS_SHARED, "[shared ]\n[]\n" },
	{ MS_SHARED | MS_REC, "[shared ]\n[shared ]\n" },
	{ MS_UNBINDABLE, "[unbindable ]\n[]\n" },
	{ MS_UNBINDABLE | MS_REC, "[unbindable ]\n[unbindable ]\n" },
	{ MS_SLAVE, "[master ]\n[]\n" },
	{ MS_SLAVE | MS_REC, "[master ]\n[]\n" },
};

/* In a mount namespace of its own, where the root's file system is shared as systemd has it. */
static void child_with_shared_root(struct fixture *fixture)
{
	struct error *err = NULL;

	if (unshare(CLONE_NEWNS) < 0 || mount_propagate_root(MS_PRIVATE, &err) < 0 ||
		syscall(SYS_mount, fixture->rootfs, fixture->rootfs, NULL, MS_BIND, NULL) < 0 ||
		syscall(SYS_mount, NULL, fixture->rootfs, NULL, (unsigned long)MS_SHARED, NULL) < 0)
		_exit(9);
	spec_add_mount(&fixture->spec, "/srv", "tmpfs", "tmpfs", "");
	for (size_t i = 0; i < sizeof(propagations) / sizeof(*propagations); i++) {
		print_message("  %#lx\n", propagations[i].flags);
		fixture->spec.root_propagation = propagations[i].flags;
		expect_output(fixture, PEERS("/") ";" PEERS("/srv"), propagations[i].output);
	}
	/* None of it has come out. */
	_exit(faccessat(fixture->dir_fd, "rootfs/proc/self", F_OK, 0) == 0 ? 8 : 0);
}

static void the_root_propagates_as_it_was_asked(void **state)
{
	struct fixture *fixture = fixture_of(state);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		child_with_shared_root(fixture);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A bind that follows what the host mounts later, and one that also gives back. */
static void child_with_peers(struct fixture *fixture)
{
	cleanup_free char *source = xasprintf("%s/source", fixture->dir);
	struct error *err = NULL;

	if (unshare(CLONE_NEWNS) < 0 || mount_propagate_root(MS_PRIVATE, &err) < 0 ||
		syscall(SYS_mount, "tmpfs", source, "tmpfs", 0UL, NULL) < 0 ||
		syscall(SYS_mount, NULL, source, NULL, (unsigned long)MS_SHARED, NULL) < 0)
		_exit(9);
	for (int user_ns = 0; user_ns < 2; user_ns++) {
		static const struct {
			const char *options, *output;
		} rows[] = { { "bind", "[]\n" }, { "rbind,rslave", "[master ]\n" },
			{ "bind,slave", "[master ]\n" }, { "bind,rshared", "[shared ]\n" },
			{ "rbind,rprivate", "[]\n" }, { "bind,unbindable", "[unbindable ]\n" } };

		if (user_ns)
			in_user_ns(fixture, 0);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			print_message("  %s%s\n", rows[i].options,
				user_ns ? ", with a user namespace" : "");
			spec_add_mount(&fixture->spec, "/srv", "bind", source, rows[i].options);
			expect_output(fixture, PEERS("/srv"), rows[i].output);
			drop_last_mount(&fixture->spec);
		}
	}
	_exit(0);
}

static void a_bind_propagates_as_it_was_asked(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *source = make_source(fixture);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		child_with_peers(fixture);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_device_is_not_taken_for_another_file(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;

	spec->devices = xcalloc(1, sizeof(*spec->devices));
	spec->device_count = 1;
	spec->devices[0] = (struct spec_device){
		.path = xstrdup("/srv/zero"), .type = 'c', .major = 1, .minor = 5, .mode = 0666
	};
	expect_output(fixture, "stat -c %t:%T /srv/zero", "1:5\n");
	/* The second time it is there already. */
	expect_output(fixture, "stat -c %t:%T /srv/zero", "1:5\n");
	assert_int_equal(unlinkat(fixture->dir_fd, "rootfs/srv/zero", 0), 0);
	fixture_file(fixture, "/srv/zero", "not zero", 0644);
	fixture_script(fixture, "true");
	expect_error(fixture, ERROR_INVALID, "another file is there", "a regular file");
}

/* From 6.8 on the kernel lists mounts by their age, and up to 6.15 it cannot clone what our caller
 * has made: there the order is another one. */
static bool lists_in_order(void)
{
	struct utsname host;
	int major = 0, minor = 0;

	(void)uname(&host);
	(void)sscanf(host.release, "%d.%d", &major, &minor); // NOLINT(cert-err34-c)
	return major < 6 || (major == 6 && minor < 8) || major > 6 || minor >= 15;
}

static void mounts_of_a_user_namespace_are_listed_in_order(void **state)
{
	struct fixture *fixture = fixture_of(state);

	if (!lists_in_order()) {
		print_message("skipped: Linux 6.8 to 6.14\n");
		skip();
	}
	in_user_ns(fixture, 100000);
	expect_output(fixture,
		"awk '{ print $5 }' /proc/self/mountinfo | grep -xE '/(proc|dev|dev/pts|sys)'",
		"/proc\n/dev\n/dev/pts\n/sys\n");
}

/* Made by the caller and cloned by init: read-only at the end, and filled. */
static void a_read_only_dev_of_a_user_namespace(void **state)
{
	struct fixture *fixture = fixture_of(state);

	in_user_ns(fixture, 100000);
	for (size_t i = 0; i < fixture->spec.mount_count; i++)
		if (strcmp(fixture->spec.mounts[i].destination, "/dev") == 0)
			strv_append(&fixture->spec.mounts[i].options, "ro");
	expect_output(fixture,
		"echo x >/dev/null; touch /dev/new 2>/dev/null || echo read-only; " MOUNTS
		" | grep '/dev '",
		"read-only\n/dev ro,nosuid\n");
}

static void devices_of_a_user_namespace_are_there(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	bool has_tun = access("/dev/net/tun", F_OK) == 0;

	in_user_ns(fixture, 100000);
	spec->devices = xcalloc(2, sizeof(*spec->devices));
	spec->devices[0] =
		(struct spec_device){ .path = xstrdup("/dev/pipe"), .type = 'p', .mode = 0640 };
	spec->devices[1] = (struct spec_device){
		.path = xstrdup("/dev/net/tun"), .type = 'c', .major = 10, .minor = 200
	};
	spec->device_count = has_tun ? 2 : 1;
	expect_output(
		fixture, "stat -c '%F %a' /dev/pipe; stat -c %t:%T /dev/null", "fifo 640\n1:3\n");
	if (has_tun)
		expect_output(fixture, "stat -c %t:%T /dev/net/tun", "a:c8\n");
	/* Made by the host's root, with owners as they are in there. */
	replace_string(&spec->devices[0].path, xstrdup("/dev/disk"));
	spec->devices[0].type = 'b';
	spec->devices[0].major = 7;
	spec->devices[0].minor = 200;
	spec->devices[0].uid = 10;
	spec->devices[0].gid = 11;
	expect_output(fixture,
		"stat -c '%F %t:%T %a %u:%g' /dev/disk; stat -c %u:%g /dev /dev/null",
		"block special file 7:c8 640 10:11\n0:0\n0:0\n");
	/* Elsewhere it is the host's node, if there is one. */
	replace_string(&spec->devices[0].path, xstrdup("/srv/none"));
	spec->devices[0].major = 4095;
	expect_error(fixture, ERROR_INVALID, "the host has none to bind", "no such device");
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(ids_of_a_bind_are_mapped),
		CONTAINER_TEST(wrong_mappings_are_refused),
		CONTAINER_TEST(a_user_namespace_gets_what_only_the_hosts_root_reaches),
		CONTAINER_TEST(a_source_that_is_missing_is_told_before_anything_is_made),
		CONTAINER_TEST(shared_namespaces_have_the_hosts_file_systems),
		CONTAINER_TEST(terminals_do_without_a_group_that_is_not_mapped),
		CONTAINER_TEST(links_can_be_left_unfollowed),
		CONTAINER_TEST(what_is_not_followed_is_made),
		CONTAINER_TEST(procfs_is_no_target_unfollowed),
		CONTAINER_TEST(special_files_are_bound),
		CONTAINER_TEST(a_bind_can_be_the_root),
		CONTAINER_TEST(file_systems_get_their_options),
		CONTAINER_TEST(the_root_propagates_as_it_was_asked),
		CONTAINER_TEST(a_bind_propagates_as_it_was_asked),
		CONTAINER_TEST(a_device_is_not_taken_for_another_file),
		CONTAINER_TEST(mounts_of_a_user_namespace_are_listed_in_order),
		CONTAINER_TEST(a_read_only_dev_of_a_user_namespace),
		CONTAINER_TEST(devices_of_a_user_namespace_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
