/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libseccomp makes the program; before it comes one of ours, for what it cannot say:
 *
 * - A C library that tries a call newer than the profile must get ENOSYS, and falls back; with the
 *   profile's EPERM it fails instead. So where the default is an unspecified errno, numbers above
 *   the highest one that the profile names get ENOSYS.
 * - Names newer than libseccomp have their numbers in our own table.
 */
#include "runtime/filter_rules.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec_seccomp.h"
#include "runtime/filter.h"
#include "runtime/seccomp_profile.h"

#define ARCHITECTURES_MAX 32
#define X32_BIT 0x40000000U
#define TREE 2 /* libseccomp: compares in a binary tree */
#define LINEAR 1

struct compiler {
	const struct spec_seccomp *seccomp;
	bool strict;
	scmp_filter_ctx context;
	uint32_t architectures[ARCHITECTURES_MAX];
	size_t architecture_count;
	struct sock_filter before[BPF_MAXINSNS];
	size_t before_count;
};

static const uint32_t plain_actions[SECCOMP_ACTIONS] = {
	[SECCOMP_KILL_THREAD] = SCMP_ACT_KILL_THREAD,
	[SECCOMP_KILL_PROCESS] = SCMP_ACT_KILL_PROCESS,
	[SECCOMP_TRAP] = SCMP_ACT_TRAP,
	[SECCOMP_ERRNO] = SCMP_ACT_ERRNO(0),
	[SECCOMP_TRACE] = SCMP_ACT_TRACE(0),
	[SECCOMP_ALLOW] = SCMP_ACT_ALLOW,
	[SECCOMP_LOG] = SCMP_ACT_LOG,
	[SECCOMP_NOTIFY] = SCMP_ACT_NOTIFY,
};

