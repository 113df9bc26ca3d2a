/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp of a bundle: rules by the names of system calls. Names that this machine does not
 * have are no error: profiles are written for many kernels. All other words are checked.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"

struct error;

enum seccomp_action {
	SECCOMP_KILL_THREAD, /* SCMP_ACT_KILL is the same */
	SECCOMP_KILL_PROCESS,
	SECCOMP_TRAP,
	SECCOMP_ERRNO,
	SECCOMP_TRACE,
	SECCOMP_ALLOW,
	SECCOMP_LOG,
	SECCOMP_NOTIFY,
	SECCOMP_ACTIONS
};

enum seccomp_operator {
	SECCOMP_NE,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_EQ,
	SECCOMP_GE,
	SECCOMP_GT,
	SECCOMP_MASKED_EQ, /* value is the mask, value_two what must remain */
	SECCOMP_OPERATORS
};

enum seccomp_flag {
	SECCOMP_FLAG_TSYNC,
	SECCOMP_FLAG_LOG,
	SECCOMP_FLAG_SPEC_ALLOW,
	SECCOMP_FLAG_WAIT_KILLABLE,
	SECCOMP_FLAGS
};

struct spec_seccomp_arg {
	uint32_t index;
	enum seccomp_operator op;
	uint64_t value, value_two;
};

#define SECCOMP_ARGS 6 /* of a system call */
#define SECCOMP_CONDITIONS_MAX 64 /* of a rule; two on one argument are alternatives */

struct spec_seccomp_rule {
	strv names;
	enum seccomp_action action;
	uint32_t errno_ret; /* of SECCOMP_ERRNO and SECCOMP_TRACE; EPERM when not given */
	bool has_errno;
	struct spec_seccomp_arg *args;
	size_t arg_count;
};

struct spec_seccomp {
	enum seccomp_action default_action;
	uint32_t default_errno;
	bool has_default_errno;
	strv architectures; /* "x86_64"; NULL: the machine's own alone */
	unsigned int flags; /* bit n is enum seccomp_flag n */
	bool has_flags; /* false: SPEC_ALLOW, which is how runtimes read a profile without them */
	char *listener_path, *listener_metadata;
	struct spec_seccomp_rule *rules;
	size_t rule_count;
};

int spec_seccomp_parse(struct json_object *obj, struct spec_seccomp *ret, struct error **err);
struct json_object *spec_seccomp_json(const struct spec_seccomp *seccomp);
void spec_seccomp_done(struct spec_seccomp *seccomp);
/* Whether a listener gets calls to decide on. */
bool spec_seccomp_notifies(const struct spec_seccomp *seccomp);

static inline void spec_seccomp_done_p_(struct spec_seccomp *seccomp)
{
	spec_seccomp_done(seccomp);
}
#define cleanup_spec_seccomp __attribute__((cleanup(spec_seccomp_done_p_)))
