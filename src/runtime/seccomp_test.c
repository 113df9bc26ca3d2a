/* SPDX-License-Identifier: Apache-2.0 */
/* The default profile's answers, asked of the program by an interpreter and of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "runtime/filter.h"
#include "runtime/seccomp.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define NO_AUDIT (CAPABILITIES_DEFAULT & ~CAP(AUDIT_WRITE))
#define ADMIN (CAPABILITIES_DEFAULT | CAP(SYS_ADMIN))
#define ALLOW 0
#define X32 0x40000000
#define HIGH_BIT UINT64_C(0x100000000)

/* How far an instruction jumps; any that the compiler does not use fails the test. */
static uint32_t jump(const struct sock_filter *i, uint32_t a)
{
	switch (i->code) {
	case BPF_JMP | BPF_JA:
		return i->k;
	case BPF_JMP | BPF_JEQ | BPF_K:
		return a == i->k ? i->jt : i->jf;
	case BPF_JMP | BPF_JGE | BPF_K:
		return a >= i->k ? i->jt : i->jf;
	case BPF_JMP | BPF_JSET | BPF_K:
		return a & i->k ? i->jt : i->jf;
	default:
		fail_msg("instruction %u", i->code);
		return 0;
	}
}

static uint32_t run(const struct sock_filter *code, size_t length, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < length; at++) {
		const struct sock_filter *i = &code[at];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS))
			memcpy(&a, (const char *)data + i->k, sizeof(a));
		else
			at += jump(i, a);
	}
	fail_msg("the program has no end");
	return 0;
}

/* 0, or the errno that a call gets. */
static int answer_of(const void *filter, size_t bytes, const struct seccomp_data *data)
{
	uint32_t result = run(filter, bytes / sizeof(struct sock_filter), data);

	if (result == SECCOMP_RET_ALLOW)
		return ALLOW;
	assert_int_equal(result & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	return (int)(result & SECCOMP_RET_DATA);
}

static size_t compile(uint64_t capabilities, struct sock_filter code[static BPF_MAXINSNS])
{
	struct error *err = NULL;
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t bytes;

	if (seccomp_compile(capabilities, fd, &err) < 0)
		fail_msg("%s", error_message(err));
	bytes = pread(fd, code, BPF_MAXINSNS * sizeof(*code), 0);
	close(fd);
	assert_true(bytes > 0);
	return (size_t)bytes;
}

#if defined(__x86_64__)

#	define NATIVE AUDIT_ARCH_X86_64
#	define OTHER AUDIT_ARCH_I386

static const struct {
	const char *why;
	uint64_t capabilities;
	uint32_t arch;
	int nr;
	uint64_t args[3];
	int answer;
} rows[] = {
	{ "a plain call", CAPABILITIES_DEFAULT, NATIVE, SYS_read, { 0 }, ALLOW },
	{ "the last of a range", CAPABILITIES_DEFAULT, NATIVE, SYS_execve, { 0 }, ALLOW },
	{ "newer than libseccomp 2.5", CAPABILITIES_DEFAULT, NATIVE, 452, { 0 }, ALLOW },
	{ "newer, 32 bits", CAPABILITIES_DEFAULT, OTHER, 452, { 0 }, ALLOW },
	{ "newer than the profile", CAPABILITIES_DEFAULT, NATIVE, 500, { 0 }, ENOSYS },
	{ "no such number", CAPABILITIES_DEFAULT, NATIVE, -1, { 0 }, ENOSYS },
	{ "a hole in the table", CAPABILITIES_DEFAULT, NATIVE, 400, { 0 }, ENOSYS },
	{ "io_uring", CAPABILITIES_DEFAULT, NATIVE, SYS_io_uring_setup, { 0 }, EPERM },
	{ "keys", CAPABILITIES_DEFAULT, NATIVE, SYS_keyctl, { 0 }, EPERM },
	{ "vmsplice", CAPABILITIES_DEFAULT, NATIVE, SYS_vmsplice, { 0 }, EPERM },
	{ "mount", CAPABILITIES_DEFAULT, NATIVE, SYS_mount, { 0 }, EPERM },
	{ "mount with the right to it", ADMIN, NATIVE, SYS_mount, { 0 }, ALLOW },
	{ "new mount calls", CAPABILITIES_DEFAULT, NATIVE, SYS_fsopen, { 0 }, EPERM },
	{ "bpf", CAPABILITIES_DEFAULT, NATIVE, SYS_bpf, { 0 }, EPERM },
	{ "bpf with CAP_BPF", CAPABILITIES_DEFAULT | CAP(BPF), NATIVE, SYS_bpf, { 0 }, ALLOW },
	{ "chroot is of the default set", CAPABILITIES_DEFAULT, NATIVE, SYS_chroot, { 0 }, ALLOW },
	{ "chroot without it", 0, NATIVE, SYS_chroot, { 0 }, EPERM },
	{ "modules, 32 bits", CAPABILITIES_DEFAULT, OTHER, 128, { 0 }, EPERM },
	{ "ptrace", CAPABILITIES_DEFAULT, NATIVE, SYS_ptrace, { 0 }, ALLOW },
	{ "threads", CAPABILITIES_DEFAULT, NATIVE, SYS_clone, { CLONE_VM | CLONE_THREAD }, ALLOW },
	{ "a user namespace", CAPABILITIES_DEFAULT, NATIVE, SYS_clone, { CLONE_NEWUSER }, EPERM },
	{ "one among other flags", CAPABILITIES_DEFAULT, NATIVE, SYS_clone,
		{ CLONE_VM | CLONE_NEWNET }, EPERM },
	{ "one with the right to it", ADMIN, NATIVE, SYS_clone, { CLONE_NEWUSER }, ALLOW },
	{ "clone3 hides its flags", CAPABILITIES_DEFAULT, NATIVE, SYS_clone3, { 0 }, ENOSYS },
	{ "clone3 with all rights", ADMIN, NATIVE, SYS_clone3, { 0 }, ALLOW },
	{ "unshare", CAPABILITIES_DEFAULT, NATIVE, SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "a socket", CAPABILITIES_DEFAULT, NATIVE, SYS_socket, { AF_INET }, ALLOW },
	{ "the kernel's crypto", CAPABILITIES_DEFAULT, NATIVE, SYS_socket, { AF_ALG }, EPERM },
	{ "to the hypervisor", CAPABILITIES_DEFAULT, NATIVE, SYS_socket, { AF_VSOCK }, EPERM },
	{ "the kernel drops the high bit", CAPABILITIES_DEFAULT, NATIVE, SYS_socket,
		{ HIGH_BIT | AF_ALG }, EPERM },
	{ "crypto, 32 bits", CAPABILITIES_DEFAULT, OTHER, 359, { AF_ALG }, EPERM },
	{ "socketcall cannot be looked into", CAPABILITIES_DEFAULT, OTHER, 102, { 1 }, ALLOW },
	{ "netlink", NO_AUDIT, NATIVE, SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, ALLOW },
	{ "audit", CAPABILITIES_DEFAULT, NATIVE, SYS_socket, { AF_NETLINK, SOCK_RAW, 9 }, ALLOW },
	{ "audit without the right to it", NO_AUDIT, NATIVE, SYS_socket,
		{ AF_NETLINK, SOCK_RAW, 9 }, EINVAL },
	{ "crypto without it", NO_AUDIT, NATIVE, SYS_socket, { AF_ALG }, EPERM },
	{ "a terminal's size", CAPABILITIES_DEFAULT, NATIVE, SYS_ioctl, { 0, TIOCGWINSZ }, ALLOW },
	{ "typing into one", CAPABILITIES_DEFAULT, NATIVE, SYS_ioctl, { 0, TIOCSTI }, EPERM },
	{ "the high bit again", CAPABILITIES_DEFAULT, NATIVE, SYS_ioctl, { 0, HIGH_BIT | TIOCSTI },
		EPERM },
	{ "the console", CAPABILITIES_DEFAULT, OTHER, 54, { 0, TIOCLINUX }, EPERM },
	{ "Linux's personality", CAPABILITIES_DEFAULT, NATIVE, SYS_personality, { 8 }, ALLOW },
	{ "asking for it", CAPABILITIES_DEFAULT, NATIVE, SYS_personality, { 0xffffffff }, ALLOW },
	{ "no randomised addresses", CAPABILITIES_DEFAULT, NATIVE, SYS_personality, { 0x40000 },
		EPERM },
	{ "x32", CAPABILITIES_DEFAULT, NATIVE, X32 | SYS_read, { 0 }, ENOSYS },
	{ "another machine", CAPABILITIES_DEFAULT, AUDIT_ARCH_AARCH64, 63, { 0 }, ENOSYS },
	{ "32 bits are numbered otherwise", CAPABILITIES_DEFAULT, OTHER, 3, { 0 }, ALLOW },
	{ "mount, 32 bits", CAPABILITIES_DEFAULT, OTHER, 21, { 0 }, EPERM },
};

static void the_program_answers(void **state)
{
	struct sock_filter *code = calloc(BPF_MAXINSNS, sizeof(*code));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct seccomp_data data = { .nr = rows[i].nr, .arch = rows[i].arch };
		int answer;

		memcpy(data.args, rows[i].args, sizeof(rows[i].args));
		answer = answer_of(code, compile(rows[i].capabilities, code), &data);
		if (answer != rows[i].answer)
			fail_msg("%s: %s", rows[i].why, answer ? strerrorname_np(answer) : "0");
	}
	free(code);
}

