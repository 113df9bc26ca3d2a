/* SPDX-License-Identifier: Apache-2.0 */
/* The register's inside, for the files that implement it. */
#pragma once

#include "state/register.h"
#include "state/sqlite.h"

struct register_db {
	struct database database;
};
