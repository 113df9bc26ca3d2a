/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices may be made and opened. Rules are in order and the last that matches wins, for each
 * of read, write and mknod on its own; what no rule matches is allowed, as in a new cgroup. (A
 * container's first rule denies all.)
 *
 * v1 keeps the list in the kernel: one write per rule. v2 asks a program (BPF_PROG_TYPE_CGROUP_
 * DEVICE) that we write here, with the rules from last to first. It keeps the accesses not yet
 * decided in R3:
 *
 *	R2 = type, R3 = access, R4 = major, R5 = minor
 *	for each rule:	skip unless type, major and minor match
 *		allow:	R3 &= ~rule.access; if R3 == 0 return 1
 *		deny:	if R3 & rule.access return 0
 *	return 1
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cgroup/internal.h"

#define DEVICE_RULES_MAX 512
#define RULE_INSNS 7 /* at most, for one rule */
#define EDGE_INSNS 8
#define ATTACHED_MAX 64 /* the kernel's own ceiling of programs per cgroup */

/*
 * 'a' is the kernel's word for everything, whatever stands behind it: a rule for all types that
 * means less is written once for each type.
 */
static int write_rule_v1(const struct cgroup_file *file, int fd,
	const struct spec_device_rule *rule, struct error **err)
{
	bool is_all = rule->major < 0 && rule->minor < 0 && strlen(rule->access) == 3;
	const char *types = rule->type != 'a' ? (char[2]){ rule->type } : is_all ? "a" : "bc";
	char major[24] = "*", minor[24] = "*", text[80];

	if (rule->major >= 0)
		(void)snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	for (; *types; types++) {
		(void)snprintf(
			text, sizeof(text), "%c %s:%s %s", *types, major, minor, rule->access);
		if (cgroup_file_put(file, fd, text, err) < 0)
			return -1;
	}
	return 0;
}

static int apply_v1(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy,
	const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_file allow = { cgroup, hierarchy, "devices.allow" };
	const struct cgroup_file deny = { cgroup, hierarchy, "devices.deny" };
	cleanup_close int allow_fd = cgroup_file_open(&allow, O_WRONLY, err);
	cleanup_close int deny_fd = allow_fd < 0 ? -1 : cgroup_file_open(&deny, O_WRONLY, err);

	if (deny_fd < 0)
		return -1;
	for (size_t i = 0; i < limits->device_count; i++) {
		const struct spec_device_rule *rule = &limits->devices[i];
		const struct cgroup_file *file = rule->allow ? &allow : &deny;

		if (write_rule_v1(file, rule->allow ? allow_fd : deny_fd, rule, err) == 0)
			continue;
		if (error_errno(*err) == EINVAL && rule->type == 'a')
			error_hint(err,
				"the kernel takes no rule for all devices where other cgroups are "
				"below: remove those, or use another path");
		return -1;
	}
	return 0;
}

struct program {
	struct bpf_insn insns[EDGE_INSNS + RULE_INSNS * DEVICE_RULES_MAX];
	size_t count;
};

static void emit(struct program *program, struct bpf_insn insn)
{
	program->insns[program->count++] = insn;
}

static struct bpf_insn insn_load(unsigned int to, int16_t offset)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = to & 0xfU,
		.src_reg = BPF_REG_1,
		.off = offset };
}

static struct bpf_insn insn_alu(unsigned int op, unsigned int to, int32_t value)
{
	return (struct bpf_insn){
		.code = (uint8_t)(BPF_ALU | op | BPF_K), .dst_reg = to & 0xfU, .imm = value
	};
}

static struct bpf_insn insn_jump(unsigned int op, unsigned int reg, int32_t value, size_t skip)
{
	return (struct bpf_insn){ .code = (uint8_t)(BPF_JMP | op | BPF_K),
		.dst_reg = reg & 0xfU,
		.off = (int16_t)skip,
		.imm = value };
}

