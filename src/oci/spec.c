/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "oci/spec_seccomp.h"

void spec_init(struct spec *spec)
{
	*spec = (struct spec){ .process = { .umask = (mode_t)-1 } };
	spec_resources_init(&spec->resources);
}

void spec_process_done(struct spec_process *process)
{
	strv_free(process->args);
	strv_free(process->env);
	free(process->cwd);
	free(process->additional_gids);
	free(process->user);
	strv_free(process->groups);
	free(process->rlimits);
	free(process->apparmor_profile);
	free(process->selinux_label);
	free(process->affinity_initial);
	free(process->affinity_final);
	*process = (struct spec_process){ .umask = (mode_t)-1 };
}

static void hooks_done(struct spec_hooks *hooks)
{
	for (size_t i = 0; i < hooks->count; i++) {
		free(hooks->items[i].path);
		strv_free(hooks->items[i].args);
		strv_free(hooks->items[i].env);
	}
	free(hooks->items);
}

static void arrays_done(struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		free(spec->mounts[i].destination);
		free(spec->mounts[i].type);
		free(spec->mounts[i].source);
		strv_free(spec->mounts[i].options);
		free(spec->mounts[i].uid_map);
		free(spec->mounts[i].gid_map);
	}
	free(spec->mounts);
	for (size_t i = 0; i < spec->namespace_count; i++)
		free(spec->namespaces[i].path);
	free(spec->namespaces);
	for (size_t i = 0; i < spec->device_count; i++)
		free(spec->devices[i].path);
	free(spec->devices);
	for (size_t i = 0; i < spec->net_device_count; i++) {
		free(spec->net_devices[i].host);
		free(spec->net_devices[i].name);
	}
	free(spec->net_devices);
	free(spec->uid_map);
	free(spec->gid_map);
}

void spec_done(struct spec *spec)
{
	arrays_done(spec);
	for (size_t i = 0; i < HOOK_POINTS; i++)
		hooks_done(&spec->hooks[i]);
	spec_process_done(&spec->process);
	spec_resources_done(&spec->resources);
	free(spec->version);
	free(spec->hostname);
	free(spec->domainname);
	free(spec->root_path);
	strv_free(spec->overlay.lower);
	free(spec->overlay.upper);
	free(spec->overlay.work);
	free(spec->cgroups_path);
	strv_free(spec->masked_paths);
	strv_free(spec->readonly_paths);
	strv_free(spec->sysctl);
	free(spec->seccomp);
	if (spec->seccomp_profile)
		spec_seccomp_done(spec->seccomp_profile);
	free(spec->seccomp_profile);
	free(spec->init);
	strv_free(spec->annotations);
	free(spec->mount_label);
	free(spec->rdt.clos_id);
	strv_free(spec->rdt.schemata);
	free(spec->rdt.l3_schema);
	free(spec->rdt.mem_bw_schema);
	free(spec->memory_policy.nodes);
	spec_init(spec);
}

struct spec_mount *spec_add_mount(struct spec *spec, const char *destination, const char *type,
	const char *source, const char *options)
{
	struct spec_mount *mount;

	spec->mounts = xrealloc(spec->mounts, spec->mount_count + 1, sizeof(*spec->mounts));
	mount = &spec->mounts[spec->mount_count++];
	*mount = (struct spec_mount){
		.destination = xstrdup_null(destination),
		.type = xstrdup_null(type),
		.source = xstrdup_null(source),
		.options = options && *options ? strv_split(options, ',') : NULL,
	};
	return mount;
}

void spec_add_namespace(struct spec *spec, int type, const char *path)
{
	spec->namespaces =
		xrealloc(spec->namespaces, spec->namespace_count + 1, sizeof(*spec->namespaces));
	spec->namespaces[spec->namespace_count++] =
		(struct spec_namespace){ .type = type, .path = xstrdup_null(path) };
}

bool spec_has_namespace(const struct spec *spec, int type)
{
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == type)
			return true;
	return false;
}
