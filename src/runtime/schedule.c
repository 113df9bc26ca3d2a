/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/schedule.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "oci/spec.h"

#define WHO_PROCESS 1 /* IOPRIO_WHO_PROCESS */
#define NODES_MAX 1024 /* MAX_NUMNODES of the largest configuration */
#define BITS_PER_LONG (8 * sizeof(unsigned long))

/* That of <linux/sched/types.h>, which cannot be included together with <sched.h>. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

/* Calls back for each number of a list that oci/spec_value.c has checked. */
static int each_number(const char *list, int max, void (*each)(int number, void *arg), void *arg)
{
	while (*list) {
		char *end;
		long first = strtol(list, &end, 10), last = first;

		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (last >= max)
			return -1;
		for (; first <= last; first++)
			each((int)first, arg);
		list = *end == ',' ? end + 1 : end + strlen(end);
	}
	return 0;
}

static void add_cpu(int cpu, void *arg)
{
	CPU_SET((size_t)cpu, (cpu_set_t *)arg);
}

int affinity_apply(const char *list, const char *what, struct error **err)
{
	cpu_set_t cpus;

	if (!list)
		return 0;
	CPU_ZERO(&cpus);
	if (each_number(list, CPU_SETSIZE, add_cpu, &cpus) < 0)
		return error_new(err, ERROR_INVALID, "%s '%s': there are %d processors at most",
			what, list, CPU_SETSIZE);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0) {
		error_sys(err, "run on processors %s", list);
		return error_as(err, ERROR_INVALID, "%s", what);
	}
	return 0;
}

static int scheduler_apply(const struct spec_scheduler *scheduler, struct error **err)
{
	struct attributes attr = {
		.size = sizeof(attr),
		.policy = scheduler->policy,
		.flags = scheduler->flags,
		.nice = scheduler->nice,
		.priority = scheduler->priority,
		.runtime = scheduler->runtime,
		.deadline = scheduler->deadline,
		.period = scheduler->period,
	};

	if (!scheduler->set || syscall(SYS_sched_setattr, 0, &attr, 0) == 0)
		return 0;
	error_sys(err, "set scheduling policy %u", scheduler->policy);
	if (error_errno(*err) == EPERM)
		error_hint(err,
			"this policy, or a nice value below the own, needs CAP_SYS_NICE; in a "
			"cgroup of v1 a realtime policy needs cpu.rt_runtime_us as well");
	return error_as(err, error_errno(*err) == EPERM ? ERROR_DENIED : ERROR_INVALID,
		"process.scheduler");
}

static int io_priority_apply(const struct spec_io_priority *priority, struct error **err)
{
	int value = IOPRIO_PRIO_VALUE(priority->io_class, priority->level);

	if (!priority->set || syscall(SYS_ioprio_set, WHO_PROCESS, 0, value) == 0)
		return 0;
	error_sys(err, "set I/O class %d, priority %d", priority->io_class, priority->level);
	if (error_errno(*err) == EPERM)
		error_hint(err, "IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE on the host");
	return error_as(err, error_errno(*err) == EPERM ? ERROR_DENIED : ERROR_INVALID,
		"process.ioPriority");
}

static void add_node(int node, void *arg)
{
	((unsigned long *)arg)[(size_t)node / BITS_PER_LONG] |= 1UL << (size_t)node % BITS_PER_LONG;
}

static int memory_policy_apply(const struct spec_memory_policy *policy, struct error **err)
{
	unsigned long nodes[NODES_MAX / BITS_PER_LONG] = { 0 };
	bool any = policy->nodes != NULL;

	if (!policy->set)
		return 0;
	if (any && each_number(policy->nodes, NODES_MAX, add_node, nodes) < 0)
		return error_new(err, ERROR_INVALID,
			"linux.memoryPolicy.nodes '%s': there are %d nodes at most", policy->nodes,
			NODES_MAX);
	/* The kernel takes one off the number of bits (set_mempolicy(2), "Bugs" of its manual). */
	if (syscall(SYS_set_mempolicy, policy->mode, any ? nodes : NULL,
		    any ? NODES_MAX + 1UL : 0UL) == 0)
		return 0;
	error_sys(err, "set the memory policy");
	if (error_errno(*err) == ENOSYS)
		error_hint(err, "this kernel is built without NUMA");
	return error_as(err, ERROR_INVALID, "linux.memoryPolicy");
}

static int personality_apply(const struct spec_personality *wanted, struct error **err)
{
	if (!wanted->set || personality(wanted->value) >= 0)
		return 0;
	error_sys(err, "personality 0x%x", wanted->value);
	return error_as(err, ERROR_INVALID, "linux.personality");
}

int schedule_apply(const struct spec *spec, const struct spec_process *process, struct error **err)
{
	if (scheduler_apply(&process->scheduler, err) < 0 ||
		io_priority_apply(&process->io_priority, err) < 0)
		return -1;
	if (!spec)
		return 0;
	if (memory_policy_apply(&spec->memory_policy, err) < 0)
		return -1;
	return personality_apply(&spec->personality, err);
}
