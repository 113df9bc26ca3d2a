/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jail.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/stream.h"
#include "sys/mount.h"

#if defined(__SANITIZE_ADDRESS__)
#	define FILTERED false
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define FILTERED false
#	endif
#endif
#ifndef FILTERED
#	define FILTERED true /* sanitizers make system calls of their own: no filter there */
#endif

#define DEST 4
#define KILLED (-SIGSYS)

/* Each runs in the jail: 0, or the errno of what was tried. */
static int try_write(void)
{
	int fd = openat(DEST, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 ? errno : write(fd, "x", 1) == 1 ? 0 : errno;
}

static int try_root(void)
{
	return open("/in-dest", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_host(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_climb(void)
{
	return openat(DEST, "../../../../../../../etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno
											 : 0;
}

static int try_own(void)
{
	return fchownat(DEST, "in-dest", 1234, 5678, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static int try_link(void)
{
	return linkat(DEST, "in-dest", DEST, "dir/second", 0) < 0 ? errno : 0;
}

static int try_make_device(void)
{
	return mknodat(DEST, "null", S_IFCHR | 0666, makedev(1, 3)) < 0 ? errno : 0;
}

static int try_open_device(void)
{
	return openat(DEST, "zero", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_capability(void)
{
	/* A file capability of version 2: cap_net_raw=ep. */
	static const char value[20] = "\1\0\0\2\0\40";
	int fd = openat(DEST, "in-dest", O_WRONLY | O_CLOEXEC);

	return fd < 0 || fsetxattr(fd, "security.capability", value, 20, 0) < 0 ? errno : 0;
}

static int try_trusted(void)
{
	int fd = openat(DEST, "in-dest", O_WRONLY | O_CLOEXEC);

	return fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0 ? errno : 0;
}

static int try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int try_exec(void)
{
	char *const words[] = { (char *)"in-dest", NULL };

	return execve("/in-dest", words, NULL) < 0 ? errno : 0;
}

static int try_mount(void)
{
	return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int try_fork(void)
{
	return fork() < 0 ? errno : 0;
}

static int try_signal(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_code(void)
{
	void *code = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? errno : 0;
}

static int try_size(void)
{
	int fd = openat(DEST, "in-dest", O_WRONLY | O_CLOEXEC);

	(void)signal(SIGXFSZ, SIG_IGN);
	return fd < 0 || ftruncate(fd, (off_t)STREAM_LIMIT + 1) < 0 ? errno : 0;
}

static const struct {
	const char *why;
	int (*try)(void);
	int expected; /* errno, KILLED, or 0 */
} tries[] = {
	{ "make a file in the destination", try_write, 0 },
	{ "the destination is the root", try_root, 0 },
	{ "link between directories", try_link, 0 },
	{ "give a file away", try_own, 0 },
	{ "make a device", try_make_device, 0 },
	{ "file capabilities", try_capability, 0 },
	{ "open a device", try_open_device, EACCES },
	{ "trusted attributes", try_trusted, EPERM },
	{ "the host's files", try_host, ENOENT },
	{ "the host's files by ..", try_climb, ENOENT },
	{ "a file larger than any layer", try_size, EFBIG },
	{ "a socket", try_socket, KILLED },
	{ "a program", try_exec, KILLED },
	{ "a mount", try_mount, KILLED },
	{ "ptrace", try_ptrace, KILLED },
	{ "a process", try_fork, KILLED },
	{ "a signal", try_signal, KILLED },
	{ "code made at run time", try_code, KILLED },
};

struct place {
	char *path;
	int dest_fd;
};

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_error struct error *err = NULL;

	place->path = xasprintf("%s/vessel-jail-test.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->path));
	place->dest_fd = open(place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(place->dest_fd, "in-dest", "x", 1, 0755, false, &err), 0);
	assert_int_equal(mkdirat(place->dest_fd, "dir", 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(mknodat(place->dest_fd, "zero", S_IFCHR | 0666, makedev(1, 5)), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	close_fd(place->dest_fd);
	free(place->path);
	free(place);
	return 0;
}

/* In a child: enters and tries. 100 and more: the jail itself failed. */
static void __attribute__((noreturn)) run_child(int dest_fd, int (*try)(void))
{
	struct error *err = NULL;

	if (dup2(dest_fd, DEST) < 0)
		_exit(101);
	if (jail_enter(DEST, &err) < 0) {
		(void)fprintf(stderr, "%s\n", error_message(err));
		_exit(100);
	}
	_exit(try());
}

static int result_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void the_jail_allows_files_and_nothing_else(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root can make the namespaces\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		pid_t pid;

		if (tries[i].expected == KILLED && !FILTERED)
			continue;
		pid = fork();
		if (pid == 0)
			run_child(place->dest_fd, tries[i].try);
		print_message("%s\n", tries[i].why);
		assert_int_equal(result_of(pid), tries[i].expected);
	}
}

static void a_detached_mount_can_be_filled(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int mount_fd = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	mount_fd = mount_new("tmpfs", "tmpfs", NULL, 0, &err);
	assert_true(mount_fd >= 0);
	pid = fork();
	if (pid == 0)
		run_child(mount_fd, try_write);
	assert_int_equal(result_of(pid), 0);
	/* Seen by us: the same mount, or a clone of it. */
	assert_int_equal(faccessat(mount_fd, "new", F_OK, 0), 0);
}

static int wait_forever(void)
{
	char byte;

	return write(1, "r", 1) == 1 && read(0, &byte, 1) == 0 ? 0 : 1;
}

static void check_status(pid_t pid, const char *line)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", (int)pid), *text = NULL;
	cleanup_error struct error *err = NULL;

	assert_true(file_read_at(AT_FDCWD, path, 65536, &text, &err) > 0);
	if (!strstr(text, line))
		fail_msg("no '%s' in:\n%s", line, text);
}

static void check_namespace(pid_t pid, const char *name)
{
	cleanup_free char *ours = xasprintf("/proc/self/ns/%s", name);
	cleanup_free char *theirs = xasprintf("/proc/%d/ns/%s", (int)pid, name);
	struct stat a, b;

	assert_int_equal(stat(ours, &a), 0);
	assert_int_equal(stat(theirs, &b), 0);
	assert_int_not_equal(a.st_ino, b.st_ino);
}

/* What the kernel says of a process inside. */
static void the_kernel_sees_the_jail(void **state)
{
	const struct place *place = *state;
	int in[2], out[2];
	char byte;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		close(in[1]);
		run_child(place->dest_fd, wait_forever);
	}
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 1);
	/* chown 0, dac_override 1, fowner 3, fsetid 4, mknod 27, setfcap 31 */
	check_status(pid, "CapEff:\t000000008800001b\n");
	check_status(pid, "CapPrm:\t000000008800001b\n");
	check_status(pid, "CapBnd:\t000000008800001b\n");
	check_status(pid, "CapInh:\t0000000000000000\n");
	check_status(pid, "NoNewPrivs:\t1\n");
	if (FILTERED)
		check_status(pid, "Seccomp:\t2\n");
	check_namespace(pid, "mnt");
	check_namespace(pid, "net");
	check_namespace(pid, "ipc");
	close(in[1]);
	assert_int_equal(result_of(pid), 0);
	close(in[0]);
	close(out[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_jail_allows_files_and_nothing_else, setup, teardown),
		cmocka_unit_test(a_detached_mount_can_be_filled),
		cmocka_unit_test_setup_teardown(the_kernel_sees_the_jail, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
