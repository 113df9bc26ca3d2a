/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the profile to BPF, by libseccomp, for this machine and its 32-bit sibling. Calls of other
 * instruction sets, x32 among them, get ENOSYS.
 *
 * In front of libseccomp's program stands a short one of our own, for denials by argument: the
 * kernel takes 32 bits of these arguments, and libseccomp's comparisons are of 64, so that one bit
 * set above them would pass by. Calls that are allowed whatever their arguments are do not look at
 * arguments in either part, so the kernel (5.11) answers them from a bitmap.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_profile.h"

#ifndef SCMP_FLTATR_CTL_OPTIMIZE
#	define SCMP_FLTATR_CTL_OPTIMIZE 8 /* libseccomp 2.5 */
#endif

#define NAMESPACE_FLAGS \
	((scmp_datum_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
			CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET))
#define PROTOCOL_AUDIT 9 /* NETLINK_AUDIT */
#define NEVER UINT32_MAX
#define DENY(error) (SECCOMP_RET_ERRNO | (error))

struct machine {
	uint32_t scmp, audit;
};

#if defined(__x86_64__)
static const struct machine machines[] = { { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64 },
	{ SCMP_ARCH_X86, AUDIT_ARCH_I386 } };
#elif defined(__aarch64__)
static const struct machine machines[] = { { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64 },
	{ SCMP_ARCH_ARM, AUDIT_ARCH_ARM } };
#else
#	error "this machine has no seccomp profile yet"
#endif
#define MACHINES (sizeof(machines) / sizeof(*machines))

/* libseccomp's 0 or negative errno. */
static int check(int result, const char *what, struct error **err)
{
	if (result >= 0)
		return 0;
	errno = -result;
	return error_sys(err, "seccomp: %s", what);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define END_AT 18 /* the block's instruction that jumps to libseccomp's program */
#define BLOCK 19

/*
 * TIOCSTI and TIOCLINUX type into a terminal that someone else reads from. AF_ALG and AF_VSOCK
 * reach the kernel's crypto code and the hypervisor. Without CAP_AUDIT_WRITE the audit socket
 * answers as a kernel without auditing does, which su, sshd and useradd take without complaint.
 */
static int write_block(int fd, const struct machine *machine, uint64_t capabilities,
	unsigned int blocks_after, struct error **err)
{
	uint32_t ioctl_nr = (uint32_t)seccomp_syscall_resolve_name_arch(machine->scmp, "ioctl");
	uint32_t socket_nr = (uint32_t)seccomp_syscall_resolve_name_arch(machine->scmp, "socket");
	uint32_t audit = capabilities & (UINT64_C(1) << CAP_AUDIT_WRITE) ? NEVER : PROTOCOL_AUDIT;
	const struct sock_filter block[BLOCK] = {
		/* 0 */ LOAD(arch),
		/* 1 */ EQUAL(machine->audit, 0, BLOCK - 2),
		/* 2 */ LOAD(nr),
		/* 3 */ EQUAL(ioctl_nr, 0, 4),
		/* 4 */ LOAD(args[1]),
		/* 5 */ EQUAL(TIOCSTI, 1, 0),
		/* 6 */ EQUAL(TIOCLINUX, 0, END_AT - 7),
		/* 7 */ RETURN(DENY(EPERM)),
		/* 8 */ EQUAL(socket_nr, 0, END_AT - 9),
		/* 9 */ LOAD(args[0]),
		/* 10 */ EQUAL(AF_ALG, 4, 0),
		/* 11 */ EQUAL(AF_VSOCK, 3, 0),
		/* 12 */ EQUAL(AF_NETLINK, 0, END_AT - 13),
		/* 13 */ LOAD(args[2]),
		/* 14 */ EQUAL(audit, 1, END_AT - 15),
		/* 15 */ RETURN(DENY(EPERM)),
		/* 16 */ RETURN(DENY(EINVAL)),
		/* 17 */ RETURN(DENY(EPERM)),
		/* 18 */ BPF_STMT(BPF_JMP | BPF_JA, blocks_after * BLOCK),
	};

	return file_write_all(fd, block, sizeof(block), "the seccomp filter", err);
}

static int write_prefix(int fd, uint64_t capabilities, struct error **err)
{
	for (unsigned int i = 0; i < MACHINES; i++)
		if (write_block(fd, &machines[i], capabilities, (unsigned int)MACHINES - 1 - i,
			    err) < 0)
			return -1;
	return 0;
}

static int number_of(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);
	const struct seccomp_number *known = seccomp_new_numbers;

	for (; number == __NR_SCMP_ERROR && known->name; known++)
		if (strcmp(known->name, name) == 0)
			return known->number;
	return number;
}

