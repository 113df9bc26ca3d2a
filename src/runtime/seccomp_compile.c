/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the profile to BPF, for this machine and its 32-bit sibling. Calls of other instruction
 * sets, x32 among them, get ENOSYS. libseccomp knows the numbers; the program is made here, because
 * what loading it costs is counted in each container's start:
 *
 *   - neighbouring numbers with the same answer are one range, and a binary tree finds the range:
 *     a fifth of the instructions that one comparison for each call takes, and of the time for
 *     checking and translating them (55 instead of 170 microseconds);
 *   - calls that are allowed whatever their arguments are do not look at arguments on their way
 *     through the tree, so the kernel (5.11) answers them from a bitmap;
 *   - arguments are compared as the 32 bits that the kernel takes of them: in a comparison of 64
 *     bits, one bit set above them would pass by.
 *
 *   one machine:   arch? -> nr -> tree -> answers, those that look at arguments first
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

#define NAMESPACE_FLAGS \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)
#define PROTOCOL_AUDIT 9 /* NETLINK_AUDIT */
#define NUMBERS_MAX 1024 /* of system calls; ARM's private ones above stay ENOSYS */
#define PROGRAM_MAX 2048
#define JUMP_MAX 255 /* of a conditional jump */

#if defined(__x86_64__)
static const struct machine {
	uint32_t scmp, audit;
} machines[] = { { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64 }, { SCMP_ARCH_X86, AUDIT_ARCH_I386 } };
#elif defined(__aarch64__)
static const struct machine {
	uint32_t scmp, audit;
} machines[] = { { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64 }, { SCMP_ARCH_ARM, AUDIT_ARCH_ARM } };
#else
#	error "this machine has no seccomp profile yet"
#endif

enum answer {
	ANSWER_UNKNOWN, /* ENOSYS; 0, so that it is the default */
	ANSWER_DENY,
	ANSWER_ALLOW,
	ANSWER_IOCTL,
	ANSWER_SOCKET,
	ANSWER_CLONE,
	ANSWER_PERSONALITY,
	ANSWER_COUNT_
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned int length;
	unsigned int entry[ANSWER_COUNT_]; /* of the answers' code in the machine being made */
	bool failed;
};

struct range { /* of numbers, up to the next one's first */
	uint32_t first;
	enum answer answer;
};

struct ranges {
	struct range items[NUMBERS_MAX + 1];
	unsigned int count;
};

static unsigned int emit(struct program *program, struct sock_filter instruction)
{
	if (program->length == PROGRAM_MAX) {
		program->failed = true;
		return 0;
	}
	program->code[program->length] = instruction;
	return program->length++;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

static void load(struct program *program, struct sock_filter instruction)
{
	(void)emit(program, instruction);
}

static void answer(struct program *program, uint32_t action)
{
	(void)emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Forward jumps only, as far as a byte says. */
static uint8_t distance(struct program *program, unsigned int from, unsigned int to)
{
	if (to <= from || to - from - 1 > JUMP_MAX) {
		program->failed = true;
		return 0;
	}
	return (uint8_t)(to - from - 1);
}

/* Goes on behind it when the value differs. */
static void when_equal(struct program *program, uint32_t value, unsigned int skip)
{
	(void)emit(program,
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (uint8_t)skip, 0));
}

/* TIOCSTI and TIOCLINUX type into a terminal that someone else reads from. */
static void answer_ioctl(struct program *program)
{
	load(program, (struct sock_filter)LOAD(args[1]));
	when_equal(program, TIOCSTI, 2);
	when_equal(program, TIOCLINUX, 1);
	answer(program, SECCOMP_RET_ALLOW);
	answer(program, SECCOMP_RET_ERRNO | EPERM);
}

/*
 * AF_ALG and AF_VSOCK reach the kernel's crypto code and the hypervisor. Without CAP_AUDIT_WRITE
 * the audit socket answers as a kernel without auditing does, which su, sshd and useradd take
 * without complaint.
 */
static void answer_socket(struct program *program, uint64_t capabilities)
{
	bool audit = capabilities & (UINT64_C(1) << CAP_AUDIT_WRITE);

	load(program, (struct sock_filter)LOAD(args[0]));
	when_equal(program, AF_ALG, audit ? 2 : 6);
	when_equal(program, AF_VSOCK, audit ? 1 : 5);
	if (!audit) {
		when_equal(program, AF_NETLINK, 1);
		answer(program, SECCOMP_RET_ALLOW);
		load(program, (struct sock_filter)LOAD(args[2]));
		when_equal(program, PROTOCOL_AUDIT, 2);
	}
	answer(program, SECCOMP_RET_ALLOW);
	answer(program, SECCOMP_RET_ERRNO | EPERM);
	if (!audit)
		answer(program, SECCOMP_RET_ERRNO | EINVAL);
}

/* A user namespace would give all capabilities over the kernel's least tried code. */
static void answer_clone(struct program *program)
{
	load(program, (struct sock_filter)LOAD(args[0]));
	(void)emit(program, (struct sock_filter)BPF_JUMP(
				    BPF_JMP | BPF_JSET | BPF_K, (uint32_t)NAMESPACE_FLAGS, 1, 0));
	answer(program, SECCOMP_RET_ALLOW);
	answer(program, SECCOMP_RET_ERRNO | EPERM);
}

static void answer_personality(struct program *program)
{
	load(program, (struct sock_filter)LOAD(args[0]));
	for (unsigned int i = 0; i < seccomp_personality_count; i++)
		when_equal(program, seccomp_personalities[i], seccomp_personality_count - i);
	answer(program, SECCOMP_RET_ERRNO | EPERM);
	answer(program, SECCOMP_RET_ALLOW);
}

static void emit_answers(struct program *program, uint64_t capabilities)
{
	for (unsigned int i = 0; i < ANSWER_COUNT_; i++) {
		program->entry[i] = program->length;
		switch ((enum answer)i) {
		case ANSWER_ALLOW:
			answer(program, SECCOMP_RET_ALLOW);
			break;
		case ANSWER_DENY:
			answer(program, SECCOMP_RET_ERRNO | EPERM);
			break;
		case ANSWER_IOCTL:
			answer_ioctl(program);
			break;
		case ANSWER_SOCKET:
			answer_socket(program, capabilities);
			break;
		case ANSWER_CLONE:
			answer_clone(program);
			break;
		case ANSWER_PERSONALITY:
			answer_personality(program);
			break;
		case ANSWER_UNKNOWN:
		default:
			answer(program, SECCOMP_RET_ERRNO | ENOSYS);
			break;
		}
	}
}

/*
 * Reserves the tree's comparisons; their answers are not placed yet, so a leaf is a number from
 * LEAF on. Returns the node or leaf.
 */
#define LEAF 0x10000U

struct node {
	unsigned int yes, no;
};

// NOLINTNEXTLINE(misc-no-recursion): as deep as the logarithm of the ranges
static unsigned int plant(
	struct program *program, struct node *nodes, const struct range *ranges, unsigned int count)
{
	unsigned int half = count / 2, at;

	if (count == 1)
		return LEAF + ranges->answer;
	at = emit(program,
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0));
	nodes[at].no = plant(program, nodes, ranges, half);
	nodes[at].yes = plant(program, nodes, ranges + half, count - half);
	return at;
}

