/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container as it was created: what containers/<id>/config.json keeps, in the shape of `docker
 * inspect` so that a person or a tool can read it there. It is written once and says nothing of
 * state. All texts are owned.
 *
 * Members are described by one table (record_json.c), which both reads and writes them.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/strv.h"
#include "network/port.h"
#include "oci/digest.h"
#include "oci/spec.h"

struct error;

struct record_mount {
	char *type; /* bind, volume, tmpfs */
	char *name; /* of a volume */
	char *source, *destination;
	char *options; /* comma-separated, as the runtime takes them */
	bool writable;
	bool no_copy; /* of a volume, while it is created: leave it empty */
};

struct record {
	char id[ID_MAX];
	char *name; /* without the slash that inspect shows */
	char *image, *image_id;
	int64_t created_ns;
	strv args; /* entrypoint and command together: what is run */
	struct digest *layers; /* diff ids, bottom first */
	size_t layer_count;

	/* Config */
	char *hostname, *domainname, *user, *working_dir, *stop_signal;
	strv env, cmd, entrypoint, labels, exposed_ports, volumes;
	bool tty, open_stdin, stdin_once;
	int64_t stop_timeout;

	/* HostConfig */
	char *network, *pid_mode, *ipc_mode, *uts_mode, *userns_mode, *cgroupns_mode,
		*cgroup_parent;
	char *log_driver, *restart;
	strv binds, tmpfs, extra_hosts, dns, dns_search, dns_options, cap_add, cap_drop,
		security_opt;
	strv group_add, sysctls, log_opts;
	strv ulimits; /* "nofile=1024:2048" */
	strv devices; /* "/dev/x:/dev/y:rwm" */
	strv throttles[4]; /* "/dev/sda:1048576"; read bps, write bps, read iops, write iops */
	bool publish_all, auto_remove, init, read_only, privileged;
	int64_t shm_size, oom_score_adj, nano_cpus;
	struct spec_resources limits;
	struct port *ports; /* as asked: host_port 0 means any */
	size_t port_count;
	struct record_mount *mounts;
	size_t mount_count;
};

void record_init(struct record *record);
void record_done(struct record *record);
struct json_object *record_json(const struct record *record);
int record_from_json(struct json_object *obj, struct record *ret, struct error **err);
struct record_mount *record_add_mount(
	struct record *record, const char *type, const char *source, const char *destination);

static inline void record_done_p_(struct record *record)
{
	record_done(record);
}
#define cleanup_record CLEANUP(record_done)
