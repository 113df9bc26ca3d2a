/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/record.h"

#include "base/alloc.h"

void record_init(struct record *record)
{
	*record = (struct record){
		.stop_timeout = SPEC_UNSET, .shm_size = SPEC_UNSET, .oom_score_adj = SPEC_UNSET
	};
	spec_resources_init(&record->limits);
}

struct record_mount *record_add_mount(
	struct record *record, const char *type, const char *source, const char *destination)
{
	struct record_mount *mount;

	record->mounts = xrealloc(record->mounts, record->mount_count + 1, sizeof(*record->mounts));
	mount = &record->mounts[record->mount_count++];
	*mount = (struct record_mount){ .type = xstrdup(type),
		.source = xstrdup_null(source),
		.destination = xstrdup(destination),
		.writable = true };
	return mount;
}

static void free_texts(struct record *r)
{
	char *texts[] = { r->name, r->image, r->image_id, r->hostname, r->domainname, r->user,
		r->working_dir, r->stop_signal, r->network, r->pid_mode, r->ipc_mode, r->uts_mode,
		r->userns_mode, r->cgroupns_mode, r->cgroup_parent, r->log_driver, r->restart };
	strv lists[] = { r->args, r->env, r->cmd, r->entrypoint, r->labels, r->exposed_ports,
		r->volumes, r->binds, r->tmpfs, r->extra_hosts, r->dns, r->dns_search,
		r->dns_options, r->cap_add, r->cap_drop, r->security_opt, r->group_add, r->sysctls,
		r->log_opts, r->ulimits, r->devices, r->throttles[0], r->throttles[1],
		r->throttles[2], r->throttles[3] };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		strv_free(lists[i]);
}

void record_done(struct record *record)
{
	free_texts(record);
	for (size_t i = 0; i < record->mount_count; i++) {
		struct record_mount *mount = &record->mounts[i];

		free(mount->type);
		free(mount->name);
		free(mount->source);
		free(mount->destination);
		free(mount->options);
	}
	free(record->mounts);
	free(record->ports);
	free(record->layers);
	spec_resources_done(&record->limits);
	record_init(record);
}
