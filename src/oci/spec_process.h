/* SPDX-License-Identifier: Apache-2.0 */
/* The process member of a spec, which `exec` also has alone. Values are the kernel's. */
#pragma once

#include <json-c/json.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strv.h"

struct error;

struct spec_capabilities { /* bit n is capability n */
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

struct spec_scheduler { /* sched_setattr(2) */
	bool set;
	uint32_t policy; /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* nanoseconds */
};

struct spec_io_priority { /* ioprio_set(2) */
	bool set;
	int io_class; /* IOPRIO_CLASS_* */
	int level; /* 0 to 7 */
};

struct spec_process {
	bool terminal;
	uint16_t console_height, console_width; /* 0: not set */
	strv args, env;
	char *cwd;
	bool make_cwd; /* Docker makes a missing working directory; the specification does not */
	uid_t uid;
	gid_t gid;
	gid_t *additional_gids;
	size_t additional_gid_count;
	char *user; /* NULL, or "name|uid[:group|gid]", looked up inside the container; wins over
		       uid and gid */
	strv groups; /* further ones, by name or number, looked up as user is */
	mode_t umask; /* (mode_t)-1: 022 */
	struct spec_capabilities capabilities;
	struct spec_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	int oom_score_adj;
	bool has_oom_score_adj;
	char *apparmor_profile, *selinux_label; /* NULL: none asked for */
	struct spec_scheduler scheduler;
	struct spec_io_priority io_priority;
	char *affinity_initial, *affinity_final; /* NULL, or "0-3,7"; of exec only */
};

/* A policy for which v1's groups have a budget. */
static inline bool spec_is_realtime(const struct spec_scheduler *scheduler)
{
	return scheduler->set && (scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR);
}

int spec_process_parse(struct json_object *obj, struct spec_process *ret, struct error **err);
struct json_object *spec_process_json(const struct spec_process *process);
void spec_process_done(struct spec_process *process);

/* Names and numbers: "CAP_CHOWN" or "chown" -> 0, "RLIMIT_NOFILE" or "nofile"; -1 unknown. */
int capability_number(const char *name);
const char *capability_name(int number);
int rlimit_number(const char *name);
