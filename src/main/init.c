/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-init: the first process of a container with --init.
 *
 *   vessel-init [--] PROGRAM [ARG...]
 *
 * The kernel drops a signal that the first process of a pid namespace has no handler for, and
 * leaves it the orphans: so a program that is not made to be one does not end by SIGTERM and
 * collects zombies. This one starts the program, forwards all signals to it, waits for whoever
 * ends, and ends with the program's exit code, 128 + the signal that killed it, or as a shell: 126
 * when it cannot be run, 127 when it is not there.
 *
 * There is one in each container that asks for it, so it is small: no C library, a stack page, no
 * memory that is written. Signals are blocked and taken by sigtimedwait(2): what is blocked is
 * queued also for the first process, and there is no handler to race with.
 */
#ifndef __clang__
/* A loop must not become a call of the strlen() that is not there. */
#	pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <asm/unistd.h>
#include <errno.h>
#include <linux/wait.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_ENTRY_MAX 4096
#define BIT(signal) (UINT64_C(1) << ((signal)-1))
#define KERNEL_SIGSET_BYTES sizeof(uint64_t)

/* What a fault of our own raises must not wait in a queue. */
#define FAULTS \
	(BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGABRT) | BIT(SIGTRAP) | \
		BIT(SIGSYS))

void init_main(long *stack) __attribute__((noreturn, used));

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall init_main\n");

static long call5(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl init_main\n");

static long call5(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#else
#	error "vessel-init does not know this machine's system calls"
#endif

#define CALL(number, ...) CALL_(number, __VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, ...) \
	call5((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static void __attribute__((noreturn)) leave(int code)
{
	for (;;)
		CALL(__NR_exit_group, code);
}

static size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static void complain(const char *text)
{
	CALL(__NR_write, 2, text, length_of(text));
}

static const char *path_of(char *const *env)
{
	for (; *env; env++)
		if ((*env)[0] == 'P' && (*env)[1] == 'A' && (*env)[2] == 'T' && (*env)[3] == 'H' &&
			(*env)[4] == '=')
			return *env + 5;
	return PATH_DEFAULT;
}

static int has_slash(const char *text)
{
	while (*text && *text != '/')
		text++;
	return *text == '/';
}

/* Joins the first entry of path and name; returns the length of the entry. */
static size_t join(const char *path, const char *name, char out[static PATH_ENTRY_MAX])
{
	size_t entry = 0, at = 0, length = length_of(name);

	while (path[entry] && path[entry] != ':')
		entry++;
	if (entry + length + 2 > PATH_ENTRY_MAX) {
		out[0] = '\0';
		return entry;
	}
	for (; at < entry; at++)
		out[at] = path[at];
	if (entry > 0)
		out[at++] = '/';
	for (size_t i = 0; i <= length; i++)
		out[at + i] = name[i];
	return entry;
}

/* As execvp(3): an entry that is not allowed is remembered, and the search goes on. */
static long execute(char *const *args, char *const *env)
{
	const char *path = path_of(env);
	char candidate[PATH_ENTRY_MAX];
	long result, worst = -ENOENT;

	if (has_slash(args[0]))
		return CALL(__NR_execve, args[0], args, env);
	for (;;) {
		path += join(path, args[0], candidate);
		result = CALL(__NR_execve, candidate, args, env);
		if (result != -ENOENT && result != -ENOTDIR && result != -EACCES)
			return result;
		if (result == -EACCES)
			worst = result;
		if (*path++ == '\0')
			return worst;
	}
}

/* An own process group in front of the terminal, if there is one: what is typed reaches the program
 * once, and not through us again. */
static void __attribute__((noreturn))
run(char *const *args, char *const *env, const uint64_t *old_mask)
{
	int group = (int)CALL(__NR_getpid, 0);
	long result;

	CALL(__NR_setpgid, 0, 0);
	CALL(__NR_ioctl, 0, TIOCSPGRP, &group);
	CALL(__NR_rt_sigprocmask, SIG_SETMASK, old_mask, NULL, KERNEL_SIGSET_BYTES);
	result = execute(args, env);
	complain("vessel-init: cannot run ");
	complain(args[0]);
	complain(result == -ENOENT ? ": no such file or directory\n" : ": permission denied\n");
	leave(result == -ENOENT ? 127 : 126);
}

/* Waits for all that have ended; leaves with the program. */
static void reap(long program)
{
	int status = 0;
	long pid;

	while ((pid = CALL(__NR_wait4, -1, &status, WNOHANG, NULL)) > 0)
		if (pid == program)
			leave((status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff);
}

void init_main(long *stack)
{
	long argc = stack[0], program;
	char **args = (char **)(stack + 2); // NOLINT: argv is args - 1, as the kernel lays it out
	char **env = args + argc;
	uint64_t all = ~FAULTS, old = 0;

	if (argc > 1 && args[0][0] == '-' && args[0][1] == '-' && !args[0][2])
		args++;
	if (argc < 2 || !*args) {
		complain("usage: vessel-init [--] PROGRAM [ARG...]\n");
		leave(125);
	}
	CALL(__NR_rt_sigprocmask, SIG_SETMASK, &all, &old, KERNEL_SIGSET_BYTES);
	program = CALL(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (program == 0)
		run(args, env, &old);
	if (program < 0) {
		complain("vessel-init: cannot start a process\n");
		leave(125);
	}
	for (;;) {
		long signal = CALL(__NR_rt_sigtimedwait, &all, NULL, NULL, KERNEL_SIGSET_BYTES);

		if (signal == SIGCHLD)
			reap(program);
		else if (signal > 0)
			CALL(__NR_kill, program, signal);
	}
}
