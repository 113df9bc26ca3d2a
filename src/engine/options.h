/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user asks of a container, as `run` and `create` take it and containers/<id>/config.json
 * keeps it. Values are texts as written where a grammar belongs to them (ports, volumes);
 * container_create() checks them all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strv.h"
#include "oci/spec.h"

struct container_options {
	const char *image;
	char *const *command; /* NULL: the image's */
	const char *name; /* NULL: made up */
	const char *entrypoint; /* NULL: the image's; "": none */
	const char *hostname, *domainname, *user, *workdir;
	char *const *env; /* "K=V", or "K" to inherit ours */
	char *const *labels;
	char *const *volumes; /* -v */
	char *const *tmpfs; /* --tmpfs */
	char *const *publish; /* -p */
	bool publish_all; /* -P */
	char *const *expose;
	const char *network; /* "bridge", "host", "none", "container:ID"; NULL: bridge */
	char *const *add_host, *const *dns, *const *dns_search, *const *dns_option;
	const char *pid, *ipc, *uts, *userns, *cgroupns; /* "", "host", "container:ID"… */
	const char *cgroup_parent;
	bool tty, open_stdin, stdin_once, auto_remove, init, read_only, privileged;
	char *const *cap_add, *const *cap_drop, *const *security_opt, *const *ulimits,
									      *const *devices;
	char *const *group_add, *const *sysctls;
	const char *stop_signal;
	int64_t stop_timeout; /* SPEC_UNSET: 10 */
	int64_t shm_size; /* SPEC_UNSET: 64 MiB */
	int64_t oom_score_adj; /* SPEC_UNSET */
	struct spec_resources limits;
	int64_t nano_cpus; /* 0: not set */
	char *const *device_read_bps,
		*const *device_write_bps, *const *device_read_iops,
						  *const *device_write_iops; /* "/dev/sda:1mb" */
	char *const *log_opts; /* "max-size=10m" */
	const char *log_driver; /* NULL: json-file; "none" */
	const char *restart; /* kept; see docs */
};
