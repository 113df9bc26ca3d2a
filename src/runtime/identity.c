/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/user.h"

#define BIT(n) (UINT64_C(1) << (n))

static int write_score(
	const struct spec_process *process, int dir_fd, const char *path, struct error **err)
{
	char text[16];

	if (!process->has_oom_score_adj)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", process->oom_score_adj);
	if (file_poke_at(dir_fd, path, text, err) == 0)
		return 0;
	if (error_errno(*err) == EACCES)
		error_hint(err, "a value below that of vessel itself needs CAP_SYS_RESOURCE");
	return error_wrap(err, "oom_score_adj");
}

int oom_score_apply(const struct spec_process *process, int proc_fd, struct error **err)
{
	return write_score(process, proc_fd, "self/oom_score_adj", err);
}

int oom_score_apply_to(pid_t pid, const struct spec_process *process, struct error **err)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	return write_score(process, AT_FDCWD, path, err);
}

void rlimits_raise_for(pid_t pid, const struct spec_process *process)
{
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *limit = &process->rlimits[i];
		__rlimit_resource_t resource = (__rlimit_resource_t)limit->resource;
		struct rlimit value;

		if (prlimit(pid, resource, NULL, &value) < 0 || value.rlim_max >= limit->hard)
			continue;
		/* Only the ceiling: a low limit could be in the way of what init has yet to do. */
		value.rlim_max = limit->hard;
		(void)prlimit(pid, resource, &value, NULL);
	}
}

int rlimits_apply(const struct spec_process *process, struct error **err)
{
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *limit = &process->rlimits[i];
		struct rlimit value = { .rlim_cur = limit->soft, .rlim_max = limit->hard };

		if (setrlimit((__rlimit_resource_t)limit->resource, &value) == 0)
			continue;
		error_sys(err, "set resource limit %d to %llu:%llu", limit->resource,
			(unsigned long long)limit->soft, (unsigned long long)limit->hard);
		if (error_errno(*err) == EPERM)
			error_hint(err,
				"it is above the limit of vessel itself, and raising it needs "
				"CAP_SYS_RESOURCE");
		return -1;
	}
	return 0;
}

static int own_permitted(uint64_t *ret, struct error **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return error_sys(err, "read the own capabilities");
	*ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* execve() of root gives what is in the bounding set: one that cannot be given is not there. */
static int check_available(uint64_t wanted, uint64_t permitted, struct error **err)
{
	uint64_t missing = wanted & ~permitted;

	for (int cap = 0; missing && cap < 64; cap++)
		if (missing & BIT(cap) && prctl(PR_CAPBSET_READ, cap) == 0)
			return error_new(err, ERROR_DENIED,
				"capability %s cannot be given: vessel does not have it itself",
				capability_name(cap) ? capability_name(cap) : "?");
	return 0;
}

static int drop_bounding(uint64_t keep, struct error **err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap) || prctl(PR_CAPBSET_DROP, cap) == 0)
			continue;
		if (errno == EINVAL) /* above the kernel's last one */
			return 0;
		return error_sys(err, "drop capability %d", cap);
	}
	return 0;
}

/* In a user namespace of one id setgroups(2) is denied, also to who wants none. */
static bool has_other_groups(const struct user *user)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (user->groups[i] != user->gid)
			return true;
	return false;
}

static int become(const struct user *user, struct error **err)
{
	/* glibc's wrappers signal all threads; there is one. */
	if (!user->keep_groups && syscall(SYS_setgroups, user->group_count, user->groups) < 0 &&
		(errno != EPERM || has_other_groups(user)))
		return error_sys(err, "set the supplementary groups");
	if (syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0)
		return error_sys(err, "become group %u", user->gid);
	if (syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		return error_sys(err, "become user %u", user->uid);
	return 0;
}

static int set_capabilities(
	const struct spec_capabilities *caps, uint64_t extra, struct error **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint64_t permitted = caps->permitted | extra, effective = caps->effective | extra;
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)effective,
			.permitted = (uint32_t)permitted,
			.inheritable = (uint32_t)caps->inheritable },
		{ .effective = (uint32_t)(effective >> 32),
			.permitted = (uint32_t)(permitted >> 32),
			.inheritable = (uint32_t)(caps->inheritable >> 32) },
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, "set capabilities");
	return 0;
}

static int set_ambient(uint64_t ambient, struct error **err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_sys(err, "clear the ambient capabilities");
	for (int cap = 0; ambient && cap < 64; cap++)
		if (ambient & BIT(cap) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return error_sys(err, "raise ambient capability %d", cap);
	return 0;
}

int identity_apply(const struct spec_process *process, const struct user *user, bool keep_admin,
	struct error **err)
{
	const struct spec_capabilities *caps = &process->capabilities;
	uint64_t permitted = 0;

	if (own_permitted(&permitted, err) < 0 ||
		check_available(caps->bounding | caps->permitted, permitted, err) < 0)
		return -1;
	if (drop_bounding(caps->bounding, err) < 0)
		return -1;
	if (user->uid != 0 && prctl(PR_SET_KEEPCAPS, 1) < 0)
		return error_sys(err, "keep capabilities");
	if (become(user, err) < 0)
		return -1;
	if (set_capabilities(caps, keep_admin ? permitted & BIT(CAP_SYS_ADMIN) : 0, err) < 0)
		return -1;
	/* The kernel gives no other ones; configurations that runc writes list them all the same.
	 */
	if (set_ambient(caps->ambient & caps->permitted & caps->inheritable, err) < 0)
		return -1;
	if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, "set no_new_privs");
	return 0;
}
