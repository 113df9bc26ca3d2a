/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle's config.json (OCI runtime-spec 1.2, Linux) as plain structs: what the engine asks for
 * and the runtime does. What is wrong is refused with its path ("process.rlimits[2].type: ..."),
 * and so is what cannot be carried out; members that no version of the specification knows are
 * ignored, as it says. Members outside the specification, for our own bundles only:
 *
 *   "vessel": { "overlay": { "lower": [...], "upper": "...", "work": "..." },
 *               "init": "/path/of/vessel-init", "seccomp": "default" | "unconfined" | FILE }
 *   "process": { ..., "vessel": { "user": "www-data:adm", "groups": ["video"],
 *                                      "makeCwd": true } }
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/strv.h"
#include "oci/spec_linux.h"
#include "oci/spec_process.h"
#include "oci/spec_resources.h"

struct error;

struct spec_namespace {
	int type; /* CLONE_NEW* */
	char *path; /* NULL: a new one */
};

struct spec_id_map {
	uint32_t container, host, size;
};

struct spec_mount {
	char *destination, *type, *source;
	strv options;
	struct spec_id_map *uid_map, *gid_map; /* of an idmapped mount; both or none */
	size_t uid_map_count, gid_map_count;
};

struct spec_device {
	char *path;
	char type; /* c, b, p */
	int64_t major, minor;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct spec_seccomp; /* oci/spec_seccomp.h */

struct spec_overlay {
	strv lower; /* topmost first */
	char *upper, *work; /* NULL: a read-only root */
};

struct spec {
	char *version, *hostname, *domainname;
	char *root_path; /* of the bundle; NULL when overlay is set */
	bool root_readonly;
	struct spec_overlay overlay;
	struct spec_process process;
	struct spec_mount *mounts;
	size_t mount_count;
	struct spec_namespace *namespaces;
	size_t namespace_count;
	struct spec_id_map *uid_map, *gid_map;
	size_t uid_map_count, gid_map_count;
	struct spec_device *devices;
	size_t device_count;
	char *cgroups_path;
	struct spec_resources resources;
	strv masked_paths, readonly_paths, sysctl; /* sysctl: "name=value" */
	uint64_t root_propagation; /* MS_*; 0: private */
	char *seccomp; /* NULL: none; "default"; or the file of a compiled filter */
	struct spec_seccomp *seccomp_profile; /* linux.seccomp; NULL: not there */
	char *init; /* NULL, or host path of the init program to put before args */
	strv annotations; /* "key=value" */
	struct spec_hooks hooks[HOOK_POINTS];
	struct spec_time_offset monotonic, boottime; /* of a new time namespace */
	char *mount_label; /* SELinux's, for the mounts that are made; NULL: none */
	struct spec_personality personality;
	struct spec_intel_rdt rdt;
	struct spec_memory_policy memory_policy;
	struct spec_net_device *net_devices;
	size_t net_device_count;
};

void spec_init(struct spec *spec); /* nothing set: the values that mean so */
int spec_parse(const char *text, size_t length, struct spec *ret, struct error **err);
char *spec_text(const struct spec *spec); /* JSON; the caller frees */
void spec_done(struct spec *spec);

/* Growing the arrays: texts are copied. */
struct spec_mount *spec_add_mount(struct spec *spec, const char *destination, const char *type,
	const char *source, const char *options); /* options: comma-separated */
bool spec_has_namespace(const struct spec *spec, int type); /* new or joined */
void spec_add_namespace(struct spec *spec, int type, const char *path);

/* "network" -> CLONE_NEWNET; -1 unknown. */
int namespace_type(const char *name);
const char *namespace_name(int type); /* the specification's: "network" */
const char *namespace_file(int type); /* of /proc/PID/ns: "net" */
/* With dots as separators ('/' is then a dot of a name); NULL for what is no name. */
char *sysctl_name(const char *given);
void sysctl_swap(char *name); /* dots become slashes, and slashes dots */
int sysctl_namespace(const char *name); /* CLONE_NEW*; 0: it is of none, but of the host */

static inline void spec_done_p_(struct spec *spec)
{
	spec_done(spec);
}
#define cleanup_spec CLEANUP(spec_done)