static const enum scmp_compare comparisons[SECCOMP_OPERATORS] = {
	[SECCOMP_NE] = SCMP_CMP_NE,
	[SECCOMP_LT] = SCMP_CMP_LT,
	[SECCOMP_LE] = SCMP_CMP_LE,
	[SECCOMP_EQ] = SCMP_CMP_EQ,
	[SECCOMP_GE] = SCMP_CMP_GE,
	[SECCOMP_GT] = SCMP_CMP_GT,
	[SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

/* Of a name newer than libseccomp; -1 of others. */
static int new_number(const char *name)
{
	for (const struct seccomp_number *known = seccomp_new_numbers; known->name; known++)
		if (strcmp(known->name, name) == 0)
			return known->number;
	return -1;
}

static uint32_t action_of(enum seccomp_action action, uint32_t number)
{
	bool numbered = action == SECCOMP_ERRNO || action == SECCOMP_TRACE;

	return plain_actions[action] | (numbered ? number & 0xffff : 0);
}

static uint32_t default_of(const struct spec_seccomp *seccomp)
{
	return action_of(seccomp->default_action, seccomp->default_errno);
}

/* libseccomp's answers are negative errnos. */
static int failed(int code, struct error **err, const char *what)
{
	errno = -code;
	return error_sys(err, "seccomp: %s", what);
}

const char *filter_library(char buf[static 32])
{
	const struct scmp_version *version = seccomp_version();

	(void)snprintf(buf, 32, "%u.%u.%u", version ? version->major : 0,
		version ? version->minor : 0, version ? version->micro : 0);
	return buf;
}

static char lower_case(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

/* 0: of a machine that libseccomp does not know, whose programs cannot run here. */
static uint32_t architecture_of(const char *name)
{
	static const char prefix[] = "SCMP_ARCH_";
	char lower[32] = "";

	name += strncmp(name, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
	for (size_t i = 0; i < sizeof(lower) - 1 && name[i]; i++)
		lower[i] = lower_case(name[i]);
	return seccomp_arch_resolve_name(lower);
}

/* The machine's own is always there. */
static int add_architectures(struct compiler *compiler, struct error **err)
{
	char *const *name = compiler->seccomp->architectures;

	compiler->architectures[compiler->architecture_count++] = seccomp_arch_native();
	for (; name && *name; name++) {
		uint32_t architecture = architecture_of(*name);
		int code = architecture ? seccomp_arch_add(compiler->context, architecture) : -EDOM;

		/* EDOM: of another byte order, which cannot run here. EEXIST: there already. */
		if (code == -EDOM || code == -EEXIST)
			continue;
		if (code < 0)
			return failed(code, err, *name);
		if (compiler->architecture_count == ARCHITECTURES_MAX)
			return error_new(err, ERROR_INVALID, "seccomp: too many architectures");
		compiler->architectures[compiler->architecture_count++] = architecture;
	}
	return 0;
}

static struct scmp_arg_cmp condition(const struct spec_seccomp_arg *arg)
{
	return (struct scmp_arg_cmp){ .arg = arg->index,
		.op = comparisons[arg->op],
		.datum_a = arg->value,
		.datum_b = arg->value_two };
}

static bool asks_twice(const struct spec_seccomp_rule *rule)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < rule->arg_count; i++) {
		if (seen & 1U << rule->args[i].index)
			return true;
		seen |= 1U << rule->args[i].index;
	}
	return false;
}

/* Conditions hold together; but where two are on one argument, each of them alone is enough. */
static int add_conditions(struct compiler *compiler, const struct spec_seccomp_rule *rule,
	uint32_t action, int number)
{
	struct scmp_arg_cmp all[SECCOMP_ARGS];
	int code = 0;

	if (!asks_twice(rule)) {
		for (size_t i = 0; i < rule->arg_count; i++)
			all[i] = condition(&rule->args[i]);
		return seccomp_rule_add_array(
			compiler->context, action, number, (unsigned int)rule->arg_count, all);
	}
	for (size_t i = 0; code >= 0 && i < rule->arg_count; i++) {
		all[0] = condition(&rule->args[i]);
		code = seccomp_rule_add_array(compiler->context, action, number, 1, all);
	}
	return code;
}

static int add_rule(
	struct compiler *compiler, const struct spec_seccomp_rule *rule, struct error **err)
{
	uint32_t action = action_of(rule->action, rule->errno_ret);

	for (char *const *name = rule->names; *name; name++) {
		int number = seccomp_syscall_resolve_name(*name), code;

		if (number == __NR_SCMP_ERROR && compiler->strict && new_number(*name) < 0)
			return error_new(err, ERROR_INVALID,
				"seccomp: system call '%s' is not known", *name);
		/* libseccomp refuses a rule that says what the default says. */
		if (number == __NR_SCMP_ERROR || action == default_of(compiler->seccomp))
			continue;
		code = add_conditions(compiler, rule, action, number);
		if (code < 0)
			return failed(code, err, *name);
	}
	return 0;
}

static int add_rules(struct compiler *compiler, struct error **err)
{
	for (size_t i = 0; i < compiler->seccomp->rule_count; i++)
		if (add_rule(compiler, &compiler->seccomp->rules[i], err) < 0)
			return -1;
	return 0;
}

static void emit(struct compiler *compiler, struct sock_filter instruction)
{
	if (compiler->before_count < BPF_MAXINSNS)
		compiler->before[compiler->before_count] = instruction;
	compiler->before_count++;
}

#define LOAD(member) \
	(struct sock_filter) BPF_STMT( \
		BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, member))
#define JUMP_IF(test, value, yes, no) \
	(struct sock_filter) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, yes, no)
#define ANSWER(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, value)

static int64_t number_on(uint32_t architecture, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(architecture, name);

	if (number < 0)
		number = new_number(name);
	if (number < 0)
		return -1;
	return architecture == SCMP_ARCH_X32 ? number | (int64_t)X32_BIT : number;
}

static int64_t highest_number(const struct spec_seccomp *seccomp, uint32_t architecture)
{
	int64_t highest = -1;

	for (size_t i = 0; i < seccomp->rule_count; i++)
		for (char *const *name = seccomp->rules[i].names; *name; name++) {
			int64_t number = number_on(architecture, *name);

			highest = number > highest ? number : highest;
		}
	return highest;
}

/* Only rules without conditions: of a name that libseccomp does not know, it cannot compare. */
static void emit_new(struct compiler *compiler, uint32_t architecture)
{
	for (size_t i = 0; i < compiler->seccomp->rule_count; i++) {
		const struct spec_seccomp_rule *rule = &compiler->seccomp->rules[i];

		for (char *const *name = rule->names; rule->arg_count == 0 && *name; name++) {
			if (seccomp_syscall_resolve_name(*name) != __NR_SCMP_ERROR ||
				new_number(*name) < 0)
				continue;
			emit(compiler,
				JUMP_IF(BPF_JEQ, (uint32_t)number_on(architecture, *name), 0, 1));
			emit(compiler, ANSWER(action_of(rule->action, rule->errno_ret)));
		}
	}
}

