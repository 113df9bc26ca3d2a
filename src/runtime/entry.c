/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/entry.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/spec.h"
#include "runtime/filter.h"
#include "runtime/identity.h"
#include "runtime/launch.h"
#include "runtime/listener.h"
#include "runtime/program.h"
#include "runtime/rootfs.h"
#include "runtime/schedule.h"
#include "runtime/seccomp.h"
#include "runtime/terminal.h"
#include "sys/path.h"

#define INIT_PROGRAM "/sbin/docker-init"
#define UMASK_DEFAULT 022
/* For rights that a user has by groups which no map can name: what podman sets for keep-groups. */
#define KEEP_GROUPS "run.oci.keep_original_groups=1"
#define FINAL "process.execCPUAffinity.final"

/* Handlers are reset by execve(2); what our caller ignores (SIGPIPE, a shell's trap '') is not. */
static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal <= SIGRTMAX; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			(void)sigaction(signal, &action, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int entry_begin(struct entry *entry, struct error **err)
{
	entry->sync_fd = LAUNCH_SYNC_FD;
	entry->gate_fd = -1;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_sys(err, "make the process not dumpable");
	if (setsid() < 0)
		return error_sys(err, "make a session");
	reset_signals();
	umask(0); /* modes of what we make are meant as they are written */
	/*
	 * Keys of the caller's session must not be readable inside. Where the user's quota of keys
	 * is used up or the kernel has no keys, the masked /proc/keys and the filter remain.
	 */
	if (!entry->no_new_keyring)
		(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return 0;
}

static bool is_null(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Streams that nobody gave are the container's /dev/null; an image's other file of that name is no
 * reason to write into it. */
static int fill_stdio(const struct container_io *io, int root_fd, struct error **err)
{
	const int given[] = { io->stdin_fd, io->stdout_fd, io->stderr_fd };
	cleanup_error struct error *missing = NULL;
	cleanup_close int null_fd = -1;

	if (given[0] >= 0 && given[1] >= 0 && given[2] >= 0)
		return 0;
	null_fd = path_open_in_root(root_fd, "/dev/null", O_PATH, 0, &missing);
	if (!is_null(null_fd))
		return error_new(err, ERROR_INVALID, "the container has no usable /dev/null");
	close_fd(null_fd);
	null_fd = path_open_in_root(root_fd, "/dev/null", O_RDWR | O_NOCTTY, 0, err);
	if (null_fd < 0 || !is_null(null_fd))
		return *err ? -1 : error_new(err, ERROR_INVALID, "/dev/null was replaced");
	for (int i = 0; i < 3; i++)
		if (given[i] < 0 && dup2(null_fd, i) < 0)
			return error_sys(err, "use /dev/null");
	return 0;
}

/* The sync socket took the number of what was not given, and closes on exec; the rest must not. */
static int keep_stdio(const struct container_io *io, struct error **err)
{
	const int given[] = { io->stdin_fd, io->stdout_fd, io->stderr_fd };

	for (int i = 0; i < 3; i++)
		if (given[i] >= 0 && fcntl(i, F_SETFD, 0) < 0)
			return error_sys(err, "keep fd %d", i);
	return 0;
}

/*
 * So that the program can open /dev/stdout by its name (nginx logs there), as with Docker: what is
 * a pipe, a socket or a file is given to the user it runs as. Never a device: its node can be the
 * host's.
 */
static void give_stdio(const struct entry *entry)
{
	const struct container_io *io = entry->io;
	const int given[] = { io->stdin_fd, io->stdout_fd, io->stderr_fd };
	struct stat st;

	for (int i = 0; entry->user.uid != 0 && i < 3; i++) {
		if (given[i] < 0 || fstat(i, &st) < 0 || st.st_uid == entry->user.uid)
			continue;
		if (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode))
			if (fchown(i, entry->user.uid, entry->user.gid) < 0)
				continue; /* one that is not mapped here, or a read-only file */
	}
}

static int set_stdio(const struct entry *entry, int root_fd, int terminal_fd, struct error **err)
{
	if (terminal_fd < 0) {
		if (fill_stdio(entry->io, root_fd, err) < 0)
			return -1;
		give_stdio(entry);
		return keep_stdio(entry->io, err);
	}
	if (fchown(terminal_fd, entry->user.uid, (gid_t)-1) < 0)
		return error_sys(err, "give the terminal to user %u", entry->user.uid);
	return terminal_take(terminal_fd, err);
}

/*
 * Through the root's fd and without magic links: /proc/self/fd/N leads to a directory of the host
 * if one is open (CVE-2024-21626). Docker's exit codes: 127 for one that is missing, else 126.
 */
static int enter_cwd(const struct entry *entry, int root_fd, struct error **err)
{
	const char *cwd = entry->process->cwd ? entry->process->cwd : "/";
	cleanup_close int fd = path_open_in_root(root_fd, cwd, O_PATH | O_DIRECTORY, 0, err);
	char path[4096];

	if (fd < 0)
		return error_as(err,
			error_errno(*err) == ENOENT ? ERROR_NO_PROGRAM : ERROR_NOT_EXECUTABLE,
			"working directory");
	if (fchdir(fd) < 0) {
		error_sys(err, "enter '%s'", cwd);
		return error_as(err, ERROR_NOT_EXECUTABLE, "working directory");
	}
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return error_sys(err, "look at working directory '%s'", cwd);
	if (path[0] != '/')
		return error_new(
			err, ERROR_DENIED, "working directory '%s' is outside the container", cwd);
	return 0;
}

static int find_program(struct entry *entry, struct error **err)
{
	const struct spec_process *process = entry->process;

	if (!process->args || !process->args[0])
		return error_new(err, ERROR_INVALID, "no program is given");
	/* Also when init runs it: what is missing is told now, and not by a container that ended.
	 */
	entry->program = program_find(process->args[0], entry->env, err);
	if (!entry->program)
		return -1;
	if (entry->use_init) {
		replace_string(&entry->program, xstrdup(INIT_PROGRAM));
		strv_append(&entry->args, INIT_PROGRAM);
		strv_append(&entry->args, "--");
	}
	strv_concat(&entry->args, process->args);
	return 0;
}

static int close_others(unsigned int first, struct error **err)
{
	if (syscall(SYS_close_range, first, ~0U, 0) < 0)
		return error_sys(err, "close all other fds");
	return 0;
}

/* First above all that are moved, then after the last of them. */
static int move_fd(int *fd, int from, int above, struct error **err)
{
	*fd = fcntl(from, F_DUPFD_CLOEXEC, above);
	return *fd < 0 ? error_sys(err, "move fd %d", from) : 0;
}

static int settle_fd(int *fd, int place, struct error **err)
{
	if (dup3(*fd, place, O_CLOEXEC) < 0)
		return error_sys(err, "place fd %d", place);
	*fd = place;
	return 0;
}

/* The program's own from 3 on, then ours, which close on exec. */
static int place_fds(struct entry *entry, struct error **err)
{
	int count = (int)entry->preserved_fds, above = LAUNCH_PRESERVED_FD + count;
	int ours = 3 + count;

	if (!count && !entry->has_gate)
		return close_others(LAUNCH_SYNC_FD + 1U, err);
	if (entry->has_gate && move_fd(&entry->gate_fd, LAUNCH_GATE_FD, above, err) < 0)
		return -1;
	if (move_fd(&entry->sync_fd, LAUNCH_SYNC_FD, above, err) < 0)
		return -1;
	for (int i = 0; i < count; i++)
		if (dup2(LAUNCH_PRESERVED_FD + i, 3 + i) < 0)
			return error_sys(err, "place fd %d", 3 + i);
	if (settle_fd(&entry->sync_fd, ours++, err) < 0)
		return -1;
	if (entry->has_gate && settle_fd(&entry->gate_fd, ours++, err) < 0)
		return -1;
	return close_others((unsigned int)ours, err);
}

int entry_prepare(struct entry *entry, int root_fd, int terminal_fd, struct error **err)
{
	const struct spec_process *process = entry->process;
	bool keep_admin = entry->filter->bytes && !process->no_new_privileges;

	entry->env = strv_copy(process->env);
	if (user_lookup(root_fd, process, &entry->user, err) < 0)
		return -1;
	entry->user.keep_groups =
		entry->spec && strv_contains(entry->spec->annotations, KEEP_GROUPS);
	if (!env_get(entry->env, "HOME"))
		env_set(&entry->env, "HOME", entry->user.home ? entry->user.home : "/");
	if (set_stdio(entry, root_fd, terminal_fd, err) < 0 || enter_cwd(entry, root_fd, err) < 0 ||
		rlimits_apply(process, err) < 0 || schedule_apply(entry->spec, process, err) < 0 ||
		(entry->is_exec && affinity_apply(process->affinity_final, FINAL, err) < 0) ||
		identity_apply(process, &entry->user, keep_admin, err) < 0)
		return -1;
	/* A change of user made it dumpable again where fs.suid_dumpable says so. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_sys(err, "make the process not dumpable");
	if (find_program(entry, err) < 0)
		return -1;
	umask(process->umask == (mode_t)-1 ? UMASK_DEFAULT : process->umask);
	return place_fds(entry, err);
}

int entry_confine(struct entry *entry, bool ready, struct error **err)
{
	bool listens = entry->filter->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (!entry->filter->bytes || listens == ready || entry->confined)
		return 0;
	entry->confined = true;
	if (listens)
		return listener_load(entry->filter, entry->sync_fd, err);
	return seccomp_filter_attach(entry->filter, err);
}

int entry_exec(struct entry *entry, struct error **err)
{
	execve(entry->program, entry->args, entry->env);
	return program_explain(entry->program, err);
}