static void emit_return(struct program *program, int value)
{
	emit(program,
		(struct bpf_insn){
			.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value });
	emit(program, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

static int access_bits(const char *access)
{
	int bits = 0;

	for (; *access; access++)
		bits |= *access == 'r'   ? BPF_DEVCG_ACC_READ
			: *access == 'w' ? BPF_DEVCG_ACC_WRITE
					 : BPF_DEVCG_ACC_MKNOD;
	return bits;
}

static void emit_rule(struct program *program, const struct spec_device_rule *rule)
{
	int bits = access_bits(rule->access);
	size_t matches = (size_t)(rule->type != 'a') + (rule->major >= 0) + (rule->minor >= 0);
	/* Behind the matches: two for the access, two to return. */
	size_t left = matches + 4;

	if (rule->type != 'a')
		emit(program, insn_jump(BPF_JNE, BPF_REG_2,
				      rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK,
				      --left));
	if (rule->major >= 0)
		emit(program, insn_jump(BPF_JNE, BPF_REG_4, (int32_t)rule->major, --left));
	if (rule->minor >= 0)
		emit(program, insn_jump(BPF_JNE, BPF_REG_5, (int32_t)rule->minor, --left));
	if (rule->allow) {
		emit(program, insn_alu(BPF_AND, BPF_REG_3, ~bits));
		emit(program, insn_jump(BPF_JNE, BPF_REG_3, 0, 2));
	} else {
		emit(program, insn_jump(BPF_JSET, BPF_REG_3, bits, 1));
		emit(program, insn_jump(BPF_JA, 0, 0, 2));
	}
	emit_return(program, rule->allow);
}

static void emit_program(struct program *program, const struct spec_resources *limits)
{
	program->count = 0;
	emit(program, insn_load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type)));
	emit(program, (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X,
			      .dst_reg = BPF_REG_3,
			      .src_reg = BPF_REG_2 });
	emit(program, insn_alu(BPF_AND, BPF_REG_2, 0xffff)); /* low half: the type */
	emit(program, insn_alu(BPF_RSH, BPF_REG_3, 16)); /* high half: the access */
	emit(program, insn_load(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major)));
	emit(program, insn_load(BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor)));
	for (size_t i = limits->device_count; i-- > 0;)
		emit_rule(program, &limits->devices[i]);
	emit_return(program, 1);
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(const struct program *program, struct error **err)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)program->count,
		.insns = (uintptr_t)program->insns,
		.license = (uintptr_t) "Apache-2.0" };
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit old;
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0 && errno == EPERM && getrlimit(RLIMIT_MEMLOCK, &old) == 0 &&
		setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) { /* before 5.11 it counted */
		fd = bpf(BPF_PROG_LOAD, &attr);
		int e = errno;
		(void)setrlimit(RLIMIT_MEMLOCK, &old);
		errno = e;
	}
	return fd < 0 ? error_sys(err, "load a device program") : fd;
}

/* A program's fd is close-on-exec by itself. */
static void detach(int cgroup_fd, uint32_t id)
{
	union bpf_attr get = { .prog_id = id };
	cleanup_close int fd = bpf(BPF_PROG_GET_FD_BY_ID, &get);
	union bpf_attr attr = { .target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE };

	if (fd >= 0)
		(void)bpf(BPF_PROG_DETACH, &attr);
}

static int apply_v2(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	cleanup_free struct program *program = xcalloc(1, sizeof(*program));
	cleanup_close int fd = -1, dir_fd = -1;
	uint32_t old[ATTACHED_MAX] = { 0 };
	union bpf_attr query = { .query.attach_type = BPF_CGROUP_DEVICE,
		.query.prog_ids = (uintptr_t)old,
		.query.prog_cnt = ATTACHED_MAX };
	union bpf_attr attach = { .attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI };

	dir_fd = openat(
		cgroup->host->unified->root_fd, cgroup->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_sys(err, "open %s", cgroup->dir);
	emit_program(program, limits);
	fd = load(program, err);
	if (fd < 0)
		return -1;
	query.query.target_fd = (uint32_t)dir_fd;
	if (bpf(BPF_PROG_QUERY, &query) < 0)
		return error_sys(err, "list the device programs of %s", cgroup->dir);
	attach.target_fd = (uint32_t)dir_fd;
	attach.attach_bpf_fd = (uint32_t)fd;
	if (bpf(BPF_PROG_ATTACH, &attach) < 0)
		return error_sys(err, "attach a device program to %s", cgroup->dir);
	/* Only now: while both are there, what one denies is denied. */
	for (uint32_t i = 0; i < query.query.prog_cnt; i++)
		detach(dir_fd, old[i]);
	return 0;
}

static int check(const struct spec_resources *limits, struct error **err)
{
	if (limits->device_count > DEVICE_RULES_MAX)
		return error_new(err, ERROR_INVALID, "more than %d device rules", DEVICE_RULES_MAX);
	for (size_t i = 0; i < limits->device_count; i++) {
		const struct spec_device_rule *rule = &limits->devices[i];

		if (!strchr("acb", rule->type) || !rule->access[0] ||
			rule->access[strspn(rule->access, "rwm")] || rule->major > INT32_MAX ||
			rule->minor > INT32_MAX)
			return error_new(err, ERROR_INVALID,
				"device rule %zu: type is a, b or c, access some of rwm", i + 1);
	}
	return 0;
}

int cgroup_devices_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_DEVICES];

	if (check(limits, err) < 0)
		return error_wrap(err, "device rules");
	if (!cgroup_is_in(cgroup, hierarchy))
		return error_new(err, ERROR_UNSUPPORTED,
			"device rules: this host has no cgroup controller 'devices'");
	if ((hierarchy->v2 ? apply_v2(cgroup, limits, err)
			   : apply_v1(cgroup, hierarchy, limits, err)) < 0)
		return error_as(err, cgroup_error_kind(*err), "device rules");
	return 0;
}
