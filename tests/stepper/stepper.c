/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and does one thing at its n-th system call.
 *
 * Races and crashes are otherwise a matter of luck: a test kills at a random moment, an attacker's
 * loop exchanges two paths and hopes. Here all processes of the program are traced, their system
 * calls are counted in one row, and at number n, before the kernel does the call, one of these
 * happens: the process is killed, all of them are, the call fails, or two paths are exchanged or a
 * command is run while everything stands still. With n = 1, 2, 3... each window is tried.
 *
 * Counted are processes that run the program itself. One that executes another file (the
 * container's program, a hook) is let go, and what remains is let go when the first process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 256
#define TIMED_OUT 124
#define USAGE \
	"usage: stepper [-n N] [-k | -a | -e ERRNO | -x PATH1 PATH2 | -c COMMAND] [-t SECONDS]\n" \
	"               [-l LOG] PROGRAM [ARG...]\n" \
	"At system call N: -k kill the process; -a kill all; -e fail the call; -x exchange two\n" \
	"paths; -c run a shell's command. -l: which call that was, and how many there were.\n"

enum action { COUNT_ONLY, KILL_ONE, KILL_ALL, FAIL, EXCHANGE, COMMAND };

struct process {
	pid_t pid;
	bool inside; /* of a system call: the next stop is its end */
	bool fails; /* this call's result is replaced */
};

struct stepper {
	enum action action;
	long at, count, seconds;
	int error;
	const char *paths[2], *command, *log;
	char **args;
	struct stat program;
	struct process processes[PROCESSES_MAX];
	pid_t first;
	int status;
	bool first_ended;
	char *did; /* the log's text */
};

static volatile sig_atomic_t timed_out;

static void on_alarm(int signal)
{
	(void)signal;
	timed_out = 1;
}

static __attribute__((noreturn)) void die(const char *what)
{
	perror(what);
	exit(2);
}

static struct process *find(struct stepper *stepper, pid_t pid)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (stepper->processes[i].pid == pid)
			return &stepper->processes[i];
	return NULL;
}

static struct process *find_or_add(struct stepper *stepper, pid_t pid)
{
	struct process *process = find(stepper, pid);

	if (process)
		return process;
	process = find(stepper, 0);
	if (!process) {
		(void)fputs("stepper: too many processes\n", stderr);
		exit(2);
	}
	*process = (struct process){ .pid = pid };
	return process;
}

static void forget(struct stepper *stepper, pid_t pid)
{
	struct process *process = find(stepper, pid);

	if (process)
		process->pid = 0;
}

static bool runs_program(const struct stepper *stepper, pid_t pid)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &st) == 0 && st.st_ino == stepper->program.st_ino &&
	       st.st_dev == stepper->program.st_dev;
}

static void let_go(struct stepper *stepper, pid_t pid, int signal)
{
	(void)ptrace(PTRACE_DETACH, pid, 0, signal);
	forget(stepper, pid);
}

static void kill_all(struct stepper *stepper)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (stepper->processes[i].pid)
			(void)kill(stepper->processes[i].pid, SIGKILL);
}

/* ---- what happens at number n ---- */

/* close() takes the fd away whatever it returns; these never return. */
static bool is_carried_out(long number)
{
	return number == SYS_close || number == SYS_close_range;
}

static bool cannot_fail(long number)
{
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn;
}

static void fail_call(
	struct stepper *stepper, struct process *process, struct user_regs_struct *regs)
{
	long number = (long)regs->orig_rax;

	(void)stepper;
	if (cannot_fail(number))
		return;
	process->fails = true;
	if (is_carried_out(number))
		return;
	regs->orig_rax = (unsigned long long)-1;
	if (ptrace(PTRACE_SETREGS, process->pid, 0, regs) < 0)
		perror("stepper: skip the call");
}

static void replace_result(const struct stepper *stepper, struct process *process)
{
	struct user_regs_struct regs;

	process->fails = false;
	if (ptrace(PTRACE_GETREGS, process->pid, 0, &regs) < 0)
		return;
	regs.rax = (unsigned long long)-stepper->error;
	if (ptrace(PTRACE_SETREGS, process->pid, 0, &regs) < 0)
		perror("stepper: replace the result");
}

static void exchange(const struct stepper *stepper)
{
	if (syscall(SYS_renameat2, AT_FDCWD, stepper->paths[0], AT_FDCWD, stepper->paths[1],
		    2 /* RENAME_EXCHANGE */) < 0)
		perror("stepper: exchange");
}

static void run_command(const struct stepper *stepper)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", stepper->command, (char *)NULL);
		_exit(127);
	}
	(void)waitpid(pid, NULL, 0);
}

static void note(struct stepper *stepper, pid_t pid, long number)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

	free(stepper->did);
	if (asprintf(&stepper->did, "at %ld %s of %d\n", stepper->at, name ? name : "?", (int)pid) <
		0)
		stepper->did = NULL;
	free(name);
}

/* Returns whether the process goes on. */
static bool act(struct stepper *stepper, struct process *process, struct user_regs_struct *regs)
{
	note(stepper, process->pid, (long)regs->orig_rax);
	switch (stepper->action) {
	case KILL_ONE:
		(void)kill(process->pid, SIGKILL);
		return false;
	case KILL_ALL:
		kill_all(stepper);
		return false;
	case FAIL:
		fail_call(stepper, process, regs);
		return true;
	case EXCHANGE:
		exchange(stepper);
		return true;
	case COMMAND:
		run_command(stepper);
		return true;
	case COUNT_ONLY:
	default:
		return true;
	}
}

/* ---- following ---- */

