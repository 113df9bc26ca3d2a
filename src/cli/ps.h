/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `ps`: which containers, and what is said of each. For the cmd_ps.c and ps_*.c files. */
#pragma once

#include "cli/format.h"
#include "engine/container.h"

/* A member that is a text, or NULL. */
const char *ps_text(struct json_object *object, const char *key);

struct ps_container {
	struct engine *engine;
	const struct container_row *row;
	const struct container_status *status;
	strv labels; /* "k=v" */
	bool sized; /* its size was asked for */
	struct json_object *details; /* container_inspect()'s object; NULL until ps_details() */
};

/* The object of inspect, read once; NULL when the container has gone meanwhile. */
struct json_object *ps_details(struct ps_container *container);
/* "volume" or "bind" mounts: names of volumes, sources of binds. */
strv ps_mounts(struct ps_container *container);
strv ps_networks(struct ps_container *container);

/* ---- rows ---- */
extern const struct format_kind ps_kind;
struct json_object *ps_row(struct ps_container *container, const struct format *format, bool full);

/* ---- filters ---- */
struct ps_filters {
	char *const *texts;
	strv ancestors; /* image ids */
	int64_t before_ns, since_ns; /* 0: none */
};
/* Checks them and looks up what they name. */
int ps_filters_init(
	struct engine *engine, char *const *texts, struct ps_filters *ret, struct error **err);
bool ps_filters_match(const struct ps_filters *filters, struct ps_container *container);
