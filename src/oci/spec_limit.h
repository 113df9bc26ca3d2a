/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of linux.resources, as a table that reading, writing and setting to nothing share. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "oci/spec_resources.h"

struct spec_limit {
	const char *group, *key; /* "memory", "limit" */
	size_t offset; /* of an int64_t */
	int64_t min, max;
	bool is_bool;
};

extern const struct spec_limit spec_limits[];
extern const size_t spec_limit_count;

struct spec_throttle_list {
	const char *key; /* in blockIO */
	size_t offset;
};

#define SPEC_THROTTLE_LISTS 4
extern const struct spec_throttle_list spec_throttle_lists[SPEC_THROTTLE_LISTS];

static inline int64_t *spec_limit_at(const struct spec_resources *resources, size_t offset)
{
	return (int64_t *)((char *)resources + offset);
}

static inline struct spec_throttles *spec_throttles_at(
	const struct spec_resources *resources, size_t offset)
{
	return (struct spec_throttles *)((char *)resources + offset);
}