static unsigned int place(const struct program *program, unsigned int node)
{
	return node < LEAF ? node : program->entry[node - LEAF];
}

static void emit_machine(struct program *program, const struct machine *machine,
	const struct ranges *ranges, uint64_t capabilities)
{
	struct node nodes[PROGRAM_MAX];
	unsigned int other, first, end;

	load(program, (struct sock_filter)LOAD(arch));
	when_equal(program, machine->audit, 1);
	other = emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	load(program, (struct sock_filter)LOAD(nr));
	first = program->length;
	(void)plant(program, nodes, ranges->items, ranges->count);
	end = program->length;
	emit_answers(program, capabilities);
	for (unsigned int at = first; at < end; at++) {
		program->code[at].jt = distance(program, at, place(program, nodes[at].yes));
		program->code[at].jf = distance(program, at, place(program, nodes[at].no));
	}
	program->code[other].k = program->length - other - 1;
}

static int look_up(const struct seccomp_number *known, const char *name)
{
	for (; known->name; known++)
		if (strcmp(known->name, name) == 0)
			return known->number;
	return -1;
}

/* Negative: not a call of this machine. */
static int number_of(const struct machine *machine, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(machine->scmp, name);

	if (number < 0 && machine->scmp == SCMP_ARCH_X86)
		number = look_up(seccomp_i386_numbers, name);
	return number < 0 ? look_up(seccomp_new_numbers, name) : number;
}

static void set_answer(enum answer answers[static NUMBERS_MAX], const struct machine *machine,
	const char *name, enum answer value)
{
	int number = number_of(machine, name);

	if (number >= 0 && number < NUMBERS_MAX)
		answers[number] = value;
}

static void set_groups(enum answer answers[static NUMBERS_MAX], const struct machine *machine,
	uint64_t capabilities)
{
	for (const struct seccomp_group *group = seccomp_groups; group->names; group++) {
		bool allowed = !group->capabilities || group->capabilities & capabilities;

		for (const char *const *name = group->names; *name; name++)
			set_answer(answers, machine, *name, allowed ? ANSWER_ALLOW : ANSWER_DENY);
	}
	for (const char *const *name = seccomp_denied; *name; name++)
		set_answer(answers, machine, *name, ANSWER_DENY);
}

static void set_narrowed(enum answer answers[static NUMBERS_MAX], const struct machine *machine,
	uint64_t capabilities)
{
	set_answer(answers, machine, "ioctl", ANSWER_IOCTL);
	set_answer(answers, machine, "socket", ANSWER_SOCKET);
	set_answer(answers, machine, "personality", ANSWER_PERSONALITY);
	if (capabilities & (UINT64_C(1) << CAP_SYS_ADMIN))
		return;
	set_answer(answers, machine, "clone", ANSWER_CLONE);
	/* Its flags are in memory, where a filter cannot see them: libraries then use clone(). */
	set_answer(answers, machine, "clone3", ANSWER_UNKNOWN);
}

static void find_ranges(const struct machine *machine, uint64_t capabilities, struct ranges *ret)
{
	enum answer answers[NUMBERS_MAX + 1] = { ANSWER_UNKNOWN };

	set_groups(answers, machine, capabilities);
	set_narrowed(answers, machine, capabilities);
	ret->count = 0;
	for (uint32_t number = 0; number <= NUMBERS_MAX; number++)
		if (number == 0 || answers[number] != answers[number - 1])
			ret->items[ret->count++] =
				(struct range){ .first = number, .answer = answers[number] };
}

int seccomp_compile(uint64_t capabilities, int fd, struct error **err)
{
	struct program program = { .length = 0 };

	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
		struct ranges ranges;

		find_ranges(&machines[i], capabilities, &ranges);
		emit_machine(&program, &machines[i], &ranges, capabilities);
	}
	answer(&program, SECCOMP_RET_ERRNO | ENOSYS);
	if (program.failed)
		return error_new(err, ERROR_INTERNAL, "seccomp: the profile is too large");
	return file_write_all(fd, program.code, program.length * sizeof(*program.code),
		"the seccomp filter", err);
}
