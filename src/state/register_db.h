/* SPDX-License-Identifier: Apache-2.0 */
/* The register's inside, for the files that implement it. */
#pragma once

#include "state/register.h"
#include "state/sqlite.h"

struct register_db {
	struct database database;
	int run_fd; /* borrowed */
};

/* Within the transaction that gives a name or takes it away; best effort. */
void link_make(const struct register_db *db, const char *name, const char *id);
void link_drop(const struct register_db *db, const char *name);
