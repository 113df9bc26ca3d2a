/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of real containers: a root file system of busybox in a directory of its own, and a
 * spec as the engine would make it. The directory is removed again.
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
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/container.h"
#include "runtime/seccomp.h"

#define TEST_HELPER __attribute__((unused)) static
#define BUSYBOX "/bin/busybox"

struct fixture {
	char *dir; /* with rootfs, upper and work in it */
	char *rootfs;
	int dir_fd;
	struct spec spec;
	pid_t running; /* of fixture_start(): a test that fails must not leave it */
};

TEST_HELPER void fixture_file(
	struct fixture *fixture, const char *path, const char *text, unsigned int mode)
{
	cleanup_free char *inside = xasprintf("rootfs%s", path);
	cleanup_close int fd =
		openat(fixture->dir_fd, inside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

static const char *const applets[] = { "sh", "true", "false", "cat", "ls", "id", "sleep", "sort",
	"grep", "echo", "mkdir", "mount", "hostname", "env", "kill", "stat", "readlink", "tty",
	"stty", "touch", "pwd", "ps", "head", "wc", "test", "umount", "rm", "printf", "dd",
	"chroot", "nproc", "tr", "sed", "awk", "unshare", NULL };
static const char *const directories[] = { "rootfs", "rootfs/bin", "rootfs/etc", "rootfs/tmp",
	"rootfs/proc", "rootfs/sys", "rootfs/dev", "rootfs/root", "upper", "work", NULL };

TEST_HELPER void copy_busybox(struct fixture *fixture)
{
	struct error *err = NULL;
	cleanup_free char *bytes = NULL;
	ssize_t length = file_read_at(AT_FDCWD, BUSYBOX, 16UL << 20, &bytes, &err);

	assert_true(length > 0);
	assert_int_equal(file_replace_at(fixture->dir_fd, "rootfs/bin/busybox", bytes,
				 (size_t)length, 0755, false, &err),
		0);
	assert_int_equal(fchmodat(fixture->dir_fd, "rootfs/bin/busybox", 0755, 0), 0);
	for (const char *const *name = applets; *name; name++) {
		cleanup_free char *path = xasprintf("rootfs/bin/%s", *name);

		assert_int_equal(symlinkat("busybox", fixture->dir_fd, path), 0);
	}
}

static const struct {
	const char *destination, *type, *source, *options;
} mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
		"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=67108864" },
};

TEST_HELPER void fill_spec(struct fixture *fixture)
{
	static const int namespaces[] = { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
		CLONE_NEWUTS, CLONE_NEWCGROUP };
	static const char *const masked[] = { "/proc/acpi", "/proc/kcore", "/proc/keys",
		"/proc/timer_list", "/proc/scsi", "/sys/firmware", NULL };
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger", NULL };
	struct spec *spec = &fixture->spec;

	spec_init(spec);
	spec->root_path = xstrdup(fixture->rootfs);
	spec->hostname = xstrdup("vessel-test");
	spec->seccomp = xstrdup(SECCOMP_DEFAULT);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		spec_add_namespace(spec, namespaces[i], NULL);
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		spec_add_mount(spec, mounts[i].destination, mounts[i].type, mounts[i].source,
			mounts[i].options);
	strv_concat(&spec->masked_paths, (char *const *)masked);
	strv_concat(&spec->readonly_paths, (char *const *)read_only);
	spec->process.cwd = xstrdup("/");
	strv_append(&spec->process.env, "PATH=/bin");
	spec->process.capabilities.bounding = CAPABILITIES_DEFAULT;
	spec->process.capabilities.permitted = CAPABILITIES_DEFAULT;
	spec->process.capabilities.effective = CAPABILITIES_DEFAULT;
}

TEST_HELPER int fixture_setup(void **state)
{
	char dir[] = "/tmp/vessel-test.XXXXXX";
	struct fixture *fixture;

	*state = NULL;
	if (geteuid() != 0 || access(BUSYBOX, X_OK) < 0) {
		print_message("skipped: needs root and " BUSYBOX " (busybox-static)\n");
		return 0;
	}
	fixture = xcalloc(1, sizeof(*fixture));
	if (!mkdtemp(dir))
		return -1;
	fixture->dir = xstrdup(dir);
	fixture->rootfs = xasprintf("%s/rootfs", dir);
	chmod(fixture->dir, 0755);
	fixture->dir_fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *name = directories; *name; name++)
		if (mkdirat(fixture->dir_fd, *name, 0755) < 0)
			return -1;
	copy_busybox(fixture);
	fixture_file(fixture, "/etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n", 0644);
	fixture_file(fixture, "/etc/group", "root:x:0:\nweb:x:34:\nlog:x:50:root,web\n", 0644);
	fill_spec(fixture);
	*state = fixture;
	return 0;
}

TEST_HELPER int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	struct error *err = NULL;

	if (!fixture)
		return 0;
	if (fixture->running > 0 && waitpid(fixture->running, NULL, WNOHANG) == 0) {
		(void)kill(fixture->running, SIGKILL);
		(void)waitpid(fixture->running, NULL, 0);
	}
	spec_done(&fixture->spec);
	close_fd(fixture->dir_fd);
	if (tree_remove_at(AT_FDCWD, fixture->dir, &err) < 0) {
		print_error("%s\n", error_message(err));
		return -1;
	}
	free(fixture->rootfs);
	free(fixture->dir);
	free(fixture);
	return 0;
}

TEST_HELPER struct fixture *fixture_of(void **state)
{
	if (!*state) {
		skip();
		abort(); /* it does not return */
	}
	return *state;
}

TEST_HELPER void fixture_args(struct fixture *fixture, const char *const *args)
{
	strv_free(fixture->spec.process.args);
	fixture->spec.process.args = strv_copy((char *const *)args);
}

TEST_HELPER void fixture_script(struct fixture *fixture, const char *script)
{
	fixture_args(fixture, (const char *const[]){ "/bin/sh", "-c", script, NULL });
}