#endif

static void the_built_in_one_is_the_default(void **state)
{
	struct sock_filter *code = calloc(BPF_MAXINSNS, sizeof(*code));

	(void)state;
	assert_int_equal(compile(CAPABILITIES_DEFAULT, code), seccomp_default_filter_bytes);
	assert_memory_equal(code, seccomp_default_filter, seccomp_default_filter_bytes);
	free(code);
}

/* Exit code: which question the kernel answered otherwise. */
static void __attribute__((noreturn)) ask_kernel(void)
{
	const struct filter filter = { .bytes = seccomp_default_filter,
		.length = seccomp_default_filter_bytes };
	struct error *err = NULL;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_filter_attach(&filter, &err) < 0)
		_exit(1);
	if (syscall(SYS_keyctl, 0, 0) != -1 || errno != EPERM)
		_exit(2);
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		_exit(3);
	if (unshare(CLONE_NEWUSER) != -1 || errno != EPERM)
		_exit(4);
	if (socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) != -1 || errno != EPERM)
		_exit(5);
	if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
		_exit(6);
	if (syscall(1000) != -1 || errno != ENOSYS)
		_exit(7);
	_exit(0);
}

static void the_kernel_answers(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		ask_kernel();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_is_no_filter_is_refused(void **state)
{
	static const size_t sizes[] = { 0, 7, 12, (BPF_MAXINSNS + 1) * 8UL };
	static const char bytes[(BPF_MAXINSNS + 1) * 8UL];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const struct filter filter = { .bytes = bytes, .length = sizes[i] };
		cleanup_error struct error *err = NULL;

		assert_int_equal(seccomp_filter_attach(&filter, &err), -1);
		assert_int_equal(error_kind(err), ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(the_program_answers),
#endif
		cmocka_unit_test(the_built_in_one_is_the_default),
		cmocka_unit_test(the_kernel_answers),
		cmocka_unit_test(what_is_no_filter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
