/* SPDX-License-Identifier: Apache-2.0 */
/* Members that decide when and where a process runs: scheduler, ioPriority, execCPUAffinity,
 * memoryPolicy. */
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define RUNTIME_MIN 1024 /* nanoseconds */

static const struct spec_name policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", 4 }, /* reserved by Linux, which does not have it: the kernel refuses it */
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
	{ NULL, 0 },
};

static const struct spec_name scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
	{ NULL, 0 },
};

static const struct spec_name io_classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	{ NULL, 0 },
};

/* Written out: headers of the build machine may be older than the last two. */
static const struct spec_name memory_modes[] = {
	{ "MPOL_DEFAULT", 0 },
	{ "MPOL_PREFERRED", 1 },
	{ "MPOL_BIND", 2 },
	{ "MPOL_INTERLEAVE", 3 },
	{ "MPOL_LOCAL", 4 },
	{ "MPOL_PREFERRED_MANY", 5 },
	{ "MPOL_WEIGHTED_INTERLEAVE", 6 },
	{ NULL, 0 },
};

static const struct spec_name memory_flags[] = {
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ NULL, 0 },
};

/* What a policy does not use would be ignored by the kernel: asked for, it is a mistake. */
static int check_scheduler(const struct spec_scheduler *scheduler, struct error **err)
{
	bool by_priority = scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR;

	if (scheduler->priority && !by_priority)
		return error_new(
			err, ERROR_INVALID, "priority: is of SCHED_FIFO and SCHED_RR only");
	if (scheduler->policy != SCHED_DEADLINE &&
		(scheduler->runtime || scheduler->deadline || scheduler->period))
		return error_new(err, ERROR_INVALID, "%s: is of SCHED_DEADLINE only",
			scheduler->runtime    ? "runtime"
			: scheduler->deadline ? "deadline"
					      : "period");
	return 0;
}

/* As the kernel has it (sched(7)), which says no more than EINVAL. */
static int check_deadline(const struct spec_scheduler *scheduler, struct error **err)
{
	uint64_t runtime = scheduler->runtime, deadline = scheduler->deadline;
	uint64_t period = scheduler->period ? scheduler->period : deadline;

	if (scheduler->policy != SCHED_DEADLINE)
		return 0;
	if (runtime < RUNTIME_MIN || runtime > INT64_MAX)
		return error_new(err, ERROR_INVALID, "runtime: %llu is not from %d to 2^63 - 1",
			(unsigned long long)runtime, RUNTIME_MIN);
	if (runtime > deadline)
		return error_new(err, ERROR_INVALID,
			"runtime: %llu is above deadline, which is %llu",
			(unsigned long long)runtime, (unsigned long long)deadline);
	if (deadline > period)
		return error_new(err, ERROR_INVALID,
			"deadline: %llu is above period, which is %llu",
			(unsigned long long)deadline, (unsigned long long)period);
	return 0;
}

static int fill_scheduler(struct json_object *obj, struct spec_scheduler *ret, struct error **err)
{
	int64_t policy = 0, nice = 0, priority = 0;
	int found = spec_get_name(obj, "policy", policies, &policy, err);

	if (found < 0 || spec_get_int(obj, "nice", -20, 19, &nice, err) < 0 ||
		spec_get_int(obj, "priority", 0, 99, &priority, err) < 0 ||
		spec_get_flags(obj, "flags", scheduler_flags, &ret->flags, err) < 0 ||
		spec_get_u64(obj, "runtime", &ret->runtime, err) < 0 ||
		spec_get_u64(obj, "deadline", &ret->deadline, err) < 0 ||
		spec_get_u64(obj, "period", &ret->period, err) < 0)
		return -1;
	if (!found)
		return spec_missing("policy", err);
	ret->set = true;
	ret->policy = (uint32_t)policy;
	ret->nice = (int32_t)nice;
	ret->priority = (uint32_t)priority;
	return check_scheduler(ret, err) < 0 ? -1 : check_deadline(ret, err);
}

static int fill_io_priority(
	struct json_object *obj, struct spec_io_priority *ret, struct error **err)
{
	int64_t io_class = 0, level = 0;
	int found = spec_get_name(obj, "class", io_classes, &io_class, err);

