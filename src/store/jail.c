/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "store/codec.h"
#include "store/stream.h"
#include "sys/mount.h"

#if defined(__SANITIZE_ADDRESS__)
#	define SANITIZED 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define SANITIZED 1
#	endif
#endif
#ifndef SANITIZED
#	define SANITIZED 0 /* its shadow needs address space, and system calls of its own */
#endif

/* Windows of the decompressors, notes of directories, one extended header, and room. */
#define ADDRESS_SPACE_MAX (CODEC_MEMORY_MAX + (1UL << 30))
#define FDS_MAX 1024 /* removing a tree takes two for each level */

/*
 * The destination as the only mount. A detached mount (a build step's overlay) can be cloned since
 * Linux 6.15 only; before, the root is an empty directory, and ".." from such a mount does not
 * lead out of it, there being nothing above.
 */
static int make_root(int dest_fd, struct error **err)
{
	static const struct mount_option options[] = { { "mode", "0555" }, { "size", "4k" },
		{ 0 } };
	const uint64_t attrs = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	cleanup_error struct error *no_clone = NULL;
	int fd = dest_fd < 0 ? -1 : mount_clone(dest_fd, "", false, &no_clone);

	if (dest_fd < 0 || (fd < 0 && error_errno(no_clone) == EINVAL))
		return mount_new("tmpfs", "tmpfs", options, attrs | MOUNT_ATTR_RDONLY, err);
	if (fd < 0) {
		*err = take_ptr(no_clone);
		return -1;
	}
	/* Private: where the host's "/" is shared, as systemd has it, pivot_root refuses a shared
	 * one. */
	if (mount_set(fd, attrs, 0, MS_PRIVATE, false, err) < 0) {
		close_fd(fd);
		return -1;
	}
	if (dup3(fd, dest_fd, O_CLOEXEC) < 0) {
		close_fd(fd);
		return error_sys(err, "keep the destination");
	}
	return fd;
}

static int enter_namespaces(int dest_fd, struct error **err)
{
	/* Cloned before: a mount of another namespace cannot be. */
	cleanup_close int root_fd = make_root(dest_fd, err), old_fd = -1;

	if (root_fd < 0)
		return -1;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0)
		return error_sys(err, "make namespaces");
	if (mount_propagate_root(MS_PRIVATE, err) < 0)
		return -1;
	old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old_fd < 0)
		return error_sys(err, "open /");
	if (mount_attach(root_fd, old_fd, err) < 0)
		return -1;
	return mount_pivot(root_fd, err);
}

/* 1 when restricted, 0 when this kernel cannot. */
static int restrict_paths(int dest_fd, struct error **err)
{
	const uint64_t all =
		(LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* those of the first version */
	const uint64_t refer = UINT64_C(1) << 13; /* LANDLOCK_ACCESS_FS_REFER, hard links */
	const uint64_t allowed = (all | refer) & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	struct landlock_ruleset_attr attr = { .handled_access_fs = all | refer };
	struct landlock_path_beneath_attr below = { .allowed_access = allowed,
		.parent_fd = dest_fd };
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	cleanup_close int rules_fd = -1;

	/* Before version 2 no rule could allow hard links between directories. */
	if (version < 2)
		return 0;
	rules_fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules_fd < 0 ||
		(dest_fd >= 0 && syscall(SYS_landlock_add_rule, rules_fd,
					 LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0) ||
		syscall(SYS_landlock_restrict_self, rules_fd, 0) < 0)
		return error_sys(err, "restrict paths (Landlock)");
	return 1;
}

static int set_limits(struct error **err)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_FSIZE, STREAM_LIMIT },
		{ RLIMIT_NOFILE, FDS_MAX },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_AS, SANITIZED ? RLIM_INFINITY : ADDRESS_SPACE_MAX },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit old, new = { limits[i].limit, limits[i].limit };

		if (getrlimit(limits[i].resource, &old) < 0)
			return error_sys(err, "read a resource limit");
		if (new.rlim_cur > old.rlim_max) /* a stricter one stays */
			new.rlim_cur = new.rlim_max = old.rlim_max;
		if (setrlimit(limits[i].resource, &new) < 0)
			return error_sys(err, "set a resource limit");
	}
	return 0;
}

static int drop_capabilities(struct error **err)
{
	static const unsigned int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
		CAP_MKNOD, CAP_SETFCAP };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		data[kept[i] / 32].permitted |= 1U << kept[i] % 32;
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	for (unsigned int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(data[cap / 32].permitted & 1U << cap % 32) &&
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return error_sys(err, "drop capability %u", cap);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_sys(err, "drop ambient capabilities");
	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, "give up new privileges");
	/* Changing capabilities takes this away, so it comes after. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_sys(err, "die with the parent");
	return 0;
}

static const int allowed_calls[] = {
	/* bytes in, bytes out */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(lseek),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fcntl),
	SCMP_SYS(close),
	/* files */
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(mkdirat),
	SCMP_SYS(mknodat),
	SCMP_SYS(symlinkat),
	SCMP_SYS(linkat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(renameat), /* removing what is too deep */
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	/* what they are marked with */
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(fchmod),
	SCMP_SYS(utimensat),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(umask),
	/* memory and the rest of libc */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Memory, but none that can be run. */
static int allow_plain_memory(scmp_filter_ctx filter)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int result = 0;

	for (size_t i = 0; i < 2 && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return result;
}

static int filter_calls(struct error **err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter ? allow_plain_memory(filter) : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed_calls) / sizeof(allowed_calls[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result == 0)
		return 0;
	errno = -result;
	return error_sys(err, "filter system calls");
}

int jail_enter(int dest_fd, struct error **err)
{
	if (enter_namespaces(dest_fd, err) < 0 || set_limits(err) < 0 ||
		drop_capabilities(err) < 0 || restrict_paths(dest_fd, err) < 0)
		return error_wrap(err, "jail for unpacking");
	if (!SANITIZED && filter_calls(err) < 0)
		return error_wrap(err, "jail for unpacking");
	return 0;
}