/* A name that this libseccomp does not know for any machine stays ENOSYS. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, struct error **err)
{
	int number = number_of(name);
	int result = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);

	/* EFAULT: new to libseccomp, which then cannot translate it for the 32-bit sibling. */
	return result == -EFAULT || result == -EDOM ? 0 : check(result, name, err);
}

static int add_groups(scmp_filter_ctx filter, uint64_t capabilities, struct error **err)
{
	for (const struct seccomp_group *group = seccomp_groups; group->names; group++) {
		bool allowed = !group->capabilities || group->capabilities & capabilities;
		uint32_t action = allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);

		for (const char *const *name = group->names; *name; name++) {
			/* Narrowed by argument instead of denied. */
			if (!allowed &&
				(strcmp(*name, "clone") == 0 || strcmp(*name, "clone3") == 0))
				continue;
			if (add(filter, action, *name, err) < 0)
				return -1;
		}
	}
	for (const char *const *name = seccomp_denied; *name; name++)
		if (add(filter, SCMP_ACT_ERRNO(EPERM), *name, err) < 0)
			return -1;
	return 0;
}

/*
 * Without CAP_SYS_ADMIN clone() makes no namespaces: a user namespace would give all capabilities
 * over the kernel's least tried code. clone3() has its flags in memory, where a filter cannot see
 * them: ENOSYS, and libraries use clone().
 */
static int add_clone(scmp_filter_ctx filter, uint64_t capabilities, struct error **err)
{
	struct scmp_arg_cmp no_namespaces = SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACE_FLAGS, 0);

	if (capabilities & (UINT64_C(1) << CAP_SYS_ADMIN))
		return 0;
	return check(
		seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &no_namespaces),
		"clone", err);
}

static int add_personality(scmp_filter_ctx filter, struct error **err)
{
	for (unsigned int i = 0; i < seccomp_personality_count; i++) {
		struct scmp_arg_cmp is = SCMP_A0(SCMP_CMP_EQ, seccomp_personalities[i]);

		if (check(seccomp_rule_add_array(
				  filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1, &is),
			    "personality", err) < 0)
			return -1;
	}
	return 0;
}

static int set_up(scmp_filter_ctx filter, struct error **err)
{
	/* A binary tree instead of a list; an older libseccomp makes the list. */
	(void)seccomp_attr_set(filter, (enum scmp_filter_attr)SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)),
		    "other machines", err) < 0)
		return -1;
	for (size_t i = 0; i < MACHINES; i++)
		if (seccomp_arch_exist(filter, machines[i].scmp) != 0 &&
			check(seccomp_arch_add(filter, machines[i].scmp), "machine", err) < 0)
			return -1;
	return 0;
}

static int compile(scmp_filter_ctx filter, uint64_t capabilities, int fd, struct error **err)
{
	if (set_up(filter, err) < 0 || add_groups(filter, capabilities, err) < 0 ||
		add_clone(filter, capabilities, err) < 0 || add_personality(filter, err) < 0)
		return -1;
	if (write_prefix(fd, capabilities, err) < 0)
		return -1;
	return check(seccomp_export_bpf(filter, fd), "write the filter", err);
}

int seccomp_compile(uint64_t capabilities, int fd, struct error **err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int result;

	if (!filter)
		return error_new(err, ERROR_INTERNAL, "seccomp: libseccomp cannot make a filter");
	result = compile(filter, capabilities, fd, err);
	seccomp_release(filter);
	return result;
}