static bool answers_enosys(const struct spec_seccomp *seccomp)
{
	return seccomp->default_action == SECCOMP_ERRNO && !seccomp->has_default_errno;
}

/* Both of x86_64's have one architecture word, and a bit in the number. */
static void emit_numbers(struct compiler *compiler, uint32_t architecture)
{
	int64_t highest = highest_number(compiler->seccomp, architecture);
	bool is_x32 = architecture == SCMP_ARCH_X32;
	size_t start = compiler->before_count, length;

	if (is_x32 || architecture == SCMP_ARCH_X86_64)
		emit(compiler, JUMP_IF(BPF_JGE, X32_BIT, 0, 0));
	emit_new(compiler, architecture);
	/* -1 is what a tracer writes to skip a call. */
	if (answers_enosys(compiler->seccomp) && highest >= 0) {
		emit(compiler, JUMP_IF(BPF_JEQ, UINT32_MAX, 2, 0));
		emit(compiler, JUMP_IF(BPF_JGT, (uint32_t)highest, 0, 1));
		emit(compiler, ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
	}
	if (!is_x32 && architecture != SCMP_ARCH_X86_64)
		return;
	/* Over all of these; they are few, and a jump reaches 255. */
	length = compiler->before_count - start - 1;
	if (start >= BPF_MAXINSNS || length > UINT8_MAX)
		compiler->before_count = BPF_MAXINSNS + 1;
	else if (is_x32)
		compiler->before[start].jf = (uint8_t)length;
	else
		compiler->before[start].jt = (uint8_t)length;
}

static void emit_before(struct compiler *compiler)
{
	for (size_t i = 0; i < compiler->architecture_count; i++) {
		uint32_t architecture = compiler->architectures[i];
		bool is_x32 = architecture == SCMP_ARCH_X32;
		size_t start = compiler->before_count, length;

		emit(compiler, LOAD(arch));
		emit(compiler, JUMP_IF(BPF_JEQ, is_x32 ? AUDIT_ARCH_X86_64 : architecture, 1, 0));
		emit(compiler, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
		emit(compiler, LOAD(nr));
		emit_numbers(compiler, architecture);
		length = compiler->before_count - start;
		if (compiler->before_count <= BPF_MAXINSNS)
			compiler->before[start + 2].k = (uint32_t)(length - 3);
		if (length <= 5) /* nothing came of it but its frame */
			compiler->before_count = start;
	}
}

static int export(struct compiler *compiler, uint32_t optimize, int fd, struct error **err)
{
	int code = seccomp_attr_set(compiler->context, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
	size_t before = compiler->before_count * sizeof(struct sock_filter);

	if (code < 0)
		return failed(code, err, "choose how it is compiled");
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "seccomp: empty the filter's file");
	if (file_write_all(fd, compiler->before, before, "the seccomp filter", err) < 0)
		return -1;
	code = seccomp_export_bpf(compiler->context, fd);
	return code < 0 ? failed(code, err, "compile the profile") : 0;
}

static int finish(struct compiler *compiler, int fd, struct error **err)
{
	static const uint32_t ways[] = { TREE, LINEAR };

	emit_before(compiler);
	if (compiler->before_count > BPF_MAXINSNS)
		return error_new(err, ERROR_INVALID, "seccomp: the profile is too large");
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		off_t length;

		if (export(compiler, ways[i], fd, err) < 0)
			return -1;
		length = lseek(fd, 0, SEEK_END);
		if (length > 0 && (size_t)length <= FILTER_BYTES_MAX)
			return 0;
	}
	return error_new(err, ERROR_INVALID,
		"seccomp: the profile needs more than the %d instructions that the kernel takes",
		BPF_MAXINSNS);
}

static void free_compiler(struct compiler *compiler)
{
	seccomp_release(compiler->context);
	free(compiler);
}
DEFINE_CLEANUP(struct compiler *, free_compiler)

int filter_emit(const struct spec_seccomp *seccomp, bool strict, int fd, struct error **err)
{
	CLEANUP(free_compiler) struct compiler *compiler = xcalloc(1, sizeof(*compiler));

	compiler->seccomp = seccomp;
	compiler->strict = strict;
	compiler->context = seccomp_init(default_of(seccomp));
	if (!compiler->context)
		return error_new(err, ERROR_UNSUPPORTED,
			"seccomp: this kernel does not know the profile's default action");
	if (add_architectures(compiler, err) < 0 || add_rules(compiler, err) < 0)
		return -1;
	return finish(compiler, fd, err);
}