static bool at_system_call(struct stepper *stepper, struct process *process)
{
	struct user_regs_struct regs;

	if (process->inside) {
		process->inside = false;
		if (process->fails)
			replace_result(stepper, process);
		return true;
	}
	process->inside = true;
	if (++stepper->count != stepper->at)
		return true;
	if (ptrace(PTRACE_GETREGS, process->pid, 0, &regs) < 0)
		return true;
	return act(stepper, process, &regs);
}

static void go_on(pid_t pid, int signal)
{
	(void)ptrace(PTRACE_SYSCALL, pid, 0, signal);
}

/* An event of the kernel's (a fork, an exec) or a stop that we or a signal caused. */
static void at_event(struct stepper *stepper, pid_t pid, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXEC) {
		struct process *process = find_or_add(stepper, pid);

		process->inside = true; /* its end is still to come */
		if (!runs_program(stepper, pid)) {
			let_go(stepper, pid, 0);
			return;
		}
	} else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, pid, 0, 0); /* a group stop: until SIGCONT */
		return;
	}
	go_on(pid, 0);
}

static void at_stop(struct stepper *stepper, pid_t pid, int status)
{
	struct process *process = find_or_add(stepper, pid);
	int signal = WSTOPSIG(status);

	if (stepper->first_ended)
		let_go(stepper, pid, status >> 16 || signal == (SIGTRAP | 0x80) ? 0 : signal);
	else if (status >> 16)
		at_event(stepper, pid, status);
	else if (signal != (SIGTRAP | 0x80))
		go_on(pid, signal);
	else if (at_system_call(stepper, process))
		go_on(pid, 0);
}

/* What lives on (a container's init) must not stay traced. */
static void release(struct stepper *stepper)
{
	stepper->first_ended = true;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (stepper->processes[i].pid)
			(void)ptrace(PTRACE_INTERRUPT, stepper->processes[i].pid, 0, 0);
}

static void follow(struct stepper *stepper)
{
	for (;;) {
		int status = 0;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (timed_out) {
			kill_all(stepper);
			timed_out = 0;
			stepper->status = TIMED_OUT << 8;
		}
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (WIFSTOPPED(status)) {
			at_stop(stepper, pid, status);
			continue;
		}
		forget(stepper, pid);
		if (pid != stepper->first)
			continue;
		if (stepper->status != TIMED_OUT << 8)
			stepper->status = status;
		release(stepper);
	}
}

static void start(struct stepper *stepper)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)raise(SIGSTOP);
		(void)execvp(stepper->args[0], stepper->args);
		perror(stepper->args[0]);
		_exit(127);
	}
	stepper->first = pid;
	if (waitpid(pid, &status, WUNTRACED) < 0 ||
		ptrace(PTRACE_SEIZE, pid, 0,
			PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		die("trace");
	(void)find_or_add(stepper, pid);
	/* Counted from its exec on: what comes before is this program. */
	if (kill(pid, SIGCONT) < 0)
		die("continue");
	for (;;) {
		if (waitpid(pid, &status, __WALL) < 0 || WIFEXITED(status) || WIFSIGNALED(status))
			die("start");
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			break;
		(void)ptrace(PTRACE_CONT, pid, 0, 0);
	}
	find(stepper, pid)->inside = true;
	go_on(pid, 0);
}

/* ---- the command line ---- */

static int errno_of(const char *name)
{
	for (int n = 1; n < 134; n++)
		if (strerrorname_np(n) && strcmp(strerrorname_np(n), name) == 0)
			return n;
	return (int)strtol(name, NULL, 10);
}

static void parse(struct stepper *stepper, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+n:kae:x:c:t:l:")) != -1) {
		switch (option) {
		case 'n':
			stepper->at = strtol(optarg, NULL, 10);
			break;
		case 'k':
			stepper->action = KILL_ONE;
			break;
		case 'a':
			stepper->action = KILL_ALL;
			break;
		case 'e':
			stepper->action = FAIL;
			stepper->error = errno_of(optarg);
			break;
		case 'x':
			stepper->action = EXCHANGE;
			stepper->paths[0] = optarg;
			stepper->paths[1] = optind < argc ? argv[optind++] : "";
			break;
		case 'c':
			stepper->action = COMMAND;
			stepper->command = optarg;
			break;
		case 't':
			stepper->seconds = strtol(optarg, NULL, 10);
			break;
		case 'l':
			stepper->log = optarg;
			break;
		default:
			(void)fputs(USAGE, stderr);
			exit(2);
		}
	}
	stepper->args = argv + optind;
	if (!stepper->args[0] || (stepper->action == FAIL && stepper->error <= 0)) {
		(void)fputs(USAGE, stderr);
		exit(2);
	}
}

static void write_log(const struct stepper *stepper)
{
	FILE *log = stepper->log ? fopen(stepper->log, "we") : NULL;

	if (!log)
		return;
	(void)fprintf(log, "%scalls %ld\n", stepper->did ? stepper->did : "", stepper->count);
	(void)fclose(log);
}

int main(int argc, char **argv)
{
	static struct stepper stepper = { .seconds = 60 };
	struct sigaction alarm_action = { .sa_handler = on_alarm };

	parse(&stepper, argc, argv);
	if (stat(stepper.args[0], &stepper.program) < 0)
		die(stepper.args[0]);
	(void)sigaction(SIGALRM, &alarm_action, NULL); /* without SA_RESTART */
	(void)alarm((unsigned int)stepper.seconds);
	start(&stepper);
	follow(&stepper);
	write_log(&stepper);
	if (WIFSIGNALED(stepper.status))
		return 128 + WTERMSIG(stepper.status);
	return WEXITSTATUS(stepper.status);
}
