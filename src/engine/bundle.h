/* SPDX-License-Identifier: Apache-2.0 */
/* A record becomes a bundle: the spec that the runtime executes. Every default of a container's
 * isolation is in bundle.c. */
#pragma once

#include "engine/engine.h"
#include "engine/record.h"

struct error;

struct bundle_places { /* host paths of the files bound onto /etc; NULL: none */
	char *resolv_conf, *hosts, *hostname;
};

/* namespaces that are shared with other containers are looked up now: they must run. */
int bundle_spec(struct engine *engine, const struct record *record,
	const struct bundle_places *places, struct spec *ret, struct error **err);
/* Docker's default set, with --cap-add, --cap-drop and --privileged. */
uint64_t bundle_capabilities(const struct record *record);
/* All that we have ourselves: none can be given that the host has taken from us. */
uint64_t bundle_all_capabilities(void);
bool bundle_has_security_opt(const struct record *record, const char *name);
/* "/vessel/<id>", or "slice:vessel:<id>" where systemd runs. */
char *bundle_cgroup_path(const struct record *record);
char *bundle_init_path(struct error **err);
