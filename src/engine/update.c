/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a container that exists, and what it uses of them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/limits.h"
#include "engine/paths.h"

static int open_cgroup(const struct record *record, struct cgroup **ret, struct error **err)
{
	cleanup_free char *path = bundle_cgroup_path(record);

	return cgroup_open(path, cgroup_has_systemd() ? CGROUP_SYSTEMD : CGROUP_FS, ret, err);
}

static int update_running(const struct record *record, const struct spec_resources *limits,
	int64_t nano_cpus, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_record struct record change;
	struct spec_resources resolved;
	int result;

	record_init(&change);
	spec_resources_init(&resolved);
	limits_merge(&change.limits, limits);
	change.nano_cpus = nano_cpus;
	/* A memory limit alone moves memory+swap with it, unless that was asked for by itself. */
	if (limits->memory_limit != SPEC_UNSET && limits->memory_swap == SPEC_UNSET)
		change.limits.memory_swap = record->limits.memory_swap;
	result = limits_resolve(&change, &resolved, err) < 0 ||
				 open_cgroup(record, &cgroup, err) < 0 ||
				 cgroup_update(cgroup, &resolved, err) < 0
			 ? -1
			 : 0;
	spec_resources_done(&resolved);
	return result;
}

int container_update(struct engine *engine, const char *name, const struct spec_resources *limits,
	int64_t nano_cpus, struct error **err)
{
	cleanup_record struct record record;
	char id[ID_MAX];
	int operation, result;

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	operation = operation_begin(engine, id, true, err);
	if (operation < 0)
		return -1;
	limits_merge(&record.limits, limits);
	if (nano_cpus > 0)
		record.nano_cpus = nano_cpus;
	if (record.limits.memory_swap > 0 && limits->memory_swap == SPEC_UNSET &&
		record.limits.memory_swap < record.limits.memory_limit)
		result = error_new(err, ERROR_INVALID,
			"Memory limit should be smaller than already set memoryswap limit, update "
			"the memoryswap at the same time");
	else
		result = limits_check(&record.limits, record.nano_cpus, err) < 0 ||
					 (container_is_running(engine, id) &&
						 update_running(&record, limits, nano_cpus, err) <
							 0) ||
					 record_save(engine, &record, err) < 0
				 ? -1
				 : 0;
	operation_end(engine, id, &operation);
	return result < 0 ? error_wrap(err, "Cannot update container %s", name) : 0;
}

/* Sums of all links but lo, in the network namespace of a process: /proc/PID/net/dev. */
static void read_network(pid_t pid, uint64_t *ret_rx, uint64_t *ret_tx)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *path = xasprintf("/proc/%d/net/dev", (int)pid), *text = NULL;
	unsigned long long rx, tx;
	char *save = NULL;

	*ret_rx = *ret_tx = 0;
	if (file_read_at(AT_FDCWD, path, 1UL << 20, &text, &ignored) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *colon = strchr(line, ':');

		if (!colon || strncmp(line + strspn(line, " "), "lo:", 3) == 0 ||
			sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &rx, &tx) != 2)
			continue;
		*ret_rx += rx;
		*ret_tx += tx;
	}
}

int container_stats(struct engine *engine, const char *id, struct cgroup_stats *ret,
	uint64_t *ret_net_rx, uint64_t *ret_net_tx, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_record struct record record;
	struct container_status status;

	record_init(&record);
	if (record_load(engine, id, &record, err) < 0 ||
		container_status(engine, id, &status, err) < 0)
		return -1;
	if (status.pid == 0) {
		*ret = (struct cgroup_stats){ 0 };
		*ret_net_rx = *ret_net_tx = 0;
		return 0;
	}
	if (open_cgroup(&record, &cgroup, err) < 0 || cgroup_read_stats(cgroup, ret, err) < 0)
		return -1;
	read_network(status.pid, ret_net_rx, ret_net_tx);
	return 0;
}
