/* SPDX-License-Identifier: Apache-2.0 */
/* One container by id, or all whose ids match an extended regular expression. */
#pragma once

#include "oci-runtime/command.h"

struct error;

struct selection {
	const char *word;
	bool is_regex;
	int (*each)(struct runtime *runtime, const char *id, const void *opts, struct error **err);
	const void *opts;
};

/* Goes on after a failure; returns -1 with the first one's error, else 0. */
int select_each(struct runtime *runtime, const struct selection *selection, struct error **err);
