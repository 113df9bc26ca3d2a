/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroup uses, as "runc events --stats" prints it; callers of OCI runtimes read this. */
#pragma once

struct cgroup;
struct cgroup_report;
struct error;
struct json_object;

/* The member "data"; the caller's. */
struct json_object *stats_json(struct cgroup *cgroup, struct error **err);
struct json_object *stats_report_json(const struct cgroup_report *report);