	if (found < 0 || spec_get_int(obj, "priority", 0, 7, &level, err) < 0)
		return -1;
	if (!found)
		return spec_missing("class", err);
	*ret = (struct spec_io_priority){
		.set = true, .io_class = (int)io_class, .level = (int)level
	};
	return 0;
}

int spec_schedule_parse(struct json_object *process, struct spec_process *ret, struct error **err)
{
	struct json_object *scheduler = NULL, *io = NULL, *affinity = NULL;

	if (spec_get(process, "scheduler", json_type_object, &scheduler, err) < 0 ||
		spec_get(process, "ioPriority", json_type_object, &io, err) < 0 ||
		spec_get(process, "execCPUAffinity", json_type_object, &affinity, err) < 0)
		return -1;
	if (scheduler && fill_scheduler(scheduler, &ret->scheduler, err) < 0)
		return spec_at(err, "scheduler");
	if (io && fill_io_priority(io, &ret->io_priority, err) < 0)
		return spec_at(err, "ioPriority");
	if (affinity &&
		(spec_get_number_list(affinity, "initial", &ret->affinity_initial, err) < 0 ||
			spec_get_number_list(affinity, "final", &ret->affinity_final, err) < 0))
		return spec_at(err, "execCPUAffinity");
	return 0;
}

static struct json_object *scheduler_json(const struct spec_scheduler *scheduler)
{
	struct json_object *object = json_object_new_object();

	spec_put_name(object, "policy", policies, scheduler->policy);
	json_put_int(object, "nice", scheduler->nice);
	json_put_int(object, "priority", scheduler->priority);
	spec_put_flags(object, "flags", scheduler_flags, scheduler->flags);
	if (scheduler->runtime)
		json_put(object, "runtime", json_object_new_uint64(scheduler->runtime));
	if (scheduler->deadline)
		json_put(object, "deadline", json_object_new_uint64(scheduler->deadline));
	if (scheduler->period)
		json_put(object, "period", json_object_new_uint64(scheduler->period));
	return object;
}

void spec_schedule_put(struct json_object *process, const struct spec_process *from)
{
	struct json_object *object;

	if (from->scheduler.set)
		json_put(process, "scheduler", scheduler_json(&from->scheduler));
	if (from->io_priority.set) {
		object = json_object_new_object();
		spec_put_name(object, "class", io_classes, from->io_priority.io_class);
		json_put_int(object, "priority", from->io_priority.level);
		json_put(process, "ioPriority", object);
	}
	if (from->affinity_initial || from->affinity_final) {
		object = json_object_new_object();
		json_put_text(object, "initial", from->affinity_initial);
		json_put_text(object, "final", from->affinity_final);
		json_put(process, "execCPUAffinity", object);
	}
}

static int fill_memory_policy(
	struct json_object *obj, struct spec_memory_policy *ret, struct error **err)
{
	uint64_t flags = 0;
	int64_t mode = 0;
	int found = spec_get_name(obj, "mode", memory_modes, &mode, err);

	if (found < 0 || spec_get_number_list(obj, "nodes", &ret->nodes, err) < 0 ||
		spec_get_flags(obj, "flags", memory_flags, &flags, err) < 0)
		return -1;
	if (!found)
		return spec_missing("mode", err);
	ret->set = true;
	ret->mode = (int)mode | (int)flags;
	return 0;
}

int spec_memory_policy_parse(
	struct json_object *linux_obj, struct spec_memory_policy *ret, struct error **err)
{
	struct json_object *obj = NULL;
	int found = spec_get(linux_obj, "memoryPolicy", json_type_object, &obj, err);

	if (found <= 0)
		return found;
	return fill_memory_policy(obj, ret, err) < 0 ? spec_at(err, "memoryPolicy") : 0;
}

void spec_memory_policy_put(struct json_object *linux_obj, const struct spec_memory_policy *policy)
{
	uint64_t flags = 0;
	struct json_object *object;

	if (!policy->set)
		return;
	for (size_t i = 0; memory_flags[i].name; i++)
		flags |= (uint64_t)policy->mode & (uint64_t)memory_flags[i].value;
	object = json_object_new_object();
	spec_put_name(object, "mode", memory_modes, policy->mode & ~(int)flags);
	json_put_text(object, "nodes", policy->nodes);
	spec_put_flags(object, "flags", memory_flags, flags);
	json_put(linux_obj, "memoryPolicy", object);
}
